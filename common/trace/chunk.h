// SPDX-License-Identifier: MIT
/*
 * chunk.h - is this chunk what it says it is? Checks each event against schemas/event_field.def,
 * redacts secrets and makes the canonical line that is stored, hashed and shown for ever.
 *
 * One bad event never costs its good neighbours: every event gets its own verdict. Only a broken
 * envelope (chunk_id, chunk_seq, events) refuses the whole.
 *
 * Pure: no I/O, no clock. Everything is in the arena.
 */
#ifndef PRT_TRACE_CHUNK_H
#define PRT_TRACE_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "trace/event.h"
#include "trace/field.h"
#include "trace/redact.h"
#include "value/value.h"

struct chunk_limits {
    size_t   events;
    size_t   event_bytes;
    size_t   id_chars;
    size_t   path_chars;
};

struct chunk_rules {
    struct chunk_limits limits;
    unsigned            consent; /* enum consent bits */
    bool                redact;
    int64_t             at_us;   /* becomes ts_server_s of every event */
    const char         *artifacts_uri; /* of the artifacts bucket: "s3://pr-telemetry-artifacts" */
};

/* An inline artifact whose bytes want to go to the artifacts bucket. The event of the same chunk that
 * event_id names refers to it already; an event of another chunk keeps the line it has. */
struct chunk_artifact {
    const char  *name; /* as stored: final_workspace_snapshot, start_workspace_snapshot,
                          <event_id>.<stdout|stderr|report>, or the name it was sent under */
    const char  *type;     /* stdout, stderr, test_report, workspace_snapshot, other */
    const char  *event_id; /* or NULL */
    struct bytes content;  /* decoded, redacted when it is text */
    const char  *content_type;
    char         sha256[65];
    const char  *key; /* in the artifacts bucket: sha256/<ab>/<hash> */
};

struct chunk_event {
    size_t          index; /* in the chunk as sent */
    struct bytes    id;
    uint8_t         key[16];  /* first half of SHA-256 of the id: what the database looks up */
    int64_t         seq;
    enum event_type type;
    struct bytes    line;  /* canonical JSON, no newline */
};

/* Why an event, an artifact or the envelope was refused. */
enum { CHUNK_NO_INDEX = -1 };
struct chunk_refusal {
    size_t        index; /* of the event; (size_t)CHUNK_NO_INDEX: it is no event */
    struct bytes  id;   /* size 0 if it had none */
    int64_t       seq;  /* -1 if it had none */
    enum err_code code; /* SCHEMA, CONSENT_DENIED, TOO_LARGE, SEQ_NOT_INCREASING, DUPLICATE_EVENT */
    const char   *message;
    const char   *pointer; /* RFC 6901 into the request body: "/events/3/cmd" */

    struct problem *more; /* what else is wrong with it */
    size_t          more_count;
    size_t          problems_omitted; /* that are wrong too and are not told */
};

/* Takes all that a check found; the check is empty then. Pointers hold names that clients chose. */
struct check;
void refusal_take(struct chunk_refusal *refusal, struct check *check, bool redact);

struct chunk {
    struct bytes           id;
    int64_t                seq;
    uint8_t                content_hash[32]; /* of the chunk's msgpack as sent */
    struct chunk_event    *events;           /* those that stand, in order of seq */
    size_t                 event_count;
    struct chunk_refusal  *refusals;
    size_t                 refusal_count;
    struct chunk_artifact *artifacts;
    size_t                 artifact_count;
    struct redactions      redactions;
};

/* For bodies that a gateway accepted, whatever PRT_BODY_MAX and PRT_DEPTH_MAX were then: these only
 * bound the memory of the tree for one that is nothing but tiny values. */
struct value_limits body_tree_limits(struct bytes msgpack);

/* Reads, checks, redacts, canonicalizes. -1 (MALFORMED, SCHEMA, TOO_LARGE) only for a broken
 * envelope; then of *ret_chunk only refusals (the field that is wrong) and content_hash are set.
 * Inside one chunk a second event with the same id is refused as DUPLICATE_EVENT, one with the same
 * seq as SEQ_NOT_INCREASING; the order of seq against the trace is checked by who holds the chain.
 * An artifact of a refused event, or one that consent does not allow, is refused too. */
WARN_UNUSED int chunk_read(struct arena *arena, struct bytes msgpack, const struct chunk_rules *rules,
                           struct chunk *ret_chunk, struct err *err);

/* The verdict that ingest answers, as JSON, appended:
 * {status, chunk_id, events_added, events_duplicate, artifacts_added, total_events, rejected[]}.
 * Of a rejected event {code, message, pointer} are the first problem; if it has more, problems[]
 * has all of them, PROBLEMS_MOST at most, and problems_omitted counts the others. */
struct chunk_verdict {
    const char                 *status; /* success, partial, duplicate, pending */
    struct bytes                chunk_id;
    int64_t                     events_added, events_duplicate, artifacts_added, total_events;
    const struct chunk_refusal *refusals;
    size_t                      refusal_count;
};
void chunk_verdict_write(struct buf *out, const struct chunk_verdict *verdict);

/* RFC 9457 problem as JSON, appended; refusals become errors[{pointer, code, message}],
 * one for every problem; problems_omitted counts those that are not there. */
void problem_write(struct buf *out, const struct err *err, const struct chunk_refusal *refusals,
                   size_t refusal_count);

#endif
