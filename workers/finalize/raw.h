// SPDX-License-Identifier: MIT
/*
 * raw.h - raw/<trace_id>.ndjson: the lines of a pull request's trace so far, for readers of the
 * traces bucket who want them before the trace is complete.
 */
#ifndef PRT_WORKERS_FINALIZE_RAW_H
#define PRT_WORKERS_FINALIZE_RAW_H

#include "workers/stage.h"

/* Is this work for raw_write? */
bool raw_wanted(struct delivery *in);

/* Writes the object anew, in bounded memory, and again for as long as the trace moves on meanwhile:
 * whoever puts it last has put all. Leaves none behind for a trace that was erased. */
WARN_UNUSED int raw_write(struct farm *farm, struct delivery *in, struct err *err);

#endif
