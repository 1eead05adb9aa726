// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lib/jetstream.h"
#include "lib/test.h"
#include "world.h"

static bool answers(void *arg)
{
    struct err err = {0};

    return stream_check(arg, 1000, &err) == 0;
}

TEST(server, killed_and_started_again_keeps_everything_and_nothing_is_reopened)
{
    enum { COUNT = 60 };
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(pull) struct pull     *pull = world_pull(stream, "validate", 10, 1);
    const struct publication       one = {.subject = "prt.ingest.acme.t.chunk", .body = BYTES("x")};
    struct stream_msg             *msg = NULL;
    size_t                         count = 0;
    bool                           seen[COUNT] = {false};
    struct err                     err = {0};
    int64_t                        asked_us;

    CHECK(world_publish(stream, COUNT));
    for (int i = 0; i < 20; i++) {
        CLEANUP(stream_msg) struct stream_msg *taken = world_next(pull);

        if (taken != NULL) {
            seen[atoi((const char *)msg_body(taken).data)] = true;
            msg_ack(taken, true);
        }
    }
    jetstream_kill();
    asked_us = clock_mono_us();
    CHECK_FAILS(stream_publish(stream, &one, NULL, &err), ERR_STREAM_DOWN);
    CHECK_FAILS(stream_check(stream, 1000, &err), ERR_STREAM_DOWN);
    CHECK(clock_mono_us() - asked_us < 3 * 1000000);
    /* What had arrived before is still handed out; then the pull says that the server is gone. */
    while (pull_next(pull, 1, SIZE_MAX, 50, 0, &msg, &count, &err) == 0) {
        if (count == 1) {
            seen[atoi((const char *)msg_body(msg).data)] = true;
            msg_ack(msg, false);
            msg_free(msg);
        }
    }
    CHECK_NUMBER(err.code, ERR_STREAM_DOWN);

    CHECK(jetstream_start_again());
    CHECK(wait_for(answers, stream));
    CHECK_WORKS(stream_publish(stream, &one, NULL, &err));
    /* Acks that met no server come again after their lease; all others at once. */
    for (int i = 0; i < COUNT; i++) {
        if (!seen[i]) {
            CLEANUP(stream_msg) struct stream_msg *taken = world_next(pull);

            CHECK(taken != NULL);
            if (taken == NULL) {
                return;
            }
            msg_ack(taken, true);
        }
    }
}

static bool misses_its_consumer(void *arg)
{
    struct stream_msg *msg = NULL;
    size_t             count = 0;
    struct err         err = {0};

    return pull_next(arg, 1, SIZE_MAX, 20, 0, &msg, &count, &err) < 0 &&
           err.code == ERR_STREAM_DOWN && strstr(err.story, "consumer validate") != NULL;
}

TEST(server, that_lost_its_streams_gets_them_again_from_setup)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(pull) struct pull     *pull = world_pull(stream, "validate", 4, 1);
    struct stream_msg             *msg = NULL;
    struct err                     err = {0};

    jetstream_kill();
    jetstream_wipe();
    CHECK(jetstream_start_again());
    CHECK(wait_for(answers, stream));
    CHECK(wait_for(misses_its_consumer, pull));
    CHECK_WORKS(stream_setup(stream, &err));
    CHECK(world_publish(stream, 1));
    msg = world_next(pull);
    CHECK(msg != NULL);
    msg_free(msg);
}

static uint64_t publish_one(struct stream *stream)
{
    const struct publication one = {.subject = "prt.ingest.acme.t.artifact", .body = BYTES("x")};
    struct err               err = {0};
    uint64_t                 seq = 0;

    CHECK_WORKS(stream_publish(stream, &one, &seq, &err));
    return seq;
}

/* The database knows sequences of the stream that was lost, and takes the higher one for the later. */
TEST(server, that_lost_its_streams_goes_on_above_the_sequences_it_had)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    struct err                     err = {0};
    uint64_t                       before = 0;

    for (int i = 0; i < 3; i++) {
        before = publish_one(stream);
    }
    jetstream_kill();
    jetstream_wipe();
    CHECK(jetstream_start_again());
    CHECK(wait_for(answers, stream));
    CHECK_WORKS(stream_setup(stream, &err));
    CHECK(publish_one(stream) > before);

    before = publish_one(stream);
    jetstream_kill(); /* with what it had: it goes on where it was */
    CHECK(jetstream_start_again());
    CHECK(wait_for(answers, stream));
    CHECK_WORKS(stream_setup(stream, &err));
    CHECK_NUMBER(publish_one(stream), before + 1);
}

TEST(server, one_of_several_in_the_list_is_enough)
{
    CLEANUP(stream) struct stream *stream = NULL;
    char                           urls[256];
    struct stream_settings         settings = {.name = "list", .replicas = 1, .publish_window = 16};
    struct err                     err = {0};

    (void)snprintf(urls, sizeof(urls), "nats://127.0.0.1:1,%s", jetstream_url());
    settings.url = urls;
    CHECK_WORKS(stream_open(&stream, &settings, &err));
    CHECK_WORKS(stream_check(stream, 2000, &err));
}

TEST(server, that_is_not_there_is_named_with_its_setting)
{
    struct stream_settings settings = world_settings();
    struct stream         *stream = NULL;
    struct err             err = {0};

    settings.url = "nats://127.0.0.1:1";
    CHECK_FAILS(stream_open(&stream, &settings, &err), ERR_STREAM_DOWN);
    CHECK(strstr(err.story, "nats://127.0.0.1:1") != NULL &&
          strstr(err.story, "PRT_NATS_URL") != NULL);
}

TEST(setup, may_be_repeated_and_follows_the_settings)
{
    struct stream_settings         settings = world_settings();
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(stream) struct stream *other = NULL;
    struct consumer_state          state;
    struct err                     err = {0};

    CHECK_WORKS(stream_setup(stream, &err));
    settings.ingest_keep_ms = 2 * 3600 * 1000;
    settings.ingest_bytes = 32 << 20;
    CHECK_WORKS(stream_open(&other, &settings, &err));
    CHECK_WORKS(stream_setup(other, &err));
    CHECK_WORKS(stream_setup(stream, &err));
    CHECK_WORKS(stream_consumer_state(stream, "PRT_INGEST", "validate", &state, &err));
    CHECK_NUMBER(state.pending, 0);
}

TEST(setup, names_a_limit_the_server_cannot_give)
{
    struct stream_settings         settings = world_settings();
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(stream) struct stream *greedy = NULL;
    struct err                     err = {0};

    settings.ingest_bytes = 1LL << 60;
    CHECK_WORKS(stream_open(&greedy, &settings, &err));
    CHECK_FAILS(stream_setup(greedy, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "PRT_INGEST") != NULL && strstr(err.story, "PRT_INGEST_BYTES") != NULL);
    CHECK_WORKS(stream_setup(stream, &err));
}

TEST(setup, names_replicas_a_single_server_cannot_have)
{
    struct stream_settings         settings = world_settings();
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(stream) struct stream *three = NULL;
    struct err                     err = {0};

    settings.replicas = 3;
    CHECK_WORKS(stream_open(&three, &settings, &err));
    CHECK_FAILS(stream_setup(three, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "replicas") != NULL);
    CHECK_WORKS(stream_setup(stream, &err));
}

TEST(look, finds_the_newest_under_a_subject_and_removes_single_messages)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(arena) struct arena   *arena = arena_new();
    struct publication             one = {.subject = "prt.tries.a", .body = BYTES("1")};
    struct stored_msg              stored;
    struct err                     err = {0};
    uint64_t                       seq = 0;

    CHECK_FAILS(stream_get_last(stream, arena, "PRT_TRIES", "prt.tries.a", &stored, &err),
                ERR_NOT_FOUND);
    CHECK_WORKS(stream_publish(stream, &one, NULL, &err));
    one.body = BYTES("2");
    CHECK_WORKS(stream_publish(stream, &one, &seq, &err));
    CHECK_WORKS(stream_get_last(stream, arena, "PRT_TRIES", "prt.tries.a", &stored, &err));
    CHECK(bytes_is(stored.body, "2"));
    CHECK_NUMBER(stored.seq, seq);
    CHECK_FAILS(stream_get(stream, arena, "PRT_TRIES", seq - 1, &stored, &err), ERR_NOT_FOUND);
    CHECK_WORKS(stream_delete(stream, "PRT_TRIES", seq, &err));
    CHECK_FAILS(stream_get(stream, arena, "PRT_TRIES", seq, &stored, &err), ERR_NOT_FOUND);
}
