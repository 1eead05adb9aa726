// SPDX-License-Identifier: MIT
#include "store/store.h"

#include <sys/wait.h>
#include <unistd.h>

#include "lib/postgres.h"
#include "lib/test.h"

static const struct statement make_table = {
    "make_table",
    "CREATE TABLE thing (id bigint PRIMARY KEY, name text, small smallint, number integer,"
    " real double precision, flag boolean, bin bytea, key uuid CONSTRAINT thing_key UNIQUE)",
    0};
static const struct statement put = {
    "put", "INSERT INTO thing VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", 8};
static const struct statement get = {
    "get", "SELECT id, name, small, number, real, flag, bin, key FROM thing WHERE id = $1", 1};
static const struct statement count = {"count", "SELECT count(*) FROM thing", 0};
static const struct statement add = {"add", "INSERT INTO thing (id) VALUES ($1)", 1};

static const uint8_t one_key[16] = {0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff};

/* A connection to a database of its own, with the table; NULL stops the test. */
static struct store *store_here(const char **ret_url)
{
    struct err    err = {0};
    struct store *store = NULL;
    const char   *url = postgres_database();

    CHECK(url != NULL);
    if (url == NULL) {
        return NULL;
    }
    CHECK_WORKS(store_open(&store, url, "test", &err));
    CHECK_WORKS(store_run(store, &make_table, NULL, NULL, &err));
    if (ret_url != NULL) {
        *ret_url = url;
    }
    return store;
}

static int add_row(struct store *store, int64_t id, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct args                  args = args_start(arena);

    args_whole(&args, id);
    return store_run(store, &add, &args, NULL, err);
}

static int64_t count_rows(struct store *store)
{
    struct err                 err = {0};
    CLEANUP(rows) struct rows *rows = NULL;

    CHECK_WORKS(store_run(store, &count, NULL, &rows, &err));
    return rows == NULL ? -1 : rows_whole(rows, 0, 0);
}

TEST(store, gives_back_every_type_as_it_was_put)
{
    struct err                   err = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(store) struct store *store = store_here(NULL);
    CLEANUP(rows) struct rows   *rows = NULL;
    struct args                  args = args_start(arena);
    struct args                  which = args_start(arena);

    args_whole(&args, INT64_MIN);
    args_text(&args, "na\xc3\xafve");
    args_whole(&args, -32768);
    args_whole(&args, 2147483647);
    args_real(&args, -0.1);
    args_flag(&args, true);
    args_bin(&args, (struct bytes){(const uint8_t *)"\0\1\xff", 3});
    args_bin(&args, (struct bytes){one_key, 16});
    CHECK_WORKS(store_run(store, &put, &args, NULL, &err));
    args_whole(&which, INT64_MIN);
    CHECK_WORKS(store_run(store, &get, &which, &rows, &err));
    CHECK_NUMBER(rows_count(rows), 1);
    CHECK(rows_whole(rows, 0, 0) == INT64_MIN);
    CHECK_TEXT(rows_text(rows, 0, 1), "na\xc3\xafve");
    CHECK_NUMBER(rows_whole(rows, 0, 2), -32768);
    CHECK_NUMBER(rows_whole(rows, 0, 3), 2147483647);
    CHECK(rows_real(rows, 0, 4) == -0.1);
    CHECK(rows_flag(rows, 0, 5));
    CHECK(bytes_equal(rows_bytes(rows, 0, 6), (struct bytes){(const uint8_t *)"\0\1\xff", 3}));
    CHECK(bytes_equal(rows_bytes(rows, 0, 7), (struct bytes){one_key, 16}));
}

TEST(store, tells_null_from_an_empty_value)
{
    struct err                   err = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(store) struct store *store = store_here(NULL);
    CLEANUP(rows) struct rows   *rows = NULL;
    struct args                  args = args_start(arena);
    struct args                  which = args_start(arena);

    args_whole(&args, 1);
    args_bytes_text(&args, (struct bytes){NULL, 0});
    for (int i = 0; i < 4; i++) {
        args_null(&args);
    }
    args_bin(&args, (struct bytes){NULL, 0});
    args_null(&args);
    CHECK_WORKS(store_run(store, &put, &args, NULL, &err));
    args_whole(&which, 1);
    CHECK_WORKS(store_run(store, &get, &which, &rows, &err));
    CHECK(!rows_null(rows, 0, 1));
    CHECK(rows_null(rows, 0, 2));
    CHECK(rows_null(rows, 0, 5));
    CHECK(!rows_null(rows, 0, 6));
    CHECK(rows_null(rows, 0, 7));
    CHECK(rows_text(rows, 0, 7) == NULL);
}

TEST(store, refuses_an_argument_that_does_not_fit_and_goes_on)
{
    struct err                   err = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(store) struct store *store = store_here(NULL);
    struct args                  none = args_start(arena);
    struct args                  wrong = args_start(arena);
    struct args                  args = args_start(arena);

    CHECK_FAILS(store_run(store, &add, &none, NULL, &err), ERR_BUG);
    args_text(&wrong, "one");
    CHECK_FAILS(store_run(store, &add, &wrong, NULL, &err), ERR_BUG);
    args_whole(&args, 1);
    args_text(&args, "a");
    args_whole(&args, 32768); /* the column is a smallint */
    for (int i = 0; i < 5; i++) {
        args_null(&args);
    }
    CHECK_FAILS(store_run(store, &put, &args, NULL, &err), ERR_BUG);
    CHECK_NUMBER(count_rows(store), 0);
}

TEST(store, refuses_a_column_nobody_can_read)
{
    static const struct statement sum = {"sum", "SELECT sum(id) FROM thing", 0};
    struct err                    err = {0};
    CLEANUP(store) struct store  *store = store_here(NULL);

    CHECK_FAILS(store_run(store, &sum, NULL, NULL, &err), ERR_BUG);
    CHECK(strstr(err.story, "sum") != NULL);
}

TEST(store, hands_whole_arrays_to_unnest)
{
    static const struct statement many = {
        "many",
        "INSERT INTO thing (id, name, bin)"
        " SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])",
        3};
    static const struct statement joined = {
        "joined",
        "SELECT string_agg(id || coalesce(name, '-') || length(bin), ',' ORDER BY id) FROM thing",
        0};
    struct err                   err = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(store) struct store *store = store_here(NULL);
    CLEANUP(rows) struct rows   *rows = NULL;
    CLEANUP(rows) struct rows   *told = NULL;
    struct args                  args = args_start(arena);
    struct args                  empty = args_start(arena);
    int64_t                      ids[] = {3, 1, 2};
    struct bytes                 names[] = {BYTES("c"), {NULL, 0}, BYTES("")};
    struct bytes                 bins[] = {BYTES("xyz"), BYTES(""), BYTES("\0")};

    args_whole_array(&args, ids, 3);
    args_text_array(&args, names, 3);
    args_bin_array(&args, bins, 3);
    CHECK_WORKS(store_run(store, &many, &args, &told, &err));
    CHECK_NUMBER(rows_affected(told), 3);
    args_whole_array(&empty, NULL, 0);
    args_text_array(&empty, NULL, 0);
    args_bin_array(&empty, NULL, 0);
    CHECK_WORKS(store_run(store, &many, &empty, NULL, &err));
    CHECK_WORKS(store_run(store, &joined, NULL, &rows, &err));
    CHECK_TEXT(rows_text(rows, 0, 0), "1-0,21,3c3");
}

TEST(store, rolls_back_what_was_not_committed)
{
    struct err                   err = {0};
    CLEANUP(store) struct store *store = store_here(NULL);

    {
        CLEANUP(store_rollback) struct store *transaction = store;

        CHECK_WORKS(store_begin(transaction, &err));
        CHECK_FAILS(store_begin(transaction, &err), ERR_BUG);
        CHECK_WORKS(add_row(store, 1, &err));
    }
    CHECK_NUMBER(count_rows(store), 0);
    CHECK_WORKS(store_begin(store, &err));
    CHECK_WORKS(add_row(store, 2, &err));
    CHECK_WORKS(store_commit(store, &err));
    CHECK_NUMBER(count_rows(store), 1);
    CHECK_FAILS(store_commit(store, &err), ERR_BUG);
}

TEST(store, never_says_committed_after_a_statement_failed)
{
    struct err                   err = {0};
    CLEANUP(store) struct store *store = store_here(NULL);

    CHECK_WORKS(store_begin(store, &err));
    CHECK_WORKS(add_row(store, 1, &err));
    CHECK_FAILS(add_row(store, 1, &err), ERR_STORE_CLASH);
    CHECK_FAILS(store_commit(store, &err), ERR_STORE_REFUSED);
    CHECK_NUMBER(count_rows(store), 0);
}

TEST(store, names_the_constraint_that_clashed)
{
    struct err                   err = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(store) struct store *store = store_here(NULL);

    for (int64_t id = 1; id <= 2; id++) {
        struct args args = args_start(arena);

        args_whole(&args, id);
        for (int i = 0; i < 6; i++) {
            args_null(&args);
        }
        args_bin(&args, (struct bytes){one_key, 16});
        if (id == 1) {
            CHECK_WORKS(store_run(store, &put, &args, NULL, &err));
        } else {
            CHECK_FAILS(store_run(store, &put, &args, NULL, &err), ERR_STORE_CLASH);
        }
    }
    CHECK_TEXT(store_clash_constraint(store), "thing_key");
}

TEST(store, connects_anew_after_the_server_was_killed)
{
    struct err                   err = {0};
    CLEANUP(store) struct store *store = store_here(NULL);

    CHECK_WORKS(add_row(store, 1, &err));
    postgres_kill();
    CHECK_FAILS(add_row(store, 2, &err), ERR_STORE_DOWN);
    CHECK_FAILS(store_check(store, 1000, &err), ERR_STORE_DOWN);
    CHECK(postgres_start_again());
    CHECK_WORKS(add_row(store, 2, &err)); /* prepared again in the new connection */
    CHECK_NUMBER(count_rows(store), 2);
    postgres_kill();
    CHECK(postgres_start_again());
    CHECK_WORKS(add_row(store, 3, &err)); /* without having seen the outage */
    CHECK_WORKS(store_check(store, 1000, &err));
}

TEST(store, nothing_of_a_broken_transaction_slips_into_the_next_connection)
{
    struct err                   err = {0};
    CLEANUP(store) struct store *store = store_here(NULL);

    CHECK_WORKS(store_begin(store, &err));
    CHECK_WORKS(add_row(store, 1, &err));
    postgres_kill();
    CHECK(postgres_start_again());
    CHECK_FAILS(add_row(store, 2, &err), ERR_STORE_DOWN);
    CHECK_FAILS(add_row(store, 3, &err), ERR_STORE_DOWN); /* the server is there again */
    CHECK_FAILS(store_commit(store, &err), ERR_STORE_DOWN);
    store_rollback(store);
    CHECK_NUMBER(count_rows(store), 0);
}

TEST(store, a_wrong_address_is_an_outage)
{
    struct err    err = {0};
    struct store *store = NULL;

    CHECK_FAILS(store_open(&store, "host=/nonexistent dbname=x", "test", &err), ERR_STORE_DOWN);
    CHECK(store == NULL);
}

/* -------------------------------- migrations -------------------------------- */

TEST(migrate, makes_the_schema_once)
{
    struct err                   err = {0};
    const char                  *url = postgres_database();
    CLEANUP(store) struct store *store = NULL;
    int                          applied = -1;

    CHECK(store_migration_count > 0);
    CHECK_WORKS(store_open(&store, url, "test", &err));
    CHECK_FAILS(store_schema_check(store, &err), ERR_STORE_BEHIND);
    CHECK_WORKS(store_migrate(store, &applied, &err));
    CHECK_NUMBER(applied, store_migration_count);
    CHECK_WORKS(store_schema_check(store, &err));
    CHECK_WORKS(store_migrate(store, &applied, &err));
    CHECK_NUMBER(applied, 0);
}

/* Tries in a child; exits 0 if it worked. */
static pid_t migrate_in_a_child(const char *url)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct err                   err = {0};
        CLEANUP(store) struct store *store = NULL;
        int                          applied = 0;

        _exit(store_open(&store, url, "child", &err) < 0 ||
              store_migrate(store, &applied, &err) < 0);
    }
    return pid;
}

TEST(migrate, many_at_once_are_as_good_as_one)
{
    struct err                   err = {0};
    const char                  *url = postgres_database();
    CLEANUP(store) struct store *store = NULL;
    pid_t                        child[4];

    for (size_t i = 0; i < COUNT_OF(child); i++) {
        child[i] = migrate_in_a_child(url);
    }
    for (size_t i = 0; i < COUNT_OF(child); i++) {
        int status = -1;

        CHECK(waitpid(child[i], &status, 0) == child[i]);
        CHECK_NUMBER(status, 0);
    }
    CHECK_WORKS(store_open(&store, url, "test", &err));
    CHECK_WORKS(store_schema_check(store, &err));
}

TEST(migrate, refuses_a_database_of_another_version)
{
    static const struct statement edit = {
        "edit", "UPDATE schema_migrations SET md5 = 'x' WHERE number = 1", 0};
    static const struct statement newer = {
        "newer", "INSERT INTO schema_migrations VALUES (9999, 'later', 'x')", 0};
    struct err                   err = {0};
    CLEANUP(store) struct store *store = NULL;
    CLEANUP(store) struct store *other = NULL;
    int                          applied = 0;

    CHECK_WORKS(store_open(&store, postgres_database(), "test", &err));
    CHECK_WORKS(store_migrate(store, &applied, &err));
    CHECK_WORKS(store_run(store, &edit, NULL, NULL, &err));
    CHECK_FAILS(store_schema_check(store, &err), ERR_STORE_BEHIND);
    CHECK_FAILS(store_migrate(store, &applied, &err), ERR_STORE_BEHIND);

    CHECK_WORKS(store_open(&other, postgres_database(), "test", &err));
    CHECK_WORKS(store_migrate(other, &applied, &err));
    CHECK_WORKS(store_run(other, &newer, NULL, NULL, &err));
    CHECK_FAILS(store_migrate(other, &applied, &err), ERR_STORE_BEHIND);
    CHECK(strstr(err.story, "older than the database") != NULL);
}

/* A database or a role that has it off would lose what was acknowledged when the server is killed. */
TEST(store, commits_are_durable_unless_the_connection_string_says_otherwise)
{
    static const struct statement off = {
        "off",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off',"
        " current_database()); END $$",
        0};
    static const struct statement ask = {"ask", "SELECT current_setting('synchronous_commit')", 0};
    static const struct {
        const char *options, *is;
    } tries[] = {{"", "on"},
                 {" options='-c synchronous_commit=off'", "off"},
                 {" options='-c synchronous_commit=local'", "local"}};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(store) struct store *first = NULL;
    const char                  *url = postgres_database();
    struct err                   err = {0};

    CHECK_WORKS(store_open(&first, url, "test", &err));
    CHECK_WORKS(store_run(first, &off, NULL, NULL, &err));
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        CLEANUP(store) struct store *store = NULL;
        CLEANUP(rows) struct rows   *rows = NULL;

        CHECK_WORKS(
            store_open(&store, arena_format(arena, "%s%s", url, tries[i].options), "test", &err));
        CHECK_WORKS(store_run(store, &ask, NULL, &rows, &err));
        CHECK_TEXT(rows_text(rows, 0, 0), tries[i].is);
    }
}
