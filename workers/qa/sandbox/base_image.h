// SPDX-License-Identifier: MIT
/*
 * base_image.h - what deploy/images/make-base made: a root file system, its digest and its origin.
 */
#ifndef PRT_WORKERS_QA_BASE_IMAGE_H
#define PRT_WORKERS_QA_BASE_IMAGE_H

#include "base/arena.h"
#include "workers/qa/sandbox/sandbox.h"

/* The handle is the directory of its root file system. SANDBOX_UNFIT when `base` is none. */
WARN_UNUSED int base_read(struct arena *arena, const char *base, struct image *ret_base,
                          struct err *err);

#endif
