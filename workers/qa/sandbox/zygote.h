// SPDX-License-Identifier: MIT
/*
 * zygote.h - a process that has imported Python's test machinery, from which the first process of
 * every warm container is forked: the import is paid once, not once a job.
 *
 *   worker --control, SCM_RIGHTS--> zygote   root of the pool's user namespace: a range of host
 *                                     |      uids that nobody has
 *                                     +-> usher   enters the container's namespaces, forks, waits,
 *                                           |     tells the keeper the exit status
 *                                           +-> guest   in the container's cgroup; gives up the
 *                                                       rights, the uid, the descriptors
 *
 * The container's keeper (pid 1, another uid) was made by runc and is idle: it holds it open.
 *
 * Why that is safe. The zygote runs the base's own Python and our own files only; it never sees a
 * workspace, an order or anything else of a job, and it has no rights on the host. The guest is
 * what `runc exec` would have made in that container, and it is not believed: before the container
 * counts as ready the worker looks from outside that namespaces, cgroups and limits are those of
 * the keeper, which runc made, and that no uid, capability, descriptor or way back is left
 * (zygote_check). Nothing of a job is there until then.
 *
 * What the guests of one zygote share: the memory of before the fork, copied on writing, and so
 * its layout (who sees his own addresses knows those of other jobs), and the user namespace, in
 * which none of them has a right.
 *
 * One thread at a time.
 */
#ifndef PRT_WORKERS_QA_ZYGOTE_H
#define PRT_WORKERS_QA_ZYGOTE_H

#include "workers/qa/sandbox/runc.h"

struct zygote;

/* `id` is of its container, `dir` an empty directory for what it imports. The first to use `env`
 * sets what is in force from an interpreter's first instruction on. */
struct zygote_wants {
    const char                    *id, *dir;
    const struct sandbox_settings *settings;
    const struct image            *base;
    const char *const             *env;
};

WARN_UNUSED int zygote_open(struct zygote **ret_zygote, const struct runc *runc,
                            const struct zygote_wants *wants, struct err *err);
void            zygote_close(struct zygote *zygote); /* and every usher */

/* False: its guests live on, new ones are not to be had. */
bool zygote_lives(struct zygote *zygote);

/* The user namespace a keeper has to be made in, as a path for runc. */
const char *zygote_users(const struct zygote *zygote);

/* What a guest gets: its standard input, output and error, and where its usher writes how it ended,
 * as "status\n". The caller keeps them and closes its own. */
struct seat {
    const char *id; /* of the container */
    pid_t       keeper;
    int         in, out, err_out, status;
};

/* Forks a guest into the container; *ret_guest is its number on the host. It says GUEST_READY on
 * its standard output when it has given up everything. */
#define GUEST_READY "prt-sandbox-ready\n"
WARN_UNUSED int zygote_seat(struct zygote *zygote, const struct seat *seat, pid_t *ret_guest,
                            struct err *err);

/* Is the guest walled in as its keeper is, and of that uid on the host? SANDBOX_UNFIT says what is
 * left open. */
WARN_UNUSED int zygote_check(pid_t keeper, pid_t guest, uid_t uid, struct err *err);

#endif
