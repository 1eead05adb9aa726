// SPDX-License-Identifier: MIT
/*
 * trace_store.h - the table traces: what a trace is, how far its chain is, what became of it.
 *
 *   open --complete--> completing --no chunk is to come--> closed --document--> finalized
 *     any of them --erase--> erased
 *
 * Whoever changes anything of a trace locks its row first (traces_lock, trace_lock), many traces in
 * the order of their ids. Rows live in the arena given to the call.
 */
#ifndef PRT_STORE_TRACE_STORE_H
#define PRT_STORE_TRACE_STORE_H

#include "store/store.h"

enum trace_status { TRACE_OPEN, TRACE_COMPLETING, TRACE_CLOSED, TRACE_FINALIZED, TRACE_ERASED };

const char *trace_status_name(enum trace_status status);

enum { STORE_HASH = 32 };

struct trace_record {
    int64_t           trace_no;
    int64_t           rebuilt; /* how often its chunks were made anew */
    int64_t           indexed_below, indexed_events; /* chunks whose keys are in event_ids, how many */
    const char       *id, *tenant;
    enum trace_status status;

    bool    chained; /* chain_head means something */
    uint8_t chain_head[STORE_HASH];
    int64_t num_events, last_seq, next_chunk_seq, pending_chunks, pending_events;
    int64_t accepted_events, dead_events; /* accepted = num_events + pending_events + dead_events */

    bool    opened; /* the open message was seen */
    uint8_t open_hash[STORE_HASH];
    int64_t opened_us;

    int64_t completed_us, complete_seq; /* 0: not completed */
    int64_t complete_waited_us;         /* since validate saw that; by the database's clock alone */
    int64_t expected_chunks;            /* -1: none were declared */

    const char *document_key; /* NULL until finalized */
    uint8_t     document_sha256[STORE_HASH];
    int64_t     document_bytes, qa_splice;
};

/* Makes rows for those that are missing. Not inside a transaction: new rows would be locked in
 * another order than that of their ids. */
WARN_UNUSED int traces_want(struct store *store, struct arena *arena, const struct bytes *ids,
                            const struct bytes *tenants, const int64_t *seen_us, size_t count,
                            struct err *err);

/* Locks and reads those that exist, in the order of their ids (bytewise). */
WARN_UNUSED int traces_lock(struct store *store, struct arena *arena, const struct bytes *ids,
                            size_t count, struct trace_record **ret_rows, size_t *ret_count,
                            struct err *err);

/* One of them; TRACE_UNKNOWN if there is none. trace_read does not lock. */
WARN_UNUSED int trace_lock(struct store *store, struct arena *arena, const char *id,
                           struct trace_record *ret_row, struct err *err);
WARN_UNUSED int trace_read(struct store *store, struct arena *arena, const char *id,
                           struct trace_record *ret_row, struct err *err);

/* Writes status, chain and completion of locked rows. */
WARN_UNUSED int traces_save(struct store *store, struct arena *arena,
                            const struct trace_record *const *rows, size_t count, struct err *err);

/* What the open message said. */
struct trace_opening {
    int64_t      trace_no, opened_us;
    uint8_t      hash[STORE_HASH];
    struct bytes head;       /* JCS */
    struct bytes redactions; /* JSON; data NULL: nothing was redacted */
    struct bytes participant_id, task_id, task_title, repo_origin, start_commit, experiment_id;
};
WARN_UNUSED int trace_open_save(struct store *store, struct arena *arena,
                                const struct trace_opening *opening, struct err *err);

/* The JCS of what was sent at opening and what was redacted of it, in the arena; TRACE_UNKNOWN before
 * it was seen. */
WARN_UNUSED int trace_head_read(struct store *store, struct arena *arena, int64_t trace_no,
                                struct bytes *ret_head, struct bytes *ret_redactions,
                                struct err *err);

struct trace_document {
    const char *key;
    uint8_t     sha256[STORE_HASH];
    int64_t     bytes, qa_splice, finalized_us;
};
/* Marks a closed or finalized trace as finalized; TRACE_NOT_READY if it is neither. */
WARN_UNUSED int trace_finalize(struct store *store, struct arena *arena, int64_t trace_no,
                               const struct trace_document *document, struct err *err);

/* Of all traces, at one moment. */
struct trace_accounts {
    int64_t accepted, chained, pending, dead;
};
WARN_UNUSED int trace_accounts_read(struct store *store, struct trace_accounts *ret_accounts,
                                    struct err *err);

/* Until this transaction ends nobody changes a trace; all are read as before. Who waits for longer
 * than 30 s fails, and comes again. For prt bench. */
WARN_UNUSED int traces_hold(struct store *store, struct err *err);

extern const struct statement trace_statements[];
extern const size_t           trace_statement_count;

#endif
