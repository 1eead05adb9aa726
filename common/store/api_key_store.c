// SPDX-License-Identifier: MIT
#include "store/api_key_store.h"

enum { ADD, LIST, COUNT, REVOKE, STATEMENTS };

/* clang-format off */
const struct statement api_key_statements[STATEMENTS] = {
    [ADD] = { "api_key_add",
        "INSERT INTO api_keys (key_hash, tenant, role, label, created_us)"
        " VALUES ($1, $2, $3, $4, $5)", 5 },
    [LIST] = { "api_key_list",
        "SELECT encode(key_hash, 'hex'), tenant, role, label, created_us, coalesce(revoked_us, 0)"
        " FROM api_keys ORDER BY created_us, key_hash", 0 },
    [COUNT] = { "api_key_count",
        "SELECT count(*) FROM api_keys WHERE starts_with(encode(key_hash, 'hex'), $1)", 1 },
    [REVOKE] = { "api_key_revoke",
        "UPDATE api_keys SET revoked_us = coalesce(revoked_us, $2)"
        " WHERE starts_with(encode(key_hash, 'hex'), $1)", 2 },
};
/* clang-format on */
const size_t api_key_statement_count = STATEMENTS;

int api_key_add(struct store *store, struct arena *arena, const uint8_t hash[32],
                const struct api_key *key, struct err *err)
{
    struct args args = args_start(arena);

    args_bin(&args, (struct bytes){hash, 32});
    args_text(&args, key->tenant);
    args_text(&args, key->role);
    args_text(&args, key->label);
    args_whole(&args, key->created_us);
    return store_run(store, &api_key_statements[ADD], &args, NULL, err);
}

int api_keys_list(struct store *store, struct arena *arena, struct api_key **ret_keys,
                  size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct api_key            *keys;

    TRY(store_run(store, &api_key_statements[LIST], &args, &rows, err));
    keys = arena_get(arena, (rows_count(rows) + 1) * sizeof(*keys));
    for (size_t i = 0; i < rows_count(rows); i++) {
        keys[i] = (struct api_key){
            .hash = arena_text(arena, rows_bytes(rows, i, 0)),
            .tenant = arena_text(arena, rows_bytes(rows, i, 1)),
            .role = arena_text(arena, rows_bytes(rows, i, 2)),
            .label = arena_text(arena, rows_bytes(rows, i, 3)),
            .created_us = rows_whole(rows, i, 4),
            .revoked_us = rows_whole(rows, i, 5),
        };
    }
    *ret_keys = keys;
    *ret_count = rows_count(rows);
    return 0;
}

int api_key_revoke(struct store *store, struct arena *arena, const char *hash_start,
                   int64_t now_us, int64_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                count = args_start(arena);
    struct args                revoke = args_start(arena);

    args_text(&count, hash_start);
    TRY(store_run(store, &api_key_statements[COUNT], &count, &rows, err));
    *ret_count = rows_whole(rows, 0, 0);
    if (*ret_count != 1) {
        return 0;
    }
    args_text(&revoke, hash_start);
    args_whole(&revoke, now_us);
    return store_run(store, &api_key_statements[REVOKE], &revoke, NULL, err);
}
