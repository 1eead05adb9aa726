// SPDX-License-Identifier: MIT
/*
 * payload.h - the message in a dead letter, for people: its msgpack as JSON, and back.
 */
#ifndef PRT_CLI_PAYLOAD_H
#define PRT_CLI_PAYLOAD_H

#include "blob/blob.h"
#include "trace/message.h"
#include "value/value.h"

/* The whole message as a tree, a claim check redeemed. MALFORMED if it is not a message of ours.
 * Points into `payload`. */
WARN_UNUSED int payload_decode(struct arena *arena, struct blob_store *blob, struct bytes payload,
                               struct value *ret_value, struct err *err);

/* The message that is to travel, from JSON as payload_decode and json_pretty gave it; bodies of
 * claim_check_from bytes on become a claim check. What is wrong with it is MALFORMED. */
WARN_UNUSED int payload_encode(struct arena *arena, struct blob_store *blob, struct bytes json,
                               int64_t claim_check_from, struct bytes *ret_payload,
                               struct err *err);

/* The message that is to travel again: as it did, but a claim check has an object of its own, as young
 * as the message (validate/sweep.h). What can't be read goes as it is, to be given up again. */
WARN_UNUSED int payload_again(struct arena *arena, struct blob_store *blob, struct bytes payload,
                              struct bytes *ret_payload, struct err *err);

#endif
