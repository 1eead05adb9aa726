// SPDX-License-Identifier: MIT
/*
 * gather.h - the lines that rows of a trace keep go into segments of its own: when it is finalized, or
 * when it is old and nobody has completed it.
 *
 *   read rows --> lock the trace, put the segment, point the rows to it --> commit
 *
 * A piece after the other, each a transaction: whoever dies on the way leaves, at worst, an object
 * that nobody refers to (validate/sweep.h) and the rest for the next time.
 */
#ifndef PRT_WORKERS_FINALIZE_GATHER_H
#define PRT_WORKERS_FINALIZE_GATHER_H

#include "blob/blob.h"
#include "store/trace_store.h"

/* Nothing to do is no error. STORE_CLASH if the trace is taken anew meanwhile, TRACE_ERASED. */
WARN_UNUSED int gather_lines(struct store *store, struct blob_store *blob,
                             const struct trace_record *trace, struct err *err);

struct gathered {
    int64_t traces, chunks, bytes;
};

/* The same for all traces that are not finalized and keep lines since before `before_us` (with `dry_run`
 * only counts). One that is changed meanwhile is left for the next time. */
WARN_UNUSED int gather_old(struct store *store, struct blob_store *blob, int64_t before_us,
                           bool dry_run, struct gathered *ret_gathered, struct err *err);

#endif
