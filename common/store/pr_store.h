// SPDX-License-Identifier: MIT
/*
 * pr_store.h - what a batch of /ingest asks before it is published: how far the traces of its pull
 * request are, and what those that are complete have already. Changes nothing.
 *
 * Every question names a tenant: another tenant's trace is as unknown as one that never was.
 */
#ifndef PRT_STORE_PR_STORE_H
#define PRT_STORE_PR_STORE_H

#include "store/store.h"

struct pr_trace {
    const char  *status; /* NULL: there is no such trace */
    struct bytes head;   /* what it was opened with, as JSON; size 0: not opened yet */
};

/* ret_traces[i] is for ids[i]. */
WARN_UNUSED int pr_traces_read(struct store *store, struct arena *arena, const char *tenant,
                               const struct bytes *ids, size_t count, struct pr_trace *ret_traces,
                               struct err *err);

/* The index of the trace that holds a chunk of this name, or -1. */
WARN_UNUSED int pr_chunk_find(struct store *store, struct arena *arena, const char *tenant,
                              const struct bytes *ids, size_t count, const char *chunk_id,
                              int64_t *ret_index, struct err *err);

/* Which of the keys are events of one of the traces: ret_known[i] is set for keys[i]. */
WARN_UNUSED int pr_events_known(struct store *store, const char *tenant, const struct bytes *ids,
                                size_t id_count, const uint8_t (*keys)[16], size_t count,
                                bool *ret_known, struct err *err);

extern const struct statement pr_statements[];
extern const size_t           pr_statement_count;

#endif
