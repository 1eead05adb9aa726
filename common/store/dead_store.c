// SPDX-License-Identifier: MIT
#include "store/dead_store.h"

enum { ADD, TAKE, FORGET, STATEMENTS };

/* clang-format off */
const struct statement dead_statements[STATEMENTS] = {
    [ADD] = { "dead_add",
        "INSERT INTO dead_outbox (trace_no, stream_seq, stored_us, code, story, message)"
        " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],"
        " $6::bytea[])", 6 },

    [TAKE] = { "dead_take",
        "SELECT d.letter_no, d.trace_no, d.stream_seq, d.stored_us, t.tenant, t.trace_id, d.code,"
        " d.story, d.message FROM dead_outbox d JOIN traces t ON t.trace_no = d.trace_no"
        " ORDER BY d.letter_no LIMIT $1 FOR UPDATE OF d SKIP LOCKED", 1 },

    [FORGET] = { "dead_forget",
        "DELETE FROM dead_outbox WHERE letter_no = ANY ($1::bigint[])", 1 },
};
/* clang-format on */
const size_t dead_statement_count = STATEMENTS;

int dead_add(struct store *store, struct arena *arena, const struct dead_record *rows, size_t count,
             struct err *err)
{
    struct args   args = args_start(arena);
    int64_t      *whole = arena_get(arena, 3 * count * sizeof(*whole));
    struct bytes *texts = arena_get(arena, 3 * count * sizeof(*texts));

    for (size_t i = 0; i < count; i++) {
        whole[i] = rows[i].trace_no;
        whole[count + i] = rows[i].stream_seq;
        whole[2 * count + i] = rows[i].stored_us;
        texts[i] = bytes_of(rows[i].code);
        texts[count + i] = bytes_of(rows[i].story);
        texts[2 * count + i] = rows[i].message;
    }
    args_whole_array(&args, whole, count);
    args_whole_array(&args, whole + count, count);
    args_whole_array(&args, whole + 2 * count, count);
    args_text_array(&args, texts, count);
    args_text_array(&args, texts + count, count);
    args_bin_array(&args, texts + 2 * count, count);
    return store_run(store, &dead_statements[ADD], &args, NULL, err);
}

int dead_take(struct store *store, struct arena *arena, size_t most, struct dead_record **ret_rows,
              size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct dead_record        *list;

    args_whole(&args, (int64_t)most);
    TRY(store_run(store, &dead_statements[TAKE], &args, &rows, err));
    list = arena_zero(arena, rows_count(rows), sizeof(*list));
    for (size_t i = 0; i < rows_count(rows); i++) {
        list[i] = (struct dead_record){
            .letter_no = rows_whole(rows, i, 0),
            .trace_no = rows_whole(rows, i, 1),
            .stream_seq = rows_whole(rows, i, 2),
            .stored_us = rows_whole(rows, i, 3),
            .tenant = arena_text(arena, rows_bytes(rows, i, 4)),
            .trace = arena_text(arena, rows_bytes(rows, i, 5)),
            .code = arena_text(arena, rows_bytes(rows, i, 6)),
            .story = arena_text(arena, rows_bytes(rows, i, 7)),
            .message = arena_bytes(arena, rows_bytes(rows, i, 8)),
        };
    }
    *ret_rows = list;
    *ret_count = rows_count(rows);
    return 0;
}

int dead_forget(struct store *store, struct arena *arena, const int64_t *letter_nos, size_t count,
                struct err *err)
{
    struct args args = args_start(arena);

    args_whole_array(&args, letter_nos, count);
    return store_run(store, &dead_statements[FORGET], &args, NULL, err);
}
