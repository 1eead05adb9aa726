// SPDX-License-Identifier: MIT
#include "workers/object.h"

#include "base/clock.h"
#include "store/trace_object_store.h"

int object_drop(struct store *store, struct blob_store *blob, struct arena *arena,
                const char *trace_id, const char *key, struct err *err)
{
    CLEANUP(store_rollback) struct store *transaction = store;
    bool                                  shared = true;

    /* First, and committed: should this process die when it has deleted the object, whoever waits
     * for the lock knows that it has to look. */
    TRY(object_gone_soon(store, arena, key, clock_us(), err));
    TRY(store_begin(transaction, err));
    TRY(object_lock(store, arena, trace_id, key, &shared, err));
    if (!shared) {
        TRY(blob_delete(blob, object_is_claim(bytes_of(key)) ? BUCKET_CHUNKS : BUCKET_ARTIFACTS,
                        key, err));
    }
    if (trace_id != NULL) {
        TRY(object_forget(store, arena, trace_id, key, err));
    }
    return store_commit(store, err);
}
