// SPDX-License-Identifier: MIT
#include "store/pr_store.h"

enum { TRACES, CHUNK, EVENTS };

const struct statement pr_statements[] = {
    [TRACES] = {"pr_traces",
                "SELECT q.place, t.status, h.head"
                " FROM unnest($2::text[]) WITH ORDINALITY AS q (trace_id, place)"
                " JOIN traces t ON t.trace_id = q.trace_id AND t.tenant = $1"
                " LEFT JOIN trace_heads h ON h.trace_no = t.trace_no",
                2},

    [CHUNK] = {"pr_chunk",
               "SELECT q.place FROM unnest($2::text[]) WITH ORDINALITY AS q (trace_id, place)"
               " JOIN traces t ON t.trace_id = q.trace_id AND t.tenant = $1"
               " JOIN trace_chunks c ON c.trace_no = t.trace_no AND c.chunk_id = $3"
               " WHERE c.status <> 'refused' ORDER BY q.place LIMIT 1",
               3},

    [EVENTS] = {"pr_events",
                "SELECT q.place FROM traces t"
                " CROSS JOIN unnest($3::uuid[]) WITH ORDINALITY AS q (event_key, place)"
                " JOIN trace_events e ON e.trace_no = t.trace_no AND e.event_key = q.event_key"
                " WHERE t.tenant = $1 AND t.trace_id = ANY($2::text[])",
                3},
};
const size_t pr_statement_count = COUNT_OF(pr_statements);

int pr_traces_read(struct store *store, struct arena *arena, const char *tenant,
                   const struct bytes *ids, size_t count, struct pr_trace *ret_traces,
                   struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_text(&args, tenant);
    args_text_array(&args, ids, count);
    TRY(store_run(store, &pr_statements[TRACES], &args, &rows, err));
    for (size_t i = 0; i < count; i++) {
        ret_traces[i] = (struct pr_trace){0};
    }
    for (size_t i = 0; i < rows_count(rows); i++) {
        struct pr_trace *trace = &ret_traces[rows_whole(rows, i, 0) - 1];

        trace->status = arena_text(arena, rows_bytes(rows, i, 1));
        if (!rows_null(rows, i, 2)) {
            trace->head = arena_bytes(arena, rows_bytes(rows, i, 2));
        }
    }
    return 0;
}

int pr_chunk_find(struct store *store, struct arena *arena, const char *tenant,
                  const struct bytes *ids, size_t count, const char *chunk_id, int64_t *ret_index,
                  struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_text(&args, tenant);
    args_text_array(&args, ids, count);
    args_text(&args, chunk_id);
    TRY(store_run(store, &pr_statements[CHUNK], &args, &rows, err));
    *ret_index = rows_count(rows) == 0 ? -1 : rows_whole(rows, 0, 0) - 1;
    return 0;
}

int pr_events_known(struct store *store, struct arena *arena, const char *tenant,
                    const struct bytes *ids, size_t id_count, const uint8_t (*keys)[16],
                    size_t count, bool *ret_known, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_text(&args, tenant);
    args_text_array(&args, ids, id_count);
    args_uuid_array(&args, keys, count);
    TRY(store_run(store, &pr_statements[EVENTS], &args, &rows, err));
    for (size_t i = 0; i < rows_count(rows); i++) {
        ret_known[rows_whole(rows, i, 0) - 1] = true;
    }
    return 0;
}
