// SPDX-License-Identifier: MIT
/*
 * runc.h - what the runc engine and its warm pool share.
 */
#ifndef PRT_WORKERS_QA_RUNC_H
#define PRT_WORKERS_QA_RUNC_H

#include "workers/qa/sandbox/cgroup.h"
#include "workers/qa/sandbox/place.h"
#include "workers/qa/sandbox/runc_config.h"

enum { RUNC_COMMAND_MS = 30000, RUNC_ARGV_MOST = 11 };

struct warm_pool;

struct runc {
    struct arena     *arena;
    const char       *state;  /* runc --root */
    const char       *sealed; /* a copy of runc (sealed.h); NULL: none */
    int               sealed_fd;
    int64_t           map_from; /* first host uid of user namespaces; 0: none are made */
    struct cgroups    cgroups;
    struct warm_pool *warm; /* NULL: none is kept */
};

extern const char *const runc_env[];

static inline uid_t runc_uid(const struct runc *runc)
{
    return (uid_t)(runc->map_from + SANDBOX_UID);
}

/* Who begins in a container. */
struct runc_first {
    enum box_kind      kind;
    const char        *users; /* as in runc_config.h */
    const char *const *argv;
};

/* Writes the bundle. What the place of a keeper is not filled with yet is not mounted. */
WARN_UNUSED int runc_bundle(const struct runc *runc, const struct place *place,
                            const struct sandbox_job *job, const struct runc_first *first,
                            struct err *err);

/* The file to run for that under its own name; NULL: the one in PATH. */
const char *runc_program(const struct runc *runc, const struct place *place);

/* "runc run" of the bundle, into an array of RUNC_ARGV_MOST. The cgroup stays, to be asked. The
 * zygote's descriptor 3 is handed through. */
void runc_argv(const struct runc *runc, const struct place *place, const char *id,
               enum box_kind kind, const char **argv);

/* The host's number of the first process of the container in that place, which `running` starts. */
WARN_UNUSED int runc_pid(const struct place *place, struct running *running, pid_t *ret_pid,
                         struct err *err);

/* With its first process the whole pid namespace dies. */
void runc_kill(const struct runc *runc, const char *id);

/* Whatever state it is in. */
WARN_UNUSED int runc_delete(const struct runc *runc, const char *id, struct err *err);

/* The same for one that has ended, without starting runc for it. */
WARN_UNUSED int runc_forget(const struct runc *runc, const char *id, struct err *err);

#endif
