// SPDX-License-Identifier: MIT
#include "gateway/api/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "blob/claim_check.h"
#include "metric/metric.h"

enum {
    ACK_WAIT_MS = 5000,  /* for JetStream's acknowledgement where no verdict is waited for */
    WAIT_MOST_MS = 60000 /* of Prefer: wait */
};

/* One message on its way; freed by publish_stored, which comes exactly once. */
struct flight {
    struct http_server *server;
    uint64_t            ticket;
    int64_t             began_us;
    enum message_kind   kind;
    bool                ack_is_enough;
};

/* What a waiting exchange waits for. */
struct waiting {
    const struct publish_answers *answers;
    int64_t                       began_us;
    bool                          may_follow;
};

/* ---------------------------------- what comes of it ---------------------------------- */

static struct waiting *waiting_of(struct exchange *x)
{
    return x->waits;
}

static void publish_stored(void *arg, uint64_t seq, const struct err *failed)
{
    struct flight   *flight = arg;
    struct exchange *x;

    (void)seq;
    if (failed == NULL) {
        metric_add(METRIC_gateway_messages, flight->kind, 1);
        metric_time(METRIC_gateway_ack_time, 0, clock_mono_us() - flight->began_us);
    }
    if (failed == NULL && !flight->ack_is_enough) {
        (void)exchange_mark(flight->server, flight->ticket);
        mem_free(flight);
        return;
    }
    x = exchange_claim(flight->server, flight->ticket);
    mem_free(flight);
    if (x == NULL) {
        return; /* its verdict, or its deadline, was faster */
    }
    if (failed != NULL) {
        exchange_refuse(x, failed);
    } else {
        waiting_of(x)->answers->stored(x);
    }
    exchange_resume(x);
}

static void publish_late(struct exchange *x)
{
    struct waiting *waiting = waiting_of(x);
    struct err      err = {0};

    metric_add(METRIC_gateway_verdicts, 1, 1);
    if (exchange_marked(x) && waiting->answers->late != NULL && waiting->answers->late(x) == 0) {
        return;
    }
    if (exchange_marked(x)) {
        waiting->answers->stored(x);
    } else {
        (void)err_set(&err, ERR_STREAM_DOWN, "no acknowledgement after %lld ms; send it again",
                      (long long)((clock_mono_us() - waiting->began_us) / 1000));
        exchange_refuse(x, &err);
    }
    exchange_resume(x);
}

static void answer_verdict(struct exchange *x, const struct verdict_reply *reply)
{
    struct bytes json = arena_bytes(x->arena, reply->json);
    struct err   passed = {0};

    if (reply->http >= 200 && reply->http < 300 && waiting_of(x)->answers->came != NULL) {
        waiting_of(x)->answers->came(x, json);
    } else if (reply->http < 400) {
        answer_json(x, reply->http, json);
    } else if (waiting_of(x)->may_follow &&
               strstr(arena_text(x->arena, json), "\"code\":\"trace_closed\"") != NULL) {
        (void)err_set(&passed, ERR_TRACE_PASSED, "what is sent now goes to a trace of its own");
        exchange_refuse(x, &passed);
    } else {
        exchange_answer(x, reply->http, "application/problem+json", json);
        if (reply->http == 429 || reply->http == 503) {
            exchange_header(x, "Retry-After", "1");
        }
    }
}

static void verdict_came(struct gateway *gateway, uint64_t ticket,
                         const struct verdict_reply *reply)
{
    struct exchange *x = exchange_claim(gateway->server, ticket);

    if (x == NULL) {
        metric_add(METRIC_gateway_verdicts, 2, 1);
        return;
    }
    metric_add(METRIC_gateway_verdicts, 0, 1);
    metric_time(METRIC_gateway_verdict_time, 0, clock_mono_us() - waiting_of(x)->began_us);
    answer_verdict(x, reply);
    exchange_resume(x);
}

static uint64_t ticket_read(struct bytes text)
{
    char digits[17] = "";

    memcpy(digits, text.data, text.size < sizeof(digits) ? text.size : sizeof(digits) - 1);
    return strtoull(digits, NULL, 16); /* 0, which nobody holds, if it is none */
}

static int many_came(struct gateway *gateway, struct bytes body, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct ticket_verdict       *verdicts = NULL;
    size_t                       count = 0;

    TRY(verdicts_read(arena, body, &verdicts, &count, err));
    for (size_t i = 0; i < count; i++) {
        verdict_came(gateway, ticket_read(verdicts[i].ticket), &verdicts[i].reply);
    }
    return 0;
}

static int one_came(struct gateway *gateway, struct bytes ticket, struct bytes body,
                    struct err *err)
{
    struct verdict_reply reply;

    TRY(verdict_reply_read(body, &reply, err));
    verdict_came(gateway, ticket_read(ticket), &reply);
    return 0;
}

void publish_reply_came(void *arg, const char *subject, struct bytes body)
{
    struct gateway *gateway = arg;
    const char     *dot = strrchr(subject, '.');
    struct bytes    ticket = bytes_of(dot == NULL ? "" : dot + 1);
    struct err      err = {0};
    int             failed = bytes_is(ticket, VERDICTS_TOKEN) ? many_came(gateway, body, &err)
                                                              : one_came(gateway, ticket, body, &err);

    if (failed < 0) {
        metric_add(METRIC_gateway_verdicts, 2, 1);
    }
}

/* ------------------------------------ sending it ------------------------------------ */

/* What travels with the body; the exchange is going to wait for it. */
static struct message envelope(struct exchange *x, const struct publish *publish)
{
    struct message message = {
        .kind = publish->kind,
        .at_us = x->whole_us,
        .consent = publish->consent,
        .request = bytes_of(x->request_id),
    };

    if (publish->idempotency_key != NULL) {
        message.idempotency_key = bytes_of(publish->idempotency_key);
    }
    if (publish->wants_verdict) {
        message.reply = bytes_of(arena_format(x->arena, "%s.%llx", loop_of(x)->inbox,
                                              (unsigned long long)exchange_next_ticket(x)));
    }
    return message;
}

/* The exchange may be another's as soon as it waits, so all the publication needs lies here. */
static void send_message(struct exchange *x, const struct publish *publish, struct bytes message)
{
    struct stream     *stream = loop_of(x)->stream;
    struct waiting    *waiting = arena_zero(x->arena, 1, sizeof(*waiting));
    struct flight     *flight = mem_zero(1, sizeof(*flight));
    struct publication publication = {.body = message};
    char               subject[SUBJECT_BYTES];
    char               parent[sizeof(x->parent)];
    struct err         err = {0};
    int64_t            now = clock_mono_us();

    waiting->answers = publish->answers;
    waiting->began_us = now;
    waiting->may_follow = publish->may_follow;
    flight->server = x->server;
    flight->began_us = now;
    flight->kind = publish->kind;
    flight->ack_is_enough = !publish->wants_verdict;
    subject_ingest(subject, publish->tenant, publish->trace, publish->kind);
    memcpy(parent, x->parent, sizeof(parent));
    publication.subject = subject;
    publication.parent = parent[0] == '\0' ? NULL : parent;
    x->waits = waiting;

    flight->ticket = exchange_wait(
        x, now + (publish->wants_verdict ? publish->wait_ms : ACK_WAIT_MS) * 1000, publish_late);
    if (stream_publish_async(stream, &publication, publish_stored, flight, &err) < 0) {
        x = exchange_claim(flight->server, flight->ticket);
        mem_free(flight);
        if (x != NULL) {
            exchange_refuse(x, &err);
            exchange_resume(x);
        }
    }
}

/* -------- claim check: the object first, then the message that names it -------- */

struct large {
    struct publish publish;
    struct buf     message; /* whoever runs or refuses the job frees it */
};

static int put_claim(struct reader *reader, struct exchange *x, struct err *err)
{
    struct large           *large = x->waits;
    CLEANUP(buf) struct buf real = large->message;
    CLEANUP(buf) struct buf message = {0};
    struct blob_store      *blob = reader_blob(reader, err);
    const struct message    travels = envelope(x, &large->publish);

    if (blob == NULL) {
        return -1;
    }
    TRY(claim_check_put(blob, buf_bytes(&real), &travels, &message, err));
    exchange_body_free(x);
    metric_add(METRIC_gateway_claim_checks, 0, 1);
    send_message(x, &large->publish, buf_bytes(&message));
    return READ_HANDED_ON;
}

static int publish_large(struct exchange *x, const struct publish *publish, struct scratch *scratch,
                         struct err *err)
{
    struct large *large = arena_zero(x->arena, 1, sizeof(*large));

    large->publish = *publish;
    large->publish.body = BYTES("");
    large->message = scratch->message;
    scratch->message = (struct buf){0};
    x->waits = large;
    if (readers_put(gateway_of(x)->readers, x, put_claim, err) < 0) {
        buf_done(&large->message);
        return -1;
    }
    return 0;
}

/* A trace's id becomes part of a subject, and the subject part of a line to NATS. An upload token
 * names a trace of ours; beside an API key stands whatever the path says. */
static int check_trace_id(const struct publish *publish, struct err *err)
{
    return subject_name_ok(bytes_of(publish->trace))
               ? 0
               : err_set(err, ERR_TRACE_UNKNOWN, "\"%.160s\" is no trace's id", publish->trace);
}

int publish_message(struct exchange *x, const struct publish *publish, struct err *err)
{
    struct gateway *gateway = gateway_of(x);
    struct scratch *scratch;
    struct message  message;
    int             result = 0;

    TRY(check_trace_id(publish, err));
    scratch = scratch_take(gateway);
    message = envelope(x, publish);

    message.body = publish->body;
    message_write(&scratch->message, &message);
    if ((int64_t)scratch->message.size >= gateway->config->claim_check_from) {
        buf_done(&x->body); /* but it is counted until the object is put */
        result = publish_large(x, publish, scratch, err);
    } else {
        exchange_body_free(x); /* thousands may wait: each without its body */
        send_message(x, publish, buf_bytes(&scratch->message));
    }
    scratch_give(gateway, scratch);
    return result;
}

void publish_start(struct exchange *x, enum message_kind kind, const char *trace,
                   struct publish *ret_publish)
{
    struct caller *caller = caller_of(x);
    struct prefer  prefer = field_prefer(exchange_field(x, "Prefer"));
    int64_t        wait_ms = gateway_of(x)->config->verdict_wait;

    if (prefer.wait_ms >= 0) {
        wait_ms = prefer.wait_ms < WAIT_MOST_MS ? prefer.wait_ms : WAIT_MOST_MS;
    }
    *ret_publish = (struct publish){
        .kind = kind,
        .tenant = caller->tenant,
        .trace = trace,
        .idempotency_key = exchange_field(x, "Idempotency-Key"),
        .consent = caller->consent,
        .wants_verdict = !prefer.respond_async && wait_ms > 0,
        .wait_ms = wait_ms,
    };
}
