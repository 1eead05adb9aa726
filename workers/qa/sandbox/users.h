// SPDX-License-Identifier: MIT
/*
 * users.h - a user namespace for containers, with the limits that only its own root can set.
 */
#ifndef PRT_WORKERS_QA_USERS_H
#define PRT_WORKERS_QA_USERS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

enum {
    USERS_RANGE = 65536
}; /* so many uids and gids from the host's map_from are its 0 to 65535 */

/* A process of ours that is to be root of a new namespace until the caller has hold of it. */
struct founder {
    pid_t pid;    /* -1: none */
    int   report; /* where it says that it is done */
};
#define FOUNDER_NONE ((struct founder){-1, -1})

/* Starts one; it needs a moment, in which the caller may do something else.
 *
 * The kernel has whoever moves a process between control groups wait for all CPUs, some 10 ms,
 * unless somebody did so a moment ago. runc is to come in that moment: when all else is done the
 * founder "moves" itself to where it is, by `door` (cgroup_door; -1: not), which stays the
 * caller's. */
WARN_UNUSED int founder_start(struct founder *ret_founder, int door, struct err *err);

/* Takes what it founded. *ret_fd keeps it: with that closed, and nobody in it, it is gone.
 * SANDBOX_UNFIT: the kernel gives no such namespace, or none with the limit. */
WARN_UNUSED int founder_take(struct founder *founder, int64_t map_from, int *ret_fd,
                             struct err *err);

void               founder_dismiss(struct founder *founder);
static inline void founder_cleanup(struct founder *founder)
{
    founder_dismiss(founder);
}

/* All of it at once. */
WARN_UNUSED int users_make(int64_t map_from, int *ret_fd, struct err *err);

/* Where a program that this process starts finds it. */
const char *users_path(struct arena *arena, int fd);

#endif
