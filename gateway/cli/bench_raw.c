// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "farm/farm.h"
#include "gateway/cli/bench.h"

enum { WINDOW = 1024, SECONDS = 3 };

/* PRT_RESULT drops its oldest messages when full and nobody's work hangs on it. */
static const char subject[] = "prt.result.bench.bench.bench";

/* What is in flight; stays full until the end, so that the broker never waits for the publisher. */
struct window {
    pthread_mutex_t lock;
    pthread_cond_t  came;
    int             open;
    int64_t         stored;
    struct err      failed; /* the first */
};

static void when_stored(void *arg, uint64_t seq, const struct err *failed)
{
    struct window *window = arg;

    (void)seq;
    (void)pthread_mutex_lock(&window->lock);
    window->open--;
    window->stored += failed == NULL ? 1 : 0;
    if (failed != NULL && window->failed.code == ERR_NONE) {
        window->failed = *failed;
    }
    (void)pthread_cond_signal(&window->came);
    (void)pthread_mutex_unlock(&window->lock);
}

/* Until fewer than `below` are in flight. */
static int wait_for_room(struct window *window, int below, struct err *err)
{
    int failed = 0;

    (void)pthread_mutex_lock(&window->lock);
    while (window->open >= below) {
        (void)pthread_cond_wait(&window->came, &window->lock);
    }
    if (window->failed.code != ERR_NONE) {
        *err = window->failed;
        failed = -1;
    }
    (void)pthread_mutex_unlock(&window->lock);
    return failed;
}

static int publish_one(struct stream *stream, const struct publication *what, struct window *window,
                       struct err *err)
{
    TRY(wait_for_room(window, WINDOW, err));
    (void)pthread_mutex_lock(&window->lock);
    window->open++;
    (void)pthread_mutex_unlock(&window->lock);
    if (stream_publish_async(stream, what, when_stored, window, err) < 0) {
        (void)pthread_mutex_lock(&window->lock);
        window->open--;
        (void)pthread_mutex_unlock(&window->lock);
        return -1;
    }
    return 0;
}

static int publish_for(struct stream *stream, struct bytes body, struct bench_raw *ret_raw,
                       struct err *err)
{
    struct window window = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    const struct publication what = {.subject = subject, .body = body};
    int64_t                  began = clock_mono_us();
    int                      done = 0;
    struct err               ignored = {0};

    while (done == 0 && clock_mono_us() - began < SECONDS * 1000000LL) {
        done = publish_one(stream, &what, &window, err);
    }
    /* Every publish ends by its deadline; nothing may refer to the window after this. */
    if (wait_for_room(&window, 1, done == 0 ? err : &ignored) < 0) {
        done = -1;
    }
    ret_raw->chunks = window.stored;
    ret_raw->rate = (double)window.stored / ((double)(clock_mono_us() - began) / 1e6);
    return done;
}

int bench_raw(struct cli *cli, const struct bench_plan *plan, struct bench_raw *ret_raw,
              struct err *err)
{
    struct bench_body body;
    struct farm       farm;
    int               done;

    bench_body_make(cli->arena, plan, &body);
    bench_body_set(&body, "trace-00000000000000000000000000000000", 0, 0);
    done = farm_open(&farm, &cli->config, FARM_STREAM_AS_IS, "prt bench", NULL, err);
    if (done == 0) {
        done = publish_for(farm.stream, buf_bytes(&body.bytes), ret_raw, err);
        if (done == 0) {
            done = stream_purge(farm.stream, "PRT_RESULT", subject, err);
        }
        farm_close(&farm);
    }
    buf_done(&body.bytes);
    return done;
}
