// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

#include "base/clock.h"
#include "base/fd.h"
#include "lib/jetstream.h"
#include "lib/test.h"
#include "value/msgpack.h"

static const struct stage_row row = {
    .role = "toy",
    .stream = "PRT_WORK",
    .takes = "prt.work.toy.>",
    .lease_s = 1,
    .tries = TOY_TRIES,
    .batch = 16,
};

static char blobs[64]; /* a directory, until the program ends */

static void remove_blobs(void)
{
    struct err err = {0};

    (void)!dir_remove(blobs, &err);
}

bool wait_until(bool (*so)(void *arg), void *arg)
{
    int64_t until = clock_mono_us() + 30 * 1000000;

    while (!so(arg)) {
        if (clock_mono_us() > until) {
            return false;
        }
        clock_sleep_ms(10);
    }
    return true;
}

static bool has_consumer(void *arg)
{
    struct consumer_state state;
    struct err            err = {0};

    return stream_consumer_state(arg, "PRT_WORK", "toy", &state, &err) == 0;
}

/* The table has no toys: asked for by hand. */
static bool make_consumer(struct stream *stream)
{
    struct err err = {0};

    return stream_reply(stream, "$JS.API.CONSUMER.DURABLE.CREATE.PRT_WORK.toy",
                        BYTES("{\"stream_name\":\"PRT_WORK\",\"config\":{\"durable_name\":\"toy\","
                              "\"deliver_policy\":\"all\",\"replay_policy\":\"instant\","
                              "\"ack_policy\":\"explicit\",\"ack_wait\":1000000000,"
                              "\"max_deliver\":-1,\"filter_subject\":\"prt.work.toy.>\"}}"),
                        &err) == 0 &&
           wait_until(has_consumer, stream);
}

static int farm_fill(struct world *world, const char *url, struct err *err)
{
    const struct stream_settings settings = {
        .url = url,
        .name = "test",
        .replicas = 1,
        .ingest_keep_ms = 3600 * 1000,
        .ingest_bytes = 64 << 20,
        .dead_keep_ms = 3600 * 1000,
        .publish_window = 256,
    };
    char                       blob_url[80];
    const struct blob_settings blob = {.url = blob_url, .prefix = "test"};

    *world = (struct world){.ended = 1};
    world->config.batch_messages = 16;
    world->config.batch_bytes = 1 << 20;
    world->config.batch_wait = 20;
    world->farm.config = &world->config;
    (void)snprintf(blob_url, sizeof(blob_url), "file://%s", blobs);
    TRY(crypto_setup(err));
    TRY(stream_open(&world->farm.stream, &settings, err));
    return blob_store_open(&world->farm.blob, &blob, err);
}

bool world_open(struct world *world)
{
    static const char *const names[] = {"PRT_INGEST", "PRT_WORK", "PRT_RESULT", "PRT_DEAD",
                                        "PRT_TRIES"};
    const char              *url = jetstream_url();
    struct err               err = {0};
    bool                     fine = url != NULL;

    log_setup(false, LOG_ERROR);
    if (blobs[0] == '\0') {
        (void)strcpy(blobs, "/tmp/prt-loop-XXXXXX");
        fine = fine && mkdtemp(blobs) != NULL && atexit(remove_blobs) == 0;
    }
    toy_round++;
    atomic_store(&toy_handled, 0);
    atomic_store(&toy_largest, 0);
    atomic_store(&toy_begun, 0);
    atomic_store(&toy_stopped, 0);
    atomic_store(&toy_claimed, 0);
    atomic_store(&toy_store_down, false);
    atomic_store(&toy_let_go, false);
    fine = fine && farm_fill(world, url, &err) == 0 && stream_setup(world->farm.stream, &err) == 0;
    for (size_t i = 0; fine && i < COUNT_OF(names); i++) {
        fine = stream_purge(world->farm.stream, names[i], ">", &err) == 0;
    }
    if (!fine || !make_consumer(world->farm.stream)) {
        test_failed(__FILE__, __LINE__, "no world: %s: %s", err_name(err.code), err.story);
        return false;
    }
    return true;
}

static void *run(void *arg)
{
    struct world *world = arg;
    struct err    err = {0};

    world->ended = loop_run(world->loop, &err);
    return NULL;
}

bool world_run(struct world *world, const struct stage *stage)
{
    struct err err = {0};

    if (loop_open(&world->loop, &world->farm, &row, stage, &err) < 0 ||
        pthread_create(&world->thread, NULL, run, world) != 0) {
        test_failed(__FILE__, __LINE__, "no loop: %s", err.story);
        return false;
    }
    return true;
}

void world_close(struct world *world)
{
    if (world->loop != NULL) {
        loop_stop(world->loop, 0);
        (void)pthread_join(world->thread, NULL);
        loop_close(TAKE(world->loop));
    }
    stream_close(TAKE(world->farm.stream));
    blob_store_close(TAKE(world->farm.blob));
}

bool world_send(struct world *world, const char *trace, const char *body, const char *reply)
{
    CLEANUP(buf) struct buf packed = {0};
    CLEANUP(buf) struct buf bytes = {0};
    struct message          message = {
                 .kind = MESSAGE_WORK, .at_us = clock_us(), .request = BYTES("r-1")};
    char                    subject[SUBJECT_BYTES];
    struct publication      what = {.subject = subject};
    struct err              err = {0};

    msgpack_put_text(&packed, bytes_of(body == NULL ? "toy" : body));
    message.body = buf_bytes(&packed);
    message.reply = reply == NULL ? BYTES("") : bytes_of(reply);
    message_write(&bytes, &message);
    what.body = buf_bytes(&bytes);
    subject_stage(subject, "work", "toy", "acme", trace);
    if (stream_publish(world->farm.stream, &what, NULL, &err) < 0) {
        test_failed(__FILE__, __LINE__, "sending %s: %s", trace, err.story);
        return false;
    }
    return true;
}

static bool broker_answers(void *arg)
{
    struct err err = {0};

    return stream_check(arg, 1000, &err) == 0;
}

bool world_send_again(struct world *world, const char *trace)
{
    return wait_until(broker_answers, world->farm.stream) && world_send(world, trace, NULL, NULL);
}

int64_t world_count(struct world *world, const char *stream)
{
    struct stream_state state;
    struct err          err = {0};

    return stream_state(world->farm.stream, stream, &state, &err) < 0 ? -1
                                                                      : (int64_t)state.messages;
}

static bool is_idle(void *arg)
{
    return world_count(arg, "PRT_WORK") == 0;
}

bool world_idle(struct world *world)
{
    return wait_until(is_idle, world);
}

bool world_dead(struct world *world, struct arena *arena, const char *trace,
                struct dead_letter *ret_letter)
{
    struct stored_msg stored;
    char              subject[SUBJECT_BYTES];
    struct err        err = {0};

    subject_stage(subject, "dead", "toy", "acme", trace);
    return stream_get_last(world->farm.stream, arena, "PRT_DEAD", subject, &stored, &err) == 0 &&
           dead_letter_read(arena, stored.body, ret_letter, &err) == 0;
}

/* ------------------------------- a worker that may die ------------------------------- */

extern char **environ;

static void be_sacrificed(void)
{
    static struct world world;
    struct err          err = {0};

    (void)snprintf(blobs, sizeof(blobs), "%s", getenv("PRT_TEST_BLOBS"));
    toy_round = atoi(getenv("PRT_TEST_ROUND"));
    log_setup(false, LOG_ERROR);
    if (farm_fill(&world, getenv("PRT_TEST_SACRIFICE"), &err) < 0 ||
        !world_run(&world, &toy_batch_stage)) {
        _exit(99);
    }
    (void)wait_until(is_idle, &world);
    _exit(is_idle(&world) ? 0 : 98);
}

/* The only test of a program that was started to die. */
__attribute__((constructor)) static void register_sacrifice(void)
{
    static struct test row_of = {"sacrifice", "dies", be_sacrificed, NULL};

    if (getenv("PRT_TEST_SACRIFICE") != NULL) {
        test_register(&row_of);
    }
}

bool world_sacrifice(void)
{
    char  self[] = "/proc/self/exe";
    char  only[] = "sacrifice";
    char *argv[] = {self, only, NULL};
    char  round[16];
    pid_t pid;
    int   status = 0;

    (void)snprintf(round, sizeof(round), "%d", toy_round);
    (void)setenv("PRT_TEST_ROUND", round, 1);

    (void)setenv("PRT_TEST_SACRIFICE", jetstream_url(), 1);
    (void)setenv("PRT_TEST_BLOBS", blobs, 1);
    if (posix_spawn(&pid, self, NULL, NULL, argv, environ) == 0) {
        (void)waitpid(pid, &status, 0);
    }
    (void)unsetenv("PRT_TEST_SACRIFICE");
    return WIFEXITED(status) && WEXITSTATUS(status) == 13;
}
