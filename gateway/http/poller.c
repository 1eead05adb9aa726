// SPDX-License-Identifier: MIT
/*
 * poller.c - an event loop: one thread, its epoll: what its connections need, in rounds.
 *
 * Edge-triggered: a connection is told once that there is something to read, and remembers it
 * (`readable`) until a read came back short. 40 times a second the poller looks at all of its
 * connections for what takes too long: 4,096 of them cost about 10 us, where a heap would cost
 * every request an insertion.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/http/inside.h"
#include "log/log.h"
#include "metric/metric.h"

enum {
    EVENTS = 256,
    ACCEPTS = 4, /* in one round: the other loops shall have some */
    LOOK_MS = 25,
    IDLE_LOOK_MS = 500,
    LISTEN_AGAIN_MS = 100,
    COMPLAIN_MS = 1000,
    SILENT_MS = 1000 /* a connection has as long to say something */
};

static _Thread_local struct poller *running; /* on this thread */

/* ---------------------------------- who comes in ---------------------------------- */

static void listen_on(struct poller *poller, bool on)
{
    /* Of the loops that wait, the kernel wakes one. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = poller};

    if (poller->listening != on && epoll_ctl(poller->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
                                             poller->server->listen_fd, &event) == 0) {
        poller->listening = on;
    }
}

/* Not asked again for a moment, or the loop would do nothing else. */
static void pause_listening(struct poller *poller)
{
    poller->listen_again_us = poller->now_us + LISTEN_AGAIN_MS * 1000;
    listen_on(poller, false);
}

static void cannot_accept(struct poller *poller)
{
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        if (poller->now_us >= poller->complain_us) {
            LOG(NULL, WARN, "a connection was not taken", KV("story", strerrordesc_np(errno)));
            poller->complain_us = poller->now_us + COMPLAIN_MS * 1000;
        }
        pause_listening(poller);
    }
}

/* All places are taken: the connection gives up its own, after this round, that has let us wait
 * longest for a request, or for the rest of a head. Nobody locks others out by saying nothing. */
static void make_place(struct poller *poller)
{
    const int64_t      idle_us = poller->server->settings.idle_ms * 1000;
    struct connection *silent = NULL;
    int64_t            limit_us = poller->now_us + idle_us - SILENT_MS * 1000;

    for (size_t i = 0; i < poller->count; i++) {
        struct connection *c = poller->connections[i];

        if (c->phase == PHASE_HEAD && !c->queued && c->limit_us < limit_us) {
            silent = c;
            limit_us = c->limit_us;
        }
    }
    if (silent == NULL) {
        pause_listening(poller);
        return;
    }
    metric_add(METRIC_http_connections_cut, 0, 1);
    connection_close(silent);
}

/* One that was given up in this round is free after it: until then who comes waits. */
static bool has_place(const struct poller *poller)
{
    return poller->free != NULL || poller->made < poller->most;
}

static void accept_some(struct poller *poller)
{
    if (poller->count == poller->most) {
        make_place(poller);
        return;
    }
    for (int i = 0; i < ACCEPTS && has_place(poller); i++) {
        int fd = accept4(poller->server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int yes = 1;

        if (fd < 0) {
            cannot_accept(poller);
            return;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        connection_begin(poller, fd);
    }
}

static void look_at_listening(struct poller *poller)
{
    struct http_server *server = poller->server;
    /* Where other loops have places left, they take who comes. */
    bool full = poller->count == poller->most && atomic_load(&server->taken) < server->most;

    if (full || atomic_load(&server->draining)) {
        listen_on(poller, false);
    } else if (poller->now_us >= poller->listen_again_us) {
        listen_on(poller, true);
    }
}

/* ---------------------------------- who comes back ---------------------------------- */

void poller_wake(struct poller *poller)
{
    (void)!eventfd_write(poller->wake_fd, 1);
}

void poller_resumed(struct poller *poller, struct connection *c)
{
    struct connection *first = atomic_load_explicit(&poller->resumed, memory_order_relaxed);

    do {
        c->next_resumed = first;
    } while (!atomic_compare_exchange_weak_explicit(&poller->resumed, &first, c,
                                                    memory_order_acq_rel, memory_order_relaxed));
    /* Who found others there knows that it is being woken; who runs it, that it will look. */
    if (first == NULL && running != poller) {
        poller_wake(poller);
    }
}

static void take_resumed(struct poller *poller)
{
    struct connection *newest =
        atomic_exchange_explicit(&poller->resumed, NULL, memory_order_acquire);
    struct connection *oldest = NULL;

    while (newest != NULL) {
        struct connection *next = newest->next_resumed;

        newest->next_resumed = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct connection *next = oldest->next_resumed;

        connection_back(oldest);
        oldest = next;
    }
}

void poller_ready(struct poller *poller, struct connection *c)
{
    if (!c->queued) {
        c->queued = true;
        c->next_ready = poller->ready;
        poller->ready = c;
    }
}

static void run_ready(struct poller *poller)
{
    struct connection *c = poller->ready;

    poller->ready = NULL;
    while (c != NULL) {
        struct connection *next = c->next_ready;

        c->queued = false;
        if (c->fd >= 0) { /* it may have been closed meanwhile */
            connection_run(c);
        }
        c = next;
    }
}

static void free_closed(struct poller *poller)
{
    while (poller->closed != NULL) {
        struct connection *c = poller->closed;

        poller->closed = c->next_free;
        c->next_free = poller->free;
        poller->free = c;
    }
}

/* ---------------------------------- what takes too long ---------------------------------- */

static void look_at_all(struct poller *poller)
{
    for (size_t i = poller->count; i > 0; i--) { /* a closed one's place gets the last one */
        struct connection *c = poller->connections[i - 1];

        if (c->phase == PHASE_AWAY) {
            wait_end(c, poller->now_us, false);
        } else if (poller->now_us >= c->limit_us) {
            connection_expired(c);
        }
    }
}

/* True if there is something for the guest. */
static bool take_events(struct poller *poller, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int                count = epoll_wait(poller->epoll_fd, events, EVENTS, wait_ms);
    bool               for_guest = false;

    poller->now_us = clock_mono_us();
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == poller) {
            accept_some(poller);
        } else if (events[i].data.ptr == &poller->guest) {
            for_guest = true;
        } else if (events[i].data.ptr != &poller->wake_fd) {
            connection_event(events[i].data.ptr, events[i].events);
        }
    }
    return for_guest;
}

static int wait_ms(const struct poller *poller)
{
    return poller->ready != NULL || atomic_load(&poller->resumed) != NULL ? 0
           : poller->count > 0                                            ? LOOK_MS
                                                                          : IDLE_LOOK_MS;
}

static void *poller_run(void *arg)
{
    struct poller *poller = arg;
    int64_t        look_us = 0;
    bool           for_guest = false;

    running = poller;
    while (!atomic_load(&poller->stop)) {
        if (poller->guest.round != NULL) {
            poller->guest.round(poller->guest.arg, for_guest);
        }
        for_guest = take_events(poller, wait_ms(poller));
        take_resumed(poller);
        run_ready(poller);
        free_closed(poller);
        if (poller->now_us >= look_us) {
            look_us = poller->now_us + LOOK_MS * 1000;
            look_at_all(poller);
        }
        look_at_listening(poller);
    }
    return NULL;
}

/* ---------------------------------- opening, closing ---------------------------------- */

int poller_open(struct poller **ret_poller, struct http_server *server, int number, struct err *err)
{
    struct poller     *poller = mem_zero(1, sizeof(*poller));
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};

    poller->server = server;
    poller->number = number;
    poller->most = server->most / (unsigned)server->settings.threads;
    poller->first_index = (unsigned)poller->most * (unsigned)number;
    poller->connections = mem_zero(poller->most, sizeof(struct connection *));
    poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    poller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event.data.ptr = &poller->wake_fd;
    *ret_poller = poller;
    if (poller->epoll_fd < 0 || poller->wake_fd < 0 ||
        epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, poller->wake_fd, &event) < 0) {
        return err_errno(err, "making an event loop");
    }
    if (server->settings.guests != NULL) {
        poller->guest = server->settings.guests[number];
        event = (struct epoll_event){.events = EPOLLIN, .data.ptr = &poller->guest};
        if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, poller->guest.fd, &event) < 0) {
            return err_errno(err, "adding a connection to NATS to an event loop");
        }
    }
    listen_on(poller, true);
    return poller->listening ? 0 : err_errno(err, "adding the listening socket to an event loop");
}

int poller_start(struct poller *poller, struct err *err)
{
    errno = pthread_create(&poller->thread, NULL, poller_run, poller);
    if (errno != 0) {
        return err_errno(err, "starting the thread of an event loop");
    }
    poller->started = true;
    return 0;
}

void poller_close(struct poller *poller)
{
    if (poller == NULL) {
        return;
    }
    if (poller->started) {
        atomic_store(&poller->stop, true);
        poller_wake(poller);
        (void)pthread_join(poller->thread, NULL);
    }
    while (poller->count > 0) {
        connection_close(poller->connections[poller->count - 1]);
    }
    fd_close(poller->epoll_fd);
    fd_close(poller->wake_fd);
    mem_free(poller->connections);
    mem_free(poller);
}
