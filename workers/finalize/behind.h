// SPDX-License-Identifier: MIT
/*
 * behind.h - hashes and stores a document's bytes on a thread of its own while the next are made.
 *
 *   put: piece ---> [PIECES_BEHIND] ---> thread: leaves and nodes of the tree, SHA-256, object store
 *
 * The tree is made here and not where the lines are chained because that halves the work: about
 * 1.6 us an event on either side. Several pieces wait between the two: with one, on cores that others
 * use too, each side waited for the other to be scheduled, and a document took twice as long. What
 * fits into one piece needs no thread.
 *
 * Between the first put and catch_up, finish or free the writer's blob store and the leaves belong
 * to the thread.
 */
#ifndef PRT_WORKERS_FINALIZE_BEHIND_H
#define PRT_WORKERS_FINALIZE_BEHIND_H

#include "blob/blob.h"
#include "trace/chain.h"

/* Where in a piece an event's line is. */
struct line_place {
    uint32_t at, size;
};

/* Some of a document's bytes. */
struct piece {
    struct buf bytes;
    struct buf lines; /* struct line_place of each event's in them */
};
void piece_done(struct piece *piece);

/* The Merkle tree of the lines, and its leaves side by side. */
struct leaves {
    struct merkle  merkle;
    struct buf     hashes;
    struct sha256 *sha; /* borrowed */
};

enum { PIECES_BEHIND = 4 };

struct behind;

struct behind *behind_new(struct blob_writer *blob, struct leaves *leaves);
void           behind_free(struct behind *behind); /* waits for what is under way */
DEFINE_CLEANUP(behind, struct behind *, behind_free)

/* Takes the piece and leaves an empty one; waits while as many as may wait do. Fails with what befell
 * an earlier one. */
WARN_UNUSED int behind_put(struct behind *behind, struct piece *piece, struct err *err);

/* The same, and waits for this one too: on 0 the leaves are those of all lines so far. */
WARN_UNUSED int behind_catch_up(struct behind *behind, struct piece *piece, struct err *err);

/* The last piece. On 0 all are with the object store, to be committed. */
WARN_UNUSED int behind_finish(struct behind *behind, struct piece *piece,
                              uint8_t ret_sha256[HASH_BYTES], struct err *err);

#endif
