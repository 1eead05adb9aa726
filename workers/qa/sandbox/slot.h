// SPDX-License-Identifier: MIT
/*
 * slot.h - one warm container: made, given to a job, removed.
 *
 *   EMPTY --slot_begin, slot_make--> READY --taken--> TAKEN --slot_run--> USED
 *     ^                                                                     |
 *     +-----------------------------slot_clear------------------------------+
 *
 * Whoever holds the lock of the pool sets the state; TAKEN is also what is being made or cleared.
 */
#ifndef PRT_WORKERS_QA_SLOT_H
#define PRT_WORKERS_QA_SLOT_H

#include "workers/qa/sandbox/engine.h"
#include "workers/qa/sandbox/zygote.h"

enum { SLOT_AGE_MS = 600000 }; /* who waited that long makes room for a fresh one */

enum slot_state { SLOT_EMPTY, SLOT_READY, SLOT_TAKEN, SLOT_USED };

struct slot_kind {
    const struct runc           *runc;
    const struct image          *base;
    const struct sandbox_limits *limits;
};

struct slot {
    enum slot_state         state;
    struct arena           *arena;
    const struct slot_kind *kind;
    const char             *id;
    struct place            place;
    const char             *argv[RUNC_ARGV_MOST];
    struct process          process;
    struct running         *running; /* NULL once it has ended and was waited for */
    struct tail             tail;    /* of its errors while it warms up */
    struct word_wait        said;
    int                     ends[2];   /* of its outputs, until the guest has them */
    int                     status_fd; /* to the keeper, until the usher has it */
    int                     order_fd, mounts_fd;
    int64_t                 made_ms;
};

/* Of an empty one. The container is named after the job it belongs to. */
void slot_begin(struct slot *slot, const struct slot_kind *kind, const char *job_id, size_t serial);

/* It dies with the thread that makes it. On failure: slot_clear. */
WARN_UNUSED int slot_make(struct slot *slot, struct zygote *zygote, struct err *err);

struct slot_end {
    struct process_end process;
    bool               oom;
};

/* Mounts what the job has, by way of the mount namespace the slot was made in, and runs it. */
WARN_UNUSED int slot_run(struct slot *slot, int mounts_fd, const struct engine_run *run,
                         struct bytes order, struct slot_end *ret_end, struct err *err);

/* Whatever there is of it, by half too. */
void slot_clear(struct slot *slot);

#endif
