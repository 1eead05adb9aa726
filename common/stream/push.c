// SPDX-License-Identifier: MIT
/*
 * push.c - sends what lies in the connection's buffer.
 *
 * Publishing only fills that buffer. The library's own flusher empties it a millisecond after the
 * first message: many messages, one write here and one read at the server, which is worth a third
 * of the farm's CPU (36 us an event instead of 50 at ten events a chunk). Where little happens that
 * millisecond would be most of a verdict's latency, so a thread of ours sends at once what comes
 * after a quiet half millisecond; the library offers no way to do it without waiting for a pong.
 */
#include "base/clock.h"
#include "stream/connection.h"

enum { QUIET_US = 500, PONG_MS = 1000 };

static void *push_run(void *arg)
{
    struct stream *stream = arg;
    struct pusher *pusher = &stream->pusher;

    (void)pthread_mutex_lock(&pusher->lock);
    while (!pusher->stopping) {
        if (!pusher->wanted) {
            (void)pthread_cond_wait(&pusher->wakes, &pusher->lock);
            continue;
        }
        pusher->wanted = false;
        (void)pthread_mutex_unlock(&pusher->lock);
        (void)natsConnection_FlushTimeout(stream->nc, PONG_MS);
        (void)pthread_mutex_lock(&pusher->lock);
    }
    (void)pthread_mutex_unlock(&pusher->lock);
    return NULL;
}

int pusher_open(struct stream *stream, struct err *err)
{
    struct pusher *pusher = &stream->pusher;

    if (pthread_create(&pusher->thread, NULL, push_run, stream) != 0) {
        return err_set(err, ERR_SYSTEM, "no thread could be started");
    }
    pusher->runs = true;
    return 0;
}

void pusher_stop(struct stream *stream)
{
    struct pusher *pusher = &stream->pusher;

    if (pusher->runs) {
        (void)pthread_mutex_lock(&pusher->lock);
        pusher->stopping = true;
        (void)pthread_cond_signal(&pusher->wakes);
        (void)pthread_mutex_unlock(&pusher->lock);
        (void)pthread_join(pusher->thread, NULL);
        pusher->runs = false;
    }
}

void stream_push(struct stream *stream)
{
    struct pusher *pusher = &stream->pusher;
    int64_t        now = clock_mono_us();

    if (now - atomic_exchange_explicit(&pusher->asked_us, now, memory_order_relaxed) < QUIET_US) {
        return; /* the library's flusher is at it */
    }
    (void)pthread_mutex_lock(&pusher->lock);
    pusher->wanted = true;
    (void)pthread_cond_signal(&pusher->wakes);
    (void)pthread_mutex_unlock(&pusher->lock);
}
