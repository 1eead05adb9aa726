// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lib/test.h"
#include "world.h"

static int number_of(const struct stream_msg *msg)
{
    return atoi((const char *)msg_body(msg).data); /* followed by a NUL */
}

TEST(pull, brings_each_message_in_order_with_its_headers)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(pull) struct pull     *pull = world_pull(stream, "qa", 1, 0);
    const struct publication       one = {
              .subject = "prt.work.qa.acme.t",
              .body = BYTES("job"),
              .id = "pull-headers",
              .parent = "00-1-2-01",
              .replay = "again",
    };
    struct err err = {0};
    uint64_t   seq = 0;

    CHECK_WORKS(stream_publish(stream, &one, &seq, &err));
    CLEANUP(stream_msg) struct stream_msg *msg = world_next(pull);
    CHECK(msg != NULL);
    if (msg == NULL) {
        return;
    }
    CHECK_TEXT(msg_subject(msg), one.subject);
    CHECK(bytes_is(msg_body(msg), "job"));
    CHECK_TEXT(msg_header(msg, STREAM_HEADER_PARENT), "00-1-2-01");
    CHECK_TEXT(msg_header(msg, STREAM_HEADER_REPLAY), "again");
    CHECK(msg_header(msg, "Prt-Other") == NULL);
    CHECK_NUMBER(msg_seq(msg), seq);
    CHECK_NUMBER(msg_tries(msg), 1);
    CHECK(msg_stored_us(msg) > clock_us() - 60 * 1000000LL && msg_stored_us(msg) <= clock_us());
    msg_ack(msg, true);
}

TEST(pull, fills_a_batch_and_stops_at_its_bytes)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(pull) struct pull     *pull = world_pull(stream, "validate", 50, 1);
    struct stream_msg             *msgs[50];
    size_t                         count = 0;
    int                            next = 0;
    struct err                     err = {0};

    CHECK(world_publish(stream, 120));
    while (next < 120) {
        size_t most = next == 0 ? 7 : 50;

        CHECK_WORKS(pull_next(pull, most, next == 7 ? 4 : SIZE_MAX, 5000, 50, msgs, &count, &err));
        CHECK(count > 0 && count <= most);
        CHECK(next != 7 || count == 4 || count == 2); /* "7" to "9" and "10": four or more bytes */
        for (size_t i = 0; i < count; i++) {
            CHECK_NUMBER(number_of(msgs[i]), next);
            next++;
            msg_ack(msgs[i], false);
            msg_free(msgs[i]);
        }
        if (count == 0) {
            return;
        }
    }
    /* Nothing is left: no error, and no message. */
    CHECK_WORKS(pull_next(pull, 50, SIZE_MAX, 20, 0, msgs, &count, &err));
    CHECK_NUMBER(count, 0);
}

static bool all_settled(void *arg)
{
    struct consumer_state state;
    struct err            err = {0};

    return stream_consumer_state(arg, "PRT_INGEST", "validate", &state, &err) == 0 &&
           state.in_flight == 0 && state.pending == 0;
}

TEST(pull, hands_back_what_it_holds_when_it_closes)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(pull) struct pull     *first = world_pull(stream, "validate", 8, 1);
    CLEANUP(pull) struct pull     *second = NULL;
    struct err                     err = {0};
    bool                           seen[16] = {false};

    CHECK(world_publish(stream, 16));
    CLEANUP(stream_msg) struct stream_msg *held = world_next(first);
    CHECK(held != NULL);
    pull_close(TAKE(first));

    /* All but the one that was handed out come to the next at once, long before the lease ends. */
    second = world_pull(stream, "validate", 16, 0);
    for (int i = 0; i < 15; i++) {
        CLEANUP(stream_msg) struct stream_msg *msg = world_next(second);

        CHECK(msg != NULL);
        if (msg == NULL) {
            return;
        }
        seen[number_of(msg)] = true;
        msg_ack(msg, false);
    }
    for (int i = 1; i < 16; i++) {
        CHECK(seen[i]);
    }
    msg_ack(held, false);
    CHECK(wait_for(all_settled, stream));
    CHECK_WORKS(stream_check(stream, 1000, &err));
}

TEST(pull, brings_a_message_larger_than_its_byte_limit)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(buf) struct buf        body = {0};
    const struct pull_settings     settings = {
            .stream_name = "PRT_INGEST", .consumer = "validate", .batch = 16, .bytes = 65536};
    struct publication         one = {.subject = "prt.ingest.acme.t.chunk"};
    CLEANUP(pull) struct pull *pull = NULL;
    struct err                 err = {0};

    buf_reserve(&body, 900000);
    memset(body.data, 'x', 900000);
    body.size = 900000;
    one.body = buf_bytes(&body);
    for (int i = 0; i < 4; i++) {
        CHECK_WORKS(stream_publish(stream, &one, NULL, &err));
    }
    CHECK_WORKS(pull_open(&pull, stream, &settings, &err));
    for (int i = 0; i < 4; i++) {
        CLEANUP(stream_msg) struct stream_msg *msg = world_next(pull);

        CHECK(msg != NULL && msg_body(msg).size == 900000);
        if (msg == NULL) {
            return;
        }
        msg_ack(msg, false);
    }
}

/* False: none came, and the test has failed. */
static bool settle_next(struct pull *pull)
{
    CLEANUP(stream_msg) struct stream_msg *msg = world_next(pull);

    CHECK(msg != NULL);
    if (msg == NULL) {
        return false;
    }
    msg_ack(msg, true);
    return true;
}

TEST(room, is_made_of_the_oldest_settled_messages_only)
{
    struct stream_settings         settings = world_settings();
    CLEANUP(stream) struct stream *usual = world_stream();
    CLEANUP(stream) struct stream *small = NULL;
    CLEANUP(pull) struct pull     *pull = NULL;
    CLEANUP(buf) struct buf        body = {0};
    struct publication             one = {.subject = "prt.ingest.acme.t.chunk"};
    struct stream_state            before, after;
    struct err                     err = {0};

    settings.ingest_bytes = 1 << 20;
    CHECK_WORKS(stream_open(&small, &settings, &err));
    CHECK_WORKS(stream_setup(small, &err));
    buf_reserve(&body, 50000);
    memset(body.data, 'x', 50000);
    body.size = 50000;
    one.body = buf_bytes(&body);
    while (stream_publish(small, &one, NULL, &err) == 0) {
    }
    CHECK_NUMBER(err.code, ERR_STREAM_FULL);
    CHECK_WORKS(stream_state(small, "PRT_INGEST", &before, &err));

    /* Nothing is settled: nothing goes, and the stream refuses on. */
    CHECK_WORKS(stream_make_room(small, "PRT_INGEST", "validate", &err));
    CHECK_FAILS(stream_publish(small, &one, NULL, &err), ERR_STREAM_FULL);

    /* Two are settled: two go, though a fifth is more. */
    pull = world_pull(small, "validate", 1, 0);
    for (int i = 0; i < 2; i++) {
        if (!settle_next(pull)) {
            return;
        }
    }
    CHECK_WORKS(stream_make_room(small, "PRT_INGEST", "validate", &err));
    CHECK_WORKS(stream_state(small, "PRT_INGEST", &after, &err));
    CHECK_NUMBER(after.messages, before.messages - 2);
    CHECK_NUMBER(after.first_seq, before.first_seq + 2);
    CHECK_WORKS(stream_publish(small, &one, NULL, &err));

    /* With room enough it does nothing. */
    CHECK_WORKS(stream_setup(usual, &err));
    CHECK_WORKS(stream_make_room(usual, "PRT_INGEST", "validate", &err));
    CHECK_WORKS(stream_state(usual, "PRT_INGEST", &after, &err));
    CHECK_NUMBER(after.messages, before.messages - 1);
}

static bool result_is_too_old(void *stream)
{
    struct stream_state state;
    struct err          err = {0};

    return stream_state(stream, "PRT_RESULT", &state, &err) == 0 && state.messages == 0;
}

static bool two_are_left(void *stream)
{
    struct stream_state state;
    struct err          err = {0};

    return stream_make_room(stream, "PRT_INGEST", "validate", &err) == 0 &&
           stream_state(stream, "PRT_INGEST", &state, &err) == 0 && state.messages == 2;
}

static bool none_is_left(void *stream)
{
    struct stream_state state;
    struct err          err = {0};

    return stream_make_room(stream, "PRT_INGEST", "validate", &err) == 0 &&
           stream_state(stream, "PRT_INGEST", &state, &err) == 0 && state.messages == 0;
}

/* The server takes PRT_RESULT's messages itself: when that is done, those before it are too old. */
TEST(room, is_made_of_what_is_too_old_but_not_of_what_is_not_settled)
{
    struct stream_settings         settings = world_settings();
    CLEANUP(stream) struct stream *usual = world_stream();
    CLEANUP(stream) struct stream *brief = NULL;
    CLEANUP(pull) struct pull     *pull = world_pull(usual, "validate", 1, 0);
    const struct publication       last = {.subject = "prt.result.qa.acme.t", .body = BYTES("1")};
    struct stream_state            state;
    struct err                     err = {0};

    settings.ingest_keep_ms = 1000;
    CHECK_WORKS(stream_open(&brief, &settings, &err));
    CHECK_WORKS(stream_setup(brief, &err));
    CHECK(world_publish(brief, 3));
    CHECK_WORKS(stream_publish(brief, &last, NULL, &err));
    CHECK(wait_for(result_is_too_old, brief));
    CHECK_WORKS(stream_state(brief, "PRT_INGEST", &state, &err));
    CHECK_NUMBER(state.messages, 3);
    CHECK(state.first_us > 0);

    for (int i = 0; i < 3; i++) {
        if (!settle_next(pull)) {
            return;
        }
        if (i == 0) {
            CHECK_WORKS(stream_make_room(usual, "PRT_INGEST", "validate", &err));
            CHECK_WORKS(stream_state(usual, "PRT_INGEST", &state, &err));
            CHECK_NUMBER(state.messages, 3); /* it keeps them for an hour */
            CHECK(wait_for(two_are_left, brief));
        }
    }
    CHECK(wait_for(none_is_left, brief));
    CHECK_WORKS(stream_setup(usual, &err));
}

/* An erased trace takes its messages along, also those that are held, and no others: on nats-server 2.9
 * a purge of its subject made the consumer pass over all that was not settled. */
TEST(removal, of_some_messages_leaves_the_others_to_their_consumer)
{
    const struct publication       gone = {.subject = "prt.ingest.acme.gone.chunk",
                                           .body = BYTES("1")};
    struct stream_settings         settings = world_settings();
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(stream) struct stream *brief = NULL;
    CLEANUP(pull) struct pull     *pull = world_pull(stream, "validate", 1, 0);
    struct stream_msg             *held[2] = {NULL, NULL};
    struct stream_state            state;
    struct err                     err = {0};

    CHECK(world_publish(stream, 1));
    CHECK_WORKS(stream_publish(stream, &gone, NULL, &err));
    CHECK(world_publish(stream, 1)); /* not handed out yet */
    CHECK_WORKS(stream_publish(stream, &gone, NULL, &err));
    CHECK_WORKS(stream_publish(stream, &gone, NULL, &err));
    for (int i = 0; i < 2; i++) {
        held[i] = world_next(pull);
        CHECK(held[i] != NULL);
    }
    CHECK_WORKS(stream_remove(stream, "PRT_INGEST", gone.subject, &err));
    CHECK_WORKS(stream_state(stream, "PRT_INGEST", &state, &err));
    CHECK_NUMBER(state.messages, 2);
    for (int i = 0; i < 2; i++) {
        msg_nak(held[i], 0);
        msg_free(held[i]);
    }
    for (int i = 0; i < 2; i++) {
        if (!settle_next(pull)) {
            return;
        }
    }
    CHECK(wait_for(all_settled, stream));

    /* Nothing holds up what is too old to be kept. */
    settings.ingest_keep_ms = 1000;
    CHECK_WORKS(stream_open(&brief, &settings, &err));
    CHECK(wait_for(none_is_left, brief));
}

TEST(pull, says_when_there_is_no_such_consumer)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    const struct pull_settings     settings = {
            .stream_name = "PRT_WORK", .consumer = "nobody", .batch = 1};
    struct pull *pull = NULL;
    struct err   err = {0};

    CHECK_FAILS(pull_open(&pull, stream, &settings, &err), ERR_STREAM_DOWN);
}

TEST(settle, a_nak_brings_the_message_again_after_its_delay)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(pull) struct pull     *pull = world_pull(stream, "validate", 4, 0);
    int64_t                        put_back_us;

    CHECK(world_publish(stream, 1));
    for (uint64_t tries = 1; tries <= 3; tries++) {
        CLEANUP(stream_msg) struct stream_msg *msg = world_next(pull);

        CHECK(msg != NULL);
        if (msg == NULL) {
            return;
        }
        CHECK_NUMBER(msg_tries(msg), tries);
        put_back_us = clock_mono_us();
        msg_nak(msg, tries == 1 ? 0 : 300);
    }
    CLEANUP(stream_msg) struct stream_msg *last = world_next(pull);
    CHECK(last != NULL);
    CHECK(clock_mono_us() - put_back_us >= 290 * 1000);
    if (last != NULL) {
        msg_ack(last, true);
    }
    CHECK(wait_for(all_settled, stream));
}

TEST(settle, a_termed_message_never_comes_again)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(pull) struct pull     *pull = world_pull(stream, "validate", 4, 0);

    CHECK(world_publish(stream, 2));
    CLEANUP(stream_msg) struct stream_msg *first = world_next(pull);
    CLEANUP(stream_msg) struct stream_msg *second = world_next(pull);
    CHECK(first != NULL && second != NULL);
    if (first != NULL && second != NULL) {
        msg_term(first);
        msg_ack(second, true);
    }
    CHECK(wait_for(all_settled, stream));
}

TEST(settle, progress_is_refused_once_the_lease_is_over)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(pull) struct pull     *pull = world_pull(stream, "validate", 4, 0);
    struct err                     err = {0};

    CHECK(world_publish(stream, 1));
    CLEANUP(stream_msg) struct stream_msg *msg = world_next(pull);
    CHECK(msg != NULL);
    if (msg != NULL) {
        CHECK_WORKS(msg_progress(msg, &err));
        msg_ack(msg, true);
    }
}
