// SPDX-License-Identifier: MIT
/* world.h - both backends, ready for the same tests. */
#ifndef PRT_TESTS_PARTS_BLOB_WORLD_H
#define PRT_TESTS_PARTS_BLOB_WORLD_H

#include "blob/blob.h"
#include "lib/test.h"

enum backend { FILE_BACKEND, S3_BACKEND, BACKENDS };

/* One directory and one S3 server for the whole program; both go away with it. */
struct blob_settings settings_of(enum backend backend);
const char          *blob_dir(void);

/* A store with buckets of its own, new for every call. */
struct world {
    struct blob_store *store;
    struct arena      *arena;
    char               prefix[32];
};

struct world       world_new(enum backend backend);
void               world_done(struct world *world);
static inline void world_cleanup(struct world *slot)
{
    world_done(slot);
}

/* `size` bytes that differ from place to place, in the arena. */
struct bytes pattern(struct arena *arena, size_t size);

/* A file with such bytes, unlinked. */
int pattern_file(struct bytes bytes);

/* A sentence that holds on both backends. */
#define BOTH(area, name)                                                                           \
    static void both_##area##_##name(enum backend backend);                                        \
    TEST(area##_in_a_directory, name)                                                              \
    {                                                                                              \
        both_##area##_##name(FILE_BACKEND);                                                        \
    }                                                                                              \
    TEST(area##_in_s3, name)                                                                       \
    {                                                                                              \
        both_##area##_##name(S3_BACKEND);                                                          \
    }                                                                                              \
    static void both_##area##_##name(enum backend backend)

#endif
