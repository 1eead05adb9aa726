// SPDX-License-Identifier: MIT
/*
 * claim.h - the claim check: what travels instead of a message too large for the broker.
 *
 * The object (bucket chunks, key claims/<YYYYMMDD>/<random hex>) holds the whole message as
 * message_write made it; the message that travels has kind claim and this as its body:
 * {bucket, key, size_bytes, sha256}.
 *
 * Pure: no I/O, no clock.
 */
#ifndef PRT_TRACE_CLAIM_H
#define PRT_TRACE_CLAIM_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct claim {
    const char *key;
    int64_t     size_bytes;
    const char *sha256; /* of the object's bytes, 64 hex digits */
};

/* Appended: the body of a message of kind claim. */
void claim_write(struct buf *out, const struct claim *claim);

/* Texts are copied into the arena. */
WARN_UNUSED int claim_read(struct arena *arena, struct bytes body, struct claim *ret_claim,
                           struct err *err);

#endif
