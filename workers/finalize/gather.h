// SPDX-License-Identifier: MIT
/*
 * gather.h - the lines that rows of a finalized trace keep go into segments of its own.
 *
 *   read rows --> put the segment --> lock the trace, point the rows to it --> commit
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

#endif
