// SPDX-License-Identifier: MIT
/*
 * old.h - where the lines of a trace lay before it was built anew.
 *
 * They go, or erasing the trace would leave them behind. But the rows that name them were damaged,
 * and may name what is another trace's. So each range is held against the lines of its chunk as
 * they came out now.
 */
#ifndef PRT_WORKERS_REPLAY_OLD_H
#define PRT_WORKERS_REPLAY_OLD_H

#include "blob/blob.h"
#include "store/erase_store.h"

struct old_lines {
    struct store       *store;
    struct blob_store  *blob;
    int64_t             trace_no;
    struct erase_range *ranges;
    size_t              count;
};

/* Leaves those that hold the trace's lines and nothing else. In the transaction that built it anew.
 */
WARN_UNUSED int old_lines_own(struct old_lines *old, struct err *err);

#endif
