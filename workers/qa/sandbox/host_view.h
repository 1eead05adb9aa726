// SPDX-License-Identifier: MIT
/*
 * host_view.h - what the host's kernel holds a process to.
 *
 * For a container whose runtime has a kernel of its own (gVisor): what it sees inside is that
 * kernel's word, and the memory, CPU time and pids that it takes of the machine are limited around
 * it.
 */
#ifndef PRT_WORKERS_QA_HOST_VIEW_H
#define PRT_WORKERS_QA_HOST_VIEW_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

/* Where the two file systems lie: other than here in tests only. */
struct host_roots {
    const char *proc, *cgroup;
};
#define HOST_ROOTS ((struct host_roots){"/proc", "/sys/fs/cgroup"})

/* Lines for probe_look: "host-memory N", "host-swap N", "host-pids N", "host-cpu MICROSECONDS of
 * 100000", "host-Seccomp: N", "host-NoNewPrivs: N". What is not to be seen has no line.
 * SANDBOX_UNFIT when the process itself is not: it runs on another machine, or in a pid namespace
 * that this one is not above. */
WARN_UNUSED int host_view(struct arena *arena, const struct host_roots *roots, pid_t pid,
                          const char **ret_lines, struct err *err);

#endif
