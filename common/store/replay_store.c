// SPDX-License-Identifier: MIT
#include "store/replay_store.h"

#include <string.h>

enum {
    SUMS,
    WAITING,
    WAITING_STILL,
    DROP_IDS,
    DROP_CHUNKS,
    RESET,
    FINALIZED_STILL,
    TRACES,
    COUNT,
    STATEMENTS
};

#define WANTED                                                                                     \
    " FROM traces WHERE trace_no > $1 AND ($2::text IS NULL OR trace_id = $2)"                     \
    " AND ($3::text IS NULL OR status = $3) AND ($4::text IS NULL OR qa_status = $4)"              \
    " AND ($5::text IS NULL OR CASE $5 WHEN 'null' THEN tests_passed IS NULL"                      \
    " ELSE tests_passed IS NOT DISTINCT FROM ($5 = 'true') END)"                                   \
    " AND ($6::text IS NULL OR tenant = $6) AND ($7::text IS NULL OR task_id = $7)"                \
    " AND ($8::text IS NULL OR participant_id = $8) AND ($9::text IS NULL OR repo_origin = $9)"    \
    " AND ($10::text IS NULL OR experiment_id = $10)"                                              \
    " AND opened_us >= $11 AND ($12 = 0::bigint OR opened_us < $12)"                               \
    " AND ($13 = 0::bigint OR complete_seq >= $13) AND ($14 = 0::bigint OR complete_seq <= $14)"   \
    " AND (status = 'finalized' OR ($15::boolean AND status IN ('completing', 'closed')))"

const struct statement replay_statements[STATEMENTS] = {
    [SUMS] = { "trace_sums",
        "SELECT EXISTS (SELECT FROM trace_heads WHERE trace_no = $1),"
        " c.events, c.bytes, c.pending_chunks, c.pending_events, c.keys,"
        " (SELECT count(*) FROM event_ids WHERE trace_no = $1)"
        " FROM (SELECT coalesce(sum(num_events) FILTER (WHERE status = 'chained'), 0)::bigint AS events,"
        "  coalesce(sum(seg_length) FILTER (WHERE status = 'chained'), 0)::bigint AS bytes,"
        "  count(*) FILTER (WHERE status = 'pending') AS pending_chunks,"
        "  coalesce(sum(num_events) FILTER (WHERE status = 'pending'), 0)::bigint AS pending_events,"
        "  sha256(coalesce(string_agg(event_keys, '' ORDER BY chunk_seq), '')) AS keys"
        "  FROM trace_chunks WHERE trace_no = $1) c", 1 },

    [WAITING] = { "trace_waiting",
        "SELECT chunk_seq, content_hash FROM trace_chunks"
        " WHERE trace_no = $1 AND status = 'pending' ORDER BY chunk_seq", 1 },
    [WAITING_STILL] = { "trace_waiting_still",
        "SELECT count(*) FROM unnest($2::bigint[], $3::bytea[]) AS q (chunk_seq, content_hash)"
        " JOIN trace_chunks c ON c.trace_no = $1 AND c.chunk_seq = q.chunk_seq"
        " AND c.content_hash = q.content_hash", 3 },

    [DROP_IDS] = { "event_ids_drop", "DELETE FROM event_ids WHERE trace_no = $1", 1 },
    [DROP_CHUNKS] = { "trace_chunks_drop", "DELETE FROM trace_chunks WHERE trace_no = $1", 1 },
    [RESET] = { "trace_reset",
        "UPDATE traces SET status = 'open', chain_head = NULL, num_events = 0, last_seq = -1,"
        " next_chunk_seq = 0, pending_chunks = 0, pending_events = 0, accepted_events = 0,"
        " dead_events = 0, rebuilt = rebuilt + 1, indexed_below = 0, indexed_events = 0, open_hash ="
        " CASE WHEN EXISTS (SELECT FROM trace_heads WHERE trace_no = $1) THEN open_hash END,"
        " completed_us = NULL, complete_seen_us = NULL, complete_seq = NULL, expected_chunks = NULL"
        " WHERE trace_no = $1", 1 },

    [FINALIZED_STILL] = { "trace_finalized_still",
        "UPDATE traces SET status = 'finalized' WHERE trace_no = $1 AND document_key IS NOT NULL", 1 },

    [TRACES] = { "replay_traces",
        "SELECT trace_no, trace_id, tenant" WANTED " ORDER BY trace_no LIMIT $16", 16 },
    [COUNT] = { "replay_count", "SELECT count(*)" WANTED, 15 },
};
const size_t replay_statement_count = STATEMENTS;

int trace_sums_read(struct store *store, struct arena *arena, int64_t trace_no,
                    struct trace_sums *ret_sums, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, trace_no);
    TRY(store_run(store, &replay_statements[SUMS], &args, &rows, err));
    *ret_sums = (struct trace_sums){
        .head = rows_flag(rows, 0, 0),
        .chunk_events = rows_whole(rows, 0, 1),
        .chunk_bytes = rows_whole(rows, 0, 2),
        .pending_chunks = rows_whole(rows, 0, 3),
        .pending_events = rows_whole(rows, 0, 4),
    };
    ret_sums->ids = rows_whole(rows, 0, 6);
    memcpy(ret_sums->event_keys, rows_bytes(rows, 0, 5).data, STORE_HASH);
    return 0;
}

int trace_waiting_read(struct store *store, struct arena *arena, int64_t trace_no,
                       struct waiting_chunks *ret_waiting, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct waiting_chunks      waiting = {0};

    args_whole(&args, trace_no);
    TRY(store_run(store, &replay_statements[WAITING], &args, &rows, err));
    waiting.count = rows_count(rows);
    waiting.seqs = arena_get(arena, waiting.count * sizeof(*waiting.seqs));
    waiting.hashes = arena_get(arena, waiting.count * sizeof(*waiting.hashes));
    for (size_t i = 0; i < waiting.count; i++) {
        waiting.seqs[i] = rows_whole(rows, i, 0);
        waiting.hashes[i] = arena_bytes(arena, rows_bytes(rows, i, 1));
    }
    *ret_waiting = waiting;
    return 0;
}

int trace_waiting_lost(struct store *store, struct arena *arena, int64_t trace_no,
                       const struct waiting_chunks *waiting, int64_t *ret_lost, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    *ret_lost = 0;
    if (waiting->count == 0) {
        return 0;
    }
    args_whole(&args, trace_no);
    args_whole_array(&args, waiting->seqs, waiting->count);
    args_bin_array(&args, waiting->hashes, waiting->count);
    TRY(store_run(store, &replay_statements[WAITING_STILL], &args, &rows, err));
    *ret_lost = (int64_t)waiting->count - rows_whole(rows, 0, 0);
    return 0;
}

static int run_for(struct store *store, struct arena *arena, int which, int64_t trace_no,
                   struct err *err)
{
    struct args args = args_start(arena);

    args_whole(&args, trace_no);
    return store_run(store, &replay_statements[which], &args, NULL, err);
}

int trace_reset(struct store *store, struct arena *arena, int64_t trace_no, struct err *err)
{
    TRY(run_for(store, arena, DROP_IDS, trace_no, err));
    TRY(run_for(store, arena, DROP_CHUNKS, trace_no, err));
    return run_for(store, arena, RESET, trace_no, err);
}

int trace_finalized_still(struct store *store, struct arena *arena, int64_t trace_no, struct err *err)
{
    return run_for(store, arena, FINALIZED_STILL, trace_no, err);
}

static struct args args_wanted(struct arena *arena, const struct replay_filter *filter, int64_t after)
{
    struct args args = args_start(arena);

    args_whole(&args, after);
    args_text(&args, filter->trace);
    args_text(&args, filter->status);
    args_text(&args, filter->qa_status);
    args_text(&args, filter->tests_passed);
    args_text(&args, filter->tenant);
    args_text(&args, filter->task_id);
    args_text(&args, filter->participant_id);
    args_text(&args, filter->repo);
    args_text(&args, filter->experiment_id);
    args_whole(&args, filter->since_us);
    args_whole(&args, filter->until_us);
    args_whole(&args, filter->from_seq);
    args_whole(&args, filter->to_seq);
    args_flag(&args, filter->unfinalized);
    return args;
}

int replay_traces(struct store *store, struct arena *arena, const struct replay_filter *filter,
                  int64_t after, size_t most, struct replay_row **ret_rows, size_t *ret_count,
                  struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_wanted(arena, filter, after);
    struct replay_row         *list;

    args_whole(&args, (int64_t)most);
    TRY(store_run(store, &replay_statements[TRACES], &args, &rows, err));
    list = arena_zero(arena, rows_count(rows), sizeof(*list));
    for (size_t i = 0; i < rows_count(rows); i++) {
        list[i] = (struct replay_row){
            .trace_no = rows_whole(rows, i, 0),
            .trace = arena_text(arena, rows_bytes(rows, i, 1)),
            .tenant = arena_text(arena, rows_bytes(rows, i, 2)),
        };
    }
    *ret_rows = list;
    *ret_count = rows_count(rows);
    return 0;
}

int replay_count(struct store *store, struct arena *arena, const struct replay_filter *filter,
                 int64_t after, int64_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_wanted(arena, filter, after);

    TRY(store_run(store, &replay_statements[COUNT], &args, &rows, err));
    *ret_count = rows_whole(rows, 0, 0);
    return 0;
}
