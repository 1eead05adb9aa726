// SPDX-License-Identifier: MIT
/*
 * replay_store.h - what replays ask of the database: which traces are meant, whether what the rows of
 * one say fits together, and making room for one that is built anew.
 */
#ifndef PRT_STORE_REPLAY_STORE_H
#define PRT_STORE_REPLAY_STORE_H

#include "store/trace_store.h"

/* -------- is a trace whole? -------- */

/* Added up over the rows of a trace; what its row in `traces` says must be the same. */
struct trace_sums {
    bool    head;                         /* what was sent at opening is there */
    int64_t chunk_events, chunk_bytes;    /* of chained chunks: events and bytes of lines */
    int64_t pending_chunks, pending_events;
    int64_t ids;                          /* in the index of a long trace's */
    uint8_t event_keys[STORE_HASH];       /* SHA-256 of the keys of its events, one behind the other */
};
WARN_UNUSED int trace_sums_read(struct store *store, struct arena *arena, int64_t trace_no,
                                struct trace_sums *ret_sums, struct err *err);

/* -------- a trace built anew; inside the caller's transaction, its row locked -------- */

/* What waits for an earlier chunk. The chain does not tell when it is lost. */
struct waiting_chunks {
    int64_t      *seqs;
    struct bytes *hashes;
    size_t        count;
};
WARN_UNUSED int trace_waiting_read(struct store *store, struct arena *arena, int64_t trace_no,
                                   struct waiting_chunks *ret_waiting, struct err *err);
/* How many of them are not among the trace's chunks. */
WARN_UNUSED int trace_waiting_lost(struct store *store, struct arena *arena, int64_t trace_no,
                                   const struct waiting_chunks *waiting, int64_t *ret_lost,
                                   struct err *err);

/* As if no message of it had been seen, but for what was sent at opening, which needs none while it is
 * there. What is not validate's stays: document, results, artifacts. */
WARN_UNUSED int trace_reset(struct store *store, struct arena *arena, int64_t trace_no,
                            struct err *err);
/* Built anew as it was, it is finalized as it was. */
WARN_UNUSED int trace_finalized_still(struct store *store, struct arena *arena, int64_t trace_no,
                                      struct err *err);

/* -------- which traces are meant -------- */

struct replay_filter { /* NULL and 0: any */
    const char *trace, *status, *qa_status, *tests_passed; /* "true", "false", "null" */
    const char *tenant, *task_id, *participant_id, *repo, *experiment_id;
    int64_t     since_us, until_us; /* opened in [since, until) */
    int64_t     from_seq, to_seq;   /* of its complete message in PRT_INGEST, both included */
    bool        unfinalized;        /* completing and closed ones too; else only finalized ones */
};
struct replay_row {
    int64_t     trace_no;
    const char *trace, *tenant;
};
/* Up to `most` with a number above `after`, in order. */
WARN_UNUSED int replay_traces(struct store *store, struct arena *arena,
                              const struct replay_filter *filter, int64_t after, size_t most,
                              struct replay_row **ret_rows, size_t *ret_count, struct err *err);
WARN_UNUSED int replay_count(struct store *store, struct arena *arena,
                             const struct replay_filter *filter, int64_t after, int64_t *ret_count,
                             struct err *err);

extern const struct statement replay_statements[];
extern const size_t           replay_statement_count;

#endif
