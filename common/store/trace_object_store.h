// SPDX-License-Identifier: MIT
/*
 * trace_object_store.h - which traces have put which objects into the artifacts bucket, and which claim
 * checks they came in (chunks bucket, "claims/..."): the stream forgets these long before the trace.
 *
 * An object is put before a row can refer to it, and may be named by its content alone: erasing one
 * trace must not delete what another is about to refer to. Who has not its bytes at hand when that
 * comes out, as of an upload, puts it under a name of its trace's own ("uploads/<trace>/...").
 *
 *   who puts       put, then in the transaction that refers to it: objects_note, which locks its name
 *                  and tells whether it may have been deleted since; then it is looked for, and put
 *                  again
 *   or first       objects_note in a transaction of its own, then put: nothing that is put after that
 *                  can be gone, but the row that is to refer to it may find its trace erased, and
 *                  then it is deleted as below
 *   who deletes    object_gone_soon, then in a transaction of its own: object_lock, which waits for
 *                  those; delete it unless another trace has it; object_forget
 */
#ifndef PRT_STORE_TRACE_OBJECT_STORE_H
#define PRT_STORE_TRACE_OBJECT_STORE_H

#include "store/store.h"

bool object_is_claim(struct bytes key);

/* Inside a transaction, under the locks of the traces. ret_gone[i]: keys[i] may have been deleted after
 * it was put. In the arena. */
WARN_UNUSED int objects_note(struct store *store, struct arena *arena, const struct bytes *keys,
                             const int64_t *trace_nos, size_t count, bool **ret_gone,
                             struct err *err);

/* The first `most` of those that the trace has. */
WARN_UNUSED int objects_of(struct store *store, struct arena *arena, const char *trace_id,
                           size_t most, const char ***ret_keys, size_t *ret_count,
                           struct err *err);

/* Says that the object is about to be deleted; before its lock is taken. */
WARN_UNUSED int object_gone_soon(struct store *store, struct arena *arena, const char *key,
                                 int64_t now_us, struct err *err);
/* Inside a transaction. *ret_shared: another trace has it too. trace_id NULL: any trace has it. */
WARN_UNUSED int object_lock(struct store *store, struct arena *arena, const char *trace_id,
                            const char *key, bool *ret_shared, struct err *err);
WARN_UNUSED int object_forget(struct store *store, struct arena *arena, const char *trace_id,
                              const char *key, struct err *err);

/* ret_held[i]: a trace has it. In the arena. */
WARN_UNUSED int objects_held(struct store *store, struct arena *arena, const struct bytes *keys,
                             size_t count, bool **ret_held, struct err *err);

/* They are gone, and were nobody's any more but in these rows. */
WARN_UNUSED int objects_swept(struct store *store, struct arena *arena, const struct bytes *keys,
                              size_t count, struct err *err);

/* What was put before `before_us` has been referred to by now, or never will be. */
WARN_UNUSED int objects_gone_expire(struct store *store, struct arena *arena, int64_t before_us,
                                    struct err *err);

extern const struct statement trace_object_statements[];
extern const size_t           trace_object_statement_count;

#endif
