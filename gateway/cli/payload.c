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

static int claim_put(struct arena *arena, struct blob_store *blob, struct bytes whole,
                     const struct message *message, struct bytes *ret_payload, struct err *err)
{
    CLEANUP(buf) struct buf claim = {0};

    TRY(claim_check_put(blob, whole, message, &claim, err));
    *ret_payload = arena_bytes(arena, buf_bytes(&claim));
    return 0;
}

int payload_encode(struct arena *arena, struct blob_store *blob, struct bytes json,
                   int64_t claim_check_from, struct bytes *ret_payload, struct err *err)
{
    CLEANUP(buf) struct buf whole = {0};
    struct value            value;
    struct message          message;

    TRY(json_read(arena, json, &payload_limits, &value, err));
    msgpack_write(&whole, &value);
    TRY(message_read(buf_bytes(&whole), &message, err));
    if ((int64_t)whole.size < claim_check_from) {
        *ret_payload = arena_bytes(arena, buf_bytes(&whole));
        return 0;
    }
    return claim_put(arena, blob, buf_bytes(&whole), &message, ret_payload, err);
}

int payload_again(struct arena *arena, struct blob_store *blob, struct bytes payload,
                  struct bytes *ret_payload, struct err *err)
{
    CLEANUP(buf) struct buf whole = {0};
    struct message          message;
    struct err              unread = {0};

    *ret_payload = payload;
    if (message_read(payload, &message, &unread) < 0 || message.kind != MESSAGE_CLAIM) {
        return 0;
    }
    if (claim_check_redeem(blob, arena, &message, &unread) < 0) {
        if (err_fate(unread.code) == FATE_WAIT) {
            *err = unread;
            return -1;
        }
        return 0;
    }
    message_write(&whole, &message);
    return claim_put(arena, blob, buf_bytes(&whole), &message, ret_payload, err);
}
