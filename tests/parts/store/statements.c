// SPDX-License-Identifier: MIT
/* Every statement of every table against the schema as migrated. */
#include "lib/postgres.h"
#include "lib/test.h"
#include "store/api_key_store.h"
#include "store/artifact_store.h"
#include "store/chunk_store.h"
#include "store/dead_store.h"
#include "store/erase_store.h"
#include "store/home_store.h"
#include "store/key_store.h"
#include "store/pr_store.h"
#include "store/read_store.h"
#include "store/replay_store.h"
#include "store/store.h"
#include "store/trace_object_store.h"
#include "store/trace_store.h"

static void prepare_all(struct store *store, const struct statement *statements, size_t count)
{
    struct err err = {0};

    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        CHECK(statements[i].name != NULL);
        CHECK_WORKS(store_prepare(store, &statements[i], &err));
    }
}

static struct store *migrated(void)
{
    struct err    err = {0};
    struct store *store = NULL;
    int           applied = 0;

    CHECK_WORKS(store_open(&store, postgres_database(), "test", &err));
    CHECK_WORKS(store_migrate(store, &applied, &err));
    return store;
}

TEST(statements, all_fit_the_migrated_schema)
{
    CLEANUP(store) struct store *store = migrated();

    prepare_all(store, trace_statements, trace_statement_count);
    prepare_all(store, chunk_statements, chunk_statement_count);
    prepare_all(store, api_key_statements, api_key_statement_count);
    prepare_all(store, artifact_statements, artifact_statement_count);
    prepare_all(store, dead_statements, dead_statement_count);
    prepare_all(store, home_statements, home_statement_count);
    prepare_all(store, key_statements, key_statement_count);
    prepare_all(store, erase_statements, erase_statement_count);
    prepare_all(store, pr_statements, pr_statement_count);
    prepare_all(store, read_statements, read_statement_count);
    prepare_all(store, trace_object_statements, trace_object_statement_count);
    prepare_all(store, replay_statements, replay_statement_count);
}

TEST(statements, one_that_does_not_fit_is_found)
{
    static const struct statement wrong = {"wrong", "SELECT no_such_column FROM traces", 0};
    struct err                    err = {0};
    CLEANUP(store) struct store  *store = migrated();

    CHECK_FAILS(store_prepare(store, &wrong, &err), ERR_STORE_BEHIND);
}

/* -------------------------------- how much they read -------------------------------- */

static const struct statement rows_read = {
    "rows_read",
    "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint"
    " FROM pg_stat_xact_user_tables WHERE relname IN ('traces', 'trace_chunks')",
    0};

static int64_t read_so_far(struct store *store)
{
    struct err                 err = {0};
    CLEANUP(rows) struct rows *rows = NULL;

    CHECK_WORKS(store_run(store, &rows_read, NULL, &rows, &err));
    return rows == NULL ? -1 : rows_whole(rows, 0, 0);
}

/* What a batch does with the rows of its traces, in a transaction: there plans are kept. */
static void lock_and_save(struct store *store, struct arena *arena)
{
    struct bytes               ids[10];
    struct trace_record       *rows = NULL;
    const struct trace_record *list[10];
    struct trace_opening       opening = {.trace_no = 1, .head = BYTES("{}")};
    struct err                 err = {0};
    size_t                     count = 0;

    ids[0] = BYTES("long");
    for (int i = 1; i < 10; i++) {
        ids[i] = bytes_of(arena_format(arena, "t%d", 1000 + i));
    }
    CHECK_WORKS(traces_lock(store, arena, ids, COUNT_OF(ids), &rows, &count, &err));
    for (size_t i = 0; i < count; i++) {
        list[i] = &rows[i];
    }
    CHECK_WORKS(traces_save(store, arena, list, count, &err));
    if (count > 0) {
        CHECK_WORKS(trace_open_save(store, arena, &opening, &err));
    }
    CHECK_WORKS(store_wait(store, &err));
}

/* One look of each kind, for 10 chunks and 10 events of one trace. */
static void look(struct store *store, struct arena *arena)
{
    struct err           err = {0};
    int64_t              trace_nos[10], seqs[10], ends[10];
    struct bytes         ids[10];
    struct chunk_record *chunks = NULL;
    struct trace_record *traces = NULL;
    struct bytes         trace = BYTES("long");
    struct event_keys   *keys = NULL;
    size_t               count = 0;
    bool                 more = false;

    for (int i = 0; i < 10; i++) {
        trace_nos[i] = 1;
        seqs[i] = 5000 + i;
        ids[i] = bytes_of(arena_format(arena, "c%d", 7000 + i));
        ends[i] = 19999;
    }
    CHECK_WORKS(traces_lock(store, arena, &trace, 1, &traces, &count, &err));
    CHECK_WORKS(chunks_known(store, arena, trace_nos, ids, seqs, 10, &chunks, &count, &err));
    CHECK_WORKS(event_keys_page(store, arena, 1, 10000, 10, &keys, &count, &err));
    CHECK_WORKS(event_keys_behind(store, arena, trace_nos, ends, 10, &keys, &count, &err));
    CHECK_WORKS(chunks_waiting(store, arena, 1, 20000, false, 1000, &chunks, &count, &more, &err));
    CHECK_WORKS(chunks_behind(store, arena, trace_nos, seqs, 10, 1000, &chunks, &count, &err));
}

TEST(statements, read_only_the_rows_they_ask_for_however_far_the_trace_has_grown)
{
    static const struct statement few[] = {
        {"few_traces", "INSERT INTO traces (trace_id, tenant, opened_us) VALUES ('few', 'a', 1)",
         0},
        {"few_counted", "ANALYZE traces", 0},
    };
    static const struct statement grow[] = {
        {"grow_traces",
         "INSERT INTO traces (trace_id, tenant, opened_us)"
         " SELECT CASE i WHEN 1 THEN 'long' ELSE 't' || i END, 'a', i FROM generate_series(1, "
         "3000) i",
         0},
        {"grow_chunks",
         "INSERT INTO trace_chunks SELECT 1, c, 1, 0, 0, 0, 0, 0, 200, 'chained', 'c' || c, 'x', "
         "'{}'"
         " FROM generate_series(0, 19999) c",
         0},
        {"grow_keys", "UPDATE trace_chunks SET event_keys = sha256(chunk_id::bytea)", 0},
    };
    struct err                   err = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(store) struct store *store = migrated();
    int64_t                      before;

    for (size_t i = 0; i < COUNT_OF(few); i++) {
        CHECK_WORKS(store_run(store, &few[i], NULL, NULL, &err));
    }
    for (int i = 0; i < 10; i++) {
        look(store, arena); /* often enough for a plan to be kept, while the tables are empty */
        CHECK_WORKS(store_begin(store, &err));
        lock_and_save(store, arena);
        store_rollback(store);
    }
    for (size_t i = 0; i < COUNT_OF(grow); i++) {
        CHECK_WORKS(store_run(store, &grow[i], NULL, NULL, &err));
    }
    CHECK_WORKS(store_begin(store, &err));
    before = read_so_far(store);
    look(store, arena);
    CHECK(read_so_far(store) - before <= 60);
    CHECK(read_so_far(store) - before >= 20);
    before = read_so_far(store);
    lock_and_save(store, arena);
    CHECK(read_so_far(store) - before <= 30);
    store_rollback(store);
}
