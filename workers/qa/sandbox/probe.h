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

/* A shell script that prints what there is to see. */
extern const char probe_script[];

struct probe_wants {
    const struct sandbox_limits *limits;
    bool cgroup_inside;  /* the engine shows the container its cgroup; else it was read outside */
    bool counts_files;   /* the engine can limit their number; else their memory does */
    bool seccomp_inside; /* off for runtimes with a kernel of their own (gVisor) */
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

/* Every limit, held or not. Pure. */
void probe_look(const char *seen, const struct probe_wants *wants, struct probe_rows *ret_rows);

/* SANDBOX_UNFIT names the first limit that does not hold. Pure. */
WARN_UNUSED int probe_check(const char *seen, const struct probe_wants *wants, struct err *err);

#endif
