// SPDX-License-Identifier: MIT
/* What validate remembers of the ids that traces have: is it right, whoever else writes? */
#include <stdio.h>

#include "parts/ingest/questions.h"
#include "parts/ingest/world.h"
#include "workers/validate/validator.h"

static struct known *known_of(struct world *world)
{
    return &((struct validator *)world->validator)->batch.known;
}

/* A chunk of one event, of the id "e<id>". */
static void put_event(struct world *world, const char *trace, int64_t chunk_seq, int64_t id,
                      int64_t seq)
{
    put_message(world, trace, MESSAGE_CHUNK,
                arena_format(world->arena,
                             "{\"chunk_id\":\"x%lld\",\"chunk_seq\":%lld,\"events\":[{\"id\":\"e%lld\","
                             "\"seq\":%lld,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"ls\","
                             "\"exit_code\":0}]}",
                             (long long)chunk_seq, (long long)chunk_seq, (long long)id,
                             (long long)seq));
}

static void check_last(struct world *world, const char *status)
{
    CHECK(holds(answer_of(world, 0), arena_format(world->arena, "\"status\":\"%s\"", status)));
}

TEST(known, ids_that_another_worker_chained_are_seen)
{
    CLEANUP(world) struct world *one = world_new();
    CLEANUP(world) struct world *other = world_beside(one);
    struct world                *by[] = {one, other};

    put_chunk(one, "t", 0, 0, 10);
    validated(one);
    other->seq = one->seq;
    for (int64_t chunk = 1; chunk <= 20; chunk++) { /* in turns, and each id once more by the other */
        struct world *now = by[chunk / 2 % 2];

        put_event(now, "t", chunk, chunk % 2 == 1 ? 100 + chunk : 100 + chunk - 1, 1000 + chunk);
        validated(now);
        check_last(now, chunk % 2 == 1 ? "success" : "duplicate");
        by[0]->seq = by[1]->seq = now->seq;
    }
    CHECK_NUMBER(ask(one, EVENTS_OF, "t"), 10 + 10);
    CHECK_NUMBER(ask(one, NUM_EVENTS, "t"), 10 + 10);
    CHECK(known_of(one)->read < 100); /* only what the other one did */
}

TEST(known, a_worker_alone_reads_nothing_again)
{
    CLEANUP(world) struct world *world = world_new();
    char                         trace[16];

    for (int64_t chunk = 0; chunk < 5; chunk++) {
        for (int i = 0; i < 100; i++) {
            (void)snprintf(trace, sizeof(trace), "t%d", i);
            put_chunk(world, trace, chunk, chunk * 10, 10);
        }
        validated(world);
    }
    CHECK_NUMBER(known_of(world)->read, 0);
    CHECK_NUMBER(known_of(world)->count, 100);
    CHECK(known_of(world)->bytes >= 5000 * 16);
}

TEST(known, a_new_worker_reads_what_is_there_page_by_page_or_of_many_traces_at_once)
{
    CLEANUP(world) struct world *one = world_new();
    CLEANUP(world) struct world *other = NULL;
    char                         trace[16];

    for (int64_t chunk = 0; chunk < 2100; chunk++) {
        put_chunk(one, "long", chunk, chunk * 2, 2);
        if (chunk % 300 == 299) {
            validated(one);
        }
    }
    for (int i = 0; i < 100; i++) {
        (void)snprintf(trace, sizeof(trace), "t%d", i);
        put_chunk(one, trace, 0, 0, 10);
    }
    validated(one);
    other = world_beside(one);
    other->seq = one->seq;
    put_event(other, "long", 2100, 4000, 9000);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(trace, sizeof(trace), "t%d", i);
        put_event(other, trace, 1, i % 10, 9000);
    }
    validated(other);
    for (size_t i = 0; i <= 100; i++) {
        CHECK(holds(answer_of(other, i), "\"status\":\"duplicate\""));
    }
    CHECK_NUMBER(ask(one, EVENTS_OF, "long"), 4200);
    CHECK(known_of(other)->read >= 4200 + 990);
    CHECK(known_of(other)->read <= 4200 + 1000);
}

TEST(known, with_hardly_any_room_it_is_right_and_stays_small)
{
    CLEANUP(world) struct world *world = world_new();
    char                         trace[16];

    known_of(world)->most = 4096;
    for (int64_t chunk = 0; chunk < 4; chunk++) {
        for (int i = 0; i < 50; i++) {
            (void)snprintf(trace, sizeof(trace), "t%d", i);
            put_chunk(world, trace, chunk, chunk * 5, 10); /* five of them are known */
        }
        validated(world);
        for (size_t i = 0; i < 50; i++) {
            CHECK(holds(answer_of(world, i), chunk == 0 ? "\"events_added\":10,\"events_duplicate\":0"
                                                        : "\"events_added\":5,\"events_duplicate\":5"));
        }
        CHECK(known_of(world)->bytes <= 4096);
    }
    CHECK_NUMBER(ask(world, NUM_EVENTS, "t7"), 25);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t7"), 25);
    CHECK(known_of(world)->read > 0);
}

TEST(known, what_was_rolled_back_is_forgotten)
{
    CLEANUP(world) struct world  *world = world_new();
    static const struct statement trap[] = {
        {"trap_function",
         "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
         " RAISE EXCEPTION 'not now' USING ERRCODE = 'lock_not_available'; END $$",
         0},
        {"trap_set",
         "CREATE TRIGGER trap BEFORE INSERT ON trace_chunks FOR EACH STATEMENT EXECUTE FUNCTION trap()",
         0},
    };
    static const struct statement open = {"trap_open", "DROP TRIGGER trap ON trace_chunks", 0};
    struct err                    err = {0};

    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    for (size_t i = 0; i < COUNT_OF(trap); i++) {
        CHECK_WORKS(store_run(world->farm.store, &trap[i], NULL, NULL, &err));
    }
    put_chunk(world, "t", 1, 10, 10);
    CHECK(validate(world, &err) < 0);
    err_clear(&err);
    CHECK_WORKS(store_run(world->farm.store, &open, NULL, NULL, &err));
    put_chunk(world, "t", 1, 10, 10);
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"events_added\":10,\"events_duplicate\":0"));
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 20);
}

/* What a replay does to a trace that is damaged, but with other content. */
TEST(known, a_trace_made_anew_is_read_anew)
{
    CLEANUP(world) struct world  *world = world_new();
    static const struct statement anew[] = {
        {"anew_chunks",
         "UPDATE trace_chunks SET event_keys = decode(repeat('ab', 16), 'hex') WHERE chunk_seq = 1", 0},
        {"anew_trace", "UPDATE traces SET rebuilt = rebuilt + 1", 0},
    };
    struct err                    err = {0};

    put_event(world, "t", 0, 1, 1);
    put_event(world, "t", 1, 2, 2);
    validated(world);
    for (size_t i = 0; i < COUNT_OF(anew); i++) {
        CHECK_WORKS(store_run(world->farm.store, &anew[i], NULL, NULL, &err));
    }
    put_event(world, "t", 2, 2, 3);
    validated(world);
    check_last(world, "success"); /* the new rows do not have it */
    put_event(world, "t", 3, 1, 4);
    validated(world);
    check_last(world, "duplicate");
    CHECK_NUMBER(known_of(world)->read, 2);
}

TEST(known, nothing_is_believed_over_another_connection)
{
    CLEANUP(world) struct world  *world = world_new();
    static const struct statement kill = {
        "cut", "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
               " AND datname = current_database()", 0};
    CLEANUP(world) struct world  *other = world_beside(world);
    struct err                    err = {0};

    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    CHECK_WORKS(store_run(other->farm.store, &kill, NULL, NULL, &err));
    put_chunk(world, "t", 1, 5, 10);
    if (validate(world, &err) < 0) { /* or it noticed before it asked */
        CHECK(err.code == ERR_STORE_DOWN);
        put_chunk(world, "t", 1, 5, 10);
        validated(world);
    }
    CHECK(holds(answer_of(world, 0), "\"events_added\":5,\"events_duplicate\":5"));
    CHECK_NUMBER(known_of(world)->read, 10);
}

#define INDEXED "SELECT count(*) FROM event_ids e JOIN traces t USING (trace_no) WHERE t.trace_id = $1"

/* 20 chunks of ten events, one after the other, by a worker that forgets each time: twenty or so more go
 * into the index with each of them. */
static struct world *world_with_a_long_trace(void)
{
    struct world *world = world_new();

    known_of(world)->most = 1;
    known_of(world)->index_each = 20;
    for (int64_t chunk = 0; chunk < 20; chunk++) {
        put_chunk(world, "t", chunk, chunk * 10, 10);
        validated(world);
        CHECK_NUMBER(known_of(world)->bytes, 0);
    }
    return world;
}

TEST(known, of_a_long_trace_what_is_not_in_the_index_is_read_and_the_rest_asked_for)
{
    CLEANUP(world) struct world *one = world_with_a_long_trace();
    CLEANUP(world) struct world *other = world_beside(one);
    int64_t                      indexed = ask(one, INDEXED, "t");

    CHECK(indexed >= 160 && indexed <= 190);
    CHECK_NUMBER(ask(one, "SELECT indexed_events FROM traces WHERE trace_id = $1", "t"), indexed);
    other->seq = one->seq;
    put_event(other, "t", 20, 3, 1000); /* in the index */
    validated(other);
    check_last(other, "duplicate");
    put_event(other, "t", 21, 195, 1001); /* not yet */
    validated(other);
    check_last(other, "duplicate");
    put_event(other, "t", 22, 500, 1002);
    put_event(other, "t", 23, 500, 1003); /* of this very batch */
    validated(other);
    check_last(other, "success");
    CHECK(holds(answer_of(other, 1), "\"status\":\"duplicate\""));
    CHECK_NUMBER(known_of(other)->read, 200 - indexed);
    CHECK_NUMBER(ask(one, INDEXED, "t"), indexed); /* it has room enough */
    one->seq = other->seq;
    put_event(one, "t", 24, 500, 1004);
    validated(one);
    check_last(one, "duplicate");
    CHECK_NUMBER(ask(one, NUM_EVENTS, "t"), 201);
    CHECK_NUMBER(ask(one, EVENTS_OF, "t"), 201);
}

TEST(known, a_long_trace_that_is_forgotten_each_time_costs_the_same_each_time)
{
    CLEANUP(world) struct world *world = world_with_a_long_trace();

    for (int64_t chunk = 20; chunk < 60; chunk++) {
        int64_t before = known_of(world)->read;

        put_chunk(world, "t", chunk, 195 + (chunk - 20) * 5, 10); /* five of them are known */
        put_event(world, "u", chunk - 20, chunk, chunk);
        validated(world);
        CHECK(holds(answer_of(world, 0), "\"events_added\":5,\"events_duplicate\":5"));
        CHECK(holds(answer_of(world, 1), "\"status\":\"success\""));
        CHECK(known_of(world)->read - before <= 20 + 40);
        CHECK_NUMBER(known_of(world)->bytes, 0);
    }
    CHECK_NUMBER(ask(world, NUM_EVENTS, "t"), 400);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 400);
    CHECK(ask(world, INDEXED, "t") >= 360);
}

/* So long that many looks are needed until all of it is in the index. */
TEST(known, a_long_trace_that_was_never_indexed_comes_into_the_index_piece_by_piece)
{
    CLEANUP(world) struct world *world = world_new();
    int64_t                      most = 0;

    known_of(world)->index_each = 50;
    for (int64_t chunk = 0; chunk < 100; chunk++) {
        put_chunk(world, "t", chunk, chunk * 10, 10);
    }
    validated(world);
    CHECK_NUMBER(ask(world, INDEXED, "t"), 0);
    known_of(world)->most = 1;
    for (int64_t chunk = 100; chunk < 140; chunk++) {
        int64_t indexed = ask(world, INDEXED, "t");

        put_event(world, "t", chunk, chunk * 7, 5000 + chunk);
        validated(world);
        check_last(world, "duplicate");
        indexed = ask(world, INDEXED, "t") - indexed;
        most = indexed > most ? indexed : most;
    }
    CHECK(most >= 50 && most <= 70);
    CHECK(ask(world, INDEXED, "t") > 950);
    CHECK_NUMBER(ask(world, NUM_EVENTS, "t"), 1000);
}

/* Numbers of chunks that wait may be as far apart as numbers go, and are passed over at the end. */
TEST(known, a_long_trace_whose_chunks_lie_far_apart_is_indexed_as_any_other)
{
    CLEANUP(world) struct world  *world = world_new();
    static const struct statement pass = {
        "pass_over", "UPDATE traces SET next_chunk_seq = 9007199254740000", 0};
    struct err err = {0};

    known_of(world)->most = 1;
    for (int64_t chunk = 0; chunk < 17; chunk++) {
        put_chunk(world, "t", chunk, chunk * 1000, 1000);
    }
    validated(world);
    CHECK_WORKS(store_run(world->farm.store, &pass, NULL, NULL, &err));
    put_event(world, "t", 9007199254740000, 199, 50000);
    validated(world);
    check_last(world, "duplicate");
    CHECK_NUMBER(ask(world, INDEXED, "t"), 17000);
    CHECK_NUMBER(ask(world, "SELECT indexed_events FROM traces WHERE trace_id = $1", "t"), 17000);
}

TEST(known, erasing_a_long_trace_leaves_no_id)
{
    CLEANUP(world) struct world *world = world_with_a_long_trace();

    put_message(world, "t", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(ask(world, INDEXED, "t"), 0);
}
