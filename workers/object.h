// SPDX-License-Identifier: MIT
/*
 * object.h - an object of an erased trace goes, or one that no trace has, unless another trace has it
 * (store/trace_object_store.h).
 */
#ifndef PRT_WORKERS_OBJECT_H
#define PRT_WORKERS_OBJECT_H

#include "blob/blob.h"
#include "store/store.h"

/* trace_id NULL: none is known to have it. Not inside a transaction. May be done again after any failure, and by two at once. */
WARN_UNUSED int object_drop(struct store *store, struct blob_store *blob, struct arena *arena,
                            const char *trace_id, const char *key, struct err *err);

#endif
