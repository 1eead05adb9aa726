// SPDX-License-Identifier: MIT
/*
 * runc.h - what the runc engine and its warm pool share.
 */
#ifndef PRT_WORKERS_QA_RUNC_H
#define PRT_WORKERS_QA_RUNC_H

#include "workers/qa/sandbox/cgroup.h"
#include "workers/qa/sandbox/place.h"

enum { RUNC_COMMAND_MS = 30000, RUNC_ARGV_MOST = 10 };

struct warm_pool;

struct runc {
    struct arena     *arena;
    const char       *state; /* runc --root */
    int64_t           map_from;
    struct cgroups    cgroups;
    struct warm_pool *warm; /* NULL: none is kept */
};

extern const char *const runc_env[];

static inline uid_t runc_uid(const struct runc *runc)
{
    return (uid_t)(runc->map_from + SANDBOX_UID);
}

/* Writes the bundle; what the place is not filled with yet (late) is not mounted. */
WARN_UNUSED int runc_bundle(const struct runc *runc, const struct place *place,
                            const struct sandbox_job *job, const char *const *argv, bool late,
                            struct err *err);

/* "runc run" of the bundle, into an array of RUNC_ARGV_MOST. The cgroup stays, to be asked. */
void runc_argv(const struct runc *runc, const struct place *place, const char *id,
               const char **argv);

/* With its first process the whole pid namespace dies. */
void runc_kill(const struct runc *runc, const char *id);

/* Whatever state it is in. */
WARN_UNUSED int runc_delete(const struct runc *runc, const char *id, struct err *err);

/* The same for one that has ended, without starting runc for it. */
WARN_UNUSED int runc_forget(const struct runc *runc, const char *id, struct err *err);

#endif
