// SPDX-License-Identifier: MIT
#include <string.h>

#include "store/connection.h"

/* Any number will do that no other program on the same database takes. "prt" and a version. */
#define MIGRATION_LOCK "SELECT pg_advisory_xact_lock(7500404)"

#define MIGRATION_TABLE                                                                            \
    "CREATE TABLE IF NOT EXISTS schema_migrations ("                                               \
    " number integer PRIMARY KEY, name text NOT NULL, md5 text NOT NULL,"                          \
    " applied_at timestamptz NOT NULL DEFAULT now())"

enum { MIGRATION_TIMEOUT_MS = 3600 * 1000 };

enum { LIST_APPLIED, ADD_APPLIED, TEXT_MD5 };

/* clang-format off */
static const struct statement statements[] = {
    [LIST_APPLIED] = {"migration_list",
        "SELECT number, name, md5 FROM schema_migrations ORDER BY number", 0},

    [ADD_APPLIED] = {"migration_add",
        "INSERT INTO schema_migrations (number, name, md5) VALUES ($1, $2, md5($3::text))", 3},

    /* An edited migration would leave two farms with the same number and different tables. */
    [TEXT_MD5] = {"migration_md5",
        "SELECT md5($1::text)", 1},
};
/* clang-format on */

static int exec(struct store *store, const char *sql, const char *what, struct err *err)
{
    CLEANUP(result) PGresult *result = NULL;

    return connection_exec(store, sql, what, &result, err);
}

/* Compares what was applied with what is compiled in; the rows are a prefix of our table or the
 * database does not fit. */
static int applied_check(struct store *store, struct arena *arena, size_t *ret_applied,
                         struct err *err)
{
    CLEANUP(rows) struct rows *list = NULL;

    TRY(store_run(store, &statements[LIST_APPLIED], NULL, &list, err));
    if (rows_count(list) > store_migration_count) {
        return err_set(err, ERR_STORE_BEHIND,
                       "the database has %zu migrations, this program knows %zu: it is older than"
                       " the database; install the newer version",
                       rows_count(list), store_migration_count);
    }
    for (size_t i = 0; i < rows_count(list); i++) {
        CLEANUP(rows) struct rows *sum = NULL;
        struct args                args = args_start(arena);

        args_text(&args, store_migrations[i].sql);
        TRY(store_run(store, &statements[TEXT_MD5], &args, &sum, err));
        if (rows_whole(list, i, 0) != store_migrations[i].number ||
            !bytes_equal(rows_bytes(list, i, 2), rows_bytes(sum, 0, 0))) {
            return err_set(
                err, ERR_STORE_BEHIND,
                "migration %lld (%s) in the database is not %s of this program: they come"
                " from different versions",
                (long long)rows_whole(list, i, 0), rows_text(list, i, 1), store_migrations[i].name);
        }
    }
    *ret_applied = rows_count(list);
    return 0;
}

static int apply(struct store *store, struct arena *arena, const struct migration *migration,
                 struct err *err)
{
    struct args args = args_start(arena);

    TRY(exec(store, migration->sql, migration->name, err));
    args_whole(&args, migration->number);
    args_text(&args, migration->name);
    args_text(&args, migration->sql);
    return store_run(store, &statements[ADD_APPLIED], &args, NULL, err);
}

/* All of it in one transaction: a failure leaves the database as it was. */
static int migrate(struct store *store, struct arena *arena, int *ret_applied, struct err *err)
{
    CLEANUP(store_rollback) struct store *transaction = store;
    size_t                                applied = 0;
    size_t                                was;

    TRY(store_begin(transaction, err));
    TRY(exec(store,
             "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;"
             " SET LOCAL idle_in_transaction_session_timeout = 0",
             "lifting the time limits", err));
    TRY(exec(store, MIGRATION_LOCK, "waiting for another migration", err));
    TRY(exec(store, MIGRATION_TABLE, "making schema_migrations", err));
    TRY(applied_check(store, arena, &applied, err));
    for (was = applied; applied < store_migration_count; applied++) {
        TRY(apply(store, arena, &store_migrations[applied], err));
    }
    TRY(store_commit(store, err));
    *ret_applied = (int)(applied - was);
    return 0;
}

int store_migrate(struct store *store, int *ret_applied, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    int64_t                      usual_ms = store->timeout_ms;
    int                          failed;

    store->timeout_ms = MIGRATION_TIMEOUT_MS;
    failed = migrate(store, arena, ret_applied, err);
    store->timeout_ms = usual_ms;
    return failed < 0 ? err_add(err, "migrating the database") : 0;
}

int store_schema_check(struct store *store, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    size_t                       applied = 0;

    TRY(applied_check(store, arena, &applied, err));
    if (applied < store_migration_count) {
        return err_set(err, ERR_STORE_BEHIND,
                       "the database has %zu of %zu migrations: run prt migrate", applied,
                       store_migration_count);
    }
    return 0;
}
