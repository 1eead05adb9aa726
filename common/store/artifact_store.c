// SPDX-License-Identifier: MIT
#include "store/artifact_store.h"

#include <string.h>

enum { READ, SAVE, STATEMENTS };

/* clang-format off */
const struct statement artifact_statements[STATEMENTS] = {
    [READ] = { "artifact_read",
        "SELECT sha256, size_bytes, content_type, object_key, created_us FROM artifacts"
        " WHERE trace_no = $1 AND name = $2", 2 },

    /* DISTINCT ON: one statement can't put the same row twice. Two processes may hold two uploads of
     * one name, and the earlier one in the stream may come last: it must not win. */
    [SAVE] = { "artifacts_save",
        "WITH noted AS (INSERT INTO trace_objects (trace_no, object_key)"
        " SELECT DISTINCT trace_no, object_key COLLATE \"C\""
        " FROM unnest($1::bigint[], $6::text[]) AS q (trace_no, object_key) ON CONFLICT DO NOTHING)"
        " INSERT INTO artifacts (trace_no, name, sha256, size_bytes, content_type, object_key,"
        " created_us, stream_seq) SELECT DISTINCT ON (trace_no, name COLLATE \"C\") trace_no, name,"
        " sha256, size_bytes, content_type, object_key, created_us, stream_seq"
        " FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bigint[], $5::text[], $6::text[],"
        " $7::bigint[], $8::bigint[]) WITH ORDINALITY AS q (trace_no, name, sha256, size_bytes,"
        " content_type, object_key, created_us, stream_seq, place)"
        " ORDER BY trace_no, name COLLATE \"C\", stream_seq DESC, place DESC"
        " ON CONFLICT (trace_no, name) DO UPDATE SET"
        " sha256 = excluded.sha256, size_bytes = excluded.size_bytes,"
        " content_type = excluded.content_type, object_key = excluded.object_key,"
        " created_us = excluded.created_us, stream_seq = excluded.stream_seq"
        " WHERE artifacts.stream_seq <= excluded.stream_seq", 8 },
};
/* clang-format on */
const size_t artifact_statement_count = STATEMENTS;

int artifact_read(struct store *store, struct arena *arena, int64_t trace_no, struct bytes name,
                  struct artifact_record *ret_row, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct bytes               hash;

    args_whole(&args, trace_no);
    args_bytes_text(&args, name);
    TRY(store_run(store, &artifact_statements[READ], &args, &rows, err));
    hash = rows_count(rows) == 0 ? (struct bytes){NULL, 0} : rows_bytes(rows, 0, 0);
    if (hash.size != STORE_HASH) {
        return err_set(err, ERR_NOT_FOUND, "the trace has no artifact %.*s", (int)name.size,
                       (const char *)name.data);
    }
    *ret_row = (struct artifact_record){
        .trace_no = trace_no,
        .name = arena_bytes(arena, name),
        .size_bytes = rows_whole(rows, 0, 1),
        .object_key = arena_bytes(arena, rows_bytes(rows, 0, 3)),
        .created_us = rows_whole(rows, 0, 4),
    };
    memcpy(ret_row->sha256, hash.data, STORE_HASH);
    if (!rows_null(rows, 0, 2)) {
        ret_row->content_type = arena_bytes(arena, rows_bytes(rows, 0, 2));
    }
    return 0;
}

int artifacts_save(struct store *store, struct arena *arena, const struct artifact_record *rows,
                   size_t count, struct err *err)
{
    struct args   args = args_start(arena);
    int64_t      *wholes = arena_get(arena, 4 * count * sizeof(*wholes)); /* trace, size, time, seq */
    struct bytes *texts = arena_get(arena, 4 * count * sizeof(*texts)); /* name, hash, type, key */

    for (size_t i = 0; i < count; i++) {
        wholes[i] = rows[i].trace_no;
        wholes[count + i] = rows[i].size_bytes;
        wholes[2 * count + i] = rows[i].created_us;
        wholes[3 * count + i] = rows[i].stream_seq;
        texts[i] = rows[i].name;
        texts[count + i] = (struct bytes){rows[i].sha256, STORE_HASH};
        texts[2 * count + i] = rows[i].content_type;
        texts[3 * count + i] = rows[i].object_key;
    }
    args_whole_array(&args, wholes, count);
    args_text_array(&args, texts, count);
    args_bin_array(&args, texts + count, count);
    args_whole_array(&args, wholes + count, count);
    args_text_array(&args, texts + 2 * count, count);
    args_text_array(&args, texts + 3 * count, count);
    args_whole_array(&args, wholes + 2 * count, count);
    args_whole_array(&args, wholes + 3 * count, count);
    return store_run(store, &artifact_statements[SAVE], &args, NULL, err);
}
