// SPDX-License-Identifier: MIT
/*
 * result.h - how a stage's result gets into its table of versioned rows. For qa_store.c and
 * judge_store.c alone.
 *
 * A job adds one row, however often it is delivered and to however many workers: the first to
 * finish wins. Rows are never changed; the newest counts.
 */
#ifndef PRT_STORE_RESULT_H
#define PRT_STORE_RESULT_H

#include "store/artifact_store.h"
#include "store/store.h"

struct result {
    int64_t trace_no;
    /* Adds the row as the newest version and makes it the trace's; gives its version, or no row
     * when the job has one already. */
    const struct statement *add;
    const struct args      *args;
    const char *meanwhile; /* "its tests ran": what went on while the trace was erased */

    /* Saved with a row that is new. */
    const struct artifact_record *artifacts;
    size_t                        artifact_count;
};

/* Before they are put: its artifacts' objects are the trace's (trace_object_store.h). In a
 * transaction of its own, under the trace's lock. TRACE_ERASED. */
WARN_UNUSED int result_note(struct store *store, struct arena *arena, const struct result *result,
                            struct err *err);

/* In a transaction of its own, under the trace's lock. *ret_version is 0 when the job has its row
 * already, and then nothing was changed. TRACE_ERASED. */
WARN_UNUSED int result_add(struct store *store, struct arena *arena, const struct result *result,
                           int64_t *ret_version, struct err *err);

#endif
