// SPDX-License-Identifier: MIT
/* A document's bytes on their way to the object store. */
#include "workers/finalize/behind.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "world.h"

enum { PIECE = 300 * 1000, PIECES = 20 };

static void fill(struct buf *bytes, int number)
{
    buf_reserve(bytes, PIECE);
    memset(bytes->data, number, PIECE);
    bytes->size = PIECE;
}

static int write_all(struct blob_store *store, uint8_t ret_sha256[HASH_BYTES], struct err *err)
{
    CLEANUP(buf) struct buf                  bytes = {0};
    CLEANUP(blob_writer) struct blob_writer *writer = NULL;
    CLEANUP(behind) struct behind           *behind = NULL;

    TRY(blob_writer_open(&writer, store, BUCKET_TRACES, "behind", NULL, err));
    behind = behind_new(writer);
    for (int i = 0; i < PIECES; i++) {
        fill(&bytes, i);
        if (i < PIECES - 1) {
            TRY(behind_put(behind, &bytes, err));
            CHECK_NUMBER(bytes.size, 0);
        }
    }
    TRY(behind_finish(behind, &bytes, ret_sha256, err));
    return blob_writer_commit(writer, err);
}

TEST(behind, all_bytes_arrive_in_order_and_in_the_hash)
{
    CLEANUP(world) struct world *world = world_new();
    uint8_t                      told[HASH_BYTES];
    uint8_t                      stored[HASH_BYTES];
    struct bytes                 bytes = {0};
    struct err                   err = {0};

    CHECK_WORKS(write_all(world->farm.blob, told, &err));
    CHECK_WORKS(blob_get(world->farm.blob, world->arena, BUCKET_TRACES, "behind", PIECE * PIECES,
                         &bytes, &err));
    CHECK_NUMBER(bytes.size, PIECE * PIECES);
    for (size_t i = 0; i < bytes.size; i += PIECE) {
        CHECK_NUMBER(bytes.data[i], i / PIECE);
    }
    sha256_of(bytes, stored);
    CHECK(memcmp(told, stored, HASH_BYTES) == 0);
}

TEST(behind, what_befell_earlier_bytes_is_told_and_leaves_no_object)
{
    CLEANUP(world) struct world *world = world_new();
    const struct rlimit          little = {3 * PIECE, RLIM_INFINITY};
    struct rlimit                before;
    uint8_t                      told[HASH_BYTES];
    int64_t                      size;
    struct err                   err = {0};

    CHECK_NUMBER(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_NUMBER(setrlimit(RLIMIT_FSIZE, &little), 0);
    CHECK_FAILS(write_all(world->farm.blob, told, &err), ERR_BLOB_REFUSED);
    CHECK_NUMBER(setrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK_FAILS(blob_size(world->farm.blob, BUCKET_TRACES, "behind", &size, &err),
                ERR_BLOB_MISSING);
}
