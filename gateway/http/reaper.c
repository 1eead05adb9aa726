// SPDX-License-Identifier: MIT
/*
 * reaper.c - ends what took too long: waits at their deadline, bodies that do not arrive. And wakes
 * the event loops (server.c, daemon_tick).
 *
 * It looks at every place forty times a second: 4,096 places cost about 10 us, where a heap would
 * cost every request an insertion under a lock.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "gateway/http/inside.h"
#include "metric/metric.h"
#include "trace/chunk.h"

enum { REAP_EVERY_MS = 25 };

void connection_cut(struct exchange *x, int fd, const struct err *err)
{
    CLEANUP(buf) struct buf problem = {0};
    CLEANUP(buf) struct buf answer = {0};

    metric_add(METRIC_http_refusals, err->code, 1);
    problem_write(&problem, err, NULL, 0);
    buf_format(&answer,
               "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
               "Content-Length: %zu\r\nX-Request-Id: %s\r\n\r\n",
               err_http(err->code), MHD_get_reason_phrase_for((unsigned)err_http(err->code)),
               problem.size, x->request_id);
    buf_put(&answer, buf_bytes(&problem));
    /* Best effort: a client that does not read gets nothing. */
    (void)send(fd, answer.data, answer.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_RDWR);
}

static void end_wait(struct http_server *server, struct slot *slot, int64_t now, bool all)
{
    uint64_t         state = atomic_load_explicit(&slot->state, memory_order_acquire);
    struct exchange *x;

    if ((state & SLOT_WAITING) == 0 ||
        (!all && atomic_load_explicit(&slot->deadline_us, memory_order_relaxed) > now)) {
        return;
    }
    x = exchange_claim(server, state >> 2);
    if (x != NULL) {
        x->inside->late(x);
    }
}

static void end_arrival(struct slot *slot, int64_t now)
{
    int        open = ARRIVAL_OPEN;
    struct err err = {0};

    if (atomic_load_explicit(&slot->arrival, memory_order_acquire) != ARRIVAL_OPEN ||
        atomic_load_explicit(&slot->arrival_us, memory_order_relaxed) > now ||
        !atomic_compare_exchange_strong(&slot->arrival, &open, ARRIVAL_CUTTING)) {
        return;
    }
    (void)err_set(&err, ERR_BODY_SLOW, "the body, or its next block, was not in after %lld ms",
                  (long long)slot->exchange.server->settings.body_ms);
    connection_cut(&slot->exchange, slot->fd, &err);
    atomic_store_explicit(&slot->arrival, ARRIVAL_CUT, memory_order_release);
}

void reaper_end_waits(struct http_server *server, bool all)
{
    int64_t  now = clock_mono_us();
    unsigned made = atomic_load(&server->slots_made);

    for (unsigned i = 0; i < made; i++) {
        end_wait(server, server->slots[i], now, all);
        end_arrival(server->slots[i], now);
    }
}

static void *reaper_run(void *arg)
{
    struct http_server *server = arg;

    (void)pthread_mutex_lock(&server->reaper_lock);
    while (!server->reaper_stop) {
        struct timespec until;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += REAP_EVERY_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&server->reaper_wake, &server->reaper_lock, &until);
        (void)pthread_mutex_unlock(&server->reaper_lock);
        reaper_end_waits(server, false);
        (void)!eventfd_write(server->tick_fd, 1); /* 64 bits of them are not filled in a lifetime */
        (void)pthread_mutex_lock(&server->reaper_lock);
    }
    (void)pthread_mutex_unlock(&server->reaper_lock);
    return NULL;
}

int reaper_start(struct http_server *server, struct err *err)
{
    pthread_condattr_t attr;
    int                failed;

    (void)pthread_mutex_init(&server->reaper_lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&server->reaper_wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    failed = pthread_create(&server->reaper, NULL, reaper_run, server);
    if (failed != 0) {
        errno = failed;
        return err_errno(err, "starting the thread that ends waits");
    }
    return 0;
}

void reaper_stop(struct http_server *server)
{
    (void)pthread_mutex_lock(&server->reaper_lock);
    server->reaper_stop = true;
    (void)pthread_cond_signal(&server->reaper_wake);
    (void)pthread_mutex_unlock(&server->reaper_lock);
    (void)pthread_join(server->reaper, NULL);
}
