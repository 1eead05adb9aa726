// SPDX-License-Identifier: MIT
#include "store/erase_store.h"

#include <string.h>

enum {
    RANGES,
    DOOM_SEGMENT,
    MOVE_SEGMENT,
    DROP_SEGMENT,
    DROP_CHUNKS,
    MORE_CHUNKS,
    MORE_IDS,
    LEFT,
    ROWS_FIRST,
    DROP_ARTIFACTS = ROWS_FIRST,
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

/* Rows that go with one statement: the database ends one that takes a minute. */
enum { MORE_MOST = 20000 };

/* clang-format off */
const struct statement erase_statements[STATEMENTS] = {
    /* Locked in one order everywhere, or two traces that share segments would wait for each other. */
    [RANGES] = { "erase_ranges",
        "SELECT s.segment_no, s.key, s.bytes, c.seg_offset, c.seg_length, c.chunk_seq FROM ("
        " SELECT p.*, dense_rank() OVER (ORDER BY p.segment_no) AS place FROM ("
        "  SELECT f.segment_no, f.seg_offset, f.seg_length, f.chunk_seq"
        "  FROM trace_chunks f JOIN segments USING (segment_no)"
        "  WHERE f.trace_no = $1 AND f.seg_length > 0 ORDER BY f.chunk_seq LIMIT $2) p"
        ") c JOIN segments s ON s.segment_no = c.segment_no WHERE c.place <= $3"
        " ORDER BY s.segment_no, c.seg_offset FOR UPDATE OF s", 3 },

    [DOOM_SEGMENT] = { "erase_doom_segment",
        "INSERT INTO doomed_objects (bucket, key, trace_no) VALUES ('chunks', $1, $2)", 2 },
    [MOVE_SEGMENT] = { "erase_move_segment",
        "UPDATE segments SET key = $2 WHERE segment_no = $1", 2 },
    [DROP_SEGMENT] = { "erase_drop_segment",
        "DELETE FROM segments WHERE segment_no = $1", 1 },

    [DROP_CHUNKS] = { "erase_chunks",
        "DELETE FROM trace_chunks WHERE trace_no = $1 AND chunk_seq = ANY ($2::bigint[])", 2 },
    [MORE_CHUNKS] = { "erase_more_chunks",
        "DELETE FROM trace_chunks WHERE ctid = ANY (ARRAY(SELECT ctid FROM trace_chunks c"
        " WHERE c.trace_no = $1 AND NOT EXISTS"
        " (SELECT FROM segments s WHERE s.segment_no = c.segment_no) LIMIT $2))", 2 },
    [MORE_IDS] = { "erase_more_ids",
        "DELETE FROM event_ids WHERE ctid = ANY (ARRAY("
        "SELECT ctid FROM event_ids WHERE trace_no = $1 LIMIT $2))", 2 },
    [LEFT] = { "erase_left",
        "SELECT trace_no, EXISTS (SELECT FROM trace_chunks c WHERE c.trace_no = t.trace_no)"
        " OR EXISTS (SELECT FROM event_ids e WHERE e.trace_no = t.trace_no)"
        " FROM traces t WHERE trace_id = $1 AND status = 'erased'", 1 },

    [DROP_ARTIFACTS] = { "erase_artifacts", "DELETE FROM artifacts WHERE trace_no = $1", 1 },
    [DROP_QA] = { "erase_qa", "DELETE FROM qa_results WHERE trace_no = $1", 1 },
    [DROP_JUDGE] = { "erase_judge", "DELETE FROM judge_results WHERE trace_no = $1", 1 },
    /* What they cost stays: whoever erases gets none of the day's budget back. */
    [DROP_CALLS] = { "erase_calls",
        "UPDATE judge_calls SET answer = NULL, cache_key = '' WHERE trace_no = $1", 1 },
    [DROP_HEAD] = { "erase_head", "DELETE FROM trace_heads WHERE trace_no = $1", 1 },
    [DROP_DEAD] = { "erase_dead", "DELETE FROM dead_outbox WHERE trace_no = $1", 1 },
    [DROP_KEYS] = { "erase_keys",
        "DELETE FROM idempotency_keys k USING traces t"
        " WHERE t.trace_no = $1 AND k.tenant = t.tenant AND k.scope = t.trace_id", 1 },
    [MARK] = { "erase_mark",
        "UPDATE traces SET status = 'erased', chain_head = NULL, num_events = 0, last_seq = -1,"
        " next_chunk_seq = 0, indexed_below = 0, indexed_events = 0, pending_chunks = 0,"
        " pending_events = 0, accepted_events = 0, dead_events = 0, open_hash = NULL, participant_id = NULL, task_id = NULL,"
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

int erase_ranges(struct store *store, struct arena *arena, int64_t trace_no, struct erase_most most,
                 struct erase_range **ret_ranges, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);
    struct erase_range        *ranges;

    args_whole(&args, trace_no);
    args_whole(&args, most.chunks == 0 ? INT64_MAX : most.chunks);
    args_whole(&args, most.segments == 0 ? INT64_MAX : most.segments);
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

int erase_chunks(struct store *store, struct arena *arena, int64_t trace_no,
                 const struct erase_range *ranges, size_t count, struct err *err)
{
    struct args args = args_start(arena);
    int64_t    *seqs = arena_get(arena, count * sizeof(*seqs));

    for (size_t i = 0; i < count; i++) {
        seqs[i] = ranges[i].chunk_seq;
    }
    args_whole(&args, trace_no);
    args_whole_array(&args, seqs, count);
    return store_run(store, &erase_statements[DROP_CHUNKS], &args, NULL, err);
}

int erase_more(struct store *store, struct arena *arena, int64_t trace_no, bool *ret_left,
               struct err *err)
{
    *ret_left = false;
    for (int i = MORE_CHUNKS; i <= MORE_IDS && !*ret_left; i++) {
        CLEANUP(rows) struct rows *rows = NULL;
        struct args                args = args_start(arena);

        args_whole(&args, trace_no);
        args_whole(&args, MORE_MOST);
        TRY(store_run(store, &erase_statements[i], &args, &rows, err));
        *ret_left = rows_affected(rows) == MORE_MOST;
    }
    return 0;
}

int erase_left(struct store *store, struct arena *arena, const char *trace_id,
               int64_t *ret_trace_no, bool *ret_left, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;

    TRY(run_named(store, arena, LEFT, trace_id, &rows, err));
    *ret_trace_no = rows_count(rows) == 0 ? 0 : rows_whole(rows, 0, 0);
    *ret_left = rows_count(rows) > 0 && rows_flag(rows, 0, 1);
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
