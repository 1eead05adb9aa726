// SPDX-License-Identifier: MIT
/*
 * sandbox.h - one interface to the container engines: run hostile code, with every limit, or
 * refuse.
 *
 * An engine that cannot enforce one of the limits on this machine does not open and says which.
 * What runs inside sees: a read-only root, its workspace at SANDBOX_WORKSPACE (a private copy;
 * nothing it writes comes back), inputs at SANDBOX_INPUTS read-only, /tmp inside the same size
 * limit, no network, no capabilities, a uid that is neither root's nor the worker's. Its standard
 * error is the log, its standard output the result: both are streamed, counted and cut at their
 * limits.
 *
 * Whatever a dead worker left behind is removed by sandbox_reap: containers and directories carry
 * the id of a job, and a job is alive as long as its lock file is locked.
 *
 * Not for two threads at once.
 */
#ifndef PRT_WORKERS_QA_SANDBOX_H
#define PRT_WORKERS_QA_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "workers/qa/sandbox/process.h"

#define SANDBOX_WORKSPACE "/workspace"
#define SANDBOX_INPUTS    "/prt/in"
#define SANDBOX_SNAPSHOT  "/prt/snapshot" /* where engines that copy see the workspace's origin */
#define SANDBOX_DEPS      "/prt/deps"

/* Inside. The base image has a user of this number; on the host it is mapped where possible. */
enum { SANDBOX_UID = 64537 };

/* inotify instances that a job may have. The kernel counts them per user, and 128 is its default. */
enum { SANDBOX_INOTIFY = 16 };

/* Files and directories that a test run may make besides what it was given. */
enum { SANDBOX_SPARE_ENTRIES = 10000 };

struct sandbox_limits {
    int64_t memory_bytes; /* swap included */
    int64_t cpus;
    int64_t pids;
    int64_t disk_bytes; /* workspace and /tmp */
    int64_t disk_entries;
    int64_t file_bytes;
    int64_t open_files;
    int64_t log_bytes;
    int64_t result_bytes;
    int64_t wall_ms;
};

/* gVisor has a kernel of its own, which keeps to `pids` by itself: RLIMIT_NPROC there counts one
 * sandbox only. What the host counts is gVisor's threads (30 of them idle) and two more for each
 * process inside, and at the host's limit gVisor dies, so that lies above. */
enum { OWN_KERNEL_THREADS = 64 };

static inline bool runtime_has_kernel(const char *runtime)
{
    return strstr(runtime, "runsc") != NULL;
}

static inline int64_t host_pids(const struct sandbox_limits *limits, bool own_kernel)
{
    return own_kernel ? limits->pids * 2 + OWN_KERNEL_THREADS : limits->pids;
}

struct probe_rows;

struct sandbox_file {
    const char  *name;
    struct bytes bytes;
};

struct sandbox_settings {
    const char                *engine;  /* auto, runc, podman, docker */
    const char                *runtime; /* OCI runtime for docker and podman, or ""; gVisor's name holds "runsc" */
    const char                *dir;     /* state: jobs, images */
    const char                *base; /* made by deploy/images/make-base: rootfs/, digest; or "" */
    const char                *base_image; /* to pull where base is "" */
    int64_t                    warm;       /* containers to keep ready; only runc can */
    const struct sandbox_file *modules; /* Python's, of ours, that jobs have among their inputs: */
    size_t                     module_count; /* the warm ones have imported them ahead */
    struct sandbox_limits      limits;       /* of the probe, and of what is kept ready */
    struct probe_rows         *seen;         /* takes what the last probe saw (probe.h); or NULL */
};

/* A root file system to run in; text lives as long as the sandbox or the arena it was made in. */
struct image {
    const char *name;   /* for people: "python:3.11-slim", "debian:bookworm" */
    const char *digest; /* "sha256:..." of the base */
    const char *handle; /* the engine's own: a directory or an image id */
    const char *deps;   /* directory shown read-only at SANDBOX_DEPS, or NULL */
};

struct sandbox_job {
    const char         *id; /* of the container; [a-z0-9-]{1,64}, starts with the job's id */
    const struct image *image;
    const char         *workspace; /* directory of the host, prepared by sandbox_own; NULL: empty */
    const char         *inputs;    /* directory of the host, or NULL */
    const char *const  *argv;
    const char *const  *env;
    const char         *cwd;
    bool                network; /* builds only */
    const struct sandbox_limits *limits;
    struct sink                  log, result;
    struct tick                  tick;
};

enum sandbox_outcome { SANDBOX_EXITED, SANDBOX_OOM, SANDBOX_TIMEOUT };

struct sandbox_end {
    enum sandbox_outcome outcome;
    int                  exit_status; /* 128 + signal as shells say it */
    int64_t              took_ms;
    int64_t              started_us; /* clock_mono_us, from where took_ms counts; 0: it never did */
    int64_t              log_bytes, log_dropped;
    int64_t              result_bytes, result_dropped;
    bool                 warm; /* the container had been made ahead */
};

struct sandbox;

/* SANDBOX_UNFIT: the story says for each engine tried what it cannot do. */
WARN_UNUSED int sandbox_open(struct sandbox **ret_sandbox, const struct sandbox_settings *settings,
                             struct err *err);
void            sandbox_close(struct sandbox *sandbox);
DEFINE_CLEANUP(sandbox, struct sandbox *, sandbox_close)

const char         *sandbox_engine(const struct sandbox *sandbox);  /* "runc" */
const char         *sandbox_runtime(const struct sandbox *sandbox); /* "runc", "crun", "runsc" */
const struct image *sandbox_base(const struct sandbox *sandbox);
const char         *sandbox_dir(const struct sandbox *sandbox); /* its state */

/* Hands a directory tree to the sandbox's user. */
WARN_UNUSED int sandbox_own(struct sandbox *sandbox, const char *dir, struct err *err);

/* 0 when it ran, however it ended. SANDBOX_FAILED when it could not be started; -1 of a sink or the
 * tick. Nothing of it is left afterwards. */
WARN_UNUSED int sandbox_run(struct sandbox *sandbox, const struct sandbox_job *job,
                            struct sandbox_end *ret_end, struct err *err);

/* Waits until `count` warm containers are ready; for tests and measurements. */
WARN_UNUSED int sandbox_warm_wait(struct sandbox *sandbox, size_t count, int64_t most_ms,
                                  struct err *err);

/* Removes the containers and directories of jobs whose worker is gone. */
WARN_UNUSED int sandbox_reap(struct sandbox *sandbox, int *ret_reaped, struct err *err);

#endif
