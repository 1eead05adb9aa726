// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lib/jetstream.h"
#include "lib/test.h"
#include "trace/claim.h"
#include "value/msgpack.h"
#include "world.h"

struct heard {
    atomic_int count;
    int        http;
    char       json[400];
};

static void hear(void *arg, const char *subject, struct bytes body)
{
    struct heard        *heard = arg;
    struct verdict_reply reply;
    struct err           err = {0};

    (void)subject;
    if (verdict_reply_read(body, &reply, &err) == 0) {
        heard->http = reply.http;
        (void)snprintf(heard->json, sizeof(heard->json), "%.*s", (int)reply.json.size,
                       (const char *)reply.json.data);
        atomic_fetch_add(&heard->count, 1);
    }
}

static bool was_heard(void *arg)
{
    return atomic_load(&((struct heard *)arg)->count) > 0;
}

TEST(loop, acks_what_succeeded_and_publishes_its_outbox)
{
    CLEANUP(world) struct world world = {0};
    char                        trace[32];

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    for (int i = 0; i < 20; i++) {
        (void)snprintf(trace, sizeof(trace), "ok-%d", i);
        CHECK(world_send(&world, trace, NULL, NULL));
    }
    CHECK(world_idle(&world));
    CHECK_NUMBER(atomic_load(&toy_handled), 20);
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 20);
    CHECK_NUMBER(world_count(&world, "PRT_DEAD"), 0);
    CHECK_NUMBER(world_count(&world, "PRT_TRIES"), 0); /* a first delivery costs nothing */
}

TEST(loop, hands_a_batch_stage_many_at_once)
{
    CLEANUP(world) struct world world = {0};
    char                        trace[32];

    if (!world_open(&world)) {
        return;
    }
    for (int i = 0; i < 64; i++) {
        (void)snprintf(trace, sizeof(trace), "ok-%d", i);
        CHECK(world_send(&world, trace, NULL, NULL));
    }
    CHECK(world_run(&world, &toy_batch_stage));
    CHECK(world_idle(&world));
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 64);
    CHECK(atomic_load(&toy_largest) > 1 && atomic_load(&toy_largest) <= 16);
}

TEST(loop, keeps_few_messages_not_waiting_for_more)
{
    CLEANUP(world) struct world world = {0};
    char                        trace[32];

    if (!world_open(&world)) {
        return;
    }
    world.config.batch_wait = 3600 * 1000;
    CHECK(world_run(&world, &toy_batch_stage));
    for (int i = 0; i < 3; i++) {
        (void)snprintf(trace, sizeof(trace), "ok-%d", i);
        CHECK(world_send(&world, trace, NULL, NULL));
        CHECK(world_idle(&world));
    }
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 3);
}

TEST(loop, answers_the_gateway_that_waits)
{
    CLEANUP(world) struct world world = {0};
    struct heard                heard = {0};
    const char                 *inbox = "";
    char                        reply[160];
    struct err                  err = {0};

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    CHECK_WORKS(stream_listen(world.farm.stream, hear, &heard, &inbox, &err));
    (void)snprintf(reply, sizeof(reply), "%s.7", inbox);
    CHECK(world_send(&world, "ok-1", "done", reply));
    CHECK(wait_until(was_heard, &heard));
    CHECK_NUMBER(heard.http, 200);
    CHECK_TEXT(heard.json, "\xa4"
                           "done");
}

TEST(loop, tells_nobody_of_a_message_that_comes_again)
{
    CLEANUP(world) struct world world = {0};
    CLEANUP(buf) struct buf     bytes = {0};
    struct heard                heard = {0};
    const char                 *inbox = "";
    char                        reply[160];
    struct message              message = {.kind = MESSAGE_WORK, .body = BYTES("\xa5" "again")};
    struct publication          what = {.subject = "prt.work.toy.acme.ok-1", .replay = "run-1"};
    struct err                  err = {0};

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    CHECK_WORKS(stream_listen(world.farm.stream, hear, &heard, &inbox, &err));
    (void)snprintf(reply, sizeof(reply), "%s.7", inbox);
    message.reply = bytes_of(reply); /* it was answered the first time */
    message_write(&bytes, &message);
    what.body = buf_bytes(&bytes);
    CHECK_WORKS(stream_publish(world.farm.stream, &what, NULL, &err));
    CHECK(world_idle(&world));
    CHECK(world_send(&world, "ok-2", "done", reply));
    CHECK(wait_until(was_heard, &heard));
    CHECK_TEXT(heard.json, "\xa4" "done");
    CHECK_NUMBER(atomic_load(&heard.count), 1);
}

TEST(loop, dead_letters_a_refusal_with_its_reason_and_payload)
{
    CLEANUP(world) struct world  world = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct dead_letter           letter;
    struct message               message;
    struct heard                 heard = {0};
    const char                  *inbox = "";
    char                         reply[160];
    struct err                   err = {0};

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    CHECK_WORKS(stream_listen(world.farm.stream, hear, &heard, &inbox, &err));
    (void)snprintf(reply, sizeof(reply), "%s.7", inbox);
    CHECK(world_send(&world, "refused-1", "why", reply));
    CHECK(world_idle(&world));
    CHECK_NUMBER(atomic_load(&toy_handled), 1);
    CHECK(world_dead(&world, arena, "refused-1", &letter));
    CHECK_TEXT(letter.stage, "toy");
    CHECK_TEXT(letter.reason, "schema");
    CHECK_TEXT(letter.code, "schema");
    CHECK_TEXT(letter.story, "a toy refused");
    CHECK_TEXT(letter.stream, "PRT_WORK");
    CHECK_TEXT(letter.subject, "prt.work.toy.acme.refused-1");
    CHECK_TEXT(letter.request, "r-1");
    CHECK_NUMBER(letter.tries, 1);
    CHECK_WORKS(message_read(letter.payload, &message, &err));
    CHECK(bytes_is(message.body, "\xa3why"));
    /* A refusal is an answer too. */
    CHECK(wait_until(was_heard, &heard));
    CHECK_NUMBER(heard.http, 422);
    CHECK(strstr(heard.json, "\"code\":\"schema\"") != NULL);
}

TEST(loop, sends_the_stages_own_answer_to_a_refusal_and_none_of_its_messages)
{
    CLEANUP(world) struct world world = {0};
    struct heard                heard = {0};
    const char                 *inbox = "";
    char                        reply[160];
    struct err                  err = {0};

    if (!world_open(&world) || !world_run(&world, &toy_batch_stage)) {
        return;
    }
    CHECK_WORKS(stream_listen(world.farm.stream, hear, &heard, &inbox, &err));
    (void)snprintf(reply, sizeof(reply), "%s.7", inbox);
    CHECK(world_send(&world, "answered-1", NULL, reply));
    CHECK(world_idle(&world));
    CHECK(wait_until(was_heard, &heard));
    CHECK_TEXT(heard.json, "{\"toy\":true}");
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 0);
    CHECK_NUMBER(world_count(&world, "PRT_DEAD"), 1);
}

TEST(loop, tries_again_what_may_work_later_and_gives_up_after_the_last_try)
{
    CLEANUP(world) struct world  world = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct dead_letter           letter;

    if (!world_open(&world) || !world_run(&world, &toy_batch_stage)) {
        return;
    }
    CHECK(world_send(&world, "clash-1", NULL, NULL));
    CHECK(world_idle(&world));
    CHECK_NUMBER(atomic_load(&toy_handled), TOY_TRIES);
    CHECK_NUMBER(atomic_load(&toy_last_try), TOY_TRIES);
    CHECK(world_dead(&world, arena, "clash-1", &letter));
    CHECK_TEXT(letter.code, "store_clash");
    CHECK_NUMBER(letter.tries, TOY_TRIES);
}

TEST(loop, publishes_nothing_of_a_try_that_failed)
{
    CLEANUP(world) struct world world = {0};

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    CHECK(world_send(&world, "second-1", NULL, NULL));
    CHECK(world_idle(&world));
    CHECK_NUMBER(atomic_load(&toy_handled), 2);
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 1);
}

TEST(loop, drops_a_repeated_outbox)
{
    CLEANUP(world) struct world world = {0};

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    CHECK(world_send(&world, "ok-same", NULL, NULL));
    CHECK(world_send(&world, "ok-same", NULL, NULL));
    CHECK(world_idle(&world));
    CHECK_NUMBER(atomic_load(&toy_handled), 2);
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 1);
}

TEST(loop, waits_fifty_times_for_a_trace_at_no_cost)
{
    CLEANUP(world) struct world world = {0};

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    CHECK(world_send(&world, "notready-1", NULL, NULL));
    CHECK(world_idle(&world));
    CHECK_NUMBER(atomic_load(&toy_handled), 51);
    CHECK_NUMBER(atomic_load(&toy_last_try), 1);
    CHECK_NUMBER(world_count(&world, "PRT_DEAD"), 0);
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 1);
}

static bool is_unwell(void *arg)
{
    return !loop_is_well(((struct world *)arg)->loop) && atomic_load(&toy_handled) >= 3;
}

static bool is_well(void *arg)
{
    return loop_is_well(((struct world *)arg)->loop);
}

TEST(loop, sits_out_an_outage_and_resumes_by_itself)
{
    CLEANUP(world) struct world world = {0};
    char                        trace[32];

    if (!world_open(&world)) {
        return;
    }
    atomic_store(&toy_store_down, true);
    CHECK(world_run(&world, &toy_batch_stage));
    for (int i = 0; i < 40; i++) {
        (void)snprintf(trace, sizeof(trace), "down-%d", i);
        CHECK(world_send(&world, trace, NULL, NULL));
    }
    CHECK(wait_until(is_unwell, &world));
    atomic_store(&toy_store_down, false);
    CHECK(world_idle(&world));
    CHECK(wait_until(is_well, &world));
    CHECK_NUMBER(world_count(&world, "PRT_DEAD"), 0);
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 40);
    CHECK_NUMBER(atomic_load(&toy_last_try), 1);
}

TEST(loop, does_not_let_one_message_drag_its_batch_down)
{
    CLEANUP(world) struct world  world = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct dead_letter           letter;
    char                         trace[32];

    if (!world_open(&world)) {
        return;
    }
    for (int i = 0; i < 16; i++) {
        (void)snprintf(trace, sizeof(trace), "%s-%d", i == 7 ? "bug" : "ok", i);
        CHECK(world_send(&world, trace, NULL, NULL));
    }
    CHECK(world_run(&world, &toy_batch_stage));
    CHECK(world_idle(&world));
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 15);
    CHECK_NUMBER(world_count(&world, "PRT_DEAD"), 1);
    CHECK(world_dead(&world, arena, "bug-7", &letter));
    CHECK_TEXT(letter.code, "bug");
}

TEST(loop, dead_letters_poison_and_its_neighbours_pass)
{
    CLEANUP(world) struct world  world = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct dead_letter           letter;
    char                         trace[32];
    int                          deaths = 0;

    if (!world_open(&world)) {
        return;
    }
    for (int i = 0; i < 12; i++) {
        (void)snprintf(trace, sizeof(trace), "%s-%d", i == 5 ? "poison" : "ok", i);
        CHECK(world_send(&world, trace, NULL, NULL));
    }
    while (deaths < 10 && world_sacrifice()) {
        deaths++;
    }
    CHECK(deaths >= TOY_TRIES && deaths <= TOY_TRIES + 1);
    CHECK_NUMBER(world_count(&world, "PRT_WORK"), 0);
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 11);
    CHECK_NUMBER(world_count(&world, "PRT_DEAD"), 1);
    CHECK(world_dead(&world, arena, "poison-5", &letter));
    CHECK_TEXT(letter.reason, "poison");
    CHECK_NUMBER(letter.tries, TOY_TRIES);
}

TEST(loop, dead_letters_what_is_no_message)
{
    CLEANUP(world) struct world  world = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    const struct publication     garbage = {.subject = "prt.work.toy.acme.garbage",
                                            .body = BYTES("\xc1\xff")};
    const struct publication     astray = {.subject = "prt.work.toy.too.many.names",
                                           .body = BYTES("x")};
    struct stored_msg            stored;
    struct dead_letter           letter;
    struct err                   err = {0};

    if (!world_open(&world) || !world_run(&world, &toy_batch_stage)) {
        return;
    }
    CHECK_WORKS(stream_publish(world.farm.stream, &garbage, NULL, &err));
    CHECK_WORKS(stream_publish(world.farm.stream, &astray, NULL, &err));
    CHECK(world_idle(&world));
    CHECK_NUMBER(atomic_load(&toy_handled), 0);
    CHECK(world_dead(&world, arena, "garbage", &letter));
    CHECK_TEXT(letter.reason, "malformed");
    CHECK(bytes_is(letter.payload, "\xc1\xff"));
    CHECK_WORKS(stream_get_last(world.farm.stream, arena, "PRT_DEAD",
                                "prt.dead.toy.unknown.unknown", &stored, &err));
}

/* -------- claim checks -------- */

static bool send_claim(struct world *world, const char *trace, const char *key, const char *hash,
                       int64_t size)
{
    CLEANUP(buf) struct buf body = {0};
    CLEANUP(buf) struct buf bytes = {0};
    struct message          message = {.kind = MESSAGE_CLAIM};
    char                    subject[SUBJECT_BYTES];
    struct publication      what = {.subject = subject};
    struct err              err = {0};

    claim_write(&body, &(struct claim){.key = key, .size_bytes = size, .sha256 = hash});
    message.body = buf_bytes(&body);
    message_write(&bytes, &message);
    what.body = buf_bytes(&bytes);
    subject_stage(subject, "work", "toy", "acme", trace);
    return stream_publish(world->farm.stream, &what, NULL, &err) == 0;
}

TEST(loop, redeems_claim_checks_and_refuses_what_does_not_match)
{
    CLEANUP(world) struct world  world = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      bytes = {0};
    struct dead_letter           letter;
    const struct message         message = {.kind = MESSAGE_WORK,
                                            .body = BYTES("\xa5"
                                                                  "large")};
    char                         hash[HASH_HEX];
    struct err                   err = {0};

    if (!world_open(&world)) {
        return;
    }
    message_write(&bytes, &message);
    sha256_hex(buf_bytes(&bytes), hash);
    CHECK_WORKS(blob_put(world.farm.blob, BUCKET_CHUNKS, "claims/20261120/aa", buf_bytes(&bytes),
                         "application/msgpack", &err));
    CHECK(send_claim(&world, "ok-claimed", "claims/20261120/aa", hash, (int64_t)bytes.size));
    hash[0] = hash[0] == '0' ? '1' : '0';
    CHECK(send_claim(&world, "ok-changed", "claims/20261120/aa", hash, (int64_t)bytes.size));
    CHECK(send_claim(&world, "ok-missing", "claims/20261120/bb", hash, (int64_t)bytes.size));
    CHECK(world_run(&world, &toy_stage));
    CHECK(world_idle(&world));
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 1);
    CHECK_NUMBER(atomic_load(&toy_claimed), 1);
    CHECK(world_dead(&world, arena, "ok-changed", &letter));
    CHECK_TEXT(letter.reason, "blob_corrupt");
    CHECK_NUMBER(letter.tries, TOY_TRIES);
    CHECK(world_dead(&world, arena, "ok-missing", &letter));
    CHECK_TEXT(letter.reason, "blob_missing");
}

/* A claim check is a few hundred bytes: 256 of them would bring two gigabytes at once. */
TEST(loop, holds_no_more_bodies_at_once_than_fill_a_batch)
{
    enum { BODY = 300 << 10, CLAIMS = 12 };
    CLEANUP(world) struct world world = {0};
    CLEANUP(buf) struct buf     body = {0};
    CLEANUP(buf) struct buf     bytes = {0};
    struct message              message = {.kind = MESSAGE_WORK};
    char                        hash[HASH_HEX];
    char                        trace[32];
    struct err                  err = {0};

    if (!world_open(&world)) {
        return;
    }
    buf_reserve(&body, BODY);
    memset(body.data, ' ', BODY);
    msgpack_put_text(&bytes, (struct bytes){body.data, BODY});
    body.size = 0;
    message.body = buf_bytes(&bytes);
    message_write(&body, &message);
    sha256_hex(buf_bytes(&body), hash);
    CHECK_WORKS(blob_put(world.farm.blob, BUCKET_CHUNKS, "claims/20261120/cc", buf_bytes(&body),
                         "application/msgpack", &err));
    for (int i = 0; i < CLAIMS; i++) {
        (void)snprintf(trace, sizeof(trace), "ok-%d", i);
        CHECK(send_claim(&world, trace, "claims/20261120/cc", hash, (int64_t)body.size));
    }
    CHECK(world_run(&world, &toy_batch_stage));
    CHECK(world_idle(&world));
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), CLAIMS);
    /* A megabyte a batch, and the one that goes over it. */
    CHECK(atomic_load(&toy_largest) > 1 && atomic_load(&toy_largest) <= 4);
}
