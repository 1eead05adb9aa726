// SPDX-License-Identifier: MIT
#include "workers/settle.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "metric/metric.h"
#include "trace/chunk.h"
#include "trace/dead_letter.h"

enum { DELAY_LEAST_MS = 250, DELAY_MOST_MS = 5000, ASKED_MOST_MS = 3600 * 1000 };

/* The values of metric stage_settled, in their order. */
enum { SETTLED_DONE, SETTLED_RETRIED, SETTLED_WAITED, SETTLED_DEAD };

enum settlement settlement_for(enum err_code code, uint64_t tries, uint64_t most_tries)
{
    if (code == ERR_NONE) {
        return SETTLE_ACK;
    }
    if (err_fate(code) == FATE_WAIT) {
        return SETTLE_NAK; /* an outage is nobody's fault: it costs no try */
    }
    if (err_fate(code) == FATE_REJECT || tries >= most_tries) {
        return SETTLE_DEAD;
    }
    return SETTLE_NAK;
}

bool settle_is_outage(enum err_code code)
{
    /* A trace that is not ready holds up nobody but itself; a stopping worker pulls no more. */
    return code != ERR_NONE && err_fate(code) == FATE_WAIT && code != ERR_TRACE_NOT_READY &&
           code != ERR_STOPPING;
}

int64_t settle_delay_ms(const struct err *err, uint64_t deliveries)
{
    int64_t delay = DELAY_LEAST_MS;

    if (err->code == ERR_STOPPING) {
        return 0;
    }
    if (err->retry_after_ms > 0) {
        return err->retry_after_ms < ASKED_MOST_MS ? err->retry_after_ms : ASKED_MOST_MS;
    }
    for (uint64_t i = 1; i < deliveries && delay < DELAY_MOST_MS; i++) {
        delay *= 2;
    }
    delay = delay < DELAY_MOST_MS ? delay : DELAY_MOST_MS;
    return delay - (int64_t)(clock_mono_us() % (delay / 4)); /* not all of them at once */
}

void settle_count(struct farm *farm, struct delivery *in, size_t count)
{
    struct tries_of *of = arena_zero(in->arena, count, sizeof(*of));
    size_t           due = 0;
    struct err       err = {0};

    for (size_t i = 0; i < count; i++) {
        const struct held *held = in[i].loop_;
        const bool         waits = err_fate(in[i].err.code) == FATE_WAIT;

        if (settlement_for(in[i].err.code, in[i].tries, held->row->tries) != SETTLE_NAK ||
            waits != held->counted) {
            continue; /* over, or on record as it should be */
        }
        of[due++] = delivery_tries(held, waits ? held->used : held->used + 1);
    }
    if (tries_write(farm->stream, in->arena, of, due, &err) < 0) {
        LOG(in->log.outer, WARN, "try counts lost", KV("story", err.story), KV("count", due));
    }
}

static void put_back(struct held *held)
{
    struct delivery *in = held->in;
    const bool       waits = err_fate(in->err.code) == FATE_WAIT;

    metric_add(METRIC_stage_settled, waits ? SETTLED_WAITED : SETTLED_RETRIED, 1);
    log_write(&in->log, waits ? LOG_DEBUG : LOG_WARN, "delivery put back",
              (struct log_field[]){KV("why", err_name(in->err.code)), KV("story", in->err.story)},
              2);
    msg_nak(held->msg, settle_delay_ms(&in->err, held->deliveries));
}

static int dead_letter_put(struct held *held, struct err *err)
{
    const struct delivery   *in = held->in;
    CLEANUP(buf) struct buf  body = {0};
    char                     subject[SUBJECT_BYTES];
    const struct dead_letter letter = {
        .stage = held->row->role,
        .reason = err_reason(in->err.code),
        .code = err_name(in->err.code),
        .story = in->err.story,
        .tries = (int64_t)in->tries,
        .stream = held->row->stream,
        .subject = held->subject,
        .seq = (int64_t)in->seq,
        .stored_us = msg_stored_us(held->msg),
        .at_us = clock_us(),
        .id = held->id,
        .reply = in->reply,
        .request = in->request,
        .parent = in->parent,
        .payload = msg_body(held->msg),
    };
    struct publication what = {.subject = subject};

    subject_stage(subject, "dead", held->row->role, in->to.tenant, in->to.trace);
    dead_letter_write(&body, &letter);
    what.body = buf_bytes(&body);
    what.id =
        arena_format(in->arena, "dead-%s-%llu", held->row->stream, (unsigned long long)in->seq);
    return stream_publish(held->farm->stream, &what, NULL, err);
}

static void answer_problem(struct held *held)
{
    CLEANUP(buf) struct buf json = {0};
    struct delivery        *in = held->in;
    struct err              told;

    err_for_caller(&in->err,
                   in->request != NULL ? arena_format(in->arena, "request %s", in->request)
                                       : arena_format(in->arena, "trace %s", in->to.trace),
                   &told);
    problem_write(&json, &told, NULL, 0);
    answer_send(held->farm->stream, held->in, err_http(held->in->err.code), buf_bytes(&json));
}

/* -1 if the dead letter could not be stored; the delivery is put back then. */
static int give_up(struct held *held, struct outbox *out, struct err *err)
{
    struct delivery *in = held->in;

    /* Dead letter first, term second: a crash in between redelivers the message and the second copy
     * has the same message id. The other order would lose it. */
    if (dead_letter_put(held, err) < 0) {
        LOG(&in->log, ERROR, "dead letter not stored", KV("why", err_name(err->code)),
            KV("story", err->story), KV("of", err_name(in->err.code)));
        msg_nak(held->msg, settle_delay_ms(err, held->deliveries));
        return -1;
    }
    metric_add(METRIC_stage_settled, SETTLED_DEAD, 1);
    log_write(
        &in->log, err_http(in->err.code) >= 500 ? LOG_ERROR : LOG_WARN, "delivery dead-lettered",
        (struct log_field[]){KV("why", err_name(in->err.code)), KV("story", in->err.story)}, 2);
    if (!outbox_release_answer(out, in)) {
        answer_problem(held);
    }
    msg_term(held->msg);
    return 0;
}

void settle_all(struct farm *farm, struct delivery *in, size_t count, struct outbox *out)
{
    struct err broken = {0}; /* why dead letters cannot be stored at the moment */

    for (size_t i = 0; i < count; i++) {
        struct held    *held = in[i].loop_;
        enum settlement how = settlement_for(in[i].err.code, in[i].tries, held->row->tries);

        if (how == SETTLE_ACK) {
            (void)outbox_release_answer(out, &in[i]);
            metric_add(METRIC_stage_settled, SETTLED_DONE, 1);
            msg_ack(held->msg, false);
        } else if (how == SETTLE_NAK) {
            put_back(held);
        } else if (broken.code != ERR_NONE) {
            msg_nak(held->msg, settle_delay_ms(&broken, held->deliveries));
        } else {
            (void)!give_up(held, out, &broken);
        }
    }
    outbox_send_answers(out, farm->stream);
}
