// SPDX-License-Identifier: MIT
/*
 * sweep.h - objects that nobody can need any more.
 *
 *   segments   that no row names: put by a worker that died before its commit. A row is committed when
 *              its object is there (segment.h, erase.c), so one that is young may only be waiting for
 *              it. A transaction that stands still for a minute is ended by the database, and with it
 *              what it would have named: SWEEP_AGE_LEAST_S is ten times that. And one that has worked
 *              for longer keeps all that was put since it began.
 *   claims     whose messages no stream has any more. A message is in PRT_INGEST for as long as that
 *              keeps it, and until it is settled; if it is given up at the very end of that, it is in
 *              PRT_DEAD for as long again as that keeps it. Who puts one back puts its claim anew
 *              (gateway/cli/payload.h).
 *   artifacts  that no trace has and whose messages no stream has any more: put by a gateway that died
 *              before it published, or a worker that died before its commit.
 *   documents  and lines (traces bucket), uploads and pieces of logs (artifacts bucket) of erased traces:
 *              put by a finalize, a gateway or a qa that died before it saw that. One that no row tells
 *              of stays: it may be all that a lost database left.
 */
#ifndef PRT_WORKERS_VALIDATE_SWEEP_H
#define PRT_WORKERS_VALIDATE_SWEEP_H

#include "blob/blob.h"
#include "store/store.h"

enum { SWEEP_AGE_LEAST_S = 600 };

struct swept {
    int64_t seen;           /* of the kind in the object store */
    int64_t orphans, bytes; /* of them nobody needs, last changed before `before_us` */
};

/* Deletes the orphans (not with `dry_run`). On failure those counted so far are gone. */
WARN_UNUSED int sweep_segments(struct store *store, struct blob_store *blob, int64_t before_us,
                               bool dry_run, struct swept *ret_swept, struct err *err);

/* before_us of these two is from sweep_claims_before. Of claims all that is old enough is an orphan. */
WARN_UNUSED int sweep_claims(struct store *store, struct blob_store *blob, int64_t before_us,
                             bool dry_run, struct swept *ret_swept, struct err *err);
WARN_UNUSED int sweep_artifacts(struct store *store, struct blob_store *blob, int64_t before_us,
                                bool dry_run, struct swept *ret_swept, struct err *err);
/* oldest_us: when the oldest message of PRT_INGEST was stored. */
int64_t sweep_claims_before(int64_t now_us, int64_t oldest_us, int64_t ingest_keep_ms,
                            int64_t dead_keep_ms);

WARN_UNUSED int sweep_documents(struct store *store, struct blob_store *blob, int64_t before_us,
                                bool dry_run, struct swept *ret_swept, struct err *err);

#endif
