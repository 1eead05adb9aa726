// SPDX-License-Identifier: MIT
/*
 * runc_config.h - the config.json that makes runc hold every limit.
 *
 * Pure: builds a tree.
 */
#ifndef PRT_WORKERS_QA_RUNC_CONFIG_H
#define PRT_WORKERS_QA_RUNC_CONFIG_H

#include "base/arena.h"
#include "value/value.h"
#include "workers/qa/sandbox/sandbox.h"

/* Who the first process of a container is:
 *
 *   BOX_JOB       the job itself
 *   BOX_KEEPER    holds a warm container open: what joins it later is the job. Another uid, so that
 *                 the job cannot end the container in its name
 *   BOX_ZYGOTE  what the jobs of warm containers are forked from (zygote.h): root of the user
 *                 namespace that it shares with them, with just the rights to enter them, in the
 *                 worker's pid namespace, since one enters only those below one's own
 */
enum box_kind { BOX_JOB, BOX_KEEPER, BOX_ZYGOTE };

enum { KEEPER_UID = SANDBOX_UID + 1 };

struct runc_config {
    enum box_kind                kind;
    const char                  *users; /* user namespace to be in (users.h); NULL: none */
    const struct sandbox_job    *job;
    const struct sandbox_limits *limits;
    const char *const           *argv;
    const char                  *rootfs; /* host directories from here on */
    const char                  *workspace, *tmp, *shm;
    const char                  *inputs, *deps; /* NULL: none */
    const char                  *cgroup;        /* below the controllers' roots */
    int64_t                      map_from;      /* first host uid of that namespace */
    bool                         swap_limit;    /* the kernel has one to set */
};

struct value runc_config(struct arena *arena, const struct runc_config *spec);

#endif
