// SPDX-License-Identifier: MIT
/*
 * layer.h - the dependency layer of a workspace: made once per content, shared by all traces.
 *
 *   DIR/layers/<key>/lock    users hold it shared, whoever builds or removes the layer alone
 *   DIR/layers/<key>/tree    shown read-only at SANDBOX_DEPS
 *   DIR/layers/<key>/bytes   its size; its mtime is when the layer was last used; the tree is whole
 *   DIR/layers/gone-*        what is being removed, or was when its remover died
 *
 * The key is the hash of the requirement files, the base's digest and the way of building. A build
 * runs in a sandbox with every limit, and takes wheels only: no code of a package runs in it, so
 * that the one sandbox with a network never runs foreign code.
 */
#ifndef PRT_WORKERS_QA_LAYER_H
#define PRT_WORKERS_QA_LAYER_H

#include "workers/qa/examine.h"

/* The image to run a workspace in: the base alone where it names no dependencies. IMAGE_FAILED with
 * the log's tail. The layer stays as long as the job lives. */
WARN_UNUSED int layer_image(struct examiner *examiner, struct job *job, const char *arm,
                            const struct workspace *workspace, struct spool *log,
                            struct heart *heart, struct image *ret_image, struct err *err);

#endif
