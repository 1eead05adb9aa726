// SPDX-License-Identifier: MIT
/*
 * probe.h - a sandbox looks at itself from inside, and we read what it saw.
 *
 * Options on a command line are wishes; this is what the kernel says is in force.
 */
#ifndef PRT_WORKERS_QA_PROBE_H
#define PRT_WORKERS_QA_PROBE_H

#include "base/arena.h"
#include "base/err.h"
#include "workers/qa/sandbox/sandbox.h"

/* A shell script that prints what there is to see, and then PROBE_DONE. With an own kernel it waits
 * for the file PROBE_GO, so that somebody can look at it from outside. */
#define PROBE_DONE "probe done\n"
#define PROBE_GO   "go"
extern const char probe_script[];

struct probe_wants {
    const struct sandbox_limits *limits;
    bool cgroup_inside; /* the engine shows the container its cgroup; else it was read outside */
    bool counts_files;  /* the engine can limit their number; else their memory does */
    bool own_kernel;    /* the runtime's (gVisor): what it says it needs, the host has to say too */
    unsigned worker_uid;
};

enum { PROBE_ROWS = 24 };

struct probe_row {
    const char *what;      /* "the memory limit" */
    char        value[48]; /* inside */
    bool        held;
};

struct probe_rows {
    struct probe_row row[PROBE_ROWS];
    size_t           count;
};

/* Every limit, held or not; `seen` is what the script said, and host_view's lines. Pure. */
void probe_look(const char *seen, const struct probe_wants *wants, struct probe_rows *ret_rows);

/* SANDBOX_UNFIT names the first limit that does not hold. Pure. */
WARN_UNUSED int probe_check(const char *seen, const struct probe_wants *wants, struct err *err);

#endif
