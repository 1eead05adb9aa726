// SPDX-License-Identifier: MIT
#include "store/key_store.h"

#include <string.h>

enum { KNOWN, ADD, EXPIRE, STATEMENTS };

/* clang-format off */
const struct statement key_statements[STATEMENTS] = {
    [KNOWN] = { "keys_known",
        "SELECT k.tenant, k.scope, k.key, k.content_hash, k.http, k.created_us"
        " FROM unnest($1::text[], $2::text[], $3::text[]) AS q (tenant, scope, key)"
        " JOIN idempotency_keys k ON k.tenant = q.tenant AND k.scope = q.scope"
        " AND k.key = q.key", 3 },

    [ADD] = { "keys_add",
        "INSERT INTO idempotency_keys (tenant, scope, key, content_hash, http, created_us)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bigint[],"
        " $6::bigint[]) ON CONFLICT (tenant, scope, key) DO NOTHING", PLAN_KEPT | 6 },

    [EXPIRE] = { "keys_expire",
        "DELETE FROM idempotency_keys WHERE (tenant, scope, key) IN (SELECT tenant, scope, key"
        " FROM idempotency_keys WHERE created_us < $1 ORDER BY created_us LIMIT $2"
        " FOR UPDATE SKIP LOCKED)", 2 },
};
/* clang-format on */
const size_t key_statement_count = STATEMENTS;

/* The three columns that name a key. */
static void args_names(struct args *args, const struct key_record *rows, size_t count)
{
    struct bytes *tenants = arena_get(args->arena, count * sizeof(*tenants));
    struct bytes *scopes = arena_get(args->arena, count * sizeof(*scopes));
    struct bytes *keys = arena_get(args->arena, count * sizeof(*keys));

    for (size_t i = 0; i < count; i++) {
        tenants[i] = rows[i].tenant;
        scopes[i] = rows[i].scope;
        keys[i] = rows[i].key;
    }
    args_text_array(args, tenants, count);
    args_text_array(args, scopes, count);
    args_text_array(args, keys, count);
}

int keys_known(struct store *store, struct arena *arena, const struct key_record *asked,
               size_t count, struct key_record **ret_rows, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct key_record         *list;

    args_names(&args, asked, count);
    TRY(store_run(store, &key_statements[KNOWN], &args, &rows, err));
    list = arena_zero(arena, rows_count(rows), sizeof(*list));
    for (size_t i = 0; i < rows_count(rows); i++) {
        struct bytes hash = rows_bytes(rows, i, 3);

        list[i].tenant = arena_bytes(arena, rows_bytes(rows, i, 0));
        list[i].scope = arena_bytes(arena, rows_bytes(rows, i, 1));
        list[i].key = arena_bytes(arena, rows_bytes(rows, i, 2));
        memcpy(list[i].content_hash, hash.data, hash.size < STORE_HASH ? hash.size : STORE_HASH);
        list[i].http = (int)rows_whole(rows, i, 4);
        list[i].created_us = rows_whole(rows, i, 5);
    }
    *ret_rows = list;
    *ret_count = rows_count(rows);
    return 0;
}

int keys_add(struct store *store, struct arena *arena, const struct key_record *rows, size_t count,
             struct err *err)
{
    struct args   args = args_start(arena);
    struct bytes *hashes = arena_get(arena, count * sizeof(*hashes));
    int64_t      *https = arena_get(arena, count * sizeof(*https));
    int64_t      *created = arena_get(arena, count * sizeof(*created));

    for (size_t i = 0; i < count; i++) {
        hashes[i] = (struct bytes){rows[i].content_hash, STORE_HASH};
        https[i] = rows[i].http;
        created[i] = rows[i].created_us;
    }
    args_names(&args, rows, count);
    args_bin_array(&args, hashes, count);
    args_whole_array(&args, https, count);
    args_whole_array(&args, created, count);
    return store_send(store, &key_statements[ADD], &args, -1, err);
}

int keys_expire(struct store *store, struct arena *arena, int64_t before_us, int64_t most,
                int64_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *told = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, before_us);
    args_whole(&args, most);
    TRY(store_run(store, &key_statements[EXPIRE], &args, &told, err));
    *ret_count = rows_affected(told);
    return 0;
}
