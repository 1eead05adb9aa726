// SPDX-License-Identifier: MIT
/*
 * behind.h - hashes and stores a document's bytes on a thread of its own while the next are made.
 *
 *   put: bytes ---> [one buffer] ---> thread: SHA-256, object store
 *
 * Storing takes as long as making (2 to 3 ms a MB each: hashes on one side, pages on the other), so
 * that two cores write a document twice as fast as one. What fits into one buffer needs no thread.
 *
 * Between the first put and finish (or free) the writer's blob store belongs to the thread.
 */
#ifndef PRT_WORKERS_FINALIZE_BEHIND_H
#define PRT_WORKERS_FINALIZE_BEHIND_H

#include "blob/blob.h"
#include "crypto/crypto.h"

struct behind;

struct behind *behind_new(struct blob_writer *blob);
void           behind_free(struct behind *behind); /* waits for what is under way */
DEFINE_CLEANUP(behind, struct behind *, behind_free)

/* Takes the bytes and leaves an empty buffer; waits while the bytes before are under way. Fails with
 * what befell them. */
WARN_UNUSED int behind_put(struct behind *behind, struct buf *bytes, struct err *err);

/* The last bytes. On 0 all are with the object store, to be committed. */
WARN_UNUSED int behind_finish(struct behind *behind, struct buf *bytes,
                              uint8_t ret_sha256[HASH_BYTES], struct err *err);

#endif
