// SPDX-License-Identifier: MIT
/*
 * patience.h - how long a job has been asked for in vain.
 *
 * A model that is down or busy is an outage: it costs a job no try, so something else must end the
 * asking. Time since the job was stored would not do: it may have waited behind others, or for
 * tomorrow's budget. So each worker notes when it first asked for a job in vain; a worker that is
 * started anew begins anew. It remembers the newest PATIENCE_JOBS: when more than that many wait,
 * no single job is at fault, and none of them is given up.
 */
#ifndef PRT_JUDGE_PATIENCE_H
#define PRT_JUDGE_PATIENCE_H

#include "base/cleanup.h"
#include "base/err.h"

enum { PATIENCE_JOBS = 4096 };

struct patience;

struct patience *patience_new(int64_t most_ms);
void             patience_free(struct patience *patience);
DEFINE_CLEANUP(patience, struct patience *, patience_free)

/* A job failed with *err. JUDGE_BUSY for longer than most_ms becomes JUDGE_GONE; whatever else it
 * was stays. Always -1. */
int  patience_failed(struct patience *patience, uint64_t job, int64_t now_us, struct err *err);
/* A job ended well. */
void patience_done(struct patience *patience, uint64_t job);

#endif
