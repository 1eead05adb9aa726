// SPDX-License-Identifier: MIT
#include <string.h>

#include "store/line_index.h"
#include "workers/validate/batch.h"

enum { HTTP_OK = 200 };

bool link_nothing_stands(const struct content *content)
{
    bool refused_event = false;

    for (size_t i = 0; i < content->refusal_count; i++) {
        refused_event = refused_event || content->refusals[i].index != (size_t)CHUNK_NO_INDEX;
    }
    return content->event_count == 0 &&
           (refused_event || (content->refusal_count > 0 && content->artifact_count == 0));
}

static void verdict_put(struct batch *batch, struct record *record, const char *status,
                        int64_t added, int64_t duplicate, int64_t artifacts, int64_t total,
                        const struct chunk_refusal *refusals, size_t refusal_count)
{
    CLEANUP(buf) struct buf    json = {0};
    const struct chunk_verdict verdict = {
        .status = status,
        .chunk_id = record->row.chunk_id,
        .events_added = added,
        .events_duplicate = duplicate,
        .artifacts_added = artifacts,
        .total_events = total,
        .refusals = refusals,
        .refusal_count = refusal_count,
    };

    chunk_verdict_write(&json, &verdict);
    record->row.http = HTTP_OK;
    record->row.verdict = arena_bytes(batch->arena, buf_bytes(&json));
}

void link_refuse(struct batch *batch, struct record *record, const struct chunk_refusal *refusals,
                 size_t count)
{
    CLEANUP(buf) struct buf json = {0};
    struct err              why = {0};

    (void)err_set(&why, ERR_EVENTS_REFUSED, "chunk %.*s: none of its events stands",
                  (int)record->row.chunk_id.size, (const char *)record->row.chunk_id.data);
    problem_write(&json, &why, refusals, count);
    record->row.status = CHUNK_REFUSED;
    record->row.http = err_http(ERR_EVENTS_REFUSED);
    record->row.verdict = arena_bytes(batch->arena, buf_bytes(&json));
    record->row.num_events = 0;
    record->row.payload = (struct bytes){NULL, 0};
    record->changed = true;
    batch->tally.chunks_refused++;
    batch->tally.events_refused += (int64_t)count;
}

void link_hold(struct batch *batch, struct trace *trace, struct record *record)
{
    record->row.status = CHUNK_PENDING;
    record->row.num_events = (int64_t)record->content.event_count;
    record->changed = true;
    verdict_put(batch, record, "pending", 0, 0, 0, trace->row.num_events, record->content.refusals,
                record->content.refusal_count);
    trace->row.pending_chunks++;
    trace->row.pending_events += record->row.num_events;
    trace->held++;
    trace->changed = true;
}

/* -------------------------------- one event -------------------------------- */

/* The first of a chunk is put with an empty index. */
static void event_put(struct batch *batch, struct trace *trace, struct chain_head *head,
                      struct buf *index, const struct chunk_event *event)
{
    chain_append(head, batch->hmac, event->line);
    buf_put(&batch->lines, event->line);
    buf_put_byte(&batch->lines, '\n');
    line_index_put(index, index->size == 0 ? event->seq : trace->row.last_seq, event->seq,
                   event->line.size, (int)event->type);
    trace->row.last_seq = event->seq;
    trace->row.num_events++;
}

static struct chunk_refusal refusal_of(struct batch *batch, const struct trace *trace,
                                       const struct chunk_event *event, bool full)
{
    struct chunk_refusal refusal = {
        .index = event->index,
        .id = event->id,
        .seq = event->seq,
        .code = full ? ERR_TOO_LARGE : ERR_SEQ_NOT_INCREASING,
        .pointer = arena_format(batch->arena, "/events/%zu%s", event->index, full ? "" : "/seq"),
    };

    if (full) {
        refusal.message =
            arena_format(batch->arena, "the trace holds %lld events and takes no more",
                         (long long)trace->row.num_events);
    } else {
        refusal.message =
            arena_format(batch->arena, "must be above %lld, the seq of the trace's last event",
                         (long long)trace->row.last_seq);
    }
    return refusal;
}

/* -------------------------------- one chunk -------------------------------- */

/* What linking came to. */
struct outcome {
    struct chunk_refusal *refusals;
    size_t                refusal_count;
    int64_t               added, duplicate;
    int64_t               first_seq; /* of those added */
    struct bytes          lines;     /* where they lie; data NULL: none was added */
    struct bytes          event_keys; /* of those */
};

static int link_events(struct batch *batch, struct trace *trace, const struct content *content,
                       struct outcome *ret_outcome, struct err *err)
{
    struct outcome          out = {0};
    struct chain_head       head = {.events = (uint64_t)trace->row.num_events};
    CLEANUP(buf) struct buf index = {0};
    struct known_trace     *known = NULL;
    bool                   *has = NULL;
    uint8_t(*keys)[KEY_HALF] = arena_get(batch->arena, content->event_count * sizeof(*keys));

    for (size_t i = 0; i < content->event_count; i++) {
        memcpy(keys[i], content->events[i].key, KEY_HALF);
    }
    TRY(batch_known(batch, trace, (const uint8_t(*)[KEY_HALF])keys, content->event_count, &known,
                    &has, err));
    out.refusals = arena_get(batch->arena, (content->refusal_count + content->event_count) *
                                               sizeof(*out.refusals));
    if (content->refusal_count > 0) {
        memcpy(out.refusals, content->refusals, content->refusal_count * sizeof(*out.refusals));
    }
    out.refusal_count = content->refusal_count;
    memcpy(head.hash, trace->row.chain_head, sizeof(head.hash));
    if (!trace->row.chained) {
        chain_start(&head, batch->hmac, trace->row.id);
    }
    for (size_t i = 0; i < content->event_count; i++) {
        const struct chunk_event *event = &content->events[i];
        bool                      full = trace->row.num_events >= batch->events_most;

        if (has[i]) {
            out.duplicate++;
        } else if (event->seq <= trace->row.last_seq || full) {
            out.refusals[out.refusal_count++] =
                refusal_of(batch, trace, event, event->seq > trace->row.last_seq);
        } else {
            out.first_seq = out.added == 0 ? event->seq : out.first_seq;
            event_put(batch, trace, &head, &index, event);
            known_add(known, event->key);
            memcpy(keys[out.added], event->key, KEY_HALF); /* never behind the one that is read */
            out.added++;
        }
    }
    /* An event that the trace has already was booked when it came first. */
    trace->row.accepted_events -= out.duplicate;
    trace->row.dead_events += (int64_t)(out.refusal_count - content->refusal_count);
    if (out.added > 0) {
        memcpy(trace->row.chain_head, head.hash, sizeof(head.hash));
        trace->row.chained = true;
        out.lines = arena_bytes(batch->arena, buf_bytes(&index));
        out.event_keys = (struct bytes){keys[0], (size_t)out.added * KEY_HALF};
    }
    *ret_outcome = out;
    return 0;
}

static void put_artifacts(struct batch *batch, const struct trace *trace,
                          const struct record *record)
{
    const struct content *content = &record->content;

    for (size_t i = 0; i < content->artifact_count; i++) {
        struct artifact_record artifact = content->artifacts[i];

        artifact.trace_no = trace->row.trace_no;
        artifact.stream_seq = record->row.stream_seq;
        buf_put(&batch->artifacts, (struct bytes){(const uint8_t *)&artifact, sizeof(artifact)});
    }
}

static void count_outcome(struct tally *tally, const struct outcome *out)
{
    tally->chunks_chained++;
    tally->events_chained += out->added;
    tally->events_duplicate += out->duplicate;
    tally->events_refused += (int64_t)out->refusal_count;
}

int link_chunk(struct batch *batch, struct trace *trace, struct record *record, struct err *err)
{
    const struct content *content = &record->content;
    int64_t               offset = (int64_t)batch->lines.size;
    struct outcome        out;

    TRY(link_events(batch, trace, content, &out, err));
    if (record->stored && !batch->buried && out.refusal_count > content->refusal_count) {
        TRY(bury_refused(batch, record, out.refusals + content->refusal_count,
                         out.refusal_count - content->refusal_count, err));
    }
    if (record->row.status == CHUNK_PENDING) {
        trace->row.pending_chunks--;
        trace->row.pending_events -= (int64_t)content->event_count;
        trace->held -= record->stored ? 0 : 1;
    }
    trace->changed = true;
    record->changed = true;
    if (content->event_count > 0 && out.added == 0 && out.duplicate == 0) {
        link_refuse(batch, record, out.refusals, out.refusal_count);
        return 0;
    }
    record->row.status = CHUNK_CHAINED;
    record->row.payload = (struct bytes){NULL, 0};
    record->row.num_events = out.added;
    record->row.seg_offset = offset;
    record->row.seg_length = (int64_t)batch->lines.size - offset;
    record->row.first_seq = out.first_seq;
    record->row.lines = out.lines;
    record->row.event_keys = out.event_keys;
    trace->row.next_chunk_seq = record->row.chunk_seq + 1;
    put_artifacts(batch, trace, record);
    count_outcome(&batch->tally, &out);
    verdict_put(batch, record,
                out.refusal_count > 0                 ? "partial"
                : out.added == 0 && out.duplicate > 0 ? "duplicate"
                                                      : "success",
                out.added, out.duplicate, (int64_t)content->artifact_count, trace->row.num_events,
                out.refusals, out.refusal_count);
    return 0;
}
