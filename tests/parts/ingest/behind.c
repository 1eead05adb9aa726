// SPDX-License-Identifier: MIT
/* A document's bytes on their way to the object store. */
#include "workers/finalize/behind.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "world.h"

enum { PIECE = 300 * 1000, PIECES = 20 };

/* Bytes all alike, the first and the last hundred of them lines. */
static void fill(struct piece *piece, int number)
{
    const struct line_place lines[] = {{0, 100}, {PIECE - 100, 100}};

    buf_reserve(&piece->bytes, PIECE);
    memset(piece->bytes.data, number, PIECE);
    piece->bytes.size = PIECE;
    buf_put(&piece->lines, (struct bytes){(const uint8_t *)lines, sizeof(lines)});
}

static void check_leaves(const struct leaves *leaves, int pieces)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();

    CHECK_NUMBER(leaves->merkle.leaves, pieces * 2);
    CHECK_NUMBER(leaves->hashes.size, pieces * 2 * HASH_BYTES);
    for (int i = 0; i < pieces * 2; i++) {
        uint8_t line[100];
        uint8_t leaf[HASH_BYTES];

        memset(line, i / 2, sizeof(line));
        merkle_leaf(sha, (struct bytes){line, sizeof(line)}, leaf);
        CHECK(memcmp(leaves->hashes.data + i * HASH_BYTES, leaf, HASH_BYTES) == 0);
    }
}

static int write_pieces(struct blob_store *store, struct piece *piece, struct leaves *leaves,
                        uint8_t ret_sha256[HASH_BYTES], struct err *err)
{
    CLEANUP(blob_writer) struct blob_writer *writer = NULL;
    CLEANUP(behind) struct behind           *behind = NULL;

    TRY(blob_writer_open(&writer, store, BUCKET_TRACES, "behind", NULL, err));
    behind = behind_new(writer, leaves);
    for (int i = 0; i < PIECES; i++) {
        fill(piece, i);
        if (i == PIECES / 2) {
            TRY(behind_catch_up(behind, piece, err));
            check_leaves(leaves, i + 1);
        } else if (i < PIECES - 1) {
            TRY(behind_put(behind, piece, err));
        }
        CHECK_NUMBER(piece->bytes.size, i < PIECES - 1 ? 0 : PIECE);
        CHECK_NUMBER(piece->lines.size == 0, i < PIECES - 1);
    }
    TRY(behind_finish(behind, piece, ret_sha256, err));
    check_leaves(leaves, PIECES);
    return blob_writer_commit(writer, err);
}

static int write_all(struct blob_store *store, uint8_t ret_sha256[HASH_BYTES], struct err *err)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    struct leaves                  leaves = {.sha = sha};
    struct piece                   piece = {0};
    int                            done = write_pieces(store, &piece, &leaves, ret_sha256, err);

    piece_done(&piece);
    buf_done(&leaves.hashes);
    return done;
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
