// SPDX-License-Identifier: MIT
/*
 * request.c - what happens to a request on its poller's thread: head, body, whole, end.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/http/field.h"
#include "gateway/http/inside.h"
#include "log/log.h"
#include "metric/metric.h"

enum {
    BODY_FIRST = 64 * 1024,          /* a promised body gets this much at first, the rest later */
    STREAM_BLOCK = 256 * 1024,       /* of a streamed body */
    DISCARD_MOST = 64 * 1024 * 1024, /* of a refused body, so that its client reads the answer */
    ARENA_KEPT = 64 * 1024
};

/* ------------------------------- exchanges begin and end ------------------------------- */

static void take_ids(struct exchange *x)
{
    const char *id = exchange_field(x, "X-Request-Id");
    const char *parent = exchange_field(x, "traceparent");

    if (id != NULL && field_request_id_ok(id)) {
        (void)snprintf(x->request_id, sizeof(x->request_id), "%s", id);
    } else {
        (void)snprintf(x->request_id, sizeof(x->request_id), "%08x%08x", x->server->id_start,
                       atomic_fetch_add(&x->server->id_count, 1));
    }
    if (parent != NULL && field_traceparent_ok(parent)) {
        memcpy(x->parent, parent, sizeof(x->parent));
    }
}

void request_begin(struct connection *c)
{
    struct http_server *server = c->poller->server;
    struct arena       *arena = c->exchange.arena == NULL ? arena_new() : c->exchange.arena;

    c->inside = (struct exchange_inside){.answer = {.fd = -1}};
    c->head = (struct head){.method = "", .path = "", .length = -1};
    c->exchange = (struct exchange){
        .method = "",
        .path = "",
        .arena = arena,
        .began_us = clock_us(),
        .began_mono_us = clock_mono_us(),
        .server = server,
        .owner = server->settings.owner,
        .inside = &c->inside,
    };
    atomic_fetch_add(&server->open, 1);
    metric_add(METRIC_http_requests_open, 0, 1);
}

static void exchange_end(struct exchange *x)
{
    struct http_server *server = x->server;

    exchange_body_free(x);
    answer_drop(&x->inside->answer);
    exchange_copies_free(x);
    if (x->work_done != NULL) {
        x->work_done(x->work);
    }
    if (arena_size(x->arena) > ARENA_KEPT) {
        arena_free(x->arena);
        x->arena = NULL;
    } else {
        arena_reset(x->arena);
    }
    metric_add(METRIC_http_requests_open, 0, -1);
    atomic_fetch_sub(&server->open, 1);
}

void request_end(struct connection *c, bool sent)
{
    struct exchange *x = &c->exchange;

    metric_add(METRIC_http_answers, sent ? (unsigned)c->inside.answer.status / 100 - 1 : 5, 1);
    if (c->inside.known) {
        metric_time(METRIC_http_time, c->inside.route_index, clock_mono_us() - x->began_mono_us);
    }
    exchange_end(x);
}

/* ------------------------------------ the head ------------------------------------ */

/* How large the body may be. */
static int check_size(struct exchange *x, struct err *err)
{
    struct http_server *server = x->server;
    int64_t             most = x->route->most_bytes;

    x->inside->body_most = most == MOST_BODY     ? server->settings.body_most
                           : most == MOST_STREAM ? server->settings.stream_most
                                                 : most;
    if (x->body_promised > x->inside->body_most) {
        return err_set(err, ERR_TOO_LARGE, "the body has %lld bytes, %lld are accepted here",
                       (long long)x->body_promised, (long long)x->inside->body_most);
    }
    return 0;
}

static int admit(struct exchange *x, struct err *err)
{
    struct http_server *server = x->server;
    struct route_match  match;

    if (route_find(server->settings.routes, server->settings.route_count, x->arena, x->method,
                   x->path, &match, err) < 0) {
        if (match.allow[0] != '\0') {
            exchange_header(x, "Allow", arena_text(x->arena, bytes_of(match.allow)));
        }
        return -1;
    }
    x->route = match.route;
    x->inside->route_index = match.index;
    x->inside->known = true;
    memcpy(x->param, match.param, sizeof(match.param));
    metric_add(METRIC_http_requests, match.index, 1);
    if (server->settings.admit != NULL) {
        TRY(server->settings.admit(x, err));
    }
    return check_size(x, err);
}

/* What an answer was made in may wait long, for a slow reader: where it is large it counts as bodies
 * do. Who only reads is refused where there is no room for it; others have done something. */
static void count_answer(struct exchange *x)
{
    const int64_t size = (int64_t)arena_size(x->arena);
    struct err    err = {0};

    if (size > ARENA_KEPT && exchange_count(x, size, &err) < 0 &&
        strcmp(x->method, "GET") == 0) {
        x->inside->answer.header_count = 0;
        exchange_refuse(x, &err);
    }
}

static enum step answer_now(struct connection *c)
{
    if (c->inside.answer.status == 0) {
        struct err err = {0};

        (void)err_set(&err, ERR_BUG, "%s has no answer", c->exchange.route->path);
        exchange_refuse(&c->exchange, &err);
    }
    c->phase = PHASE_ANSWER;
    c->limit_us = connection_idle_limit(c);
    count_answer(&c->exchange);
    answer_open(c);
    return STEP_ON;
}

void request_refuse(struct connection *c, const struct err *err)
{
    if (c->exchange.request_id[0] == '\0') {
        take_ids(&c->exchange);
    }
    exchange_body_free(&c->exchange);
    if (c->inside.answer.status == 0) { /* what was refused before stays refused for that */
        exchange_refuse(&c->exchange, err);
    }
    c->close_after = true; /* where its body ends nobody knows */
    (void)answer_now(c);
}

static void discard_rest(struct exchange *x)
{
    x->inside->discarding = true;
    x->body_total = 0; /* from here on what was dropped */
}

/* A refused body is read and dropped, so that the connection can go on; unless the client asked
 * first, or there is too much to come. */
static enum step refuse_head(struct connection *c, const struct err *err)
{
    if (c->head.expects || c->exchange.body_promised > DISCARD_MOST) {
        request_refuse(c, err);
        return STEP_ON;
    }
    exchange_refuse(&c->exchange, err);
    discard_rest(&c->exchange);
    return STEP_ON;
}

static void begin_body(struct connection *c)
{
    c->phase = PHASE_BODY;
    c->chunked = (struct chunked){0};
    c->body_left = c->exchange.body_promised;
    c->limit_us = c->poller->now_us + c->exchange.server->settings.body_ms * 1000;
}

enum step request_head(struct connection *c, char *head, size_t size)
{
    struct exchange  *x = &c->exchange;
    struct err        err = {0};

    if (head_read(head, size, &c->head, &err) < 0) {
        request_refuse(c, &err);
        return STEP_ON;
    }
    x->method = c->head.method;
    x->path = c->head.path;
    x->body_promised = c->head.chunked ? -1 : c->head.length > 0 ? c->head.length : 0;
    c->close_after = !c->head.keep;
    take_ids(x);
    begin_body(c);
    if (admit(x, &err) < 0) {
        return refuse_head(c, &err);
    }
    if (c->head.expects && x->body_promised != 0) {
        answer_go_on(c);
    }
    return STEP_ON;
}

/* Runs what may hand the exchange on. `away` counts it before it looks whether the server is
 * closing, and the server looks at `away` after it said so: none is handed on behind its back. */
static int step_out(struct exchange *x, bool whole, struct err *err)
{
    struct http_server *server = x->server;
    int                 result = 0;

    atomic_fetch_add(&server->away, 1);
    if (atomic_load(&server->closing)) {
        result = err_set(err, ERR_STOPPING, "the gateway is closing");
    } else if (whole) {
        if (server->settings.enter == NULL || server->settings.enter(x)) {
            x->route->handle(x);
        }
    } else {
        result = x->route->piece(x, err);
    }
    if (!x->inside->handed) {
        atomic_fetch_sub(&server->away, 1);
    }
    return result;
}

/* ------------------------------------ the body ------------------------------------ */

static int keep_piece(struct exchange *x, struct bytes piece, struct err *err)
{
    struct http_server *server = x->server;
    int64_t             more = x->route->piece == NULL  ? (int64_t)piece.size
                               : x->inside->memory == 0 ? STREAM_BLOCK
                                                        : 0;

    if (x->body_total + (int64_t)piece.size > x->inside->body_most) {
        return err_set(err, ERR_TOO_LARGE, "the body has more than the %lld bytes accepted here",
                       (long long)x->inside->body_most);
    }
    if (more > 0) {
        TRY(exchange_count(x, more, err));
    }
    if (x->route->piece == NULL && x->body.size + piece.size > x->body.room &&
        x->body_promised > 0) {
        int64_t left = x->body_promised - x->body_total;

        buf_reserve(&x->body, x->body_total == 0 && left > BODY_FIRST ? BODY_FIRST : (size_t)left);
    }
    buf_put(&x->body, piece);
    x->body_total += (int64_t)piece.size;
    metric_add(METRIC_http_body_bytes, 0, (int64_t)piece.size);
    if (x->route->piece != NULL && x->body.size >= STREAM_BLOCK) {
        connection_of(x)->limit_us = clock_mono_us() + server->settings.body_ms * 1000;
        return step_out(x, false, err);
    }
    return 0;
}

/* False: more of a refused body than anybody reads. */
static bool take_piece(struct exchange *x, struct bytes piece)
{
    struct err err = {0};

    if (x->inside->discarding) {
        x->body_total += (int64_t)piece.size;
        return x->body_total <= DISCARD_MOST;
    }
    if (keep_piece(x, piece, &err) < 0) {
        exchange_body_free(x);
        exchange_refuse(x, &err);
        discard_rest(x);
    }
    return true;
}

/* ------------------------------------ the whole ------------------------------------ */

static enum step run_handler(struct connection *c)
{
    struct exchange *x = &c->exchange;
    struct err       err = {0};

    c->inside.handled = true;
    if (!c->inside.discarding && c->inside.answer.status == 0 && step_out(x, true, &err) < 0) {
        exchange_refuse(x, &err);
    }
    if (c->inside.handed) {
        c->phase = PHASE_AWAY; /* it may be another thread's already */
        return STEP_STOP;
    }
    return answer_now(c);
}

static enum step body_over(struct connection *c)
{
    c->inside.whole = true;
    c->exchange.whole_us = clock_us();
    return run_handler(c);
}

/* The next piece of the body off the front of *in. 0: none in these bytes; -1: not well-formed. */
static int next_piece(struct connection *c, struct bytes *in, struct bytes *ret_piece,
                      struct err *err)
{
    if (c->head.chunked) {
        return chunked_next(&c->chunked, in, ret_piece, err);
    }
    ret_piece->data = in->data;
    ret_piece->size = (int64_t)in->size < c->body_left ? in->size : (size_t)c->body_left;
    in->data += ret_piece->size;
    in->size -= ret_piece->size;
    c->body_left -= (int64_t)ret_piece->size;
    return ret_piece->size > 0;
}

enum step request_body(struct connection *c, struct bytes *in)
{
    struct exchange *x = &c->exchange;
    struct bytes     piece = {0};
    struct err       err = {0};
    int              there;

    answer_go_on_push(c);
    while ((there = next_piece(c, in, &piece, &err)) > 0) {
        if (!take_piece(x, piece)) {
            c->close_after = true;
            return answer_now(c);
        }
        if (c->inside.handed) {
            c->phase = PHASE_AWAY;
            return STEP_STOP;
        }
    }
    if (there < 0) {
        request_refuse(c, &err);
        return STEP_ON;
    }
    return (c->head.chunked ? c->chunked.at == CHUNKED_OVER : c->body_left == 0) ? body_over(c)
                                                                                 : STEP_MORE;
}

enum step request_back(struct connection *c)
{
    c->inside.handed = false;
    if (!c->inside.whole) {
        if (c->inside.answer.status != 0) { /* refused by whoever held it */
            discard_rest(&c->exchange);
        }
        c->phase = PHASE_BODY;
        c->limit_us = c->poller->now_us + c->exchange.server->settings.body_ms * 1000;
        return STEP_ON;
    }
    return c->inside.handled ? answer_now(c) : run_handler(c);
}
