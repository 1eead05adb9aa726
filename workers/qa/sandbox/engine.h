// SPDX-License-Identifier: MIT
/*
 * engine.h - what a container engine must be able to do; sandbox.c does the rest.
 */
#ifndef PRT_WORKERS_QA_ENGINE_H
#define PRT_WORKERS_QA_ENGINE_H

#include <sys/types.h>

#include "workers/qa/sandbox/sandbox.h"

/* An engine that has not started a sandbox by then does not work here. */
enum { START_MS = 120000 };

/* One try at a way to call an engine: a machine may take one and refuse another. */
struct engine_run {
    const struct sandbox_job *job;
    const char *const        *argv; /* the job's, wrapped */
    struct sink               out, err_out;
    const bool               *started; /* the sandbox stands: its wall clock begins */
    bool                     *warm;    /* set to true when it had been made ahead */
};

struct engine {
    const char *name;
    bool        copies; /* the workspace's origin is at SANDBOX_SNAPSHOT, to be copied inside */
    bool        shows_cgroup; /* to the container; else run() checks the group itself */
    bool        counts_files; /* limits their number, beside the memory they take */

    /* Is it there, and does this machine let it enforce everything? SANDBOX_UNFIT says what not.
     * *ret_self lives until close. Takes the base image in. */
    int (*open)(const struct sandbox_settings *settings, void **ret_self, struct image *ret_base,
                struct err *err);

    /* More than one way to try (options, with and without a user namespace); false: no more. After
     * each try sandbox.c runs its probe inside. NULL: one way only. */
    bool (*next_way)(void *self);

    /* The way works: makes ready what settings->warm asks for. NULL: it keeps nothing warm. */
    int (*ready)(void *self, const struct sandbox_settings *settings, const struct image *base,
                 struct err *err);

    int (*warm_wait)(void *self, size_t count, int64_t most_ms, struct err *err);

    const char *(*runtime)(void *self);
    int (*own)(void *self, const char *dir, struct err *err);
    int (*run)(void *self, const struct engine_run *run, struct process_end *ret_end, bool *ret_oom,
               struct err *err);

    /* The host's number of the process that a running container's kernel is, where a runtime has
     * one of its own. NULL: it starts no such runtime. */
    int (*first_pid)(void *self, const char *id, pid_t *ret_pid, struct err *err);

    /* Ids of containers that are there (running or left over). */
    int (*list)(void *self, struct arena *arena, const char ***ret_ids, size_t *ret_count,
                struct err *err);
    int (*remove)(void *self, const char *id, struct err *err);
    void (*close)(void *self);
};

extern const struct engine engine_runc, engine_podman, engine_docker;

#endif
