// SPDX-License-Identifier: MIT
/*
 * segment.h - the object that holds a batch's lines: put while the database does what it was sent.
 *
 *     store_push --+-- segment_put: write, sync, rename (or PUT) --+-- store_wait -- commit
 *                  +-- rows, by the database ----------------------+
 *
 * Writing and syncing a segment takes as long as the rows of a small batch; one behind the other
 * they were the wait for a verdict. Nobody sees a row before its object is there, because the
 * commit comes after both.
 */
#ifndef PRT_WORKERS_VALIDATE_SEGMENT_H
#define PRT_WORKERS_VALIDATE_SEGMENT_H

#include "workers/validate/batch.h"

/* Leaves it in batch->segment_key. */
void segment_name(struct batch *batch);

/* On 0 the object is there. */
WARN_UNUSED int segment_put(struct batch *batch, struct err *err);

#endif
