// SPDX-License-Identifier: MIT
/*
 * late.h - which messages of a trace came too late when they were validated first.
 *
 * When a trace was closed is not told by the stream alone: finalize closes it, and a chunk may have
 * been on its way. Its dead letter (trace_closed) is the witness.
 */
#ifndef PRT_WORKERS_REPLAY_LATE_H
#define PRT_WORKERS_REPLAY_LATE_H

#include "stream/stream.h"

struct late {
    uint64_t *seqs; /* in PRT_INGEST, sorted */
    size_t    count;
};

/* In the arena. */
WARN_UNUSED int late_find(struct stream *stream, struct arena *arena, const char *tenant,
                          const char *trace, struct late *ret_late, struct err *err);
bool            late_holds(const struct late *late, uint64_t seq);

#endif
