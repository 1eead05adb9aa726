// SPDX-License-Identifier: MIT
/* Statements that are sent without waiting for each other. */
#include "lib/postgres.h"
#include "lib/test.h"
#include "store/store.h"

static const struct statement make = {
    "make", "CREATE TABLE step (id bigint CONSTRAINT step_once UNIQUE, was bigint)", 0};
/* was: how many rows there were before it. */
static const struct statement add = {"add",
                                     "INSERT INTO step SELECT $1, (SELECT count(*) FROM step)", 1};
static const struct statement move = {"move", "UPDATE step SET id = id + $1", 1};
/* Takes a lock; the other waits until somebody has it. */
static const struct statement tell = {"tell", "SELECT 1 FROM pg_advisory_xact_lock($1)", 1};
static const struct statement hear = {
    "hear",
    "DO $$ BEGIN WHILE pg_try_advisory_lock(1) LOOP PERFORM pg_advisory_unlock(1);"
    " PERFORM pg_sleep(0.005); END LOOP; END $$",
    0};
static const struct statement sum = {
    "sum", "SELECT count(*), coalesce(sum(id * was), 0)::bigint FROM step", 0};

struct bench {
    const char   *url;
    struct arena *arena;
    struct store *store;
};

static void bench_done(struct bench *bench)
{
    store_close(bench->store);
    arena_free(bench->arena);
}
static inline void bench_cleanup(struct bench *bench)
{
    bench_done(bench);
}

static struct bench bench_on(const char *url)
{
    struct bench bench = {.url = url, .arena = arena_new()};
    struct err   err = {0};

    CHECK_WORKS(store_open(&bench.store, url, "test", &err));
    return bench;
}

static struct bench bench_new(void)
{
    struct bench bench = bench_on(postgres_database());
    struct err   err = {0};

    CHECK_WORKS(store_run(bench.store, &make, NULL, NULL, &err));
    return bench;
}

static int send(struct bench *bench, const struct statement *statement, int64_t number,
                int64_t affects, struct err *err)
{
    struct args args = args_start(bench->arena);

    args_whole(&args, number);
    return store_send(bench->store, statement, &args, affects, err);
}

static void check_sum(struct bench *bench, int64_t count, int64_t product)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct err                 err = {0};

    CHECK_WORKS(store_run(bench->store, &sum, NULL, &rows, &err));
    CHECK_NUMBER(rows == NULL ? -1 : rows_whole(rows, 0, 0), count);
    CHECK_NUMBER(rows == NULL ? -1 : rows_whole(rows, 0, 1), product);
}

TEST(pipeline, statements_are_done_in_the_order_in_which_they_were_sent)
{
    CLEANUP(bench) struct bench bench = bench_new();
    struct err                  err = {0};

    for (int round = 0; round < 2; round++) { /* the second time they are prepared */
        CHECK_WORKS(store_begin(bench.store, &err));
        for (int i = 1; i <= 50; i++) {
            CHECK_WORKS(send(&bench, &add, i, 1, &err));
        }
        CHECK_WORKS(send(&bench, &move, 1000, 50, &err)); /* learned in the middle of it */
        CHECK_WORKS(send(&bench, &add, 1, 1, &err));
        check_sum(&bench, 51, 50 * 49 / 2 * 1000 + 49 * 50 * 51 / 3 + 50);
        if (round == 0) {
            store_rollback(bench.store);
            check_sum(&bench, 0, 0);
        }
    }
    CHECK_WORKS(store_commit(bench.store, &err));
    check_sum(&bench, 51, 50 * 49 / 2 * 1000 + 49 * 50 * 51 / 3 + 50);
}

TEST(pipeline, one_that_fails_is_told_by_whatever_waits_next_and_nothing_of_it_stays)
{
    CLEANUP(bench) struct bench bench = bench_new();
    struct err                  err = {0};

    for (int how = 0; how < 3; how++) {
        CHECK_WORKS(store_begin(bench.store, &err));
        for (int i = 0; i < 5; i++) {
            CHECK_WORKS(send(&bench, &add, i == 3 ? 1 : i, 1, &err));
        }
        CHECK_FAILS(how == 0   ? store_wait(bench.store, &err)
                    : how == 1 ? store_commit(bench.store, &err)
                               : store_run(bench.store, &sum, NULL, NULL, &err),
                    ERR_STORE_CLASH);
        CHECK_TEXT(store_clash_constraint(bench.store), "step_once");
        CHECK(strstr(err.story, "add:") != NULL);
        CHECK_FAILS(store_commit(bench.store, &err), ERR_STORE_REFUSED);
        store_rollback(bench.store);
        check_sum(&bench, 0, 0);
    }
}

TEST(pipeline, what_affects_another_number_of_rows_is_not_committed)
{
    CLEANUP(bench) struct bench bench = bench_new();
    struct err                  err = {0};

    CHECK_WORKS(store_begin(bench.store, &err));
    CHECK_WORKS(send(&bench, &add, 1, 1, &err));
    CHECK_WORKS(send(&bench, &move, 1, 2, &err));
    CHECK_FAILS(store_commit(bench.store, &err), ERR_BUG);
    store_rollback(bench.store);
    check_sum(&bench, 0, 0);
}

TEST(pipeline, what_was_sent_and_never_waited_for_is_rolled_back)
{
    CLEANUP(bench) struct bench bench = bench_new();
    struct err                  err = {0};

    CHECK_WORKS(store_begin(bench.store, &err));
    CHECK_WORKS(send(&bench, &add, 1, 1, &err));
    store_rollback(bench.store);
    check_sum(&bench, 0, 0);
    CHECK_FAILS(send(&bench, &add, 1, 1, &err), ERR_BUG); /* outside a transaction */
}

TEST(pipeline, what_was_pushed_is_done_while_nobody_waits_for_it)
{
    CLEANUP(bench) struct bench bench = bench_new();
    CLEANUP(bench) struct bench other = bench_on(bench.url);
    struct err                  err = {0};

    CHECK_WORKS(store_begin(bench.store, &err));
    CHECK_WORKS(send(&bench, &add, 1, 1, &err));
    CHECK_WORKS(send(&bench, &tell, 1, 1, &err));
    CHECK_WORKS(store_push(bench.store, &err));
    CHECK_WORKS(store_run(other.store, &hear, NULL, NULL, &err)); /* waits until it was told */
    CHECK_WORKS(send(&bench, &add, 2, 1, &err)); /* after the end of what was pushed */
    CHECK_WORKS(store_commit(bench.store, &err));
    check_sum(&bench, 2, 2);
}

TEST(pipeline, nothing_of_what_a_killed_server_was_sent_slips_into_the_next_connection)
{
    CLEANUP(bench) struct bench bench = bench_new();
    struct err                  err = {0};

    CHECK_WORKS(store_begin(bench.store, &err));
    CHECK_WORKS(send(&bench, &add, 1, 1, &err));
    CHECK_WORKS(store_wait(bench.store, &err));
    CHECK_WORKS(send(&bench, &add, 2, 1, &err));
    postgres_kill();
    CHECK(postgres_start_again());
    CHECK_FAILS(store_wait(bench.store, &err), ERR_STORE_DOWN);
    CHECK_FAILS(send(&bench, &add, 3, 1, &err), ERR_STORE_DOWN);
    CHECK_FAILS(store_commit(bench.store, &err), ERR_STORE_DOWN);
    store_rollback(bench.store);
    check_sum(&bench, 0, 0);
}

TEST(pipeline, a_transaction_the_server_has_not_heard_of_is_not_lost_with_it)
{
    CLEANUP(bench) struct bench bench = bench_new();
    struct err                  err = {0};

    CHECK_WORKS(store_begin(bench.store, &err));
    postgres_kill();
    CHECK(postgres_start_again());
    CHECK_WORKS(send(&bench, &add, 1, 1, &err));
    CHECK_WORKS(store_commit(bench.store, &err));
    check_sum(&bench, 1, 0);
    CHECK_WORKS(store_begin(bench.store, &err));
    CHECK_WORKS(store_commit(bench.store, &err)); /* of nothing */
    check_sum(&bench, 1, 0);
}
