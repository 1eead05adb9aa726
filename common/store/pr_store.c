// SPDX-License-Identifier: MIT
#include "store/pr_store.h"

#include "base/keyset.h"

enum { TRACES, CHUNK, KEYS };

enum { PAGE = 1024 }; /* chunks */

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

    [KEYS] = {"pr_keys",
              "SELECT chunk_seq, event_keys FROM trace_chunks"
              " WHERE trace_no = (SELECT trace_no FROM traces WHERE tenant = $1 AND trace_id = $2)"
              " AND chunk_seq > $3 AND event_keys IS NOT NULL ORDER BY chunk_seq LIMIT $4",
              4},
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

/* Those of `asked` that are events of the trace go into `found`. */
static int find_keys(struct store *store, const char *tenant, struct bytes id,
                     const struct keyset *asked, struct keyset *found, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    int64_t                      after = -1;
    size_t                       count = PAGE;

    while (count == PAGE) {
        CLEANUP(rows) struct rows *rows = NULL;
        struct args                args;

        arena_reset(arena);
        args = args_start(arena);
        args_text(&args, tenant);
        args_bytes_text(&args, id);
        args_whole(&args, after);
        args_whole(&args, PAGE);
        TRY(store_run(store, &pr_statements[KEYS], &args, &rows, err));
        count = rows_count(rows);
        for (size_t i = 0; i < count; i++) {
            struct bytes keys = rows_bytes(rows, i, 1);

            after = rows_whole(rows, i, 0);
            for (size_t at = 0; at + KEY_HALF <= keys.size; at += KEY_HALF) {
                if (keyset_holds(asked, keys.data + at)) {
                    (void)keyset_add(found, keys.data + at);
                }
            }
        }
    }
    return 0;
}

int pr_events_known(struct store *store, const char *tenant, const struct bytes *ids,
                    size_t id_count, const uint8_t (*keys)[16], size_t count, bool *ret_known,
                    struct err *err)
{
    CLEANUP(keyset) struct keyset asked = {0};
    CLEANUP(keyset) struct keyset found = {0};

    for (size_t i = 0; i < count; i++) {
        (void)keyset_add(&asked, keys[i]);
    }
    for (size_t i = 0; i < id_count; i++) {
        TRY(find_keys(store, tenant, ids[i], &asked, &found, err));
    }
    for (size_t i = 0; i < count; i++) {
        ret_known[i] = keyset_holds(&found, keys[i]);
    }
    return 0;
}
