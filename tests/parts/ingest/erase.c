// SPDX-License-Identifier: MIT
/* An erased trace: nothing of it can be read any more, and its neighbours have lost nothing. */
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "questions.h"
#include "store/trace_store.h"
#include "workers/validate/validator.h"
#include "world.h"

#define ROWS_OF                                                                                    \
    "SELECT (SELECT count(*) FROM event_ids WHERE trace_no = t.trace_no)"                          \
    " + (SELECT count(*) FROM trace_chunks WHERE trace_no = t.trace_no)"                           \
    " + (SELECT count(*) FROM trace_heads WHERE trace_no = t.trace_no)"                            \
    " + (SELECT count(*) FROM artifacts WHERE trace_no = t.trace_no)"                              \
    " + (SELECT count(*) FROM qa_results WHERE trace_no = t.trace_no)"                             \
    " + (SELECT count(*) FROM judge_results WHERE trace_no = t.trace_no)"                          \
    " + (SELECT count(*) FROM idempotency_keys WHERE scope = t.trace_id)"                          \
    " FROM traces t WHERE trace_id = $1"
#define ERASED "SELECT count(*) FROM traces WHERE trace_id = $1 AND status = 'erased'"

/* In how many objects of the bucket do these bytes stand? */
static int objects_with(struct world *world, enum bucket bucket, const char *text)
{
    struct blob_entry *entries = NULL;
    size_t             count = 0;
    int                with = 0;
    struct err         err = {0};

    CHECK_WORKS(
        blob_list(world->farm.blob, world->arena, bucket, "", "", 1000, &entries, &count, &err));
    for (size_t i = 0; i < count; i++) {
        struct bytes bytes;

        CHECK_WORKS(blob_get(world->farm.blob, world->arena, bucket, entries[i].key, 1 << 22,
                             &bytes, &err));
        with += memmem(bytes.data, bytes.size, text, strlen(text)) != NULL ? 1 : 0;
    }
    return with;
}

static void put_secret(struct world *world, const char *trace, const char *text)
{
    put_message(world, trace, MESSAGE_CHUNK,
                arena_format(world->arena,
                             "{\"chunk_id\":\"own\",\"chunk_seq\":0,\"events\":[{\"id\":\"e\","
                             "\"seq\":0,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"%s\","
                             "\"exit_code\":0}],\"artifacts\":{\"e.stdout\":{\"type\":\"stdout\","
                             "\"event_id\":\"e\",\"content\":\"printed %s\"}}}",
                             text, text));
}

TEST(erase, leaves_nothing_of_a_trace_and_all_of_its_neighbours)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_open(world, "a");
    put_open(world, "b");
    put_secret(world, "a", "forget-me");
    put_secret(world, "b", "keep-me");
    validated(world);
    put_message(world, "a", MESSAGE_COMPLETE, "{}");
    put_message(world, "b", MESSAGE_COMPLETE, "{}");
    validated(world);
    CHECK_WORKS(finalize(world, "a", &err));
    CHECK(objects_with(world, BUCKET_CHUNKS, "forget-me") == 1);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(ask(world, ERASED, "a"), 1);
    CHECK_NUMBER(ask(world, ROWS_OF, "a"), 0);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM doomed_objects", NULL), 0);
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        CHECK_NUMBER(objects_with(world, (enum bucket)bucket, "forget-me"), 0);
    }
    CHECK_NUMBER(objects_with(world, BUCKET_CHUNKS, "keep-me"), 1);
    /* b's lines are where its rows say: its chain still holds. */
    CHECK_WORKS(finalize(world, "b", &err));
    CHECK(holds(arena_text(world->arena, document_of(world, "b")), "keep-me"));
}

/* Else whoever erases what was judged today may have as much judged once more. */
TEST(erase, leaves_what_judging_cost_and_nothing_of_what_it_said)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "a");
    validated(world);
    CHECK_NUMBER(ask(world,
                     "WITH call AS (INSERT INTO judge_calls (trace_no, created_us, cache_key, model,"
                     " tokens_prompt, tokens_answer, flags, answer) SELECT trace_no, 1, 'key', 'm',"
                     " 100, 10, 0, 'forget-me' FROM traces WHERE trace_id = $1 RETURNING 1)"
                     " SELECT count(*) FROM call",
                     "a"),
                 1);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(ask(world, ERASED, "a"), 1);
    CHECK_NUMBER(ask(world, "SELECT sum(tokens_prompt)::bigint FROM judge_calls", NULL), 100);
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM judge_calls WHERE answer IS NOT NULL OR cache_key = 'key'",
                     NULL),
                 0);
}

TEST(erase, is_not_undone_by_what_comes_late)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "a");
    put_chunk(world, "a", 0, 0, 5);
    validated(world);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    put_chunk(world, "a", 1, 5, 5);
    put_message(world, "a", MESSAGE_COMPLETE, "{}");
    put_message(world, "a", MESSAGE_ERASE, "{}"); /* again */
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 410);
    CHECK_NUMBER(http_of(world, 1), 410);
    CHECK_NUMBER(world->in[2].err.code, ERR_NONE);
    CHECK_NUMBER(ask(world, ROWS_OF, "a"), 0);
    CHECK_NUMBER(ask(world, ERASED, "a"), 1);
}

TEST(erase, takes_what_came_in_the_same_batch_along)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "a");
    put_secret(world, "a", "forget-me");
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(ask(world, ERASED, "a"), 1);
    CHECK_NUMBER(ask(world, ROWS_OF, "a"), 0);
    CHECK_NUMBER(objects_with(world, BUCKET_CHUNKS, "forget-me"), 0);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "forget-me"), 0);
}

TEST(erase, spares_an_artifact_that_another_trace_has)
{
    CLEANUP(world) struct world *world = world_new();

    put_secret(world, "a", "shared");
    put_secret(world, "b", "shared");
    validated(world);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "shared"), 1);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "shared"), 1);
    put_message(world, "b", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "shared"), 0);
}

#define UPLOAD(key, hash)                                                                          \
    "{\"name\":\"final_workspace_snapshot\",\"key\":\"sha256/" key "\",\"sha256\":\"" hash         \
    "\",\"size_bytes\":9}"
#define HASH_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define HASH_2 "2222222222222222222222222222222222222222222222222222222222222222"

static bool object_there(struct world *world, const char *key)
{
    struct err err = {0};
    int64_t    size;

    return blob_size(world->farm.blob, BUCKET_ARTIFACTS, key, &size, &err) == 0;
}

TEST(erase, takes_the_uploads_along_that_others_took_the_place_of)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "a");
    put_message(world, "a", MESSAGE_ARTIFACT, UPLOAD("first", HASH_1));
    validated(world);
    put_message(world, "a", MESSAGE_ARTIFACT, UPLOAD("second", HASH_2));
    validated(world);
    CHECK(object_there(world, "sha256/first") && object_there(world, "sha256/second"));
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK(!object_there(world, "sha256/first") && !object_there(world, "sha256/second"));
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM trace_objects", NULL), 0);
}

/* Its gateway was killed before it told of it. */
TEST(erase, takes_an_upload_along_that_no_message_told_of)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_open(world, "a");
    validated(world);
    CHECK_WORKS(
        blob_put(world->farm.blob, BUCKET_ARTIFACTS, "uploads/a/x", BYTES("x"), NULL, &err));
    CHECK_WORKS(
        blob_put(world->farm.blob, BUCKET_ARTIFACTS, "uploads/ab/x", BYTES("x"), NULL, &err));
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK(!object_there(world, "uploads/a/x"));
    CHECK(object_there(world, "uploads/ab/x"));
}

TEST(erase, takes_the_artifacts_of_refused_chunks_along)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "a");
    put_secret(world, "a", "taken");
    validated(world);
    put_secret(world, "a", "other-content");
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 409);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "other-content"), 1);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "other-content"), 0);
}

TEST(erase, keeps_nothing_of_what_comes_late)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "a");
    validated(world);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    put_secret(world, "a", "forget-me");
    put_message(world, "a", MESSAGE_ARTIFACT, UPLOAD("late", HASH_1));
    validated(world);
    /* Answered, and no dead letter: that would keep what was sent. */
    CHECK_NUMBER(http_of(world, 0), 410);
    CHECK_NUMBER(http_of(world, 1), 410);
    CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
    CHECK_NUMBER(world->in[1].err.code, ERR_NONE);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "forget-me"), 0);
    CHECK(!object_there(world, "sha256/late"));
}

/* Whatever is wrong with it: as a dead letter it would be there to be read for months. */
TEST(erase, keeps_nothing_of_what_comes_late_and_is_refused)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "a");
    put_open(world, "b");
    validated(world);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    put_message(world, "a", MESSAGE_CHUNK, "{\"chunk_id\":\"forget-me\"}");
    put_message(world, "b", MESSAGE_CHUNK, "{\"chunk_id\":\"keep-me\"}");
    put_message(world, "a", MESSAGE_COMPLETE, "[]");
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 422);
    CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
    CHECK_NUMBER(world->in[1].err.code, ERR_SCHEMA);
    CHECK_NUMBER(world->in[2].err.code, ERR_NONE);
}

/* Of a chunk that waits for an earlier one no row of artifacts tells yet. */
TEST(erase, spares_an_artifact_that_a_waiting_chunk_has)
{
    CLEANUP(world) struct world *world = world_new();

    put_secret(world, "a", "shared");
    put_message(world, "b", MESSAGE_CHUNK,
                "{\"chunk_id\":\"waits\",\"chunk_seq\":1,\"events\":[{\"id\":\"e\",\"seq\":9,"
                "\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"x\",\"exit_code\":0}],"
                "\"artifacts\":{\"e.stdout\":\"printed shared\"}}");
    validated(world);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "shared"), 1);
    put_chunk(world, "b", 0, 0, 1);
    validated(world);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM artifacts", NULL), 1);
    put_message(world, "b", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "shared"), 0);
}

/* As older gateways put them: under their content alone. */
TEST(erase, has_an_upload_sent_again_whose_object_it_took)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_open(world, "a");
    put_open(world, "b");
    put_message(world, "a", MESSAGE_ARTIFACT, UPLOAD("shared", HASH_1));
    validated(world);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    put_message(world, "b", MESSAGE_ARTIFACT, UPLOAD("shared", HASH_1));
    CHECK_WORKS(blob_delete(world->farm.blob, BUCKET_ARTIFACTS, "sha256/shared", &err));
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_BLOB_MISSING);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM artifacts", NULL), 0);
    put_message(world, "b", MESSAGE_ARTIFACT, UPLOAD("shared", HASH_1));
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM artifacts", NULL), 1);
}

static void *validate_beside(void *arg)
{
    validated(arg);
    return NULL;
}

#define WAITING                                                                                    \
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"                     \
    " AND wait_event_type = 'Lock'"

/* The chunk's object is put when it is read, and its rows come later: here b's row is held
 * meanwhile. */
TEST(erase, spares_an_artifact_that_is_about_to_be_referred_to)
{
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(world) struct world *other = world_beside(world);
    CLEANUP(world) struct world *holder = world_beside(world);
    struct trace_record          row;
    struct err                   err = {0};
    pthread_t                    thread;

    put_open(world, "b");
    put_secret(world, "a", "shared");
    validated(world);
    CHECK_WORKS(store_begin(holder->farm.store, &err));
    CHECK_WORKS(trace_lock(holder->farm.store, holder->arena, "b", &row, &err));
    put_secret(other, "b", "shared");
    CHECK_NUMBER(pthread_create(&thread, NULL, validate_beside, other), 0);
    for (int i = 0; i < 2000 && ask(world, WAITING, NULL) == 0; i++) {
        clock_sleep_us(5000);
    }
    CHECK_NUMBER(ask(world, WAITING, NULL), 1);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    store_rollback(holder->farm.store);
    (void)pthread_join(thread, NULL);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM artifacts", NULL), 1);
    CHECK_NUMBER(objects_with(world, BUCKET_ARTIFACTS, "shared"), 1);
}

/* A long trace takes long to erase: here somebody holds a segment of it. */
TEST(erase, holds_up_nothing_that_came_in_the_same_batch)
{
    static const struct statement hold = {
        "hold_segments", "SELECT count(*) FROM (SELECT FROM segments FOR UPDATE) s", 0};
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(world) struct world *other = world_beside(world);
    CLEANUP(world) struct world *holder = world_beside(world);
    struct err                   err = {0};
    pthread_t                    thread;

    put_open(world, "a");
    put_open(world, "b");
    put_chunk(world, "a", 0, 0, 5);
    validated(world);
    CHECK_WORKS(store_begin(holder->farm.store, &err));
    CHECK_WORKS(store_run(holder->farm.store, &hold, NULL, NULL, &err));
    put_message(other, "a", MESSAGE_ERASE, "{}");
    put_chunk(other, "b", 0, 0, 5);
    CHECK_NUMBER(pthread_create(&thread, NULL, validate_beside, other), 0);
    for (int i = 0; i < 2000 && ask(world, WAITING, NULL) == 0; i++) {
        clock_sleep_us(5000);
    }
    CHECK_NUMBER(ask(world, WAITING, NULL), 1);
    CHECK_NUMBER(ask(world, NUM_EVENTS, "b"), 5);
    put_chunk(world, "b", 1, 5, 5); /* and its trace is not locked */
    validated(world);
    store_rollback(holder->farm.store);
    (void)pthread_join(thread, NULL);
    CHECK_NUMBER(ask(world, ERASED, "a"), 1);
    CHECK_NUMBER(ask(world, NUM_EVENTS, "b"), 10);
}

/* A disk was lost, and with it the segment that the two share: who asks to be erased is erased. */
TEST(erase, is_not_stopped_by_a_segment_that_is_lost)
{
    CLEANUP(world) struct world *world = world_new();
    struct blob_entry           *entries = NULL;
    size_t                       count = 0;
    struct err                   err = {0};

    put_open(world, "a");
    put_chunk(world, "a", 0, 0, 5);
    put_chunk(world, "b", 0, 0, 5);
    validated(world);
    CHECK_WORKS(blob_list(world->farm.blob, world->arena, BUCKET_CHUNKS, "", "", 1000, &entries,
                          &count, &err));
    CHECK_NUMBER(count, 1);
    CHECK_WORKS(blob_delete(world->farm.blob, BUCKET_CHUNKS, entries[0].key, &err));
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
    CHECK_NUMBER(ask(world, ERASED, "a"), 1);
    CHECK_NUMBER(ask(world, ROWS_OF, "a"), 0);
}

/* What was sent lies there as it was sent, secrets and all, and its message is in no stream any more. */
TEST(erase, takes_the_claim_checks_along_that_the_stream_has_forgotten)
{
    static const char            key[] = "claims/20261121/00112233445566778899aabbccddeeff";
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};
    size_t                       large;

    put_open(world, "a");
    large = put_chunk(world, "a", 0, 0, 5);
    world->in[large].claim = key;
    CHECK_WORKS(blob_put(world->farm.blob, BUCKET_CHUNKS, key, BYTES("forget-me"),
                         "application/msgpack", &err));
    validated(world);
    CHECK_NUMBER(objects_with(world, BUCKET_CHUNKS, "forget-me"), 1);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(objects_with(world, BUCKET_CHUNKS, "forget-me"), 0);
}

/* Who still records does not know yet. */
TEST(erase, keeps_nothing_waiting_that_comes_late_while_it_lasts)
{
    static const struct statement hold = {
        "hold_segments", "SELECT count(*) FROM (SELECT FROM segments FOR UPDATE) s", 0};
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(world) struct world *other = world_beside(world);
    CLEANUP(world) struct world *holder = world_beside(world);
    struct err                   err = {0};
    pthread_t                    thread;

    put_open(world, "a");
    put_chunk(world, "a", 0, 0, 5);
    validated(world);
    CHECK_WORKS(store_begin(holder->farm.store, &err));
    CHECK_WORKS(store_run(holder->farm.store, &hold, NULL, NULL, &err));
    put_message(other, "a", MESSAGE_ERASE, "{}");
    CHECK_NUMBER(pthread_create(&thread, NULL, validate_beside, other), 0);
    for (int i = 0; i < 2000 && ask(world, WAITING, NULL) == 0; i++) {
        clock_sleep_us(5000);
    }
    CHECK_NUMBER(ask(world, WAITING, NULL), 1);
    put_chunk(world, "a", 1, 5, 5);
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 410);
    CHECK_NUMBER(ask(world, WAITING, NULL), 1);
    store_rollback(holder->farm.store);
    (void)pthread_join(thread, NULL);
    CHECK_NUMBER(ask(world, ERASED, "a"), 1);
    CHECK_NUMBER(ask(world, ROWS_OF, "a"), 0);
}

static void put_in_segments(struct world *world, const char *trace, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        put_chunk(world, trace, i, i * 5, 5);
        put_chunk(world, "neighbour", i, i * 5, 5);
        validated(world);
    }
}

TEST(erase, goes_on_where_it_was_and_lets_others_in_between)
{
    CLEANUP(world) struct world *world = world_new();
    struct validator            *validator = world->validator;
    int                          times = 0;
    struct err                   err = {0};

    put_in_segments(world, "a", 20);
    put_message(world, "neighbour", MESSAGE_COMPLETE, "{}");
    validated(world);
    validator->erase_slice_ms = 0;
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    while (world->in[0].err.code != ERR_NONE && times++ < 20) {
        CHECK_NUMBER(world->in[0].err.code, ERR_TRACE_NOT_READY);
        CHECK_NUMBER(ask(world, ERASED, "a"), 1);
        put_message(world, "a", MESSAGE_ERASE, "{}");
        put_chunk(world, "a", 99, 500, 5);
        validated(world);
        CHECK_NUMBER(http_of(world, 1), 410);
        CHECK_NUMBER(world->in[1].err.code, ERR_NONE);
    }
    CHECK_NUMBER(times, 3); /* of 20 segments each time 8, and a look whether there are more */
    CHECK_NUMBER(ask(world, ROWS_OF, "a"), 0);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM doomed_objects", NULL), 0);
    CHECK_NUMBER(segment_objects(world), 20);
    put_open(world, "neighbour");
    validated(world);
    CHECK_WORKS(finalize(world, "neighbour", &err));
}

TEST(erase, leaves_no_copies_behind_when_it_fails)
{
    static const struct statement trap[] = {
        {"trap_function",
         "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
         " RAISE EXCEPTION 'not now' USING ERRCODE = 'lock_not_available'; END $$",
         0},
        {"trap_set",
         "CREATE TRIGGER trap BEFORE DELETE ON trace_chunks FOR EACH STATEMENT"
         " EXECUTE FUNCTION trap()",
         0},
    };
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_in_segments(world, "a", 3);
    for (size_t i = 0; i < COUNT_OF(trap); i++) {
        CHECK_WORKS(store_run(world->farm.store, &trap[i], NULL, NULL, &err));
    }
    put_message(world, "a", MESSAGE_ERASE, "{}");
    (void)!validate(world, &err);
    CHECK_NUMBER(world->in[0].err.code, ERR_STORE_CLASH);
    CHECK_NUMBER(segment_objects(world), 3);
}

TEST(erase, takes_a_segment_along_when_nobody_has_lines_in_it_any_more)
{
    CLEANUP(world) struct world *world = world_new();

    put_in_segments(world, "a", 2);
    put_message(world, "a", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(segment_objects(world), 2);
    put_message(world, "neighbour", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(segment_objects(world), 0);
    CHECK_NUMBER(ask(world, SEGMENTS, NULL), 0);
}
