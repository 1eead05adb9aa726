// SPDX-License-Identifier: MIT
#include "gateway/cli/payload.h"

#include "blob/claim_check.h"
#include "value/json.h"
#include "value/msgpack.h"

/* As large as a body can be that the gateway was set to accept. */
static const struct value_limits payload_limits = {
    .bytes = 256 << 20, .depth = 132, .values = 16 << 20};

int payload_decode(struct arena *arena, struct blob_store *blob, struct bytes payload,
                   struct value *ret_value, struct err *err)
{
    CLEANUP(buf) struct buf whole = {0};
    struct message          message;

    TRY(message_read(payload, &message, err));
    TRY(claim_check_redeem(blob, arena, &message, err));
    message_write(&whole, &message);
    return msgpack_read(arena, arena_bytes(arena, buf_bytes(&whole)), &payload_limits, false,
                        ret_value, err);
}

int payload_encode(struct arena *arena, struct blob_store *blob, struct bytes json,
                   int64_t claim_check_from, struct bytes *ret_payload, struct err *err)
{
    CLEANUP(buf) struct buf whole = {0};
    CLEANUP(buf) struct buf claim = {0};
    struct value            value;
    struct message          message;

    TRY(json_read(arena, json, &payload_limits, &value, err));
    msgpack_write(&whole, &value);
    TRY(message_read(buf_bytes(&whole), &message, err));
    if ((int64_t)whole.size < claim_check_from) {
        *ret_payload = arena_bytes(arena, buf_bytes(&whole));
        return 0;
    }
    TRY(claim_check_put(blob, buf_bytes(&whole), &message, &claim, err));
    *ret_payload = arena_bytes(arena, buf_bytes(&claim));
    return 0;
}
