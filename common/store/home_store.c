// SPDX-License-Identifier: MIT
#include "store/home_store.h"

enum { READ, LOCK, SAVE, STATEMENTS };

/* clang-format off */
const struct statement home_statements[STATEMENTS] = {
    [READ] = { "home_read", "SELECT word FROM object_home WHERE one", 0 },
    [LOCK] = { "home_lock", "SELECT pg_advisory_xact_lock(1886549107, 64)::text", 0 },
    [SAVE] = { "home_save",
        "INSERT INTO object_home (word) VALUES ($1)"
        " ON CONFLICT (one) DO UPDATE SET word = excluded.word", 1 },
};
/* clang-format on */
const size_t home_statement_count = STATEMENTS;

int home_read(struct store *store, struct arena *arena, const char **ret_word, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;

    TRY(store_run(store, &home_statements[READ], NULL, &rows, err));
    *ret_word = rows_count(rows) == 0 ? NULL : arena_text(arena, rows_bytes(rows, 0, 0));
    return 0;
}

int home_lock(struct store *store, struct err *err)
{
    return store_run(store, &home_statements[LOCK], NULL, NULL, err);
}

int home_save(struct store *store, struct arena *arena, const char *word, struct err *err)
{
    struct args args = args_start(arena);

    args_text(&args, word);
    return store_run(store, &home_statements[SAVE], &args, NULL, err);
}
