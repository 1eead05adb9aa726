// SPDX-License-Identifier: MIT
/* An erased trace: nothing of it can be read any more, and its neighbours have lost nothing. */
#include <string.h>

#include "questions.h"
#include "world.h"

#define ROWS_OF                                                                                    \
    "SELECT (SELECT count(*) FROM trace_events WHERE trace_no = t.trace_no)"                       \
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

    CHECK_WORKS(blob_list(world->farm.blob, world->arena, bucket, "", "", 1000, &entries, &count,
                          &err));
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
