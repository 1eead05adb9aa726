// SPDX-License-Identifier: MIT
#include "store/trace_object_store.h"

#include <string.h>

enum { SHARE, NOTE, GONE, OF_TRACE, GONE_SOON, LOCK, SHARED, FORGET, SWEPT, HELD, EXPIRE, STATEMENTS };

/* Few locks for all objects: a batch may bring more of these than the server has places for locks.
 * The first number sets them apart from other advisory locks. */
#define LOCK_OF(key) "1886549107, (hashtextextended(" key ", 0) & 63)::integer"
#define NUMBER_OF    "(SELECT trace_no FROM traces WHERE trace_id = $1)"

/* clang-format off */
const struct statement trace_object_statements[STATEMENTS] = {
    /* In one order everywhere. */
    [SHARE] = { "objects_share",
        "SELECT pg_advisory_xact_lock_shared(1886549107, q.place)::text FROM ("
        " SELECT DISTINCT (hashtextextended(u.key, 0) & 63)::integer AS place"
        " FROM unnest($1::text[]) AS u (key) ORDER BY 1) q", 1 },

    [NOTE] = { "objects_note",
        "INSERT INTO trace_objects (object_key, trace_no)"
        " SELECT DISTINCT q.key COLLATE \"C\", q.trace_no"
        " FROM unnest($1::text[], $2::bigint[]) AS q (key, trace_no) ON CONFLICT DO NOTHING", 2 },

    /* A statement of its own, behind the lock: it sees what was committed while that was waited for. */
    [GONE] = { "objects_gone",
        "SELECT q.place FROM unnest($1::text[]) WITH ORDINALITY AS q (key, place)"
        " JOIN gone_objects g ON g.object_key = q.key", 1 },

    [OF_TRACE] = { "objects_of",
        "SELECT object_key FROM trace_objects WHERE trace_no = " NUMBER_OF
        " ORDER BY object_key LIMIT $2", 2 },

    [GONE_SOON] = { "object_gone_soon",
        "INSERT INTO gone_objects (object_key, gone_us) VALUES ($1, $2)"
        " ON CONFLICT (object_key) DO UPDATE SET gone_us = excluded.gone_us", 2 },

    [LOCK] = { "object_lock",
        "SELECT pg_advisory_xact_lock(" LOCK_OF("$1::text") ")::text", 1 },

    [SHARED] = { "object_shared",
        "SELECT EXISTS (SELECT FROM trace_objects WHERE object_key = $2"
        " AND trace_no IS DISTINCT FROM " NUMBER_OF ")", 2 },

    [FORGET] = { "object_forget",
        "DELETE FROM trace_objects WHERE object_key = $2 AND trace_no = " NUMBER_OF, 2 },

    [SWEPT] = { "objects_swept",
        "DELETE FROM trace_objects WHERE object_key = ANY ($1::text[])", 1 },

    [HELD] = { "objects_held",
        "SELECT q.place FROM unnest($1::text[]) WITH ORDINALITY AS q (key, place)"
        " WHERE EXISTS (SELECT FROM trace_objects o WHERE o.object_key = q.key)", 1 },

    [EXPIRE] = { "objects_gone_expire", "DELETE FROM gone_objects WHERE gone_us < $1", 1 },
};
/* clang-format on */
const size_t trace_object_statement_count = STATEMENTS;

bool object_is_claim(struct bytes key)
{
    static const char begins[] = "claims/";

    return key.size > strlen(begins) && memcmp(key.data, begins, strlen(begins)) == 0;
}

int objects_note(struct store *store, struct arena *arena, const struct bytes *keys,
                 const int64_t *trace_nos, size_t count, bool **ret_gone, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                names = args_start(arena);
    struct args                notes = args_start(arena);
    bool                      *gone = arena_zero(arena, count, sizeof(*gone));

    args_text_array(&names, keys, count);
    args_text_array(&notes, keys, count);
    args_whole_array(&notes, trace_nos, count);
    TRY(store_send(store, &trace_object_statements[SHARE], &names, -1, err));
    TRY(store_send(store, &trace_object_statements[NOTE], &notes, -1, err));
    TRY(store_run(store, &trace_object_statements[GONE], &names, &rows, err));
    for (size_t i = 0; i < rows_count(rows); i++) {
        gone[rows_whole(rows, i, 0) - 1] = true;
    }
    *ret_gone = gone;
    return 0;
}

int objects_of(struct store *store, struct arena *arena, const char *trace_id, size_t most,
               const char ***ret_keys, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    const char               **keys;

    args_text(&args, trace_id);
    args_whole(&args, (int64_t)most);
    TRY(store_run(store, &trace_object_statements[OF_TRACE], &args, &rows, err));
    keys = arena_get(arena, (rows_count(rows) + 1) * sizeof(*keys));
    for (size_t i = 0; i < rows_count(rows); i++) {
        keys[i] = arena_text(arena, rows_bytes(rows, i, 0));
    }
    *ret_keys = keys;
    *ret_count = rows_count(rows);
    return 0;
}

int object_gone_soon(struct store *store, struct arena *arena, const char *key, int64_t now_us,
                     struct err *err)
{
    struct args args = args_start(arena);

    args_text(&args, key);
    args_whole(&args, now_us);
    return store_run(store, &trace_object_statements[GONE_SOON], &args, NULL, err);
}

int object_lock(struct store *store, struct arena *arena, const char *trace_id, const char *key,
                bool *ret_shared, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                lock = args_start(arena);
    struct args                args = args_start(arena);

    args_text(&lock, key);
    args_text(&args, trace_id);
    args_text(&args, key);
    TRY(store_run(store, &trace_object_statements[LOCK], &lock, NULL, err));
    TRY(store_run(store, &trace_object_statements[SHARED], &args, &rows, err));
    *ret_shared = rows_flag(rows, 0, 0);
    return 0;
}

int object_forget(struct store *store, struct arena *arena, const char *trace_id, const char *key,
                  struct err *err)
{
    struct args args = args_start(arena);

    args_text(&args, trace_id);
    args_text(&args, key);
    return store_run(store, &trace_object_statements[FORGET], &args, NULL, err);
}

int objects_swept(struct store *store, struct arena *arena, const struct bytes *keys, size_t count,
                  struct err *err)
{
    struct args args = args_start(arena);

    args_text_array(&args, keys, count);
    return store_run(store, &trace_object_statements[SWEPT], &args, NULL, err);
}

int objects_held(struct store *store, struct arena *arena, const struct bytes *keys, size_t count,
                 bool **ret_held, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    bool                      *held = arena_zero(arena, count, sizeof(*held));

    args_text_array(&args, keys, count);
    TRY(store_run(store, &trace_object_statements[HELD], &args, &rows, err));
    for (size_t i = 0; i < rows_count(rows); i++) {
        held[rows_whole(rows, i, 0) - 1] = true;
    }
    *ret_held = held;
    return 0;
}

int objects_gone_expire(struct store *store, struct arena *arena, int64_t before_us,
                        struct err *err)
{
    struct args args = args_start(arena);

    args_whole(&args, before_us);
    return store_run(store, &trace_object_statements[EXPIRE], &args, NULL, err);
}
