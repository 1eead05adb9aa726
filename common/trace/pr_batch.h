// SPDX-License-Identifier: MIT
/*
 * pr_batch.h - what older IDE plugins post to /ingest, read into a trace's head and a chunk.
 *
 * A batch speaks of one pull request and one developer. Its events have other names for the same
 * things: a table says which of their fields is which of ours; what has no place there is kept in
 * the event's `metadata`. An event's id is the SHA-256 of its canonical JSON as sent, so that the
 * same event sent again is known again, wherever it comes.
 *
 * Pure: no I/O, no clock. Everything is in the arena.
 */
#ifndef PRT_TRACE_PR_BATCH_H
#define PRT_TRACE_PR_BATCH_H

#include <stdbool.h>

#include "trace/chunk.h"

enum { PR_EVENT_ID = 65, PR_BATCH_ID = 128 };

struct pr_event {
    size_t       index; /* in the batch as sent */
    char         id[PR_EVENT_ID];
    uint8_t      key[16]; /* first half of SHA-256 of the id, as in struct chunk_event */
    bool         known; /* an earlier trace of the pull request has it: not to be taken again */
    bool         has_seq;
    int64_t      seq;    /* as sent, or what it was given */
    const char  *kind;   /* as sent: "edit" ... */
    struct value fields; /* of our event, but for id and seq */
    const struct value *payload; /* as sent */
    const struct value *output; /* text that becomes its stdout artifact, or NULL */
};

struct pr_batch {
    const char           *trace_id; /* NULL: not named */
    const char           *pr_id;    /* "owner/repo#number" */
    const char           *user_id;
    struct value          head;   /* of the trace, checked */
    struct pr_event      *events; /* those that could be read, in their order */
    size_t                event_count;
    struct chunk_refusal *refusals; /* of those that could not; pointers into the batch */
    size_t                refusal_count;
};

/* -1 (SCHEMA, TOO_LARGE) when what goes for the whole batch is wrong; *ret_pointer names the field
 * then. events_most comes before any of them is looked at: each takes a few hundred bytes. */
WARN_UNUSED int pr_batch_read(struct arena *arena, const struct value *body, size_t events_most,
                              struct pr_batch *ret_batch, const char **ret_pointer,
                              struct err *err);

/* The batch as the chunk that a newer client would have sent, msgpack appended. */
void pr_batch_chunk(struct arena *arena, const struct pr_batch *batch, const char *chunk_id,
                    int64_t chunk_seq, struct buf *out);

/* Makes refusals of that chunk's events speak of the batch: their index and pointer. */
void pr_batch_translate(struct arena *arena, const struct pr_batch *batch,
                        struct chunk_refusal *refusals, size_t count);

/* Is it the name of a pull request: "owner/repo#number"? */
bool pr_id_ok(struct bytes text);

/* {trace_id, accepted_event_ids[], duplicate_event_ids[], rejected[]} */
struct pr_verdict {
    const char                 *trace_id;
    const char *const          *accepted;
    size_t                      accepted_count;
    const char *const          *duplicate;
    size_t                      duplicate_count;
    const struct chunk_refusal *refusals;
    size_t                      refusal_count;
};
void pr_verdict_write(struct buf *out, const struct pr_verdict *verdict);

#endif
