// SPDX-License-Identifier: MIT
/*
 * above.h - which messages of a trace in PRT_INGEST are not known to be taken.
 *
 * Validate's consumer has a floor: what lies at or below it is settled. It stands behind any message
 * that takes long, of whatever trace: one whose worker stands still or dies, one that is tried again,
 * and gaps where messages were deleted. So it says at once that nothing is left, and never that
 * something of this trace is. Then the trace's own messages above it are looked at.
 */
#ifndef PRT_WORKERS_ABOVE_H
#define PRT_WORKERS_ABOVE_H

#include "store/store.h"
#include "stream/stream.h"
#include "trace/message.h"

struct above_msg {
    uint64_t seq;
    bool     brings; /* something into the trace: a chunk, a batch, an artifact */
    bool     taken;  /* a row tells; false: perhaps it is, and no row tells */
};

struct above {
    const char       *trace; /* NULL: nothing was looked at yet */
    struct above_msg *msgs;  /* by seq */
    size_t            count, room;
};

/* In the arena. */
WARN_UNUSED int above_look(struct stream *stream, struct store *store, struct arena *arena,
                           const struct subject *of, uint64_t floor, struct above *ret_above,
                           struct err *err);

#endif
