// SPDX-License-Identifier: MIT
/* sweep: segments that no row names, claim checks and artifacts whose messages no stream has, documents
 * of erased traces. */
#include "base/clock.h"
#include "blob/blob.h"
#include "lib/server.h"
#include "store/chunk_store.h"
#include "store/trace_store.h"
#include "workers/validate/sweep.h"
#include "world.h"

#define ORPHAN "segments/20260101/0123456789abcdef0123456789abcdef"
#define COPY   "segments/20260101/0123456789abcdef0123456789abcdef-0011223344556677"

#define MINUTE_US 60000000LL
#define HOUR_US   (60 * MINUTE_US)

static void plant(struct blob_store *blob, const char *key)
{
    struct err err = {0};

    CHECK_WORKS(blob_put(blob, BUCKET_CHUNKS, key, BYTES("{}\n"), "application/x-ndjson", &err));
}

static bool is_there(struct blob_store *blob, const char *key)
{
    struct err err = {0};
    int64_t    size;

    return blob_size(blob, BUCKET_CHUNKS, key, &size, &err) == 0;
}

/* Everything there is now is old. */
static void sweep_in_an_hour(struct world *world, struct blob_store *blob, bool dry_run,
                             struct swept *ret_swept)
{
    struct err err = {0};

    CHECK_WORKS(
        sweep_segments(world->farm.store, blob, clock_us() + HOUR_US, dry_run, ret_swept, &err));
}

TEST(sweep, deletes_what_no_row_names_and_nothing_else)
{
    CLEANUP(world) struct world *world = world_new();
    struct blob_store           *blob = world->farm.blob;
    struct err                   err = {0};
    struct swept                 swept;

    (void)put_open(world, "t");
    put_chunk(world, "t", 0, 0, 3);
    validated(world);
    put_chunk(world, "t", 1, 3, 3);
    validated(world);
    plant(blob, ORPHAN);
    plant(blob, COPY);
    plant(blob, "claims/of-another-kind");
    sweep_in_an_hour(world, blob, true, &swept);
    CHECK_NUMBER(swept.seen, 4);
    CHECK_NUMBER(swept.orphans, 2);
    CHECK_NUMBER(swept.bytes, 6);
    CHECK(is_there(blob, ORPHAN));
    sweep_in_an_hour(world, blob, false, &swept);
    CHECK_NUMBER(swept.orphans, 2);
    CHECK(!is_there(blob, ORPHAN));
    CHECK(!is_there(blob, COPY));
    CHECK(is_there(blob, "claims/of-another-kind"));
    sweep_in_an_hour(world, blob, false, &swept);
    CHECK_NUMBER(swept.seen, 2);
    CHECK_NUMBER(swept.orphans, 0);
    put_message(world, "t", MESSAGE_COMPLETE, "{}"); /* all its lines are there still */
    validated(world);
    CHECK_WORKS(finalize(world, "t", &err));
    CHECK_NUMBER(ask(world, "SELECT num_events FROM traces WHERE trace_id = $1", "t"), 6);
}

TEST(sweep, leaves_a_segment_alone_whose_row_may_be_on_its_way)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};
    struct swept                 swept;

    plant(world->farm.blob, ORPHAN);
    CHECK_WORKS(sweep_segments(world->farm.store, world->farm.blob,
                               clock_us() - SWEEP_AGE_LEAST_S * 1000000LL, false, &swept, &err));
    CHECK_NUMBER(swept.seen, 1);
    CHECK_NUMBER(swept.orphans, 0);
    CHECK(is_there(world->farm.blob, ORPHAN));
}

/* Replaying a long trace, or erasing it, puts segments one after the other and commits at the end. */
TEST(sweep, leaves_a_segment_alone_that_a_transaction_under_way_may_have_put)
{
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(store) struct store *other = NULL;
    struct blob_store           *blob = world->farm.blob;
    struct err                   err = {0};
    struct swept                 swept;

    CHECK_WORKS(store_open(&other, world->url, "test", &err));
    CHECK_WORKS(store_begin(other, &err));
    CHECK_WORKS(traces_hold(other, &err));
    plant(blob, ORPHAN);
    sweep_in_an_hour(world, blob, false, &swept);
    CHECK_NUMBER(swept.orphans, 0);
    CHECK(is_there(blob, ORPHAN));
    store_rollback(other);
    sweep_in_an_hour(world, blob, false, &swept);
    CHECK_NUMBER(swept.orphans, 1);
    CHECK(!is_there(blob, ORPHAN));
}

#define CLAIM "claims/20261121/00112233445566778899aabbccddeeff"
#define NOTES "SELECT count(*) FROM trace_objects"

TEST(sweep, deletes_claim_checks_that_are_old_enough_and_forgets_whose_they_were)
{
    CLEANUP(world) struct world *world = world_new();
    struct blob_store           *blob = world->farm.blob;
    struct err                   err = {0};
    struct swept                 swept;
    int64_t                      later_us = clock_us() + HOUR_US;

    (void)put_open(world, "t");
    plant(blob, CLAIM);
    plant(blob, ORPHAN);
    world->in[put_chunk(world, "t", 0, 0, 3)].claim = CLAIM;
    validated(world);
    CHECK_NUMBER(ask(world, NOTES, NULL), 1);
    CHECK_WORKS(sweep_claims(world->farm.store, blob, clock_us() - MINUTE_US, false, &swept, &err));
    CHECK_NUMBER(swept.seen, 1);
    CHECK_NUMBER(swept.orphans, 0);
    CHECK_WORKS(sweep_claims(world->farm.store, blob, later_us, true, &swept, &err));
    CHECK_NUMBER(swept.orphans, 1);
    CHECK_NUMBER(swept.bytes, 3);
    CHECK(is_there(blob, CLAIM));
    CHECK_NUMBER(ask(world, NOTES, NULL), 1);
    CHECK_WORKS(sweep_claims(world->farm.store, blob, later_us, false, &swept, &err));
    CHECK_NUMBER(swept.orphans, 1);
    CHECK(!is_there(blob, CLAIM));
    CHECK(is_there(blob, ORPHAN));
    CHECK_NUMBER(ask(world, NOTES, NULL), 0);
}

static void plant_artifact(struct world *world, const char *key)
{
    struct err err = {0};

    CHECK_WORKS(blob_put(world->farm.blob, BUCKET_ARTIFACTS, key, BYTES("bytes"), NULL, &err));
}

static bool artifact_is_there(struct world *world, const char *key)
{
    struct err err = {0};
    int64_t    size;

    return blob_size(world->farm.blob, BUCKET_ARTIFACTS, key, &size, &err) == 0;
}

#define HELD                                                                                       \
    "{\"name\":\"final_workspace_snapshot\",\"key\":\"uploads/t/held\",\"sha256\":"                \
    "\"1111111111111111111111111111111111111111111111111111111111111111\",\"size_bytes\":14}"

/* Put by a gateway that was killed before it told of it. */
TEST(sweep, deletes_artifacts_that_no_trace_has_and_that_are_old_enough)
{
    static const char *const     left[] = {"uploads/t/left", "uploads/unknown/left", "sha256/aa/left"};
    static const char *const     kept[] = {"uploads/t/held", "qa/t/log"};
    CLEANUP(world) struct world *world = world_new();
    struct blob_store           *blob = world->farm.blob;
    struct err                   err = {0};
    struct swept                 swept;
    int64_t                      later_us = clock_us() + HOUR_US;

    (void)put_open(world, "t");
    put_message(world, "t", MESSAGE_ARTIFACT, HELD);
    validated(world);
    plant_artifact(world, kept[1]);
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        plant_artifact(world, left[i]);
    }
    CHECK_WORKS(
        sweep_artifacts(world->farm.store, blob, clock_us() - MINUTE_US, false, &swept, &err));
    CHECK_NUMBER(swept.seen, 4);
    CHECK_NUMBER(swept.orphans, 0);
    CHECK_WORKS(sweep_artifacts(world->farm.store, blob, later_us, true, &swept, &err));
    CHECK_NUMBER(swept.orphans, 3);
    CHECK_NUMBER(swept.bytes, 15);
    CHECK(artifact_is_there(world, left[0]));
    CHECK_WORKS(sweep_artifacts(world->farm.store, blob, later_us, false, &swept, &err));
    CHECK_NUMBER(swept.orphans, 3);
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        CHECK(!artifact_is_there(world, left[i]));
    }
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        CHECK(artifact_is_there(world, kept[i]));
    }
}

/* Given up at the end of its week in PRT_INGEST, a message is in PRT_DEAD for three months. */
TEST(sweep, gives_a_claim_check_as_long_as_both_streams_together)
{
    const int64_t day_ms = 24 * 3600 * 1000LL;
    const int64_t now_us = 1795218281000001;

    CHECK_NUMBER(now_us - sweep_claims_before(now_us, now_us, 7 * day_ms, 90 * day_ms),
                 97 * day_ms * 1000 + 7 * day_ms * 1000 / 32 + SWEEP_AGE_LEAST_S * 1000000LL);
}

/* Validate has stood still for a month: what is given up tomorrow needs its claim check until then. */
TEST(sweep, gives_a_claim_check_as_long_as_its_message_waits_for_validate)
{
    const int64_t day_ms = 24 * 3600 * 1000LL;
    const int64_t now_us = 1795218281000001;

    CHECK_NUMBER(now_us - sweep_claims_before(now_us, now_us - 30 * day_ms * 1000, 7 * day_ms,
                                              90 * day_ms),
                 120 * day_ms * 1000 + SWEEP_AGE_LEAST_S * 1000000LL);
}

static const struct planted {
    enum bucket bucket;
    const char *key;
    bool        goes;
} planted[] = {
    {BUCKET_TRACES, "gone/trace.json", true},
    {BUCKET_TRACES, "raw/gone.ndjson", true},
    {BUCKET_ARTIFACTS, "uploads/gone/0123", true},
    {BUCKET_ARTIFACTS, "qa/gone/log/0123-4/000001", true},
    {BUCKET_TRACES, "t/trace.json", false},
    {BUCKET_TRACES, "raw/t.ndjson", false},
    {BUCKET_TRACES, "unknown/trace.json", false},
    {BUCKET_TRACES, "gone/of-another-kind", false},
    {BUCKET_TRACES, "raw/trace.json", false},
    {BUCKET_ARTIFACTS, "uploads/t/0123", false},
    {BUCKET_ARTIFACTS, "uploads/of-no-trace", false},
    {BUCKET_ARTIFACTS, "qa/t/log/0123-4/000001", false},
    {BUCKET_ARTIFACTS, "sha256/gone/0123", false},
};

static int planted_and_there(struct world *world, bool goes)
{
    int count = 0;

    for (size_t i = 0; i < COUNT_OF(planted); i++) {
        struct err err = {0};
        int64_t    size;

        count += planted[i].goes == goes && blob_size(world->farm.blob, planted[i].bucket,
                                                      planted[i].key, &size, &err) == 0;
    }
    return count;
}

/* Killed between storing a document and its row, or putting what a test prints, while the trace was
 * erased. */
TEST(sweep, deletes_what_a_killed_worker_left_of_an_erased_trace)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};
    struct swept                 swept;
    int64_t                      later_us = clock_us() + HOUR_US;

    (void)put_open(world, "t");
    (void)put_open(world, "gone");
    validated(world);
    put_message(world, "gone", MESSAGE_ERASE, "{}");
    validated(world);
    for (size_t i = 0; i < COUNT_OF(planted); i++) {
        CHECK_WORKS(blob_put(world->farm.blob, planted[i].bucket, planted[i].key, BYTES("{}\n"),
                             "application/json", &err));
    }
    CHECK_WORKS(sweep_documents(world->farm.store, world->farm.blob, clock_us() - MINUTE_US, false,
                                &swept, &err));
    CHECK_NUMBER(swept.orphans, 0);
    CHECK_WORKS(sweep_documents(world->farm.store, world->farm.blob, later_us, true, &swept, &err));
    CHECK_NUMBER(swept.orphans, 4);
    CHECK_NUMBER(planted_and_there(world, true), 4);
    CHECK_WORKS(
        sweep_documents(world->farm.store, world->farm.blob, later_us, false, &swept, &err));
    CHECK_NUMBER(swept.orphans, 4);
    CHECK_NUMBER(swept.bytes, 12);
    CHECK_NUMBER(planted_and_there(world, true), 0);
    CHECK_NUMBER(planted_and_there(world, false), 9);
}

static void name_segment(struct world *world, const char *key)
{
    const struct segment_record segment = {.key = key, .bytes = 3, .created_us = 1};
    struct err                  err = {0};

    CHECK_WORKS(store_begin(world->farm.store, &err));
    CHECK_WORKS(chunks_add(world->farm.store, world->arena, &segment, NULL, 0, &err));
    CHECK_WORKS(store_commit(world->farm.store, &err));
}

TEST(sweep, goes_through_more_segments_than_a_list_has_in_s3)
{
    CLEANUP(world) struct world           *world = world_new();
    CLEANUP(blob_store) struct blob_store *blob = NULL;
    struct test_server                    *server = test_server_start("s3-server");
    struct blob_settings                   settings = {.prefix = "sweep"};
    struct err                             err = {0};
    struct swept                           swept;

    CHECK(server != NULL);
    if (server == NULL) {
        return;
    }
    settings.url = arena_format(world->arena, "s3://%s", test_server_value(server, "endpoint"));
    settings.access_key = test_server_value(server, "access_key");
    settings.secret_key = test_server_value(server, "secret_key");
    settings.region = test_server_value(server, "region");
    CHECK_WORKS(blob_store_open(&blob, &settings, &err));
    for (int i = 0; i < BLOB_LIST_MOST + 3; i++) {
        const char *key = arena_format(world->arena, "segments/20260101/%032d", i);

        plant(blob, key);
        if (i % 500 == 0) {
            name_segment(world, key);
        }
    }
    sweep_in_an_hour(world, blob, false, &swept);
    CHECK_NUMBER(swept.seen, BLOB_LIST_MOST + 3);
    CHECK_NUMBER(swept.orphans, BLOB_LIST_MOST);
    sweep_in_an_hour(world, blob, false, &swept);
    CHECK_NUMBER(swept.seen, 3);
    CHECK_NUMBER(swept.orphans, 0);
    blob_store_close(TAKE(blob));
    test_server_stop(server);
}
