// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lib/test.h"
#include "stream/connection.h"
#include "world.h"

static bool publish_as(struct stream *stream, const char *subject, int from, int count)
{
    struct err err = {0};

    for (int i = from; i < from + count; i++) {
        char               text[48];
        struct publication one = {.subject = subject, .id = text};

        (void)snprintf(text, sizeof(text), "n%lld-%d", (long long)(clock_us() % 1000000), i);
        one.body = bytes_of(text);
        if (stream_publish(stream, &one, NULL, &err) < 0) {
            test_failed(__FILE__, __LINE__, "publishing: %s", err.story);
            return false;
        }
    }
    return true;
}

/* Everything the settings find; the last message stays in *ret_last. */
static int count_all(struct stream *stream, struct arena *arena,
                     const struct browse_settings *settings, struct stored_msg *ret_last)
{
    CLEANUP(browse) struct browse *browse = NULL;
    struct err                     err = {0};
    bool                           there = true;
    int                            count = -1;

    CHECK_WORKS(browse_open(&browse, stream, settings, &err));
    while (browse != NULL && there && err.code == ERR_NONE) {
        count++;
        CHECK_WORKS(browse_next(browse, arena, ret_last, &there, &err));
    }
    return count;
}

TEST(browse, reads_all_messages_in_order_and_takes_none)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(arena) struct arena   *arena = arena_new();
    CLEANUP(browse) struct browse *browse = NULL;
    struct stream_state            before, after;
    struct stored_msg              msg;
    uint64_t                       last = 0;
    bool                           there = true;
    struct err                     err = {0};

    CHECK(world_publish(stream, 600));
    CHECK_WORKS(stream_state(stream, "PRT_INGEST", &before, &err));
    CHECK_WORKS(browse_open(&browse, stream,
                            &(struct browse_settings){.stream_name = "PRT_INGEST", .bodies = true},
                            &err));
    CHECK_NUMBER(browse_total(browse), 600);
    for (int i = 0; i < 600 && err.code == ERR_NONE; i++) {
        char want[16];

        (void)snprintf(want, sizeof(want), "%d", i);
        CHECK_WORKS(browse_next(browse, arena, &msg, &there, &err));
        CHECK(there && bytes_is(msg.body, want) && msg.seq > last && msg.stored_us > 0);
        CHECK_TEXT(msg.subject, "prt.ingest.acme.t.chunk");
        last = msg.seq;
        /* What comes in meanwhile is not part of it. */
        CHECK(i != 300 || publish_as(stream, "prt.ingest.acme.t.chunk", 0, 3));
    }
    CHECK_WORKS(browse_next(browse, arena, &msg, &there, &err));
    CHECK(!there);
    CHECK_WORKS(stream_state(stream, "PRT_INGEST", &after, &err));
    CHECK_NUMBER(after.messages, before.messages + 3);
}

TEST(browse, keeps_to_subject_sequence_and_time)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(arena) struct arena   *arena = arena_new();
    struct stream_state            state;
    struct stored_msg              msg = {0};
    struct err                     err = {0};
    int64_t                        between;
    struct browse_settings         of_a = {
                .stream_name = "PRT_INGEST", .subject = "prt.ingest.acme.a.*", .bodies = true};
    struct browse_settings all = {.stream_name = "PRT_INGEST"};

    CHECK(publish_as(stream, "prt.ingest.acme.a.chunk", 0, 4));
    CHECK(publish_as(stream, "prt.ingest.acme.b.chunk", 0, 3));
    between = clock_us();
    CHECK(publish_as(stream, "prt.ingest.acme.a.complete", 0, 1));
    CHECK_NUMBER(count_all(stream, arena, &of_a, &msg), 5);
    CHECK_TEXT(msg.subject, "prt.ingest.acme.a.complete");
    CHECK(msg.id != NULL && bytes_is(msg.body, msg.id));

    CHECK_NUMBER(count_all(stream, arena, &all, &msg), 8);
    CHECK_NUMBER(msg.body.size, 0);
    CHECK_WORKS(stream_state(stream, "PRT_INGEST", &state, &err));
    all.from_seq = state.last_seq - 2;
    CHECK_NUMBER(count_all(stream, arena, &all, &msg), 3);
    for (uint64_t from = state.first_seq; from <= state.last_seq; from++) {
        all.from_seq = from;
        CHECK_NUMBER(count_all(stream, arena, &all, &msg), state.last_seq - from + 1);
        CHECK_NUMBER(msg.seq, state.last_seq);
    }
    all.from_seq = state.last_seq + 1;
    CHECK_NUMBER(count_all(stream, arena, &all, &msg), 0);
    all.from_us = between;
    CHECK_NUMBER(count_all(stream, arena, &all, &msg), 1);
    of_a.subject = "prt.ingest.acme.nobody.*";
    CHECK_NUMBER(count_all(stream, arena, &of_a, &msg), 0);
}

TEST(browse, begins_at_a_time_just_after_a_full_second)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(arena) struct arena   *arena = arena_new();
    struct browse_settings         young = {.stream_name = "PRT_INGEST"};
    struct stored_msg              msg = {0};

    CHECK(publish_as(stream, "prt.ingest.acme.a.chunk", 0, 3));
    do {
        clock_sleep_us(1000);
        young.from_us = clock_us();
    } while (young.from_us % 1000000 < 10000 || young.from_us % 1000000 > 50000);
    CHECK(publish_as(stream, "prt.ingest.acme.a.chunk", 3, 2));
    CHECK_NUMBER(count_all(stream, arena, &young, &msg), 2);
    young.from_us += 3600 * 1000000LL;
    CHECK_NUMBER(count_all(stream, arena, &young, &msg), 0);
}

/* nats-server 2.9 then says that there is none under its subject. */
TEST(browse, shows_what_is_left_when_the_newest_was_deleted)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(arena) struct arena   *arena = arena_new();
    struct stored_msg              msg = {0};
    struct stream_state            state;
    struct err                     err = {0};
    struct browse_settings         of_a = {.stream_name = "PRT_INGEST",
                                           .subject = "prt.ingest.acme.a.*"};
    struct browse_settings         all = {.stream_name = "PRT_INGEST"};

    CHECK(publish_as(stream, "prt.ingest.acme.a.open", 0, 1));
    CHECK(publish_as(stream, "prt.ingest.acme.a.chunk", 0, 4));
    CHECK(publish_as(stream, "prt.ingest.acme.b.chunk", 0, 2));
    CHECK(publish_as(stream, "prt.ingest.acme.a.chunk", 4, 2));
    CHECK_WORKS(stream_state(stream, "PRT_INGEST", &state, &err));
    CHECK_WORKS(stream_delete(stream, "PRT_INGEST", state.last_seq, &err));
    CHECK_WORKS(stream_delete(stream, "PRT_INGEST", state.last_seq - 1, &err));
    CHECK_FAILS(stream_delete(stream, "PRT_INGEST", state.last_seq - 1, &err), ERR_NOT_FOUND);
    CHECK_NUMBER(count_all(stream, arena, &of_a, &msg), 5);
    CHECK_NUMBER(count_all(stream, arena, &all, &msg), 7);
    CHECK_WORKS(stream_delete(stream, "PRT_INGEST", state.last_seq - 2, &err));
    CHECK_NUMBER(count_all(stream, arena, &all, &msg), 6);
    CHECK_TEXT(msg.subject, "prt.ingest.acme.b.chunk");
    all.from_seq = state.first_seq + 4;
    CHECK_NUMBER(count_all(stream, arena, &all, &msg), 2);
    all.from_seq = 0;
    all.from_us = msg.stored_us + 1;
    CHECK_NUMBER(count_all(stream, arena, &all, &msg), 0);
    all.from_us = state.first_us;
    CHECK_NUMBER(count_all(stream, arena, &all, &msg), 6);
    CHECK(publish_as(stream, "prt.ingest.acme.a.chunk", 6, 1));
    CHECK_NUMBER(count_all(stream, arena, &of_a, &msg), 6);

    of_a.subject = "prt.ingest.acme.a.chunk"; /* counted, and not looked for */
    CHECK_WORKS(stream_delete(stream, "PRT_INGEST", state.last_seq + 1, &err));
    CHECK_NUMBER(count_all(stream, arena, &of_a, &msg), 4);
    CHECK_WORKS(stream_remove(stream, "PRT_INGEST", of_a.subject, &err));
    CHECK_NUMBER(count_all(stream, arena, &of_a, &msg), 0);
    of_a.subject = "prt.ingest.acme.a.*";
    CHECK_NUMBER(count_all(stream, arena, &of_a, &msg), 1);
}

TEST(browse, ends_where_messages_are_removed_meanwhile)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(arena) struct arena   *arena = arena_new();
    CLEANUP(browse) struct browse *browse = NULL;
    struct stored_msg              msg = {0};
    bool                           there = true;
    int                            count = 0;
    struct err                     err = {0};

    CHECK(world_publish(stream, 700));
    CHECK_WORKS(
        browse_open(&browse, stream, &(struct browse_settings){.stream_name = "PRT_INGEST"}, &err));
    CHECK_WORKS(browse_next(browse, arena, &msg, &there, &err));
    CHECK_WORKS(stream_purge(stream, "PRT_INGEST", ">", &err));
    while (there && err.code == ERR_NONE) {
        count++;
        CHECK_WORKS(browse_next(browse, arena, &msg, &there, &err));
    }
    CHECK(count < 700); /* what was fetched before still comes */
}

/* The consumer that the only browse has of PRT_INGEST; "" if there is none. */
static const char *browsing_consumer(struct arena *arena, struct stream *stream)
{
    natsMsg    *answer = NULL;
    const char *found = "";

    CHECK(natsConnection_RequestString(&answer, stream->nc, "$JS.API.CONSUMER.NAMES.PRT_INGEST", "",
                                       STREAM_WAIT_MS) == NATS_OK);
    if (answer != NULL) {
        struct bytes json = {(const uint8_t *)natsMsg_GetData(answer),
                             (size_t)natsMsg_GetDataLength(answer)};
        char        *names = strstr(arena_text(arena, json), "\"consumers\":[");
        char        *left = NULL;

        names = names == NULL ? NULL : strtok_r(strchr(names, '['), "[],\"", &left);
        while (names != NULL && strcmp(names, "validate") == 0) {
            names = strtok_r(NULL, "[],\"", &left);
        }
        found = names == NULL ? "" : names;
    }
    natsMsg_Destroy(answer);
    return found;
}

/* Ten of so many messages go to somebody else, as if they were lost on the way: the 257th to the
 * 266th, since the first request brings 256. */
static void read_with_a_loss(int messages)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(arena) struct arena   *arena = arena_new();
    CLEANUP(browse) struct browse *browse = NULL;
    CLEANUP(pull) struct pull     *thief = NULL;
    struct stored_msg              msg = {0};
    bool                           there = true;
    uint64_t                       last = 0;
    struct err                     err = {0};

    CHECK(world_publish(stream, messages));
    CHECK_WORKS(
        browse_open(&browse, stream, &(struct browse_settings){.stream_name = "PRT_INGEST"}, &err));
    CHECK_WORKS(pull_open(&thief, stream,
                          &(struct pull_settings){.stream_name = "PRT_INGEST",
                                                  .consumer = browsing_consumer(arena, stream),
                                                  .batch = 10},
                          &err));
    for (int i = 0; i < messages && there && err.code == ERR_NONE; i++) {
        CHECK_WORKS(browse_next(browse, arena, &msg, &there, &err));
        CHECK(there && (last == 0 || msg.seq == last + 1));
        last = msg.seq;
        for (int stolen = 0; i == 0 && thief != NULL && stolen < 10; stolen++) {
            msg_free(world_next(thief));
        }
    }
    CHECK_WORKS(browse_next(browse, arena, &msg, &there, &err));
    CHECK(!there);
}

TEST(browse, reads_again_what_was_lost_on_the_way)
{
    read_with_a_loss(600);
}

TEST(browse, reads_again_what_was_lost_at_the_end)
{
    read_with_a_loss(266);
}
