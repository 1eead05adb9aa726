// SPDX-License-Identifier: MIT
#include "store/erase_store.h"

#include <string.h>

enum {
    RANGES,
    DOOM_SEGMENT,
    MOVE_SEGMENT,
    DROP_SEGMENT,
    ROWS_FIRST,
    DROP_IDS = ROWS_FIRST,
    DROP_CHUNKS,
    DROP_ARTIFACTS,
    DROP_QA,
    DROP_JUDGE,
    DROP_CALLS,
    DROP_HEAD,
    DROP_DEAD,
    DROP_KEYS,
    MARK,
    ROWS_END,
    DOOMED = ROWS_END,
    FORGET,
    ERASED,
    STATEMENTS
};

/* clang-format off */
const struct statement erase_statements[STATEMENTS] = {
    /* In one order everywhere, or two traces that share segments would wait for each other. */
    [RANGES] = { "erase_ranges",
        "SELECT s.segment_no, s.key, s.bytes, c.seg_offset, c.seg_length, c.chunk_seq"
        " FROM trace_chunks c JOIN segments s ON s.segment_no = c.segment_no"
        " WHERE c.trace_no = $1 AND c.seg_length > 0"
        " ORDER BY s.segment_no, c.seg_offset FOR UPDATE OF s", 1 },

    [DOOM_SEGMENT] = { "erase_doom_segment",
        "INSERT INTO doomed_objects (bucket, key, trace_no) VALUES ('chunks', $1, $2)", 2 },
    [MOVE_SEGMENT] = { "erase_move_segment",
        "UPDATE segments SET key = $2 WHERE segment_no = $1", 2 },
    [DROP_SEGMENT] = { "erase_drop_segment",
        "DELETE FROM segments WHERE segment_no = $1", 1 },

    [DROP_IDS] = { "erase_ids", "DELETE FROM event_ids WHERE trace_no = $1", 1 },
    [DROP_CHUNKS] = { "erase_chunks", "DELETE FROM trace_chunks WHERE trace_no = $1", 1 },
    [DROP_ARTIFACTS] = { "erase_artifacts", "DELETE FROM artifacts WHERE trace_no = $1", 1 },
    [DROP_QA] = { "erase_qa", "DELETE FROM qa_results WHERE trace_no = $1", 1 },
    [DROP_JUDGE] = { "erase_judge", "DELETE FROM judge_results WHERE trace_no = $1", 1 },
    [DROP_CALLS] = { "erase_calls", "DELETE FROM judge_calls WHERE trace_no = $1", 1 },
    [DROP_HEAD] = { "erase_head", "DELETE FROM trace_heads WHERE trace_no = $1", 1 },
    [DROP_DEAD] = { "erase_dead", "DELETE FROM dead_outbox WHERE trace_no = $1", 1 },
    [DROP_KEYS] = { "erase_keys",
        "DELETE FROM idempotency_keys k USING traces t"
        " WHERE t.trace_no = $1 AND k.tenant = t.tenant AND k.scope = t.trace_id", 1 },
    [MARK] = { "erase_mark",
        "UPDATE traces SET status = 'erased', chain_head = NULL, num_events = 0, last_seq = -1,"
        " next_chunk_seq = 0, indexed_below = 0, indexed_events = 0, pending_chunks = 0, pending_events = 0, accepted_events = 0,"
        " dead_events = 0, open_hash = NULL, participant_id = NULL, task_id = NULL,"
        " task_title = NULL, repo_origin = NULL, start_commit = NULL, experiment_id = NULL,"
        " document_key = NULL, document_sha256 = NULL, document_bytes = NULL, qa_splice = NULL,"
        " qa_status = NULL, tests_passed = NULL, judge_overall = NULL WHERE trace_no = $1", 1 },

    [DOOMED] = { "doomed_read",
        "SELECT d.key FROM doomed_objects d"
        " JOIN traces t ON t.trace_no = d.trace_no WHERE t.trace_id = $1", 1 },
    [FORGET] = { "doomed_forget",
        "DELETE FROM doomed_objects d USING traces t"
        " WHERE t.trace_id = $1 AND d.trace_no = t.trace_no", 1 },

    [ERASED] = { "traces_erased",
        "SELECT q.place FROM unnest($1::text[]) WITH ORDINALITY AS q (id, place)"
        " JOIN traces t ON t.trace_id = q.id WHERE t.status = 'erased'", 1 },
};
/* clang-format on */
const size_t erase_statement_count = STATEMENTS;

static int run_for(struct store *store, struct arena *arena, int statement, int64_t number,
                   struct err *err)
{
    struct args args = args_start(arena);

    args_whole(&args, number);
    return store_run(store, &erase_statements[statement], &args, NULL, err);
}

static int run_named(struct store *store, struct arena *arena, int statement, const char *trace_id,
                     struct rows **ret_rows, struct err *err)
{
    struct args args = args_start(arena);

    args_text(&args, trace_id);
    return store_run(store, &erase_statements[statement], &args, ret_rows, err);
}

int erase_ranges(struct store *store, struct arena *arena, int64_t trace_no,
                 struct erase_range **ret_ranges, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct erase_range        *ranges;

    args_whole(&args, trace_no);
    TRY(store_run(store, &erase_statements[RANGES], &args, &rows, err));
    ranges = arena_get(arena, (rows_count(rows) + 1) * sizeof(*ranges));
    for (size_t i = 0; i < rows_count(rows); i++) {
        ranges[i] = (struct erase_range){
            .segment_no = rows_whole(rows, i, 0),
            .key = arena_text(arena, rows_bytes(rows, i, 1)),
            .segment_bytes = rows_whole(rows, i, 2),
            .offset = rows_whole(rows, i, 3),
            .length = rows_whole(rows, i, 4),
            .chunk_seq = rows_whole(rows, i, 5),
        };
    }
    *ret_ranges = ranges;
    *ret_count = rows_count(rows);
    return 0;
}

int erase_segment_move(struct store *store, struct arena *arena, const struct erase_range *of,
                       const char *key, int64_t trace_no, struct err *err)
{
    struct args doom = args_start(arena);
    struct args move = args_start(arena);

    args_text(&doom, of->key);
    args_whole(&doom, trace_no);
    TRY(store_run(store, &erase_statements[DOOM_SEGMENT], &doom, NULL, err));
    if (key == NULL) {
        return run_for(store, arena, DROP_SEGMENT, of->segment_no, err);
    }
    args_whole(&move, of->segment_no);
    args_text(&move, key);
    return store_run(store, &erase_statements[MOVE_SEGMENT], &move, NULL, err);
}

int erase_rows(struct store *store, struct arena *arena, int64_t trace_no, struct err *err)
{
    for (int i = ROWS_FIRST; i < ROWS_END; i++) {
        TRY(run_for(store, arena, i, trace_no, err));
    }
    return 0;
}

int doomed_read(struct store *store, struct arena *arena, const char *trace_id,
                const char ***ret_keys, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    const char               **keys;

    TRY(run_named(store, arena, DOOMED, trace_id, &rows, err));
    keys = arena_get(arena, (rows_count(rows) + 1) * sizeof(*keys));
    for (size_t i = 0; i < rows_count(rows); i++) {
        keys[i] = arena_text(arena, rows_bytes(rows, i, 0));
    }
    *ret_keys = keys;
    *ret_count = rows_count(rows);
    return 0;
}

int doomed_forget(struct store *store, struct arena *arena, const char *trace_id, struct err *err)
{
    return run_named(store, arena, FORGET, trace_id, NULL, err);
}

int traces_erased(struct store *store, struct arena *arena, const struct bytes *ids, size_t count,
                  bool **ret_erased, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    bool                      *erased = arena_zero(arena, count, sizeof(*erased));

    args_text_array(&args, ids, count);
    TRY(store_run(store, &erase_statements[ERASED], &args, &rows, err));
    for (size_t i = 0; i < rows_count(rows); i++) {
        erased[rows_whole(rows, i, 0) - 1] = true;
    }
    *ret_erased = erased;
    return 0;
}
