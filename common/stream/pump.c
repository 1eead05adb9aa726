// SPDX-License-Identifier: MIT
/*
 * pump.c - the one thread that writes to the server, reads from it and runs the callbacks.
 *
 * The library's own way is a thread that reads, one that writes, and one for each subscription with
 * a callback: four switches of threads for a published chunk and its verdict, more than a third of
 * the gateway's CPU at ten events a chunk. It lets an event loop of the caller's do all of that, and
 * this is one:
 *
 *   publish --(fills the library's buffer)--> wanted --> written at once, or after a breath
 *   socket readable --> read, parsed, queued by the library --> callbacks
 *
 * Where rounds follow each other closely it takes a breath before the next: what comes meanwhile
 * shares one write here, one read at the server, and one wake-up of whoever waits for it.
 *
 * The gateway's event loops do without the thread: each drives a connection of its own, and what a
 * request publishes, its acknowledgement and its verdict never leave the loop's thread.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "stream/connection.h"

enum {
    LOOK_MS = 250,  /* how often late publishes are looked for */
    BURST_US = 300, /* rounds closer together than this come in numbers */
    BREATH_US = 300
};

/* What this thread writes and reads for. It writes before it sleeps: nobody has to wake it for what
 * it has published itself. */
static _Thread_local struct pump *driving;

/* ------------------------- what the library's connection asks for ------------------------- */

static void wake(struct pump *pump)
{
    if (driving != pump && atomic_exchange(&pump->asleep, false)) {
        (void)!eventfd_write(pump->wake_fd, 1);
    }
}

static void watch(struct pump *pump, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    /* A connection that is just breaking has left already. */
    (void)epoll_ctl(pump->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

static natsStatus on_attach(void **ret_pump, void *arg, natsConnection *nc, int fd)
{
    struct pump       *pump = arg;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    *ret_pump = pump;
    pump->nc = nc; /* the same after each reconnect */
    atomic_store(&pump->fd, fd);
    return epoll_ctl(pump->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? NATS_SYS_ERROR : NATS_OK;
}

static natsStatus on_read(void *arg, bool add)
{
    struct pump *pump = arg;
    int          fd = atomic_load(&pump->fd);

    if (!add && fd >= 0) {
        (void)epoll_ctl(pump->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        atomic_store(&pump->fd, -1);
    }
    return NATS_OK;
}

/* Under the connection's lock: there is something in the buffer, or nothing any more. */
static natsStatus on_write(void *arg, bool add)
{
    struct pump *pump = arg;

    atomic_store(&pump->wanted, add);
    if (add) {
        wake(pump);
    } else {
        pump->sent_all = true;
    }
    return NATS_OK;
}

static natsStatus on_detach(void *arg)
{
    (void)arg;
    return NATS_OK;
}

natsStatus pump_options(struct stream *stream, natsOptions *options)
{
    /* At once: without it the library keeps a thread that waits a millisecond before each write. */
    natsStatus status = natsOptions_SetSendAsap(options, true);

    if (status == NATS_OK) {
        status = natsOptions_SetIOBufSize(options, PUMP_READ_BYTES);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetEventLoop(options, &stream->pump, on_attach, on_read, on_write,
                                          on_detach);
    }
    return status;
}

/* ---------------------------------------- rounds ---------------------------------------- */

static void breathe(struct pump *pump)
{
    if (clock_mono_us() - pump->ended_us < BURST_US) {
        clock_sleep_us(BREATH_US);
    }
}

static bool may_write(struct pump *pump)
{
    return atomic_load(&pump->wanted) && !pump->crowded;
}

/* True if there is something to read. */
static bool look(struct pump *pump, int wait_ms)
{
    struct epoll_event events[4];
    bool               readable = false;
    eventfd_t          count;
    int                ready = epoll_wait(pump->epoll_fd, events, 4, wait_ms);

    for (int i = 0; i < ready; i++) {
        if (events[i].data.fd == pump->wake_fd) {
            (void)!eventfd_read(pump->wake_fd, &count);
            continue;
        }
        readable = readable || (events[i].events & ~(uint32_t)EPOLLOUT) != 0;
        if ((events[i].events & EPOLLOUT) != 0) {
            watch(pump, events[i].data.fd, EPOLLIN);
        }
    }
    return readable;
}

static bool wait_for_work(struct pump *pump)
{
    bool readable;

    atomic_store(&pump->asleep, true);
    readable = look(pump, may_write(pump) ? 0 : LOOK_MS);
    atomic_store(&pump->asleep, false);
    return readable;
}

static void write_some(struct pump *pump)
{
    pump->crowded = false;
    if (!atomic_load(&pump->wanted)) {
        return;
    }
    pump->sent_all = false;
    natsConnection_ProcessWriteEvent(pump->nc);
    if (!pump->sent_all) { /* the server does not keep up */
        pump->crowded = true;
        watch(pump, atomic_load(&pump->fd), EPOLLIN | EPOLLOUT);
    }
}

static void turn(struct stream *stream, bool readable)
{
    write_some(&stream->pump);
    if (readable) {
        natsConnection_ProcessReadEvent(stream->pump.nc);
    }
    publisher_round(stream);
    replies_round(stream);
}

static void *pump_run(void *arg)
{
    struct stream *stream = arg;
    struct pump   *pump = &stream->pump;

    driving = pump;
    while (!atomic_load(&pump->stopping)) {
        bool readable = wait_for_work(pump);

        breathe(pump);
        turn(stream, readable);
        pump->ended_us = clock_mono_us();
    }
    return NULL;
}

/* ------------------------------- on the caller's event loop ------------------------------- */

void stream_drive(struct stream *stream, int *ret_fd)
{
    struct pump *pump = &stream->pump;

    pump_stop(stream);
    pump->driven = true;
    atomic_store(&pump->asleep, true);
    *ret_fd = pump->epoll_fd;
}

void stream_round(struct stream *stream, bool readable)
{
    struct pump *pump = &stream->pump;

    driving = pump;
    atomic_store(&pump->asleep, false);
    turn(stream, readable && look(pump, 0));
    /* What another thread publishes from here on wakes the loop. */
    atomic_store(&pump->asleep, true);
    if (may_write(pump)) {
        write_some(pump);
    }
}

bool pump_is_ours(struct stream *stream)
{
    return driving == &stream->pump;
}

void pump_push(struct stream *stream, int wait_ms)
{
    struct pump  *pump = &stream->pump;
    struct pollfd room = {.fd = atomic_load(&pump->fd), .events = POLLOUT};

    if (pump->crowded) {
        (void)poll(&room, 1, wait_ms);
    }
    write_some(pump);
}

/* ------------------------------------- open, close ------------------------------------- */

int pump_open(struct stream *stream, struct err *err)
{
    struct pump       *pump = &stream->pump;
    struct epoll_event event = {.events = EPOLLIN};

    pump->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    pump->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event.data.fd = pump->wake_fd;
    if (pump->epoll_fd < 0 || pump->wake_fd < 0 ||
        epoll_ctl(pump->epoll_fd, EPOLL_CTL_ADD, pump->wake_fd, &event) < 0) {
        return err_errno(err, "making the event loop of NATS");
    }
    return 0;
}

int pump_start(struct stream *stream, struct err *err)
{
    int failed = pthread_create(&stream->pump.thread, NULL, pump_run, stream);

    driving = driving == &stream->pump ? NULL : driving; /* no longer this thread */
    if (failed != 0) {
        errno = failed;
        return err_errno(err, "starting the event loop of NATS");
    }
    stream->pump.runs = true;
    return 0;
}

void pump_stop(struct stream *stream)
{
    struct pump *pump = &stream->pump;

    if (pump->runs) {
        atomic_store(&pump->stopping, true);
        (void)!eventfd_write(pump->wake_fd, 1);
        (void)pthread_join(pump->thread, NULL);
        atomic_store(&pump->stopping, false);
        pump->runs = false;
    }
}

void pump_done(struct stream *stream)
{
    fd_close(stream->pump.epoll_fd);
    fd_close(stream->pump.wake_fd);
}
