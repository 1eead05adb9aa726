// SPDX-License-Identifier: MIT
/*
 * append.c - a batch of /ingest: it has no place of its own, and is given the trace's next one.
 *
 * Its chunk_seq and the seqs its events lack are known only under the trace's lock. So it is read
 * twice: by intake, to put its artifacts where they belong without holding anybody up, and here,
 * with the numbers it was given and without what the trace has already.
 */
#include <string.h>

#include "value/msgpack.h"
#include "workers/validate/batch.h"

/* ------------------------------------ by intake ------------------------------------ */

/* Indexes of events that the gateway found in earlier traces of the same pull request. */
static void mark_known(struct pr_batch *sent, const struct value *known)
{
    for (uint32_t i = 0; known != NULL && known->kind == VALUE_LIST && i < known->count; i++) {
        for (size_t j = 0; j < sent->event_count; j++) {
            if (value_whole_or(&known->as.items[i], -1) == (int64_t)sent->events[j].index) {
                sent->events[j].known = true;
            }
        }
    }
}

/* The gateway adds `known`, and a batch that is sent again may find more known than the first time. It
 * is the same batch: its hash is that of what the client sent. */
static void hash_as_sent(struct entry *entry, const char *id)
{
    CLEANUP(buf) struct buf msgpack = {0};
    struct bytes            sent = {0};

    (void)msgpack_find(entry->in->message.body, "batch", &sent);
    msgpack_put_map(&msgpack, 2);
    msgpack_put_text(&msgpack, BYTES("batch_id"));
    msgpack_put_text(&msgpack, bytes_of(id));
    msgpack_put_text(&msgpack, BYTES("batch"));
    buf_put(&msgpack, sent);
    sha256_of(buf_bytes(&msgpack), entry->hash);
}

static int refuse_whole(struct entry *entry, const char *pointer, struct err *err)
{
    struct chunk_refusal *refusal = arena_zero(entry->in->arena, 1, sizeof(*refusal));

    *refusal = (struct chunk_refusal){
        .index = (size_t)CHUNK_NO_INDEX,
        .seq = -1,
        .code = err->code,
        .message = arena_text(entry->in->arena, bytes_of(err->story)),
        .pointer = pointer,
    };
    entry->chunk = (struct chunk){.refusals = refusal, .refusal_count = 1};
    return err_add(err, "%s", pointer);
}

int append_read(struct entry *entry, const struct value *body, const struct chunk_rules *rules,
                struct err *err)
{
    struct arena            *arena = entry->in->arena;
    CLEANUP(buf) struct buf  msgpack = {0};
    struct appendix         *add = arena_zero(arena, 1, sizeof(*add));
    struct bytes             name = value_text_or(value_get(body, "batch_id"), "");
    const struct value      *sent = value_get(body, "batch");
    const char              *pointer = "";
    struct pr_batch          numbered;

    if (name.size == 0 || name.size > PR_BATCH_ID || sent == NULL) {
        return err_set(err, ERR_MALFORMED, "a batch needs batch_id and batch");
    }
    add->id = arena_text(arena, name);
    add->rules = *rules;
    hash_as_sent(entry, add->id);
    if (pr_batch_read(arena, sent, rules->limits.events, &add->sent, &pointer, err) < 0) {
        return refuse_whole(entry, pointer, err);
    }
    mark_known(&add->sent, value_get(body, "known"));
    entry->append = add;
    /* Any numbers do here: only the artifacts of this reading count. */
    numbered = add->sent;
    numbered.events = arena_get(arena, (numbered.event_count + 1) * sizeof(*numbered.events));
    memcpy(numbered.events, add->sent.events, numbered.event_count * sizeof(*numbered.events));
    for (size_t i = 0; i < numbered.event_count; i++) {
        numbered.events[i].seq = (int64_t)i;
    }
    pr_batch_chunk(arena, &numbered, add->id, 0, &msgpack);
    return chunk_read(arena, arena_bytes(arena, buf_bytes(&msgpack)), rules, &entry->chunk, err);
}

/* ------------------------------ what the trace has already ------------------------------ */

/* Of the batch's events; one that comes twice in it is known the second time. */
static int find_known(struct batch *batch, struct trace *trace, const struct pr_batch *sent,
                      bool **ret_known, struct err *err)
{
    CLEANUP(keyset) struct keyset own = {0};
    struct known_trace           *known = NULL;
    uint8_t(*keys)[KEY_HALF] = arena_get(batch->arena, (sent->event_count + 1) * sizeof(*keys));

    for (size_t i = 0; i < sent->event_count; i++) {
        memcpy(keys[i], sent->events[i].key, KEY_HALF);
    }
    TRY(batch_known(batch, trace, (const uint8_t(*)[KEY_HALF])keys, sent->event_count, &known,
                    ret_known, err));
    for (size_t i = 0; i < sent->event_count; i++) {
        (*ret_known)[i] = (*ret_known)[i] || sent->events[i].known || !keyset_add(&own, keys[i]);
    }
    return 0;
}

/* The row of this batch, if it was taken before, and what lies in the trace's next place. */
static int load_rows(struct batch *batch, struct trace *trace, const struct appendix *add,
                     struct err *err)
{
    struct bytes         id = bytes_of(add->id);
    struct chunk_record *rows = NULL;
    size_t               count = 0;

    TRY(chunks_known(batch->store, batch->arena, &trace->row.trace_no, &id,
                     &trace->row.next_chunk_seq, 1, &rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        bool there = false;

        for (size_t j = 0; j < trace->record_count; j++) {
            there = there || trace->records[j]->row.chunk_seq == rows[i].chunk_seq;
        }
        if (!there) {
            struct record *record = order_add_record(batch, trace);

            record->row = rows[i];
            record->stored = true;
        }
    }
    return 0;
}

static struct record *find_record(const struct trace *trace, const char *id)
{
    for (size_t i = 0; i < trace->record_count; i++) {
        if (!trace->records[i]->superseded && bytes_is(trace->records[i]->row.chunk_id, id)) {
            return trace->records[i];
        }
    }
    return NULL;
}

/* ------------------------------------ taking it ------------------------------------ */

struct appending {
    struct pr_batch       fresh;      /* what the trace does not have, numbered */
    const char          **accepted, **duplicate; /* ids */
    size_t                accepted_count, duplicate_count;
    struct chunk_refusal *refusals;
    size_t                refusal_count;
};

static void number_events(struct batch *batch, const struct trace *trace,
                          const struct pr_batch *sent, const bool *known, struct appending *of)
{
    int64_t last = trace->row.last_seq;

    of->fresh = *sent;
    of->fresh.event_count = 0;
    of->fresh.events =
        arena_get(batch->arena, (sent->event_count + 1) * sizeof(*of->fresh.events));
    of->duplicate = arena_get(batch->arena, (sent->event_count + 1) * sizeof(*of->duplicate));
    of->accepted = arena_get(batch->arena, (sent->event_count + 1) * sizeof(*of->accepted));
    for (size_t i = 0; i < sent->event_count; i++) {
        struct pr_event *event = &of->fresh.events[of->fresh.event_count];

        if (known[i]) {
            of->duplicate[of->duplicate_count++] = sent->events[i].id;
            continue;
        }
        *event = sent->events[i];
        if (!event->has_seq) {
            event->seq = last + 1;
        }
        last = event->seq > last ? event->seq : last;
        of->fresh.event_count++;
    }
}

static struct chunk_refusal refusal_of(struct batch *batch, const struct trace *trace,
                                       const struct chunk_event *event)
{
    bool full = event->seq > trace->row.last_seq;

    return (struct chunk_refusal){
        .index = event->index,
        .id = event->id,
        .seq = event->seq,
        .code = full ? ERR_TOO_LARGE : ERR_SEQ_NOT_INCREASING,
        .message = arena_format(batch->arena,
                                full ? "the trace holds %lld events and takes no more"
                                     : "must be above %lld, the seq of the trace's last event",
                                (long long)(full ? batch->events_most : trace->row.last_seq)),
        .pointer = arena_format(batch->arena, "/events/%zu%s", event->index, full ? "" : "/seq"),
    };
}

/* Parts the chunk's events into those that go on top of the chain and those that can't. */
static void part_events(struct batch *batch, const struct trace *trace, const struct chunk *chunk,
                        const struct pr_batch *sent, struct appending *of,
                        struct content *ret_content)
{
    size_t                most = sent->refusal_count + chunk->refusal_count + chunk->event_count;
    struct chunk_refusal *own;
    int64_t               room = batch->events_most - trace->row.num_events;

    *ret_content = (struct content){
        .events = arena_get(batch->arena, (chunk->event_count + 1) * sizeof(struct chunk_event))};
    of->refusals = arena_get(batch->arena, (most + 1) * sizeof(*of->refusals));
    if (sent->refusal_count > 0) {
        memcpy(of->refusals, sent->refusals, sent->refusal_count * sizeof(*of->refusals));
    }
    own = of->refusals + sent->refusal_count;
    if (chunk->refusal_count > 0) {
        memcpy(own, chunk->refusals, chunk->refusal_count * sizeof(*own));
    }
    of->refusal_count = sent->refusal_count + chunk->refusal_count;
    for (size_t i = 0; i < chunk->event_count; i++) {
        const struct chunk_event *event = &chunk->events[i];

        if (event->seq <= trace->row.last_seq || (int64_t)ret_content->event_count >= room) {
            of->refusals[of->refusal_count++] = refusal_of(batch, trace, event);
            continue;
        }
        ret_content->events[ret_content->event_count++] = *event;
        of->accepted[of->accepted_count++] = of->fresh.events[event->index].id;
    }
    pr_batch_translate(batch->arena, &of->fresh, own,
                       of->refusal_count - (size_t)(own - of->refusals));
    ret_content->refusals = of->refusals;
    ret_content->refusal_count = of->refusal_count;
}

/* Those of events that are taken now. */
static void keep_artifacts(struct batch *batch, const struct content *read,
                           const struct appending *of, struct content *content)
{
    content->artifacts =
        arena_get(batch->arena, (read->artifact_count + 1) * sizeof(*content->artifacts));
    for (size_t i = 0; i < read->artifact_count; i++) {
        for (size_t j = 0; j < of->accepted_count; j++) {
            if (read->artifacts[i].name.size >= PR_EVENT_ID - 1 &&
                memcmp(read->artifacts[i].name.data, of->accepted[j], PR_EVENT_ID - 1) == 0) {
                content->artifacts[content->artifact_count++] = read->artifacts[i];
                break;
            }
        }
    }
}

static struct record *new_record(struct batch *batch, struct trace *trace,
                                 const struct entry *entry)
{
    struct record *record;

    for (size_t i = 0; i < trace->record_count; i++) {
        trace->records[i]->superseded =
            trace->records[i]->superseded ||
            trace->records[i]->row.chunk_seq == trace->row.next_chunk_seq;
    }
    record = order_add_record(batch, trace);
    record->row = (struct chunk_record){
        .trace_no = trace->row.trace_no,
        .chunk_seq = trace->row.next_chunk_seq,
        .chunk_id = bytes_of(entry->append->id),
        .content_hash = {entry->hash, HASH_BYTES},
        .status = CHUNK_REFUSED, /* until it is chained */
        .redactions = entry->redactions,
        .received_us = entry->in->message.at_us,
        .stream_seq = (int64_t)entry->in->seq,
    };
    record->has_content = true;
    return record;
}

static int open_trace(struct batch *batch, struct trace *trace, struct entry *entry,
                      struct err *err)
{
    if (trace->row.opened) {
        return 0;
    }
    entry->opening.trace_no = trace->row.trace_no;
    TRY(trace_open_save(batch->store, batch->arena, &entry->opening, err));
    trace->row.opened = true;
    trace->row.opened_us = entry->opening.opened_us;
    memcpy(trace->row.open_hash, entry->opening.hash, STORE_HASH);
    return 0;
}

static void say(struct batch *batch, const struct trace *trace, struct record *record,
                const struct appending *of)
{
    CLEANUP(buf) struct buf json = {0};

    pr_verdict_write(&json, &(struct pr_verdict){
                                .trace_id = trace->row.id,
                                .accepted = of->accepted,
                                .accepted_count = of->accepted_count,
                                .duplicate = of->duplicate,
                                .duplicate_count = of->duplicate_count,
                                .refusals = of->refusals,
                                .refusal_count = of->refusal_count,
                            });
    record->row.verdict = arena_bytes(batch->arena, buf_bytes(&json));
}

static int append(struct batch *batch, struct trace *trace, struct entry *entry, struct err *err)
{
    const struct appendix  *add = entry->append;
    struct appending        of = {0};
    CLEANUP(buf) struct buf msgpack = {0};
    struct chunk            chunk;
    struct record          *record;
    bool                   *known = NULL;

    TRY(find_known(batch, trace, &add->sent, &known, err));
    number_events(batch, trace, &add->sent, known, &of);
    pr_batch_chunk(batch->arena, &of.fresh, add->id, trace->row.next_chunk_seq, &msgpack);
    TRY(chunk_read(batch->arena, arena_bytes(batch->arena, buf_bytes(&msgpack)), &add->rules,
                   &chunk, err));
    record = new_record(batch, trace, entry);
    part_events(batch, trace, &chunk, &add->sent, &of, &record->content);
    keep_artifacts(batch, &entry->content, &of, &record->content);
    entry->record = record;
    order_book(trace, &record->content);
    if (of.accepted_count + of.duplicate_count == 0 && of.refusal_count > 0) {
        link_refuse(batch, record, of.refusals, of.refusal_count);
        return 0;
    }
    batch->tally.events_accepted += (int64_t)of.accepted_count;
    TRY(link_chunk(batch, trace, record, err));
    say(batch, trace, record, &of);
    return order_advance(batch, trace, entry, err);
}

int append_take(struct batch *batch, struct trace *trace, struct entry *entry, struct err *err)
{
    struct record *record;

    /* The next place may be that of a chunk which waits, if more wait than are chained at once. */
    TRY(order_advance(batch, trace, entry, err));
    if (entry->again) {
        return 0;
    }
    TRY(load_rows(batch, trace, entry->append, err));
    record = find_record(trace, entry->append->id);
    if (record != NULL &&
        !bytes_equal(record->row.content_hash, (struct bytes){entry->hash, HASH_BYTES})) {
        (void)err_set(&entry->err, ERR_CHUNK_CONFLICT, "batch %s", entry->append->id);
        return 0;
    }
    if (record != NULL && record->row.status != CHUNK_REFUSED) {
        entry->record = record;
        batch->tally.chunks_duplicate++;
        return 0;
    }
    if (record != NULL) {
        record->superseded = true;
    }
    if (order_trace_takes(trace, entry->in->seq, -1, &entry->err) < 0) {
        return 0;
    }
    TRY(open_trace(batch, trace, entry, err));
    return append(batch, trace, entry, err);
}
