// SPDX-License-Identifier: MIT
/*
 * request.c - what happens to a request on an event loop's thread: head, body, whole, end.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* ------------------------------- exchanges and their places ------------------------------- */

static struct slot *slot_take(struct http_server *server)
{
    struct slot *slot = NULL;

    (void)pthread_mutex_lock(&server->free_lock);
    if (server->free_count > 0) {
        slot = server->slots[server->free_slots[--server->free_count]];
    } else if (atomic_load(&server->slots_made) < server->slot_count) {
        unsigned made = atomic_load(&server->slots_made);

        slot = mem_zero(1, sizeof(*slot));
        slot->index = made;
        __atomic_store_n(&server->slots[made], slot, __ATOMIC_RELEASE);
        atomic_store(&server->slots_made, made + 1);
    }
    (void)pthread_mutex_unlock(&server->free_lock);
    return slot;
}

static void slot_give(struct http_server *server, struct slot *slot)
{
    (void)pthread_mutex_lock(&server->free_lock);
    server->free_slots[server->free_count++] = slot->index;
    (void)pthread_mutex_unlock(&server->free_lock);
}

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

static struct exchange *exchange_begin(struct http_server    *server,
                                       struct MHD_Connection *connection, const char *url,
                                       const char *method)
{
    struct slot  *slot = slot_take(server);
    struct arena *arena;

    if (slot == NULL) {
        return NULL;
    }
    arena = slot->exchange.arena == NULL ? arena_new() : slot->exchange.arena;
    slot->inside = (struct exchange_inside){
        .connection = connection,
        .answer = {.fd = -1},
        .body_promised = -1,
    };
    slot->exchange = (struct exchange){
        .method = method,
        .path = url,
        .arena = arena,
        .began_us = clock_us(),
        .began_mono_us = clock_mono_us(),
        .server = server,
        .owner = server->settings.owner,
        .inside = &slot->inside,
    };
    take_ids(&slot->exchange);
    atomic_fetch_add(&server->open, 1);
    metric_add(METRIC_http_requests_open, 0, 1);
    return &slot->exchange;
}

static void exchange_end(struct exchange *x)
{
    struct http_server *server = x->server;
    struct slot        *slot = slot_of(x);

    exchange_body_free(x);
    answer_forget(&x->inside->answer);
    if (x->work_done != NULL) {
        x->work_done(x->work);
    }
    if (arena_size(x->arena) > ARENA_KEPT) {
        arena_free(x->arena);
        x->arena = NULL;
    } else {
        arena_reset(x->arena);
    }
    slot_give(server, slot);
    metric_add(METRIC_http_requests_open, 0, -1);
    atomic_fetch_sub(&server->open, 1);
}

/* ------------------------------------ the head ------------------------------------ */

/* How large the body may be, and what was promised of it. */
static int check_size(struct exchange *x, struct err *err)
{
    struct http_server *server = x->server;
    const char         *length = exchange_field(x, "Content-Length");
    int64_t             most = x->route->most_bytes;

    x->inside->body_most = most == MOST_BODY     ? server->settings.body_most
                           : most == MOST_STREAM ? server->settings.stream_most
                                                 : most;
    if (length != NULL) {
        x->inside->body_promised = strtoll(length, NULL, 10);
    }
    if (x->inside->body_promised > x->inside->body_most) {
        return err_set(err, ERR_TOO_LARGE, "the body has %lld bytes, %lld are accepted here",
                       (long long)x->inside->body_promised, (long long)x->inside->body_most);
    }
    return 0;
}

static enum MHD_Result count_framing(void *arg, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    int *count = arg;

    (void)kind;
    (void)value;
    *count += strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0;
    return MHD_YES;
}

/* Where a body ends is said once, or a proxy before us may take the end of it for the next request,
 * of somebody else: libmicrohttpd believes the first Content-Length, and chunks before it. */
static int check_framing(struct exchange *x, struct err *err)
{
    const char *coding = exchange_field(x, "Transfer-Encoding");
    int         said = 0;

    (void)MHD_get_connection_values(x->inside->connection, MHD_HEADER_KIND, count_framing, &said);
    if (said > 1) {
        return err_set(err, ERR_MALFORMED,
                       "the body's length is said %d times by Content-Length and"
                       " Transfer-Encoding; say it once",
                       said);
    }
    if (coding != NULL && strcasecmp(coding, "chunked") != 0) {
        return err_set(err, ERR_MALFORMED,
                       "Transfer-Encoding is %.60s; chunked is the only one here", coding);
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

static void arrival_begin(struct exchange *x)
{
    struct slot                    *slot = slot_of(x);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->inside->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    slot->fd = info == NULL ? -1 : info->connect_fd;
    atomic_store(&slot->arrival_us, clock_mono_us() + x->server->settings.body_ms * 1000);
    atomic_store(&slot->arrival, ARRIVAL_OPEN);
}

/* The body is in, or its connection is gone; false: the reaper has cut it. */
static bool arrival_end(struct exchange *x)
{
    struct slot *slot = slot_of(x);
    int          open = ARRIVAL_OPEN;

    if (atomic_compare_exchange_strong(&slot->arrival, &open, ARRIVAL_OVER)) {
        return true;
    }
    while (atomic_load_explicit(&slot->arrival, memory_order_acquire) == ARRIVAL_CUTTING) {
        (void)sched_yield(); /* the reaper is writing a few hundred bytes to a socket */
    }
    return atomic_load(&slot->arrival) != ARRIVAL_CUT;
}

/* An answer given before the body has come makes libmicrohttpd close the connection, and a client
 * that still writes may then lose the answer. So refused bodies are read and dropped, unless the
 * client asked first (Expect) or there is too much to come. */
static enum MHD_Result refuse_head(struct exchange *x, const struct err *err)
{
    const char *expect = exchange_field(x, "Expect");

    exchange_refuse(x, err);
    x->inside->discarding = true;
    if (expect != NULL || x->inside->body_promised > DISCARD_MOST) {
        x->inside->handled = true;
        return answer_queue(x);
    }
    return MHD_YES;
}

static enum MHD_Result on_head(struct http_server *server, struct MHD_Connection *connection,
                               const char *url, const char *method, struct exchange **ret_x)
{
    struct exchange *x = exchange_begin(server, connection, url, method);
    struct err       err = {0};

    if (x == NULL) {
        return MHD_NO;
    }
    *ret_x = x;
    arrival_begin(x);
    if (check_framing(x, &err) < 0) {
        /* What follows is not read: nobody knows where the next request begins. */
        exchange_refuse(x, &err);
        exchange_header(x, "Connection", "close");
        x->inside->handled = true;
        return answer_queue(x);
    }
    if (admit(x, &err) < 0) {
        return refuse_head(x, &err);
    }
    return MHD_YES;
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
    int64_t             more = x->route->piece == NULL ? (int64_t)piece.size
                               : x->inside->memory == 0 ? STREAM_BLOCK
                                                        : 0;

    if (x->body_total + (int64_t)piece.size > x->inside->body_most) {
        return err_set(err, ERR_TOO_LARGE, "the body has more than the %lld bytes accepted here",
                       (long long)x->inside->body_most);
    }
    if (more > 0) {
        x->inside->memory += more;
        metric_add(METRIC_http_memory_bytes, 0, more);
        if (atomic_fetch_add(&server->memory, more) + more > server->settings.memory_most) {
            return err_set(err, ERR_OVERLOADED, "the bodies in flight fill the %lld bytes set aside"
                           " for them", (long long)server->settings.memory_most);
        }
    }
    if (x->route->piece == NULL && x->body.size + piece.size > x->body.room &&
        x->inside->body_promised > 0) {
        int64_t left = x->inside->body_promised - x->body_total;

        buf_reserve(&x->body, x->body_total == 0 && left > BODY_FIRST ? BODY_FIRST : (size_t)left);
    }
    buf_put(&x->body, piece);
    x->body_total += (int64_t)piece.size;
    metric_add(METRIC_http_body_bytes, 0, (int64_t)piece.size);
    if (x->route->piece != NULL && x->body.size >= STREAM_BLOCK) {
        atomic_store(&slot_of(x)->arrival_us,
                     clock_mono_us() + server->settings.body_ms * 1000);
        return step_out(x, false, err);
    }
    return 0;
}

static enum MHD_Result on_piece(struct exchange *x, const char *data, size_t *size)
{
    struct bytes piece = {(const uint8_t *)data, *size};
    struct err   err = {0};

    if (x->inside->handed) {
        /* Of a chunked body libmicrohttpd offers the next piece even to a suspended connection. */
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(
            x->inside->connection, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED);

        if (info != NULL && info->suspended) {
            return MHD_YES;
        }
        x->inside->handed = false;
        if (x->inside->answer.status != 0) {
            x->inside->discarding = true; /* refused by whoever held it */
        }
    }
    if (!x->inside->discarding && keep_piece(x, piece, &err) < 0) {
        exchange_body_free(x);
        exchange_refuse(x, &err);
        x->inside->discarding = true;
        x->body_total = 0;
    } else if (x->inside->discarding) {
        x->body_total += (int64_t)piece.size;
        if (x->body_total > DISCARD_MOST) {
            return MHD_NO;
        }
    }
    *size = 0;
    return MHD_YES;
}

/* ------------------------------------ the whole ------------------------------------ */

static enum MHD_Result on_whole(struct exchange *x)
{
    struct err err = {0};

    if (!x->inside->handled) {
        if (!arrival_end(x)) {
            return MHD_NO;
        }
        x->inside->handled = true;
        x->inside->handed = false;
        x->whole_us = clock_us();
        if (!x->inside->discarding && x->inside->answer.status == 0 &&
            step_out(x, true, &err) < 0) {
            exchange_refuse(x, &err);
        }
        if (x->inside->handed) {
            return MHD_YES; /* it may be another thread's already */
        }
    }
    if (x->inside->answer.status == 0) {
        (void)err_set(&err, ERR_BUG, "%s has no answer", x->route->path);
        exchange_refuse(x, &err);
    }
    return answer_queue(x);
}

enum MHD_Result request_step(void *arg, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *data,
                             size_t *size, void **state)
{
    struct exchange *x = *state;

    (void)version;
    if (x == NULL) {
        enum MHD_Result result = on_head(arg, connection, url, method, &x);

        *state = x;
        return result;
    }
    return *size > 0 ? on_piece(x, data, size) : on_whole(x);
}

void request_end(void *arg, struct MHD_Connection *connection, void **state,
                 enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *state;

    (void)arg;
    (void)connection;
    if (x == NULL) {
        return;
    }
    (void)arrival_end(x);
    if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        metric_add(METRIC_http_answers, (unsigned)x->inside->answer.status / 100 - 1, 1);
    } else {
        metric_add(METRIC_http_answers, 5, 1);
    }
    if (x->inside->known) {
        metric_time(METRIC_http_time, x->inside->route_index,
                    clock_mono_us() - x->began_mono_us);
    }
    exchange_end(x);
    *state = NULL;
}

void request_connection(void *arg, struct MHD_Connection *connection, void **state,
                        enum MHD_ConnectionNotificationCode how)
{
    (void)arg;
    (void)connection;
    (void)state;
    metric_add(METRIC_http_connections, 0, how == MHD_CONNECTION_NOTIFY_STARTED ? 1 : -1);
}

/* Paths and queries are decoded by field_decode, segment by segment: an id may hold a "/". */
size_t request_keep_escapes(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}
