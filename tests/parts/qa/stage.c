// SPDX-License-Identifier: MIT
/* The qa stage on a real database, a real object store and a real sandbox. */
#include <glob.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "lib/postgres.h"
#include "lib/test.h"
#include "store/qa_store.h"
#include "value/json.h"
#include "store/trace_object_store.h"
#include "value/msgpack.h"
#include "workers/object.h"
#include "workers/stage.h"
#include "lib/qa/world.h"

/* -------- an outbox to look into, in place of the loop's -------- */

struct letter {
    const char *family, *stage, *id;
};

struct outbox {
    struct arena *arena;
    struct letter letters[8];
    size_t        count;
};

void outbox_put(struct outbox *out, const struct delivery *in, const char *family,
                const char *stage, const char *id, struct bytes body, bool pass_reply)
{
    (void)in;
    (void)body;
    (void)pass_reply;
    if (out->count < COUNT_OF(out->letters)) {
        out->letters[out->count++] =
            (struct letter){family, stage, arena_text(out->arena, bytes_of(id))};
    }
}

static bool lease_lost;
static void (*look)(void *self); /* what a test wants seen while the tests run, or NULL */
static void *look_self;

int delivery_extend(struct delivery *in, struct err *err)
{
    (void)in;
    if (look != NULL) {
        look(look_self);
    }
    return lease_lost ? err_set(err, ERR_LEASE_LOST, "somebody else has it") : 0;
}

/* -------- a farm of one trace -------- */

static const struct statement add_trace = {"add_trace",
                                           "INSERT INTO traces (trace_id, tenant, status, "
                                           "opened_us) VALUES ('trace-1', 'acme', 'finalized', 1)"
                                           " RETURNING trace_no",
                                           0};
static const struct statement results = {
    "results", "SELECT version, status, tests_passed, validation FROM qa_results ORDER BY version",
    0};
static const struct statement newest = {"newest", "SELECT qa_status, tests_passed FROM traces", 0};
static const struct statement artifacts = {"artifacts", "SELECT name FROM artifacts ORDER BY name",
                                           0};
static const struct statement erase = {"erase", "UPDATE traces SET status = 'erased'", 0};

struct bench {
    struct arena *arena;
    struct world *world;
    const char   *url; /* of its database */
    struct farm   farm;
    void         *qa;
    int64_t       trace_no;
    struct outbox out;
};

static void bench_done(struct bench *bench)
{
    qa_stage.close(bench->qa);
    store_close(bench->farm.store);
    arena_free(bench->arena);
    mem_free(bench);
}
DEFINE_CLEANUP(bench, struct bench *, bench_done)

static struct bench *bench_new(struct world *world)
{
    struct bench              *bench = mem_zero(1, sizeof(*bench));
    const char                *url = postgres_tables();
    CLEANUP(rows) struct rows *rows = NULL;
    struct err                 err = {0};

    CHECK(url != NULL);
    if (url == NULL) {
        exit(1);
    }
    bench->arena = arena_new();
    bench->world = world;
    bench->url = url;
    bench->out.arena = bench->arena;
    bench->farm.config = &world->config;
    bench->farm.blob = world->blob;
    CHECK_WORKS(store_open(&bench->farm.store, url, "test", &err));
    CHECK_WORKS(store_run(bench->farm.store, &add_trace, NULL, &rows, &err));
    bench->trace_no = rows_whole(rows, 0, 0);
    CHECK_WORKS(qa_stage.open(&bench->farm, &bench->qa, &err));
    return bench;
}

static void snapshot_add(struct bench *bench, const char *name, const struct snapshot *snapshot)
{
    struct artifact_record row = {.trace_no = bench->trace_no,
                                  .name = bytes_of(name),
                                  .size_bytes = snapshot->size_bytes,
                                  .object_key = bytes_of(snapshot->key),
                                  .created_us = 1};
    struct err             err = {0};

    memcpy(row.sha256, snapshot->sha256, sizeof(row.sha256));
    CHECK_WORKS(artifacts_save(bench->farm.store, bench->arena, &row, 1, &err));
}

static int deliver(struct bench *bench, bool last_try, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      body = {0};
    struct value                 map = value_map();
    struct delivery              in = {.arena = arena,
                                       .to = {"work", "qa", "acme", "trace-1", NULL},
                                       .seq = 5,
                                       .tries = 1,
                                       .last_try = last_try};

    msgpack_write(&body, &map);
    in.message = (struct message){.kind = MESSAGE_WORK, .at_us = 77, .body = buf_bytes(&body)};
    bench->out.count = 0;
    return qa_stage.handle(bench->qa, &in, &bench->out, err);
}

static size_t results_count(struct bench *bench, const char *status)
{
    CLEANUP(rows) struct rows *rows = NULL;
    CLEANUP(rows) struct rows *trace = NULL;
    struct err                 err = {0};

    CHECK_WORKS(store_run(bench->farm.store, &results, NULL, &rows, &err));
    if (rows_count(rows) > 0) {
        CHECK_TEXT(rows_text(rows, rows_count(rows) - 1, 1), status);
        CHECK_WORKS(store_run(bench->farm.store, &newest, NULL, &trace, &err));
        CHECK_TEXT(rows_text(trace, 0, 0), status);
    }
    return rows_count(rows);
}

#define BENCH()                                                                                    \
    struct world *world = world_get();                                                             \
    if (world == NULL) {                                                                           \
        return;                                                                                    \
    }                                                                                              \
    CLEANUP(bench) struct bench *bench = bench_new(world);                                         \
    struct err                   err = {0}

static const struct snapshot *good(struct world *world)
{
    return world_snapshot(world, FILES("test_a.py", "def test_a(): pass\n"));
}

TEST(stage, adds_one_row_a_job_and_leaves_the_same_word_every_time)
{
    BENCH();
    CLEANUP(rows) struct rows *rows = NULL;

    snapshot_add(bench, "final_workspace_snapshot", good(world));
    for (int i = 0; i < 2; i++) {
        CHECK_WORKS(deliver(bench, false, &err));
        CHECK_NUMBER(bench->out.count, 2);
        CHECK_TEXT(bench->out.letters[0].family, "work");
        CHECK_TEXT(bench->out.letters[0].stage, "judge");
        CHECK_TEXT(bench->out.letters[0].id, "qa-5-77.judge");
        CHECK_TEXT(bench->out.letters[1].family, "result");
        CHECK_TEXT(bench->out.letters[1].id, "qa-5-77.result");
        CHECK_NUMBER(results_count(bench, "passed"), 1);
    }
    CHECK_WORKS(store_run(bench->farm.store, &artifacts, NULL, &rows, &err));
    CHECK_NUMBER(rows_count(rows), 3);
    CHECK_TEXT(rows_text(rows, 1, 0), "qa-5-77.log");
    CHECK_TEXT(rows_text(rows, 2, 0), "qa-5-77.report");
}

TEST(stage, ends_a_trace_without_any_snapshot)
{
    BENCH();
    CHECK_WORKS(deliver(bench, false, &err));
    CHECK_NUMBER(results_count(bench, "not_run"), 1);
    CHECK_NUMBER(bench->out.count, 2);
}

TEST(stage, ends_a_trace_with_a_hostile_archive_at_once)
{
    BENCH();
    snapshot_add(bench, "final_workspace_snapshot",
                 world_snapshot_bytes(world, BYTES("no archive")));
    CHECK_WORKS(deliver(bench, false, &err));
    CHECK_NUMBER(results_count(bench, "infra_error"), 1);
    CHECK_NUMBER(bench->out.count, 2);
}

TEST(stage, tries_again_before_it_calls_a_missing_snapshot_an_infra_error)
{
    BENCH();
    struct snapshot gone = *good(world);

    gone.key = "sha256/00/gone";
    snapshot_add(bench, "final_workspace_snapshot", &gone);
    CHECK_FAILS(deliver(bench, false, &err), ERR_BLOB_MISSING);
    CHECK_NUMBER(results_count(bench, ""), 0);
    CHECK_WORKS(deliver(bench, true, &err));
    CHECK_NUMBER(results_count(bench, "infra_error"), 1);
}

TEST(stage, knows_a_snapshot_that_is_not_what_was_uploaded)
{
    BENCH();
    struct snapshot changed = *good(world);

    changed.sha256[0] ^= 1;
    snapshot_add(bench, "final_workspace_snapshot", &changed);
    CHECK_FAILS(deliver(bench, false, &err), ERR_BLOB_CORRUPT);
}

TEST(stage, stops_a_run_whose_lease_is_lost)
{
    BENCH();
    snapshot_add(
        bench, "final_workspace_snapshot",
        world_snapshot(world, FILES("test_a.py", "import time\ndef test_a(): time.sleep(600)\n")));
    lease_lost = true;
    CHECK_FAILS(deliver(bench, true, &err), ERR_LEASE_LOST);
    lease_lost = false;
    CHECK_NUMBER(results_count(bench, ""), 0);
}

TEST(stage, gives_back_the_row_of_whoever_finished_first)
{
    BENCH();
    struct qa_row  row = {.job_id = "qa-5-77",
                          .created_us = 1,
                          .status = "failed",
                          .said = true,
                          .validation = BYTES("{}")};
    struct qa_done done;

    CHECK_WORKS(qa_store_put(bench->farm.store, bench->arena, bench->trace_no, &row, &done, &err));
    CHECK_NUMBER(done.version, 1);
    row.status = "passed";
    CHECK_WORKS(qa_store_put(bench->farm.store, bench->arena, bench->trace_no, &row, &done, &err));
    CHECK_TEXT(done.status, "failed");
    row.job_id = "another";
    CHECK_WORKS(qa_store_put(bench->farm.store, bench->arena, bench->trace_no, &row, &done, &err));
    CHECK_NUMBER(done.version, 2);
    CHECK_NUMBER(results_count(bench, "passed"), 2);
}

TEST(stage, does_not_run_the_tests_of_an_erased_trace)
{
    BENCH();
    CHECK_WORKS(store_run(bench->farm.store, &erase, NULL, NULL, &err));
    CHECK_FAILS(deliver(bench, true, &err), ERR_TRACE_ERASED);
}

/* -------- what another trace has too -------- */

enum { OBJECTS_MOST = 1000 }; /* hundreds, if all tests have run */

/* What lies there by its content, but for `snapshot`. */
static size_t objects_list(struct blob_store *blob, struct arena *arena,
                           const struct snapshot *snapshot, const char **ret_keys, size_t most)
{
    struct blob_entry *entries;
    size_t             count = 0;
    size_t             others = 0;
    struct err         err = {0};

    CHECK_WORKS(
        blob_list(blob, arena, BUCKET_ARTIFACTS, "sha256/", "", OBJECTS_MOST, &entries, &count, &err));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].key, snapshot->key) != 0 && others < most) {
            ret_keys[others++] = entries[i].key;
        }
    }
    return others;
}

/* The object store is that of all tests here. */
static void objects_clear(struct bench *bench, const struct snapshot *snapshot)
{
    const char *keys[OBJECTS_MOST];
    size_t      count = objects_list(bench->world->blob, bench->arena, snapshot, keys, OBJECTS_MOST);
    struct err  err = {0};

    for (size_t i = 0; i < count; i++) {
        CHECK_WORKS(blob_delete(bench->world->blob, BUCKET_ARTIFACTS, keys[i], &err));
    }
}

static const struct statement add_other = {
    "add_other",
    "INSERT INTO traces (trace_id, tenant, status, opened_us) VALUES ('trace-2', 'acme',"
    " 'erased', 1) RETURNING trace_no",
    0};
static const struct statement hold_results = {"hold_results", "LOCK TABLE qa_results IN SHARE MODE",
                                              0};
static const struct statement waiting = {
    "waiting",
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock'",
    0};
static const struct statement keys_named = {
    "keys_named", "SELECT object_key FROM artifacts WHERE name LIKE 'qa-%' ORDER BY 1", 0};

static void *deliver_beside(void *arg)
{
    struct bench *bench = arg;
    struct err    err = {0};

    CHECK_WORKS(deliver(bench, true, &err));
    return NULL;
}

static bool somebody_waits(struct store *store)
{
    struct err err = {0};

    for (int i = 0; i < 12000; i++) {
        CLEANUP(rows) struct rows *rows = NULL;

        CHECK_WORKS(store_run(store, &waiting, NULL, &rows, &err));
        if (rows_whole(rows, 0, 0) > 0) {
            return true;
        }
        clock_sleep_us(5000);
    }
    return false;
}

/* Whatever lies there was put for trace-2 too, and trace-2 is erased. */
static void erase_the_same(struct store *store, struct blob_store *blob, struct arena *arena,
                           const struct snapshot *snapshot)
{
    CLEANUP(rows) struct rows *rows = NULL;
    const char                *keys[OBJECTS_MOST];
    size_t                     count = objects_list(blob, arena, snapshot, keys, OBJECTS_MOST);
    struct err                 err = {0};

    CHECK_WORKS(store_run(store, &add_other, NULL, &rows, &err));
    for (size_t i = 0; i < count; i++) {
        const struct bytes key = bytes_of(keys[i]);
        const int64_t      trace_no = rows_whole(rows, 0, 0);
        bool              *gone;

        CHECK_WORKS(store_begin(store, &err));
        CHECK_WORKS(objects_note(store, arena, &key, &trace_no, 1, &gone, &err));
        CHECK_WORKS(store_commit(store, &err));
        CHECK_WORKS(object_drop(store, blob, arena, "trace-2", keys[i], &err));
    }
    CHECK_NUMBER(count, 2);
}

/* They are put when the tests have run, and their rows come later: here qa_results is held
 * meanwhile. */
TEST(stage, has_a_log_and_a_report_that_go_with_no_other_trace)
{
    BENCH();
    CLEANUP(store) struct store           *store = NULL;
    CLEANUP(store) struct store           *holder = NULL;
    CLEANUP(blob_store) struct blob_store *blob = NULL;
    CLEANUP(rows) struct rows             *rows = NULL;
    const struct snapshot                 *snapshot = good(world);
    pthread_t                              thread;

    CHECK_WORKS(store_open(&store, bench->url, "test", &err));
    CHECK_WORKS(store_open(&holder, bench->url, "test", &err));
    CHECK_WORKS(farm_blob_open(&blob, &world->config, &err));
    snapshot_add(bench, "final_workspace_snapshot", snapshot);
    objects_clear(bench, snapshot);
    CHECK_WORKS(store_begin(holder, &err));
    CHECK_WORKS(store_run(holder, &hold_results, NULL, NULL, &err));
    CHECK_NUMBER(pthread_create(&thread, NULL, deliver_beside, bench), 0);
    CHECK(somebody_waits(store));
    erase_the_same(store, blob, bench->out.arena, snapshot);
    store_rollback(holder);
    (void)pthread_join(thread, NULL);
    CHECK_WORKS(store_run(store, &keys_named, NULL, &rows, &err));
    CHECK_NUMBER(rows_count(rows), 2);
    for (size_t i = 0; i < rows_count(rows); i++) {
        int64_t size;

        CHECK_WORKS(blob_size(blob, BUCKET_ARTIFACTS, rows_text(rows, i, 0), &size, &err));
    }
}

static const struct statement erase_as_it_is_noted[] = {
    {"erase_function",
     "CREATE FUNCTION erase_now() RETURNS trigger LANGUAGE plpgsql AS"
     " 'BEGIN UPDATE traces SET status = ''erased''; RETURN NULL; END'",
     0},
    {"erase_trigger",
     "CREATE TRIGGER erase_now AFTER INSERT ON trace_objects EXECUTE FUNCTION erase_now()", 0},
};

TEST(stage, leaves_no_log_of_a_trace_that_is_erased_as_its_tests_end)
{
    BENCH();
    const struct snapshot *snapshot = good(world);
    const char            *keys[OBJECTS_MOST];

    snapshot_add(bench, "final_workspace_snapshot", snapshot);
    objects_clear(bench, snapshot);
    for (size_t i = 0; i < COUNT_OF(erase_as_it_is_noted); i++) {
        CHECK_WORKS(store_run(bench->farm.store, &erase_as_it_is_noted[i], NULL, NULL, &err));
    }
    CHECK_FAILS(deliver(bench, true, &err), ERR_TRACE_ERASED);
    CHECK_NUMBER(objects_list(world->blob, bench->arena, snapshot, keys, OBJECTS_MOST), 0);
}

/* -------- the log of a running job -------- */

#define SAID      "this was said while the tests ran\n"
#define SAID_MANY "20000" /* times: more than one piece */

static size_t pieces_list(struct bench *bench, const char *trace, struct blob_entry **ret_entries)
{
    size_t     count = 0;
    struct err err = {0};

    CHECK_WORKS(blob_list(bench->world->blob, bench->arena, BUCKET_ARTIFACTS,
                          arena_format(bench->arena, "qa/%s/", trace), "", 100, ret_entries, &count,
                          &err));
    return count;
}

/* The first piece is there: says so to the tests, which wait for that. */
static void look_for_piece(void *self)
{
    struct bench *bench = self;
    const char   *jobs = arena_format(bench->arena, "%s/qa/jobs/*/in-after", bench->world->dir);
    struct blob_entry *entries;
    struct bytes       piece;
    glob_t             found;
    struct err         err = {0};

    if (pieces_list(bench, "trace-1", &entries) == 0 || glob(jobs, 0, NULL, &found) != 0) {
        return;
    }
    look = NULL;
    CHECK_NUMBER(found.gl_pathc, 1);
    CHECK(strncmp(entries[0].key, "qa/trace-1/log/", 15) == 0);
    CHECK_WORKS(blob_get(bench->world->blob, bench->arena, BUCKET_ARTIFACTS, entries[0].key,
                         PIECE_BYTES, &piece, &err));
    CHECK(memmem(piece.data, piece.size, SAID, strlen(SAID)) != NULL);
    CHECK_WORKS(file_replace(arena_format(bench->arena, "%s/seen", found.gl_pathv[0]), BYTES(""),
                             0644, &err));
    globfree(&found);
}

static const struct snapshot *watched(struct world *world)
{
    return world_snapshot(world, FILES("test_a.py",
                                       "import os, time\n"
                                       "def test_a(capfd):\n"
                                       "    with capfd.disabled():\n"
                                       "        print(" SAID_MANY
                                       " * 'this was said while the tests ran\\n',"
                                       " flush=True)\n"
                                       "    while not os.path.exists('" SANDBOX_INPUTS "/seen'):\n"
                                       "        time.sleep(0.05)\n"));
}

TEST(stage, puts_the_log_into_the_object_store_while_the_tests_run)
{
    BENCH();
    struct blob_entry *entries;

    snapshot_add(bench, "final_workspace_snapshot", watched(world));
    look = look_for_piece;
    look_self = bench;
    CHECK_WORKS(deliver(bench, true, &err));
    CHECK(look == NULL);
    look = NULL;
    CHECK_NUMBER(results_count(bench, "passed"), 1);
    CHECK_NUMBER(pieces_list(bench, "trace-1", &entries), 0);
}

TEST(stage, removes_what_a_killed_worker_left_of_a_log_when_the_next_one_begins)
{
    static const char *const keys[] = {"qa/trace-1/log/1-5/000001", "qa/trace-1/log/2-5/000001",
                                       "qa/trace-12/log/1-5/000001"};
    BENCH();
    struct blob_entry *entries;

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        CHECK_WORKS(
            blob_put(world->blob, BUCKET_ARTIFACTS, keys[i], BYTES("x"), "text/plain", &err));
    }
    CHECK_WORKS(deliver(bench, true, &err));
    CHECK_NUMBER(pieces_list(bench, "trace-1", &entries), 0);
    CHECK_NUMBER(pieces_list(bench, "trace-12", &entries), 1);
}
