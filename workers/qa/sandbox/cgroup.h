// SPDX-License-Identifier: MIT
/*
 * cgroup.h - what the kernel's control groups really held, read after a run; v1 and v2.
 */
#ifndef PRT_WORKERS_QA_CGROUP_H
#define PRT_WORKERS_QA_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "workers/qa/sandbox/sandbox.h"

struct cgroups {
    const char *root;       /* where they are mounted */
    bool        v2;         /* memory, pids and cpu are in the unified hierarchy */
    bool        swap_limit; /* swap can be limited; false only where there is none */
};

#define CGROUP_ROOT    "/sys/fs/cgroup"
#define CGROUP_WORKERS "/pr-telemetry-workers"

/* SANDBOX_UNFIT names the controller that is missing, or swap that could not be limited. `root` is
 * kept. */
WARN_UNUSED int cgroups_find(const char *root, struct cgroups *ret_cgroups, struct err *err);

/* Of v2, in a container: a group with processes in it cannot give limits to groups below it, and
 * the root that a container sees is such a group. Moves everybody there into CGROUP_WORKERS
 * below it, once. The machine's own root is no such group; nothing happens. */
WARN_UNUSED int cgroups_make_room(const struct cgroups *cgroups, struct err *err);

/* In /proc/PID/cgroup, the path behind "N:a,b:PATH" where the list holds the controller; "": of v2.
 * NULL: there is none. */
const char *cgroup_of(struct arena *arena, const char *groups, const char *controller);

/* The file by which a process moves itself to the group that this one is in; -1: it cannot. */
int cgroup_door(const struct cgroups *cgroups);

/* The path of a job's group below the roots, as runc wants it. */
const char *cgroup_path(struct arena *arena, const char *id);

/* Puts a process into a job's group, in every hierarchy that has it. */
WARN_UNUSED int cgroup_join(const struct cgroups *cgroups, const char *id, pid_t pid,
                            struct err *err);

/* After a run, its group still there: did the kernel hold the limits asked for (SANDBOX_UNFIT says
 * which not), and did it kill for memory? */
WARN_UNUSED int cgroup_judge(const struct cgroups *cgroups, const char *id,
                             const struct sandbox_limits *limits, bool *ret_oom, struct err *err);

/* Removes a job's group from every hierarchy; false where one could not be: something still runs
 * in it. */
bool cgroup_remove(const struct cgroups *cgroups, const char *id);

/* The same, and whatever still runs in it is killed. SANDBOX_FAILED: it does not die. */
WARN_UNUSED int cgroup_clear(const struct cgroups *cgroups, const char *id, struct err *err);

#endif
