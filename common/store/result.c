// SPDX-License-Identifier: MIT
#include "store/result.h"

#include <string.h>

#include "store/trace_object_store.h"

/* Two workers may hold two jobs of a trace, or the same one when a lease ran out. Without the lock
 * both would add the same version. */
static const struct statement lock_trace = {
    "result_lock_trace", "SELECT status FROM traces WHERE trace_no = $1 FOR UPDATE", 1};

static int subject_lock(struct store *store, struct arena *arena, const struct result *result,
                        struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, result->trace_no);
    TRY(store_run(store, &lock_trace, &args, &rows, err));
    if (rows_count(rows) == 0 || strcmp(rows_text(rows, 0, 0), "erased") == 0) {
        return err_set(err, ERR_TRACE_ERASED, "the trace was erased while %s", result->meanwhile);
    }
    return 0;
}

int result_note(struct store *store, struct arena *arena, const struct result *result,
                struct err *err)
{
    CLEANUP(store_rollback) struct store *open = store;
    struct bytes *keys = arena_get(arena, result->artifact_count * sizeof(*keys));
    int64_t      *trace_nos = arena_get(arena, result->artifact_count * sizeof(*trace_nos));
    bool         *gone; /* says nothing: they are put after this */

    for (size_t i = 0; i < result->artifact_count; i++) {
        keys[i] = result->artifacts[i].object_key;
        trace_nos[i] = result->trace_no;
    }
    TRY(store_begin(open, err));
    TRY(subject_lock(store, arena, result, err));
    TRY(objects_note(store, arena, keys, trace_nos, result->artifact_count, &gone, err));
    return store_commit(store, err);
}

int result_add(struct store *store, struct arena *arena, const struct result *result,
               int64_t *ret_version, struct err *err)
{
    CLEANUP(store_rollback) struct store *open = store;
    CLEANUP(rows) struct rows            *rows = NULL;

    TRY(store_begin(open, err));
    TRY(subject_lock(store, arena, result, err));
    TRY(store_run(store, result->add, result->args, &rows, err));
    if (rows_count(rows) > 0 && result->artifact_count > 0) {
        TRY(artifacts_save(store, arena, result->artifacts, result->artifact_count, err));
    }
    TRY(store_commit(store, err));
    *ret_version = rows_count(rows) > 0 ? rows_whole(rows, 0, 0) : 0;
    return 0;
}
