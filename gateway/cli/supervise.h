// SPDX-License-Identifier: MIT
/*
 * supervise.h - children that are kept running.
 *
 *   stopped -> starting -> ready -> (dies) -> waiting -> starting ...
 *
 * A child says READY=1 on the datagram socket that NOTIFY_SOCKET names (the sd_notify protocol), or
 * its `probe` says so. One that dies is reported and started again, at once the first time, then after
 * 0.1, 0.2 ... 5 s while it does not live for 10 s. Children get their stop signal when the
 * supervisor dies, however it dies. One thread; signals TERM, INT and CHLD are taken over.
 */
#ifndef PRT_CLI_SUPERVISE_H
#define PRT_CLI_SUPERVISE_H

#include <stdbool.h>
#include <sys/types.h>

#include "gateway/cli/local.h"

struct child {
    const char *name;
    const char *const *argv;   /* NULL-ended; argv[0] is looked up in PATH unless it has a / */
    const char *user;          /* runs as this user when we are root; NULL: as we are */
    const char *const *env;    /* NULL-ended NAME=value on top of ours; may be NULL */
    bool        small_pages;   /* no transparent huge pages */
    int         stop_signal;
    int         stop_order;    /* lower ones are stopped first, and gone before the next order */
    bool (*probe)(struct cli *cli); /* NULL: the child says READY=1 itself */

    /* the supervisor's own */
    pid_t   pid;
    bool    ready;
    int     starts;
    int64_t started_us, start_again_us;
};

struct supervisor;

WARN_UNUSED int supervisor_new(struct supervisor **ret, struct cli *cli, struct err *err);
void            supervisor_free(struct supervisor *supervisor); /* stops every child */
DEFINE_CLEANUP(supervisor, struct supervisor *, supervisor_free)

/* Starts one more child (copied; the texts are borrowed). */
WARN_UNUSED int supervisor_add(struct supervisor *supervisor, const struct child *child,
                               struct err *err);

/* Looks after the children until all are ready (0), or -1: a child dies three times before it was
 * ever ready (the story ends in its log's last line), a stop signal came (STOPPING), or time is up. */
WARN_UNUSED int supervisor_wait_ready(struct supervisor *supervisor, int64_t timeout_ms,
                                      struct err *err);

/* Looks after the children until TERM or INT. */
void supervisor_run(struct supervisor *supervisor);

/* Runs a program to its end as `user`, its output to DIR/log/<name>.log. SYSTEM with the log's last
 * line when it does not exit 0. */
WARN_UNUSED int run_once(struct cli *cli, const char *name, const char *user,
                         const char *const *argv, struct err *err);

#endif
