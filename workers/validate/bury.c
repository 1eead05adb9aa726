// SPDX-License-Identifier: MIT
/*
 * bury.c - events that were answered "pending" and refused at their turn: on to the dead letters.
 *
 * Whoever sent them was told that they are kept, and their message was acknowledged long ago. So
 * they go into dead_outbox with the transaction that refuses them, and from there into PRT_DEAD as a
 * chunk message that holds them as they were checked: prt dead shows, edits and retries it.
 */
#include <string.h>

#include "base/clock.h"
#include "blob/claim_check.h"
#include "store/dead_store.h"
#include "trace/dead_letter.h"
#include "value/json.h"
#include "value/msgpack.h"
#include "workers/validate/validator.h"

enum { TAKEN_AT_ONCE = 4 }; /* each may be as large as a body */

/* ------------------------------ in the transaction ------------------------------ */

static const struct value_limits line_limits = {
    .bytes = SIZE_MAX, .depth = 132, .values = SIZE_MAX}; /* our own lines, bounded before */

static const struct chunk_event *event_at(const struct content *content, size_t index)
{
    for (size_t i = 0; i < content->event_count; i++) {
        if (content->events[i].index == index) {
            return &content->events[i];
        }
    }
    return NULL;
}

/* The chunk with nothing but the refused events; *ret_consent is what they need. */
static int body_write(struct buf *out, const struct record *record,
                      const struct chunk_refusal *refusals, size_t count, unsigned *ret_consent,
                      struct err *err)
{
    *ret_consent = 0;
    msgpack_put_map(out, 3);
    msgpack_put_text(out, BYTES("chunk_id"));
    msgpack_put_text(out, record->row.chunk_id);
    msgpack_put_text(out, BYTES("chunk_seq"));
    msgpack_put_whole(out, record->row.chunk_seq);
    msgpack_put_text(out, BYTES("events"));
    msgpack_put_list(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct chunk_event *event = event_at(&record->content, refusals[i].index);

        if (event == NULL) {
            return err_set(err, ERR_BUG, "event %zu was refused and is not in its chunk",
                           refusals[i].index);
        }
        TRY(json_to_msgpack(event->line, &line_limits, out, err));
        *ret_consent |= event_consent(event->type);
    }
    return 0;
}

int bury_refused(struct batch *batch, const struct record *record,
                 const struct chunk_refusal *refusals, size_t count, struct err *err)
{
    CLEANUP(buf) struct buf body = {0};
    CLEANUP(buf) struct buf bytes = {0};
    struct message          message = {.kind = MESSAGE_CHUNK, .at_us = record->row.received_us};
    struct dead_record      row = {
             .trace_no = record->row.trace_no,
             .stream_seq = record->row.stream_seq,
             .stored_us = record->row.received_us,
             .code = err_name(refusals[0].code),
    };

    TRY(body_write(&body, record, refusals, count, &message.consent, err));
    message.body = buf_bytes(&body);
    message_write(&bytes, &message);
    row.message = arena_bytes(batch->arena, buf_bytes(&bytes));
    row.story = arena_format(
        batch->arena,
        "chunk %.*s with chunk_seq %lld waited for an earlier one; then %zu of its %zu events could"
        " not be taken, the first: %s %s",
        (int)record->row.chunk_id.size, (const char *)record->row.chunk_id.data,
        (long long)record->row.chunk_seq, count, record->content.event_count, refusals[0].pointer,
        refusals[0].message);
    buf_put(&batch->dead, (struct bytes){(const uint8_t *)&row, sizeof(row)});
    return 0;
}

/* ------------------------------ after the commit ------------------------------ */

static int letter_put(struct validator *validator, const struct dead_record *row, struct err *err)
{
    CLEANUP(buf) struct buf claim = {0};
    CLEANUP(buf) struct buf body = {0};
    struct arena           *arena = validator->arena;
    char                    from[SUBJECT_BYTES];
    char                    subject[SUBJECT_BYTES];
    struct message          message;
    struct dead_letter      letter = {
             .stage = "validate",
             .code = row->code,
             .story = row->story,
             .tries = 1,
             .stream = "PRT_INGEST",
             .subject = from,
             .seq = row->stream_seq,
             .stored_us = row->stored_us,
             .at_us = clock_us(),
             .payload = row->message,
    };
    int code = err_by_name(row->code);

    letter.reason = err_reason(code < 0 ? ERR_EVENTS_REFUSED : (enum err_code)code);
    TRY(message_read(row->message, &message, err));
    if ((int64_t)row->message.size >= validator->claim_check_from) {
        TRY(claim_check_put(validator->batch.blob, row->message, &message, &claim, err));
        letter.payload = buf_bytes(&claim);
    }
    subject_ingest(from, row->tenant, row->trace, MESSAGE_CHUNK);
    subject_stage(subject, "dead", "validate", row->tenant, row->trace);
    dead_letter_write(&body, &letter);
    return stream_publish(
        validator->stream,
        &(struct publication){
            .subject = subject,
            .body = buf_bytes(&body),
            .id = arena_format(arena, "dead-PRT_INGEST-%lld", (long long)row->stream_seq)},
        NULL, err);
}

/* Taken, put and forgotten under the locks of their rows, which erasing their trace waits for. */
static int bury_some(struct validator *validator, size_t *ret_count, struct err *err)
{
    CLEANUP(store_rollback) struct store *store = validator->batch.store;
    struct dead_record                   *rows = NULL;
    int64_t                               letter_nos[TAKEN_AT_ONCE];

    TRY(store_begin(store, err));
    TRY(dead_take(store, validator->arena, TAKEN_AT_ONCE, &rows, ret_count, err));
    if (*ret_count == 0) {
        return 0;
    }
    for (size_t i = 0; i < *ret_count; i++) {
        TRY(letter_put(validator, &rows[i], err));
        letter_nos[i] = rows[i].letter_no;
    }
    TRY(dead_forget(store, validator->arena, letter_nos, *ret_count, err));
    return store_commit(store, err);
}

int bury_all(struct validator *validator, struct err *err)
{
    size_t count = TAKEN_AT_ONCE;

    if (validator->stream == NULL) {
        return 0; /* a worker does it */
    }
    while (count == TAKEN_AT_ONCE) {
        arena_reset(validator->arena);
        TRY(bury_some(validator, &count, err));
    }
    return 0;
}
