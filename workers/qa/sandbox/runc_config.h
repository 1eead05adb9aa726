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

struct runc_config {
    const struct sandbox_job    *job;
    const struct sandbox_limits *limits;
    const char *const           *argv;
    const char                  *rootfs; /* host directories from here on */
    const char                  *workspace, *tmp, *shm;
    const char                  *inputs, *deps; /* NULL: none */
    const char                  *cgroup;        /* below the controllers' roots */
    int64_t                      map_from;      /* first host uid of the user namespace; 0: none */
    bool                         swap_limit;    /* the kernel has one to set */
};

struct value runc_config(struct arena *arena, const struct runc_config *spec);

#endif
