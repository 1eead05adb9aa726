// SPDX-License-Identifier: MIT
/*
 * world.h - a real sandbox of each engine that works on this machine, opened once.
 *
 * The base is made by deploy/images/make-base into the user's cache: a minute the first time,
 * nothing afterwards.
 */
#ifndef PRT_TESTS_SANDBOX_WORLD_H
#define PRT_TESTS_SANDBOX_WORLD_H

#include "workers/qa/sandbox/sandbox.h"

struct world {
    struct arena           *arena;
    struct sandbox         *sandbox;
    struct sandbox_settings settings;
    struct sandbox_limits   limits; /* of the next run; set back by world_of */
    struct err              err;    /* why there is no sandbox */
};

/* Of the engine, or NULL after SKIP-worthy words in *ret_why. */
struct world *world_of(const char *engine, const char **ret_why);

struct ran {
    int                worked; /* of sandbox_run */
    struct sandbox_end end;
    const char        *result, *log; /* what fitted in 256 KiB */
    struct err         err;
};

/* sh -c script, with `workspace` (a host directory) or none. */
struct ran world_run(struct world *world, const char *workspace, const char *script);

#endif
