// SPDX-License-Identifier: MIT
/*
 * claim_check.h - a message too large for the broker: its body lies in the object store, and a
 * message that names it travels (trace/claim.h has the form).
 */
#ifndef PRT_BLOB_CLAIM_CHECK_H
#define PRT_BLOB_CLAIM_CHECK_H

#include "blob/blob.h"
#include "trace/message.h"

/* Puts `whole`, what message_write made of `message`, into the object store, and appends the message
 * that travels instead. */
WARN_UNUSED int claim_check_put(struct blob_store *blob, struct bytes whole,
                                const struct message *message, struct buf *out, struct err *err);

/* Swaps a claim check for the message it stands for, in the arena; other messages stay as they are.
 * BLOB_MISSING, BLOB_CORRUPT if it is not what was put. */
WARN_UNUSED int claim_check_redeem(struct blob_store *blob, struct arena *arena,
                                   struct message *message, struct err *err);

#endif
