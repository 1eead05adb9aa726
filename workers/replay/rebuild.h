// SPDX-License-Identifier: MIT
/*
 * rebuild.h - takes all that PRT_INGEST keeps of a trace once more, and puts right what is not.
 *
 *   no row -----------> its messages are taken as if they had just come            added
 *   whole (whole.h) --> its messages are taken; known ones change nothing          right, or added
 *   damaged ----------> what was derived goes, its messages are taken anew         rebuilt
 *      ... and the chain does not come out as it was: nothing is changed           lost
 *   erased -----------> left alone                                                 erased
 *
 * One transaction under the lock of the trace's row, beside whatever the workers do meanwhile. What
 * the stage refuses now it refused the first time: that makes no second dead letter. A message that
 * came too late the first time (dead letter trace_closed) stays out of a trace that is built anew.
 * Results and the document are not touched; a trace that wants to be finalized gets its work
 * message.
 */
#ifndef PRT_WORKERS_REPLAY_REBUILD_H
#define PRT_WORKERS_REPLAY_REBUILD_H

#include "farm/farm.h"

enum rebuild_end {
    REBUILD_RIGHT,
    REBUILD_ADDED,
    REBUILD_REBUILT,
    REBUILD_LOST,
    REBUILD_ERASED,
    REBUILD_ENDS
};

const char *rebuild_end_name(enum rebuild_end end);

struct rebuild {
    enum rebuild_end end;
    const char      *story;    /* what was missing or wrong; NULL when right. Until the next call */
    int64_t          messages; /* of the trace, read */
    int64_t          refused;  /* of them */
};

struct rebuilder;
struct rebuilder *rebuilder_new(struct farm *farm,
                                const char  *run); /* names this replay; borrowed */
void              rebuilder_free(struct rebuilder *rebuilder);
DEFINE_CLEANUP(rebuilder, struct rebuilder *, rebuilder_free)

/* `seen_us`: about when its first message was sent. With `dry` nothing is changed, and a trace that
 * would be built anew is said to be added or rebuilt. -1 (outages and the like): nothing happened, or
 * all but what the next time makes up for. */
WARN_UNUSED int rebuild_trace(struct rebuilder *rebuilder, const char *tenant, const char *trace,
                              int64_t seen_us, bool dry, struct rebuild *ret_rebuild,
                              struct err *err);

#endif
