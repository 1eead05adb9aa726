// SPDX-License-Identifier: MIT
/*
 * segment.h - the object that holds a batch's lines: put on a thread of its own while the database
 * takes the rows.
 *
 *     segment_begin --+-- write, sync, rename (or PUT) --+-- segment_finish -- commit
 *                     +-- rows, by the caller -----------+
 *
 * Writing and syncing a segment takes as long as the rows of a small batch; one behind the other
 * they were the wait for a verdict. Nobody sees a row before its object is there, because the
 * commit comes after both. Between begin and finish the batch's blob store and its lines belong to
 * the thread.
 */
#ifndef PRT_WORKERS_VALIDATE_SEGMENT_H
#define PRT_WORKERS_VALIDATE_SEGMENT_H

#include <pthread.h>

#include "workers/validate/batch.h"

struct segment {
    struct batch *batch;
    pthread_t     thread;
    bool          under_way;
    struct err    err;
};

/* Gives the object its name, batch->segment_key. segment must stay where it is. */
void segment_begin(struct segment *segment, struct batch *batch);

/* On 0 the object is there. */
WARN_UNUSED int segment_finish(struct segment *segment, struct err *err);

void segment_done(struct segment *segment); /* waits for what is under way */
static inline void segment_cleanup(struct segment *segment)
{
    segment_done(segment);
}

#endif
