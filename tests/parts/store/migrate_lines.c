// SPDX-License-Identifier: MIT
/* Migration 10 packs where lines lie into the rows of their chunks: from the rows of a farm that was
 * running before. */
#include "lib/postgres.h"
#include "lib/test.h"
#include "store/read_store.h"

enum { BEFORE = 9, CHUNKS = 3, CHUNK_LINES = 4, CHUNK_BYTES = 4 * 51 + 6 * 90 };

/* Any number of statements; run_make first. */
static void run(struct store *store, const char *sql)
{
    static const struct statement all = {"run", "SELECT pg_temp.run($1) IS NULL", 1};
    CLEANUP(arena) struct arena  *arena = arena_new();
    struct err                    err = {0};
    struct args                   args = args_start(arena);

    args_text(&args, sql);
    CHECK_WORKS(store_run(store, &all, &args, NULL, &err));
}

static void run_make(struct store *store)
{
    static const struct statement make = {
        "run_make",
        "CREATE FUNCTION pg_temp.run(sql text) RETURNS boolean LANGUAGE plpgsql"
        " AS $$ BEGIN EXECUTE sql; RETURN true; END $$",
        0};
    struct err err = {0};

    CHECK_WORKS(store_run(store, &make, NULL, NULL, &err));
}

static void note(struct store *store, struct arena *arena, const struct migration *migration)
{
    static const struct statement add = {
        "note", "INSERT INTO schema_migrations (number, name, md5) VALUES ($1, $2, md5($3::text))",
        3};
    struct err  err = {0};
    struct args args = args_start(arena);

    args_whole(&args, migration->number);
    args_text(&args, migration->name);
    args_text(&args, migration->sql);
    CHECK_WORKS(store_run(store, &add, &args, NULL, &err));
}

static int64_t seq_of(int chunk, int line)
{
    return chunk * (INT64_C(1) << 40) + line * line * 100;
}

/* Two traces whose chunks lie in one segment, and one chunk that has no line. */
static void fill(struct store *store)
{
    run(store,
        "INSERT INTO traces (trace_id, tenant, opened_us) VALUES ('a', 'x', 1), ('b', 'x', 1)");
    run(store, "INSERT INTO segments (key, bytes, created_us) VALUES ('s', 1, 1)");
    run(store,
        "INSERT INTO trace_chunks (trace_no, chunk_seq, segment_no, seg_offset, seg_length,"
        " received_us, stream_seq, http, status, chunk_id, content_hash, verdict)"
        " SELECT t, c, 1, t * 10000 + c * 744, 744, 1, 1, 200, 'chained', 'c' || c, ''::bytea, ''"
        " FROM generate_series(1, 2) t, generate_series(0, 2) c"
        " UNION ALL SELECT 1, 3, NULL, 0, 0, 1, 1, 200, 'chained', 'empty', ''::bytea, ''");
    run(store,
        "INSERT INTO trace_events (trace_no, seq, segment_no, line_offset, line_length, type,"
        " event_key)"
        " SELECT t, c * (1::bigint << 40) + k * k * 100, 1,"
        "  t * 10000 + c * 744 + k * 51 + 90 * k * (k - 1) / 2, 50 + 90 * k, k,"
        "  md5(concat_ws('.', t, c, k))::uuid"
        " FROM generate_series(1, 2) t, generate_series(0, 2) c, generate_series(0, 3) k");
}

static void check_lines(struct store *store, struct arena *arena, int64_t trace_no)
{
    struct err         err = {0};
    struct line_search all = {.trace_no = trace_no, .type = -1, .most = 100};
    struct line_row   *lines = NULL;
    size_t             count = 0;
    int64_t            offset = trace_no * 10000;

    CHECK_WORKS(read_lines(store, arena, &all, &lines, &count, &err));
    CHECK_NUMBER(count, CHUNKS * CHUNK_LINES);
    for (size_t i = 0; i < count; i++) {
        int line = (int)i % CHUNK_LINES;

        CHECK_NUMBER(lines[i].seq, seq_of((int)i / CHUNK_LINES, line));
        CHECK_NUMBER(lines[i].offset, offset);
        CHECK_NUMBER(lines[i].length, 50 + 90 * line);
        CHECK_TEXT(lines[i].key, "s");
        offset += lines[i].length + 1;
    }
}

TEST(migrate, packs_where_the_lines_of_running_traces_lie)
{
    struct err                    err = {0};
    CLEANUP(arena) struct arena  *arena = arena_new();
    CLEANUP(store) struct store  *store = NULL;
    CLEANUP(rows) struct rows    *rows = NULL;
    static const struct statement ids = {
        "ids",
        "SELECT (sum(octet_length(event_keys)) / 16)::bigint,"
        " bool_and(encode(event_keys, 'hex') = (SELECT string_agg(md5(concat_ws('.', trace_no,"
        "  chunk_seq, k)), '' ORDER BY k) FROM generate_series(0, 3) k))"
        " FROM trace_chunks WHERE event_keys IS NOT NULL",
        0};
    int                           applied = 0;

    CHECK_WORKS(store_open(&store, postgres_database(), "test", &err));
    run_make(store);
    run(store, "CREATE TABLE schema_migrations (number integer PRIMARY KEY, name text NOT NULL,"
               " md5 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())");
    for (int i = 0; i < BEFORE; i++) {
        run(store, store_migrations[i].sql);
        note(store, arena, &store_migrations[i]);
    }
    fill(store);
    CHECK_WORKS(store_migrate(store, &applied, &err));
    CHECK_NUMBER(applied, (int)store_migration_count - BEFORE);
    check_lines(store, arena, 1);
    check_lines(store, arena, 2);
    CHECK_WORKS(store_run(store, &ids, NULL, &rows, &err));
    CHECK_NUMBER(rows_whole(rows, 0, 0), 2 * CHUNKS * CHUNK_LINES);
    CHECK(rows_flag(rows, 0, 1));
}

TEST(lines, are_found_from_any_seq_on_and_by_type)
{
    struct err                   err = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(store) struct store *store = NULL;
    int                          applied = 0;

    CHECK_WORKS(store_open(&store, postgres_database(), "test", &err));
    CHECK_WORKS(store_migrate(store, &applied, &err));
    run_make(store);
    run(store, "INSERT INTO segments (key, bytes, created_us) VALUES ('s', 1, 1)");
    /* 300 chunks of three lines, seqs 10, 20, ... 9000; types 0, 1, 2 */
    run(store, "INSERT INTO trace_chunks (trace_no, chunk_seq, segment_no, seg_offset, seg_length,"
               " received_us, stream_seq, http, status, chunk_id, content_hash, verdict, first_seq,"
               " lines)"
               " SELECT 1, c, 1, c * 30, 30, 1, 1, 200, 'chained', 'c' || c, '', '', c * 30 + 10,"
               " '\\x0009000a09010a0902' FROM generate_series(0, 299) c");
    for (int64_t from = 0; from <= 9010; from += 5) {
        for (int type = -1; type < 3; type++) {
            struct line_search search = {.trace_no = 1, .from_seq = from, .type = type, .most = 2};
            struct line_row   *lines = NULL;
            size_t             count = 0;
            int64_t            place = from <= 10 ? 0 : (from - 1) / 10;

            CHECK_WORKS(read_lines(store, arena, &search, &lines, &count, &err));
            for (size_t i = 0; i < count; i++, place++) {
                while (type >= 0 && place % 3 != type) {
                    place++;
                }
                CHECK_NUMBER(lines[i].seq, 10 * place + 10);
                CHECK_NUMBER(lines[i].offset, 10 * place);
                CHECK_NUMBER(lines[i].length, 9);
            }
            while (type >= 0 && place % 3 != type) {
                place++;
            }
            CHECK(count == 2 || place >= 900);
        }
        arena_reset(arena);
    }
    struct line_search all = {.trace_no = 1, .type = 2, .most = 1000};
    struct line_row   *lines = NULL;
    size_t             count = 0;

    CHECK_WORKS(read_lines(store, arena, &all, &lines, &count, &err));
    CHECK_NUMBER(count, 300);
    run(store, "UPDATE trace_chunks SET lines = '\\x0089' WHERE chunk_seq = 7");
    CHECK_FAILS(read_lines(store, arena, &all, &lines, &count, &err), ERR_BLOB_CORRUPT);
    run(store, "UPDATE trace_chunks SET lines = NULL WHERE chunk_seq = 7");
    CHECK_FAILS(read_lines(store, arena, &all, &lines, &count, &err), ERR_BLOB_CORRUPT);
}
