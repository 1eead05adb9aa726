// SPDX-License-Identifier: MIT
/*
 * chunk_work.h - a chunk while it is being read. For chunk.c, line.c and artifact.c alone.
 */
#ifndef PRT_TRACE_CHUNK_WORK_H
#define PRT_TRACE_CHUNK_WORK_H

#include "crypto/crypto.h"
#include "trace/chunk.h"
#include "trace/field.h"

/* One event that stands so far. */
struct event_work {
    size_t               index; /* in the chunk as sent */
    bool                 stands;
    enum event_type      type;
    const struct object *object;
    struct value       **slots; /* the members, by index of field */
    struct bytes         id;
    uint8_t              key[16];
    int64_t              seq;
    size_t               line_at, line_size; /* in chunk_work.lines */
};

struct chunk_work {
    struct arena             *arena;
    const struct chunk_rules *rules;
    struct check              check;
    struct chunk             *chunk;
    struct sha256            *sha; /* one state for all ids: a new one for each adds a fifth */
    struct event_work        *events;
    size_t                    count;
    uint32_t                 *by_key; /* index + 1 into events by hash of key; by_seq likewise */
    uint32_t                 *by_seq;
    size_t                    places; /* of each: a power of two */
    size_t                    refusal_room;
    struct bytes             *artifact_names; /* as sent, in order of chunk->artifacts */
    struct buf                lines;
    struct buf                server_time; /* ts_server_s as it stands in every line */
};

/* Takes message, pointer and what else is wrong out of work->check. */
void chunk_refuse(struct chunk_work *work, struct chunk_refusal refusal);

/* The event with this id that stands so far, or NULL. */
struct event_work *chunk_event_by_id(struct chunk_work *work, struct bytes id);

/* line.c: redacts the event's members, appends its line to work->lines. False: refused. */
bool line_write(struct chunk_work *work, struct event_work *event);

/* artifact.c: fills chunk->artifacts and puts references into the events; then, when the lines are
 * written, artifacts_settle drops those whose event fell. */
void artifacts_read(struct chunk_work *work, struct value *artifacts);
void artifacts_settle(struct chunk_work *work);

#endif
