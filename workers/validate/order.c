// SPDX-License-Identifier: MIT
/*
 * What becomes of a chunk of a trace whose next one is n:
 *
 *   known, same content ------------> the same answer again
 *   known, other content -----------> CHUNK_CONFLICT (if that one was refused: it takes its place)
 *   trace closed, or place passed --> TRACE_CLOSED
 *   no event of it stands ----------> refused; waits for a corrected one
 *   chunk_seq = n ------------------> chained, and then whatever is pending from n + 1 on
 *   chunk_seq > n ------------------> pending
 *
 * A refused chunk does not move n: what comes behind it stays pending until a corrected one has
 * come or the trace is completed. Chaining past it would turn the correction into events that come
 * too late.
 */
#include <string.h>

#include "workers/validate/batch.h"
#include "workers/validate/payload.h"

struct record *order_add_record(struct batch *batch, struct trace *trace)
{
    struct record *record = arena_zero(batch->arena, 1, sizeof(*record));

    if (trace->record_count == trace->record_room) {
        size_t          room = trace->record_room == 0 ? 16 : trace->record_room * 2;
        struct record **more = arena_get(batch->arena, room * sizeof(struct record *));

        if (trace->record_count > 0) {
            memcpy(more, trace->records, trace->record_count * sizeof(struct record *));
        }
        trace->records = more;
        trace->record_room = room;
    }
    trace->records[trace->record_count++] = record;
    record->row.trace_no = trace->row.trace_no;
    return record;
}

int order_trace_takes(const struct trace *trace, uint64_t stream_seq, int64_t chunk_seq,
                      struct err *err)
{
    const struct trace_record *row = &trace->row;

    switch (row->status) {
    case TRACE_OPEN:
        return 0;
    case TRACE_COMPLETING:
        /* It was sent before the client said "complete", or the client said that it would come. */
        if ((int64_t)stream_seq < row->complete_seq ||
            (chunk_seq >= 0 && chunk_seq < row->expected_chunks)) {
            return 0;
        }
        break;
    case TRACE_CLOSED:
    case TRACE_FINALIZED:
        break;
    case TRACE_ERASED:
        return err_set(err, ERR_TRACE_ERASED, "trace %s was erased", row->id);
    }
    return err_set(err, ERR_TRACE_CLOSED, "trace %s is %s", row->id,
                   trace_status_name(row->status));
}

/* -------------------------------- looking -------------------------------- */

static struct record *record_at(const struct trace *trace, int64_t chunk_seq)
{
    for (size_t i = 0; i < trace->record_count; i++) {
        struct record *record = trace->records[i];

        if (record->row.chunk_seq == chunk_seq && !record->superseded) {
            return record;
        }
    }
    return NULL;
}

static bool touches(const struct record *record, const struct entry *entry)
{
    return !record->superseded && (record->row.chunk_seq == entry->chunk.seq ||
                                   bytes_equal(record->row.chunk_id, entry->chunk.id));
}

static bool is_same(const struct record *record, const struct entry *entry)
{
    return record->row.chunk_seq == entry->chunk.seq &&
           bytes_equal(record->row.chunk_id, entry->chunk.id) &&
           bytes_equal(record->row.content_hash, (struct bytes){entry->hash, HASH_BYTES});
}

static int conflict(const struct trace *trace, const struct entry *entry,
                    const struct record *record, struct err *err)
{
    const bool same_place = record->row.chunk_seq == entry->chunk.seq &&
                            bytes_equal(record->row.chunk_id, entry->chunk.id);

    (void)err_set(err, ERR_CHUNK_CONFLICT,
                  "chunk %.*s with chunk_seq %lld: the trace has chunk %.*s with chunk_seq"
                  " %lld%s",
                  (int)entry->chunk.id.size, (const char *)entry->chunk.id.data,
                  (long long)entry->chunk.seq, (int)record->row.chunk_id.size,
                  (const char *)record->row.chunk_id.data, (long long)record->row.chunk_seq,
                  same_place ? " and other content" : "");
    if (same_place && entry->in->replay != NULL) {
        /* What was refused of a chunk that otherwise stands, put back from the dead letters. */
        (void)err_set(err, ERR_CHUNK_CONFLICT,
                      "%s; to be taken, its events need a chunk_id of their own, chunk_seq %lld and"
                      " seqs above %lld (prt dead edit)",
                      err->story, (long long)trace->row.next_chunk_seq,
                      (long long)trace->row.last_seq);
    } else if (same_place && record->row.status == CHUNK_CHAINED) {
        /* Where others may be under way, only the client knows the next chunk_seq. */
        (void)err_set(err, ERR_CHUNK_CONFLICT,
                      "%s; events that were refused and are corrected go into a chunk of their own,"
                      " with another chunk_id and chunk_seq, and seqs above %lld",
                      err->story, (long long)trace->row.last_seq);
    }
    return -1;
}

/* The record that the entry repeats, or NULL; CHUNK_CONFLICT if another chunk has its id or place.
 */
static int find_same(const struct trace *trace, const struct entry *entry, struct record **ret_same,
                     struct err *err)
{
    *ret_same = NULL;
    for (size_t i = 0; i < trace->record_count; i++) {
        struct record *record = trace->records[i];

        if (!touches(record, entry)) {
            continue;
        }
        if (is_same(record, entry)) {
            *ret_same = record;
            return 0;
        }
        if (record->row.status != CHUNK_REFUSED) {
            return conflict(trace, entry, record, err);
        }
    }
    return 0;
}

/* -------------------------------- what was waiting -------------------------------- */

int order_load(struct batch *batch, struct trace *trace, const struct chunk_record *rows,
               size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct record *record = record_at(trace, rows[i].chunk_seq);

        if (record == NULL) {
            record = order_add_record(batch, trace);
            record->row = rows[i];
        }
        batch->drained += (int64_t)rows[i].payload.size;
        if (record->row.status != CHUNK_PENDING || record->has_content) {
            continue;
        }
        record->row = rows[i];
        record->stored = true;
        TRY(payload_read(batch->arena, rows[i].payload, &record->content, err));
        record->has_content = true;
    }
    return 0;
}

int order_advance(struct batch *batch, struct trace *trace, struct entry *entry, struct err *err)
{
    for (;;) {
        int64_t              next = trace->row.next_chunk_seq;
        struct record       *record = record_at(trace, next);
        struct chunk_record *rows = NULL;
        size_t               count = 0;
        bool                 more = false;

        if (record != NULL && record->row.status != CHUNK_PENDING) {
            return 0; /* refused: the chain waits for a corrected one */
        }
        if (record != NULL && record->has_content) {
            TRY(link_chunk(batch, trace, record, err));
            continue;
        }
        if (trace->row.pending_chunks <= trace->held) {
            return 0; /* the database holds none */
        }
        if (batch->drained >= batch->drain_most) {
            entry->again = true;
            return 0;
        }
        TRY(chunks_waiting(batch->store, batch->arena, trace->row.trace_no, next, false,
                           batch->drain_most - batch->drained, &rows, &count, &more, err));
        if (count == 0) {
            return 0;
        }
        TRY(order_load(batch, trace, rows, count, err));
    }
}

/* Chains whatever is pending, gaps or not. *ret_left: not all of it, this time. */
static int drain(struct batch *batch, struct trace *trace, bool *ret_left, struct err *err)
{
    *ret_left = true;
    while (trace->held == 0 && batch->drained < batch->drain_most) {
        struct chunk_record *rows = NULL;
        size_t               count = 0;
        bool                 more = false;

        TRY(chunks_waiting(batch->store, batch->arena, trace->row.trace_no,
                           trace->row.next_chunk_seq, true, batch->drain_most - batch->drained,
                           &rows, &count, &more, err));
        TRY(order_load(batch, trace, rows, count, err));
        for (size_t i = 0; i < count; i++) {
            struct record *record = record_at(trace, rows[i].chunk_seq);

            if (record->row.status == CHUNK_PENDING) {
                TRY(link_chunk(batch, trace, record, err));
            }
            trace->row.next_chunk_seq = rows[i].chunk_seq + 1;
            trace->changed = true;
        }
        if (!more) {
            *ret_left = false;
            return 0;
        }
    }
    return 0;
}

/* -------------------------------- a chunk -------------------------------- */

void order_book(struct trace *trace, const struct content *content)
{
    int64_t refused = 0;

    for (size_t i = 0; i < content->refusal_count; i++) {
        refused += content->refusals[i].index == (size_t)CHUNK_NO_INDEX ? 0 : 1;
    }
    trace->row.accepted_events += (int64_t)content->event_count + refused;
    trace->row.dead_events += refused;
    trace->changed = true;
}

static struct record *record_of(struct batch *batch, struct trace *trace, const struct entry *entry)
{
    struct record *record = order_add_record(batch, trace);

    record->row = (struct chunk_record){
        .trace_no = trace->row.trace_no,
        .chunk_seq = entry->chunk.seq,
        .chunk_id = entry->chunk.id,
        .content_hash = {entry->hash, HASH_BYTES},
        .status = CHUNK_REFUSED, /* until it is chained or held */
        .redactions = entry->redactions,
        .received_us = entry->in->message.at_us,
        .stream_seq = (int64_t)entry->in->seq,
    };
    record->content = entry->content;
    record->has_content = true;
    return record;
}

static int place(struct batch *batch, struct trace *trace, struct entry *entry, struct err *err)
{
    const struct trace_record *row = &trace->row;
    int64_t waiting = (int64_t)entry->content.event_count + row->num_events + row->pending_events;

    if (entry->chunk.seq < row->next_chunk_seq) {
        return err_set(err, ERR_TRACE_CLOSED, "trace %s has passed chunk_seq %lld: it is at %lld",
                       row->id, (long long)entry->chunk.seq, (long long)row->next_chunk_seq);
    }
    if (entry->chunk.seq > row->next_chunk_seq && waiting > batch->events_most) {
        return err_set(err, ERR_TOO_LARGE,
                       "trace %s: with this chunk %lld events, the limit is %lld", row->id,
                       (long long)waiting, (long long)batch->events_most);
    }
    return 0;
}

int order_take_chunk(struct batch *batch, struct trace *trace, struct entry *entry, struct err *err)
{
    struct record *record = NULL;

    if (find_same(trace, entry, &record, &entry->err) < 0) {
        return 0;
    }
    if (record != NULL) {
        entry->record = record;
        batch->tally.chunks_duplicate++;
        return trace->row.status == TRACE_ERASED ? 0 : order_advance(batch, trace, entry, err);
    }
    if (order_trace_takes(trace, entry->in->seq, entry->chunk.seq, &entry->err) < 0 ||
        place(batch, trace, entry, &entry->err) < 0) {
        return 0;
    }
    for (size_t i = 0; i < trace->record_count; i++) {
        trace->records[i]->superseded =
            trace->records[i]->superseded || touches(trace->records[i], entry);
    }
    record = record_of(batch, trace, entry);
    entry->record = record;
    order_book(trace, &entry->content);
    if (link_nothing_stands(&entry->content)) {
        link_refuse(batch, record, entry->content.refusals, entry->content.refusal_count);
        return 0;
    }
    batch->tally.events_accepted += (int64_t)entry->content.event_count;
    if (entry->chunk.seq > trace->row.next_chunk_seq) {
        batch->tally.chunks_pending++;
        link_hold(batch, trace, record);
        return 0;
    }
    TRY(link_chunk(batch, trace, record, err));
    return order_advance(batch, trace, entry, err);
}

/* -------------------------------- complete -------------------------------- */

static void completed(struct trace *trace, const struct entry *entry)
{
    struct trace_record *row = &trace->row;

    if (row->status == TRACE_OPEN) {
        row->status = TRACE_COMPLETING;
        row->completed_us = entry->in->message.at_us;
        row->complete_seq = (int64_t)entry->in->seq;
        trace->changed = true;
    }
    if (row->status == TRACE_COMPLETING && row->expected_chunks < 0 &&
        entry->completion.expected >= 0) {
        row->expected_chunks = entry->completion.expected;
        trace->changed = true;
    }
}

int order_take_complete(struct batch *batch, struct trace *trace, struct entry *entry,
                        struct err *err)
{
    bool left = false;

    completed(trace, entry);
    if (trace->row.status == TRACE_COMPLETING && entry->completion.force) {
        TRY(drain(batch, trace, &left, err));
        if (left) {
            entry->again = true;
            return 0;
        }
        trace->row.status = TRACE_CLOSED;
        trace->changed = true;
    }
    entry->finalize = true;
    return 0;
}
