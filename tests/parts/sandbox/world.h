// SPDX-License-Identifier: MIT
/*
 * world.h - a real sandbox of each engine that works on this machine, opened once.
 *
 * The base is made by deploy/images/make-base into the user's cache: a minute the first time,
 * nothing afterwards.
 */
#ifndef PRT_TESTS_SANDBOX_WORLD_H
#define PRT_TESTS_SANDBOX_WORLD_H

#include "lib/test.h"
#include "workers/qa/sandbox/sandbox.h"

/* Each test runs once per engine, and once in containers that were made ahead; an engine that does
 * not work here says why. */
#define IN_ENGINE(engine, name)                                                                    \
    TEST(engine, name)                                                                             \
    {                                                                                              \
        const char   *why;                                                                         \
        struct world *world = world_of(#engine, &why);                                             \
        if (world == NULL) {                                                                       \
            SKIP(why);                                                                             \
        }                                                                                          \
        name##_in(world);                                                                          \
    }
#define EACH_ENGINE(name)                                                                          \
    static void name##_in(struct world *world);                                                    \
    IN_ENGINE(runc, name)                                                                          \
    IN_ENGINE(warm, name)                                                                          \
    IN_ENGINE(podman, name)                                                                        \
    IN_ENGINE(docker, name)                                                                        \
    IN_ENGINE(runsc, name)                                                                         \
    static void name##_in(struct world *world)

struct world {
    const char *name; /* of the engine; "warm" is runc with containers made ahead, and
                       * "runsc" docker with gVisor, where docker knows it: no Debian
                       * package has it; "podman_runsc" podman with it */
    struct arena           *arena;
    struct sandbox         *sandbox;
    struct sandbox_settings settings;
    struct sandbox_limits   limits; /* of the next run; set back by world_of */
    struct err              err;    /* why there is no sandbox */
};

/* Of the engine, or NULL after SKIP-worthy words in *ret_why. */
struct world *world_of(const char *engine, const char **ret_why);

enum { WARM_WAIT_MS = 120000 }; /* how long a test waits for warm containers */

/* Waits until no pool's thread makes anything: a process forked meanwhile would inherit its locks.
 */
void worlds_settle(void);

struct ran {
    int                worked; /* of sandbox_run */
    struct sandbox_end end;
    const char        *id;           /* of the container */
    const char        *result, *log; /* what fitted in 256 KiB */
    struct err         err;
};

/* sh -c script (the warm one: below the Python that waited), with `workspace` (a host directory) or
 * none. */
struct ran world_run(struct world *world, const char *workspace, const char *script);

/* Fails the test where the sandbox failed. */
void told(const struct ran *ran);

#endif
