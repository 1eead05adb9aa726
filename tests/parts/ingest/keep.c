// SPDX-License-Identifier: MIT
/* The lines of small batches stay in rows; finalize puts them into segments. */
#include <pthread.h>

#include "base/clock.h"
#include "questions.h"
#include "workers/finalize/gather.h"
#include "world.h"

#define KEPT_ROWS CHUNK_ROWS " AND c.kept_lines IS NOT NULL"
#define PLACED_ROWS                                                                                \
    CHUNK_ROWS " AND c.kept_lines IS NULL AND c.segment_no IS NOT NULL AND c.seg_length > 0"

static struct world *keeping_world(int64_t bytes)
{
    struct world *world = world_new();

    if (world != NULL) {
        world->config.keep_lines = bytes;
        reopened(world);
    }
    return world;
}

static void finalized(struct world *world, const char *trace)
{
    struct err err = {0};

    put_message(world, trace, MESSAGE_COMPLETE, "{}");
    validated(world);
    CHECK_WORKS(finalize(world, trace, &err));
}

/* The document again, from the lines alone. */
static struct bytes document_anew(struct world *world, const char *trace)
{
    struct err  err = {0};
    const char *key = arena_format(world->arena, "%s/trace.json", trace);

    CHECK_WORKS(blob_delete(world->farm.blob, BUCKET_TRACES, key, &err));
    CHECK_WORKS(finalize(world, trace, &err));
    return document_of(world, trace);
}

TEST(keep, few_lines_stay_in_their_rows_until_the_trace_is_finalized)
{
    CLEANUP(world) struct world *world = keeping_world(64 << 10);
    struct bytes                 document;

    put_open(world, "t");
    put_open(world, "u");
    put_chunk(world, "t", 1, 10, 10); /* waits */
    put_chunk(world, "u", 0, 0, 10);
    validated(world);
    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    CHECK_NUMBER(ask(world, KEPT_ROWS, "t"), 2);
    CHECK_NUMBER(ask(world, SEGMENTS, NULL), 0);
    CHECK_NUMBER(segment_objects(world), 0);

    finalized(world, "t");
    CHECK_NUMBER(ask(world, KEPT_ROWS, "t"), 0);
    CHECK_NUMBER(ask(world, PLACED_ROWS, "t"), 2);
    CHECK_NUMBER(ask(world, KEPT_ROWS, "u"), 1);
    CHECK_NUMBER(ask(world, SEGMENTS, NULL), 1);
    CHECK_NUMBER(segment_objects(world), 1);
    document = document_of(world, "t");
    CHECK(bytes_equal(document_anew(world, "t"), document));
    CHECK_NUMBER(segment_objects(world), 1);
}

TEST(keep, the_batch_that_has_more_makes_a_segment)
{
    CLEANUP(world) struct world *world = keeping_world(0);
    int64_t                      bytes;

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    CHECK_NUMBER(segment_objects(world), 1);
    bytes = ask(world, "SELECT bytes FROM segments", NULL);
    for (int64_t more = 0; more < 2; more++) {
        world->config.keep_lines = bytes - more;
        reopened(world);
        put_chunk(world, more == 0 ? "u" : "v", 0, 0, 10);
        validated(world);
    }
    CHECK_NUMBER(ask(world, KEPT_ROWS, "u"), 1);
    CHECK_NUMBER(ask(world, KEPT_ROWS, "v"), 0);
    CHECK_NUMBER(ask(world, PLACED_ROWS, "v"), 1);
    CHECK_NUMBER(segment_objects(world), 2);
}

/* Of 200 chunks each fifth comes with a segment: pages and pieces of both kinds. */
TEST(keep, lines_in_rows_and_in_segments_make_one_document)
{
    CLEANUP(world) struct world *world = keeping_world(0);
    struct bytes                 documents[2];

    for (int round = 0; round < 2; round++) {
        const char *trace = "t";
        struct err  err = {0};

        put_open(world, trace);
        for (int64_t seq = 0; seq < 200; seq++) {
            if (round == 1 && seq % 5 < 2) {
                world->config.keep_lines = seq % 5 == 0 ? 0 : 64 << 10;
                reopened(world);
            }
            put_chunk(world, trace, seq, seq * 3, 3);
            if (round == 1 || seq == 199) {
                validated(world);
            }
        }
        CHECK_NUMBER(ask(world, KEPT_ROWS, trace), round == 0 ? 0 : 160);
        finalized(world, trace);
        CHECK_NUMBER(ask(world, KEPT_ROWS, trace), 0);
        CHECK_NUMBER(ask(world, PLACED_ROWS, trace), 200);
        CHECK_NUMBER(ask(world, SEGMENTS, NULL), round == 0 ? 1 : 40 + 3);
        documents[round] = document_of(world, trace);
        if (round == 0) {
            static const struct statement forget = {
                "keep_forget",
                "TRUNCATE traces, trace_heads, segments, trace_chunks,"
                " artifacts, idempotency_keys CASCADE",
                0};

            CHECK_WORKS(store_run(world->farm.store, &forget, NULL, NULL, &err));
            CHECK_WORKS(blob_delete(world->farm.blob, BUCKET_TRACES, "t/trace.json", &err));
        }
    }
    CHECK(documents[0].size > 5000);
    CHECK(bytes_equal(documents[0], documents[1]));
    CHECK(bytes_equal(document_anew(world, "t"), documents[1]));
}

TEST(keep, finalize_refuses_to_sign_what_a_row_does_not_keep_whole)
{
    CLEANUP(world) struct world *world = keeping_world(64 << 10);
    struct err                   err = {0};

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 10);
    put_message(world, "t", MESSAGE_COMPLETE, "{}");
    validated(world);
    CHECK_NUMBER(ask(world,
                     "WITH cut AS (UPDATE trace_chunks SET"
                     " kept_lines = substr(kept_lines, 2) RETURNING 1)"
                     " SELECT count(*) FROM cut",
                     NULL),
                 1);
    CHECK_FAILS(finalize(world, "t", &err), ERR_BLOB_CORRUPT);
    CHECK(strstr(err.story, "chunk_seq 0") != NULL);
    CHECK_NUMBER(ask(world,
                     "WITH cut AS (UPDATE trace_chunks SET"
                     " kept_lines = '{' || substr(kept_lines, 1) RETURNING 1)"
                     " SELECT count(*) FROM cut",
                     NULL),
                 1);
    CHECK_NUMBER(ask(world,
                     "WITH cut AS (UPDATE trace_chunks SET"
                     " kept_lines = overlay(kept_lines PLACING '9' FROM 30) RETURNING 1)"
                     " SELECT count(*) FROM cut",
                     NULL),
                 1);
    CHECK_FAILS(finalize(world, "t", &err), ERR_CHAIN_BROKEN);
    CHECK_NUMBER(ask(world, KEPT_ROWS, "t"), 1);
}

/* A row that changed between reading and pointing: nothing is pointed, nothing is left behind. */
TEST(keep, what_changed_meanwhile_is_not_gathered)
{
    CLEANUP(world) struct world *world = keeping_world(64 << 10);
    CLEANUP(world) struct world *other = world_beside(world);
    struct trace_record          trace = {0};
    struct err                   err = {0};

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 10);
    put_chunk(world, "t", 1, 10, 10);
    validated(world);
    CHECK_WORKS(trace_read(world->farm.store, world->arena, "t", &trace, &err));
    CHECK_NUMBER(ask(world,
                     "WITH longer AS (UPDATE trace_chunks SET seg_length = seg_length + 1"
                     " WHERE chunk_seq = 1 RETURNING 1) SELECT count(*) FROM longer",
                     NULL),
                 1);
    CHECK_FAILS(gather_lines(other->farm.store, other->farm.blob, &trace, &err), ERR_STORE_CLASH);
    CHECK_NUMBER(ask(world, KEPT_ROWS, "t"), 2);
    CHECK_NUMBER(ask(world, SEGMENTS, NULL), 0);
    CHECK_NUMBER(segment_objects(world), 0);

    put_message(world, "t", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(ask(world, CHUNK_ROWS, "t"), 0);
    CHECK_WORKS(gather_lines(other->farm.store, other->farm.blob, &trace, &err));
    CHECK_NUMBER(segment_objects(world), 0);
}

static void *gather_beside(void *arg)
{
    struct world       *world = arg;
    struct trace_record trace = {0};
    struct err          err = {0};

    CHECK_WORKS(trace_read(world->farm.store, world->arena, "t", &trace, &err));
    CHECK_WORKS(gather_lines(world->farm.store, world->farm.blob, &trace, &err));
    return NULL;
}

#define WAITING                                                                                    \
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"                     \
    " AND wait_event_type = 'Lock'"

/* An object that no transaction stands behind may be swept, however long its process stands still
 * before it points the rows to it. */
TEST(keep, an_object_is_put_only_when_its_rows_are_held)
{
    CLEANUP(world) struct world *world = keeping_world(64 << 10);
    CLEANUP(world) struct world *other = world_beside(world);
    CLEANUP(world) struct world *holder = world_beside(world);
    struct trace_record          row;
    struct err                   err = {0};
    pthread_t                    thread;

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    CHECK_WORKS(store_begin(holder->farm.store, &err));
    CHECK_WORKS(trace_lock(holder->farm.store, holder->arena, "t", &row, &err));
    CHECK_NUMBER(pthread_create(&thread, NULL, gather_beside, other), 0);
    for (int i = 0; i < 2000 && ask(world, WAITING, NULL) == 0; i++) {
        clock_sleep_us(5000);
    }
    CHECK_NUMBER(ask(world, WAITING, NULL), 1);
    CHECK_NUMBER(segment_objects(world), 0);
    store_rollback(holder->farm.store);
    (void)pthread_join(thread, NULL);
    CHECK_NUMBER(ask(world, PLACED_ROWS, "t"), 1);
    CHECK_NUMBER(segment_objects(world), 1);
}

/* Nobody completes them: their clients are gone. */
TEST(keep, old_lines_of_traces_that_are_not_complete_are_gathered)
{
    CLEANUP(world) struct world *world = keeping_world(64 << 10);
    struct gathered              gathered;
    struct err                   err = {0};

    for (int64_t seq = 0; seq < 70; seq++) {
        put_chunk(world, "old", seq, seq * 10, 10);
        if (seq % 10 == 9) {
            validated(world);
        }
    }
    world->at_us += 10;
    put_chunk(world, "young", 0, 0, 10);
    put_open(world, "erased");
    put_chunk(world, "erased", 0, 0, 10);
    validated(world);
    put_message(world, "erased", MESSAGE_ERASE, "{}");
    validated(world);

    CHECK_WORKS(gather_old(world->farm.store, world->farm.blob, world->at_us, true, &gathered, &err));
    CHECK_NUMBER(gathered.traces, 1);
    CHECK_NUMBER(gathered.chunks, 70);
    CHECK_NUMBER(ask(world, KEPT_ROWS, "old"), 70);
    CHECK_WORKS(
        gather_old(world->farm.store, world->farm.blob, world->at_us, false, &gathered, &err));
    CHECK_NUMBER(gathered.traces, 1);
    CHECK(gathered.bytes > 70 * 10 * 50);
    CHECK_NUMBER(ask(world, KEPT_ROWS, "old"), 0);
    CHECK_NUMBER(ask(world, PLACED_ROWS, "old"), 70);
    CHECK_NUMBER(ask(world, KEPT_ROWS, "young"), 1);
    CHECK_NUMBER(segment_objects(world), 2);

    /* It goes on as if nothing had been done. */
    put_open(world, "old");
    put_chunk(world, "old", 70, 700, 10);
    validated(world);
    CHECK_NUMBER(ask(world, KEPT_ROWS, "old"), 1);
    finalized(world, "old");
    CHECK_NUMBER(ask(world, KEPT_ROWS, "old"), 0);
    CHECK_WORKS(
        gather_old(world->farm.store, world->farm.blob, world->at_us, false, &gathered, &err));
    CHECK_NUMBER(gathered.traces, 0);
}
