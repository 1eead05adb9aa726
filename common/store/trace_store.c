// SPDX-License-Identifier: MIT
#include "store/trace_store.h"

#include <string.h>

enum { WANT, LOCK, READ, SAVE, SAVE_OPENING, ADD_HEAD, READ_HEAD, FINALIZE, ACCOUNTS, HOLD,
       STATEMENTS };

/* The database's clock: the one that every process sees. */
#define NOW_US "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

/* Every reader of a whole row takes these, in the order of struct trace_record. */
#define TRACE_COLUMNS                                                                              \
    "trace_no, trace_id, tenant, status, chain_head, num_events, last_seq, next_chunk_seq,"        \
    " pending_chunks, pending_events, open_hash, opened_us, completed_us,"                         \
    " " NOW_US " - complete_seen_us,"                                                              \
    " complete_seq, expected_chunks, document_key, document_sha256, document_bytes, qa_splice,"       \
    " accepted_events, dead_events, rebuilt, indexed_below, indexed_events"

/* clang-format off */
const struct statement trace_statements[STATEMENTS] = {
    [WANT] = { "traces_want",
        "INSERT INTO traces (trace_id, tenant, opened_us)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])"
        " AS q (trace_id, tenant, seen_us)"
        " ORDER BY trace_id COLLATE \"C\" ON CONFLICT (trace_id) DO NOTHING", 3 },

    /* In one order everywhere, or two batches with two traces in common would wait for each other.
     * NO KEY: results that refer to the trace may be added meanwhile. */
    [LOCK] = { "traces_lock",
        "SELECT " TRACE_COLUMNS " FROM traces WHERE trace_id = ANY ($1::text[])"
        " ORDER BY trace_id FOR NO KEY UPDATE", PLAN_KEPT | 1 },

    [READ] = { "trace_read",
        "SELECT " TRACE_COLUMNS " FROM traces WHERE trace_id = $1", 1 },

    /* ANY, and not =, which a plan might join by reading all of traces in the order of their numbers. */
    [SAVE] = { "traces_save",
        "UPDATE traces t SET status = q.status, chain_head = q.chain_head,"
        " num_events = q.num_events, last_seq = q.last_seq, next_chunk_seq = q.next_chunk_seq,"
        " pending_chunks = q.pending_chunks, pending_events = q.pending_events,"
        " completed_us = nullif(q.completed_us, 0),"
        " complete_seen_us = CASE WHEN q.completed_us <> 0"
        " THEN coalesce(t.complete_seen_us, " NOW_US ") END,"
        " complete_seq = nullif(q.complete_seq, 0), expected_chunks = nullif(q.expected_chunks, -1),"
        " accepted_events = q.accepted_events, dead_events = q.dead_events"
        " FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[],"
        " $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],"
        " $12::bigint[], $13::bigint[])"
        " AS q (trace_no, status, chain_head, num_events, last_seq, next_chunk_seq,"
        " pending_chunks, pending_events, completed_us, complete_seq,"
        " expected_chunks, accepted_events, dead_events)"
        " WHERE t.trace_no = ANY (ARRAY[q.trace_no])", PLAN_KEPT | 13 },

    [SAVE_OPENING] = { "trace_open_save",
        "UPDATE traces SET opened_us = $2, open_hash = $3, participant_id = $4, task_id = $5,"
        " task_title = $6, repo_origin = $7, start_commit = $8, experiment_id = $9"
        " WHERE trace_no = $1", PLAN_KEPT | 9 },

    [ADD_HEAD] = { "trace_head_add",
        "INSERT INTO trace_heads (trace_no, head, redactions) VALUES ($1, $2, $3)"
        " ON CONFLICT (trace_no) DO UPDATE SET head = excluded.head,"
        " redactions = excluded.redactions", PLAN_KEPT | 3 },

    [READ_HEAD] = { "trace_head_read",
        "SELECT head, redactions FROM trace_heads WHERE trace_no = $1", 1 },

    /* An erased trace stays erased, whoever was still working on it. */
    [FINALIZE] = { "trace_finalize",
        "UPDATE traces SET status = 'finalized', document_key = $2, document_sha256 = $3,"
        " document_bytes = $4, qa_splice = $5, finalized_us = coalesce(finalized_us, $6)"
        " WHERE trace_no = $1 AND status IN ('closed', 'finalized')", 6 },

    /* One statement: one snapshot, whatever is committed meanwhile. */
    [ACCOUNTS] = { "trace_accounts",
        "SELECT coalesce(sum(accepted_events), 0)::bigint, coalesce(sum(num_events), 0)::bigint,"
        " coalesce(sum(pending_events), 0)::bigint, coalesce(sum(dead_events), 0)::bigint"
        " FROM traces", 0 },

    [HOLD] = { "traces_hold", "LOCK TABLE traces IN EXCLUSIVE MODE", 0 },
};
/* clang-format on */
const size_t trace_statement_count = STATEMENTS;

static const char *const status_names[] = {
    [TRACE_OPEN] = "open",           [TRACE_COMPLETING] = "completing", [TRACE_CLOSED] = "closed",
    [TRACE_FINALIZED] = "finalized", [TRACE_ERASED] = "erased",
};

const char *trace_status_name(enum trace_status status)
{
    return status_names[status];
}

static int status_read(struct bytes name, enum trace_status *ret_status, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(status_names); i++) {
        if (bytes_is(name, status_names[i])) {
            *ret_status = (enum trace_status)i;
            return 0;
        }
    }
    return err_set(err, ERR_STORE_BEHIND, "traces: unknown status \"%.*s\"", (int)name.size,
                   (const char *)name.data);
}

/* A bytea of 32 bytes; false if it is NULL or of another size. */
static bool hash_read(const struct rows *rows, size_t row, int column, uint8_t ret[STORE_HASH])
{
    struct bytes bytes = rows_bytes(rows, row, column);

    if (bytes.size != STORE_HASH) {
        return false;
    }
    memcpy(ret, bytes.data, STORE_HASH);
    return true;
}

static int row_read(struct arena *arena, const struct rows *rows, size_t at,
                    struct trace_record *ret_row, struct err *err)
{
    struct trace_record row = {0};

    TRY(status_read(rows_bytes(rows, at, 3), &row.status, err));
    row.trace_no = rows_whole(rows, at, 0);
    row.id = arena_text(arena, rows_bytes(rows, at, 1));
    row.tenant = arena_text(arena, rows_bytes(rows, at, 2));
    row.chained = hash_read(rows, at, 4, row.chain_head);
    row.num_events = rows_whole(rows, at, 5);
    row.last_seq = rows_whole(rows, at, 6);
    row.next_chunk_seq = rows_whole(rows, at, 7);
    row.pending_chunks = rows_whole(rows, at, 8);
    row.pending_events = rows_whole(rows, at, 9);
    row.opened = hash_read(rows, at, 10, row.open_hash);
    row.opened_us = rows_whole(rows, at, 11);
    row.completed_us = rows_whole(rows, at, 12);
    row.complete_waited_us = rows_null(rows, at, 13) ? 0 : rows_whole(rows, at, 13);
    row.complete_seq = rows_whole(rows, at, 14);
    row.expected_chunks = rows_null(rows, at, 15) ? -1 : rows_whole(rows, at, 15);
    if (!rows_null(rows, at, 16)) {
        row.document_key = arena_text(arena, rows_bytes(rows, at, 16));
        (void)hash_read(rows, at, 17, row.document_sha256);
        row.document_bytes = rows_whole(rows, at, 18);
        row.qa_splice = rows_whole(rows, at, 19);
    }
    row.accepted_events = rows_whole(rows, at, 20);
    row.dead_events = rows_whole(rows, at, 21);
    row.rebuilt = rows_whole(rows, at, 22);
    row.indexed_below = rows_whole(rows, at, 23);
    row.indexed_events = rows_whole(rows, at, 24);
    *ret_row = row;
    return 0;
}

int traces_want(struct store *store, struct arena *arena, const struct bytes *ids,
                const struct bytes *tenants, const int64_t *seen_us, size_t count, struct err *err)
{
    struct args args = args_start(arena);

    args_text_array(&args, ids, count);
    args_text_array(&args, tenants, count);
    args_whole_array(&args, seen_us, count);
    return store_run(store, &trace_statements[WANT], &args, NULL, err);
}

int traces_lock(struct store *store, struct arena *arena, const struct bytes *ids, size_t count,
                struct trace_record **ret_rows, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct trace_record       *list;

    args_text_array(&args, ids, count);
    TRY(store_run(store, &trace_statements[LOCK], &args, &rows, err));
    list = arena_zero(arena, rows_count(rows), sizeof(*list));
    for (size_t i = 0; i < rows_count(rows); i++) {
        TRY(row_read(arena, rows, i, &list[i], err));
    }
    *ret_rows = list;
    *ret_count = rows_count(rows);
    return 0;
}

int trace_lock(struct store *store, struct arena *arena, const char *id,
               struct trace_record *ret_row, struct err *err)
{
    struct bytes         one = bytes_of(id);
    struct trace_record *rows = NULL;
    size_t               count = 0;

    TRY(traces_lock(store, arena, &one, 1, &rows, &count, err));
    if (count == 0) {
        return err_set(err, ERR_TRACE_UNKNOWN, "there is no trace %s", id);
    }
    *ret_row = rows[0];
    return 0;
}

int trace_read(struct store *store, struct arena *arena, const char *id,
               struct trace_record *ret_row, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_text(&args, id);
    TRY(store_run(store, &trace_statements[READ], &args, &rows, err));
    if (rows_count(rows) == 0) {
        return err_set(err, ERR_TRACE_UNKNOWN, "there is no trace %s", id);
    }
    return row_read(arena, rows, 0, ret_row, err);
}

/* One column of the rows as an array. */
#define COLUMN(args, arena, rows, count, type, put, expression)                                    \
    do {                                                                                           \
        type *column_ = arena_get((arena), (count) * sizeof(*column_));                            \
        for (size_t i_ = 0; i_ < (count); i_++) {                                                  \
            const struct trace_record *row = (rows)[i_];                                           \
            column_[i_] = (expression);                                                            \
        }                                                                                          \
        put((args), column_, (count));                                                             \
    } while (0)
#define WHOLES(member) COLUMN(&args, arena, rows, count, int64_t, args_whole_array, row->member)

int traces_save(struct store *store, struct arena *arena, const struct trace_record *const *rows,
                size_t count, struct err *err)
{
    struct args  args = args_start(arena);
    struct bytes none = {NULL, 0};

    WHOLES(trace_no);
    COLUMN(&args, arena, rows, count, struct bytes, args_text_array,
           bytes_of(status_names[row->status]));
    COLUMN(&args, arena, rows, count, struct bytes, args_bin_array,
           row->chained ? ((struct bytes){row->chain_head, STORE_HASH}) : none);
    WHOLES(num_events);
    WHOLES(last_seq);
    WHOLES(next_chunk_seq);
    WHOLES(pending_chunks);
    WHOLES(pending_events);
    WHOLES(completed_us);
    WHOLES(complete_seq);
    WHOLES(expected_chunks);
    WHOLES(accepted_events);
    WHOLES(dead_events);
    return store_send(store, &trace_statements[SAVE], &args, (int64_t)count, err);
}

/* Absent is NULL; a NUL, which a text column can't hold, becomes the replacement character. */
static void args_name(struct args *args, struct bytes name)
{
    uint8_t *copy;
    size_t   size = 0;

    if (name.data == NULL) {
        args_null(args);
        return;
    }
    copy = arena_get(args->arena, name.size * 3);
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] != 0) {
            copy[size++] = name.data[i];
        } else {
            memcpy(copy + size, "\xef\xbf\xbd", 3);
            size += 3;
        }
    }
    args_bytes_text(args, (struct bytes){copy, size});
}

int trace_open_save(struct store *store, struct arena *arena, const struct trace_opening *opening,
                    struct err *err)
{
    struct args args = args_start(arena);
    struct args head = args_start(arena);

    args_whole(&args, opening->trace_no);
    args_whole(&args, opening->opened_us);
    args_bin(&args, (struct bytes){opening->hash, STORE_HASH});
    args_name(&args, opening->participant_id);
    args_name(&args, opening->task_id);
    args_name(&args, opening->task_title);
    args_name(&args, opening->repo_origin);
    args_name(&args, opening->start_commit);
    args_name(&args, opening->experiment_id);
    TRY(store_send(store, &trace_statements[SAVE_OPENING], &args, 1, err));
    args_whole(&head, opening->trace_no);
    args_bytes_text(&head, opening->head);
    if (opening->redactions.data == NULL) {
        args_null(&head);
    } else {
        args_bytes_text(&head, opening->redactions);
    }
    return store_send(store, &trace_statements[ADD_HEAD], &head, -1, err);
}

int trace_head_read(struct store *store, struct arena *arena, int64_t trace_no,
                    struct bytes *ret_head, struct bytes *ret_redactions, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, trace_no);
    TRY(store_run(store, &trace_statements[READ_HEAD], &args, &rows, err));
    if (rows_count(rows) == 0) {
        return err_set(err, ERR_TRACE_UNKNOWN, "the trace's open message has not been seen");
    }
    *ret_head = arena_bytes(arena, rows_bytes(rows, 0, 0));
    *ret_redactions = rows_null(rows, 0, 1) ? (struct bytes){NULL, 0}
                                            : arena_bytes(arena, rows_bytes(rows, 0, 1));
    return 0;
}

int trace_finalize(struct store *store, struct arena *arena, int64_t trace_no,
                   const struct trace_document *document, struct err *err)
{
    CLEANUP(rows) struct rows *told = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, trace_no);
    args_text(&args, document->key);
    args_bin(&args, (struct bytes){document->sha256, STORE_HASH});
    args_whole(&args, document->bytes);
    args_whole(&args, document->qa_splice);
    args_whole(&args, document->finalized_us);
    TRY(store_run(store, &trace_statements[FINALIZE], &args, &told, err));
    if (rows_affected(told) != 1) {
        return err_set(err, ERR_TRACE_NOT_READY, "the trace is not closed any more");
    }
    return 0;
}

int trace_accounts_read(struct store *store, struct trace_accounts *ret_accounts, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;

    TRY(store_run(store, &trace_statements[ACCOUNTS], NULL, &rows, err));
    *ret_accounts = (struct trace_accounts){
        .accepted = rows_whole(rows, 0, 0),
        .chained = rows_whole(rows, 0, 1),
        .pending = rows_whole(rows, 0, 2),
        .dead = rows_whole(rows, 0, 3),
    };
    return 0;
}

int traces_hold(struct store *store, struct err *err)
{
    return store_run(store, &trace_statements[HOLD], NULL, NULL, err);
}
