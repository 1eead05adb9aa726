// SPDX-License-Identifier: MIT
/*
 * sweep.h - segments that no row names: put by a worker that died before its commit.
 *
 * A row is committed when its object is there (segment.h, erase.c), so one that is young may only
 * be waiting for it. A transaction that stands still for a minute is ended by the database, and with it what it
 * would have named: SWEEP_AGE_LEAST_S is ten times that.
 */
#ifndef PRT_WORKERS_VALIDATE_SWEEP_H
#define PRT_WORKERS_VALIDATE_SWEEP_H

#include "blob/blob.h"
#include "store/store.h"

enum { SWEEP_AGE_LEAST_S = 600 };

struct swept {
    int64_t seen;           /* segments in the object store */
    int64_t orphans, bytes; /* of them no row names, last changed before `before_us` */
};

/* Deletes the orphans (not with `dry_run`). On failure those counted so far are gone. */
WARN_UNUSED int sweep_segments(struct store *store, struct blob_store *blob, int64_t before_us,
                               bool dry_run, struct swept *ret_swept, struct err *err);

#endif
