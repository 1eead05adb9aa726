// SPDX-License-Identifier: MIT
/*
 * world.h - an examiner with a real sandbox and a real object store in a directory; opened once.
 */
#ifndef PRT_TESTS_QA_WORLD_H
#define PRT_TESTS_QA_WORLD_H

#include "workers/qa/examine.h"

struct world {
    const char        *name;  /* of the engine */
    bool               tried; /* to open it */
    struct err         err;   /* why there is none */
    struct arena      *arena;
    struct config      config;
    struct blob_store *blob;
    struct examiner    examiner;
    char               dir[64];
};

/* NULL, and the test has failed, when there is none: as root there must be. */
struct world *world_get(void);

/* One in "warm", "podman", "docker" or "runsc" (docker with gVisor); NULL, and the test is skipped,
 * where that does not work. */
struct world *world_in(const char *engine);

/* A directory of the tree, packed and stored. */
const struct snapshot *world_snapshot_of(struct world *world, const char *dir);

/* One with these files: name, text, name, text, NULL. "name@" is a symbolic link to the text. */
const struct snapshot *world_snapshot(struct world *world, const char *const *files);
#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* These bytes as they are. */
const struct snapshot *world_snapshot_bytes(struct world *world, struct bytes bytes);

/* Examines; the finding's validation, or NULL when the test has failed. In the warm world each run
 * of tests has to be in a container made ahead. */
const struct value *world_examine(struct world *world, const struct snapshot *after,
                                  const struct snapshot *before);

/* What a validation says at these JSON pointers; the test fails where it says something else. */
void expect_text(const struct value *validation, const char *pointer, const char *want);
void expect_whole(const struct value *validation, const char *pointer, int64_t want);
void expect_json(const struct value *validation, const char *pointer, const char *want);
void expect_status(const struct value *validation, const char *status, const char *reason);

/* The log as it was stored. */
const char *world_log(struct world *world, const struct value *validation);

#define WORLD()                                                                                    \
    struct world *world = world_get();                                                             \
    if (world == NULL) {                                                                           \
        return;                                                                                    \
    }

#endif
