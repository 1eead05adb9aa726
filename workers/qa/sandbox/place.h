// SPDX-License-Identifier: MIT
/*
 * place.h - the mounts of one runc container.
 *
 * All of them are made in a mount namespace of the thread's own, below one small tmpfs. Nothing has
 * to be unmounted after a crash: the namespace goes with its last process. Per container:
 *
 *   PLACE/<id>/bundle/config.json
 *   PLACE/<id>/root     the base, bound            PLACE/<id>/in, deps   bound read-only
 *   PLACE/<id>/disk     tmpfs of disk_bytes: upper, work, tmp, shm
 *   PLACE/<id>/ws       overlay of the unpacked snapshot and disk/upper
 *
 * The snapshot stays on the disk and is shared by all runs on it; what tests write is memory of the
 * sandbox, inside its memory limit and its disk limit both.
 */
#ifndef PRT_WORKERS_QA_PLACE_H
#define PRT_WORKERS_QA_PLACE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "workers/qa/sandbox/sandbox.h"

/* The mounts of this thread are its own from here on. */
WARN_UNUSED int mounts_enter(struct err *err);

struct place {
    struct arena *arena;
    const char   *dir, *bundle, *root, *disk, *ws, *in, *deps;
};

/* The directories, the root and the disk, which belongs to `uid`. place->arena is set. */
WARN_UNUSED int place_make(struct place *place, const char *id, const char *rootfs,
                           const struct sandbox_limits *limits, uid_t uid, struct err *err);

/* The workspace, the inputs and the dependencies of a job. */
WARN_UNUSED int place_fill(const struct place *place, const struct sandbox_job *job,
                           struct err *err);

/* Shows what place_fill mounted in the mount namespace `place_ns` to a container that runs already,
 * in the mount namespace `box_ns`, and fills the place before. The thread has entered mounts of its
 * own, and is back in them afterwards. */
WARN_UNUSED int place_attach(const struct place *place, const struct sandbox_job *job, int place_ns,
                             int box_ns, struct err *err);

/* Unmounts and removes what is there of it. */
void place_leave(const struct place *place);

#endif
