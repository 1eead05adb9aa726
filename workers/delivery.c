// SPDX-License-Identifier: MIT
#include "workers/delivery.h"

#include <string.h>

#include "base/clock.h"
#include "blob/claim_check.h"
#include "trace/claim.h"

int delivery_redeem(struct delivery *in, struct blob_store *blob, struct bytes body,
                    struct err *err)
{
    struct claim claim;

    TRY(message_read(body, &in->message, err));
    if (in->message.kind == MESSAGE_CLAIM) {
        TRY(claim_read(in->arena, in->message.body, &claim, err));
        in->claim = claim.key;
    }
    return claim_check_redeem(blob, in->arena, &in->message, err);
}

int delivery_read(struct delivery *in, struct err *err)
{
    struct held *held = in->loop_;

    TRY(subject_read(in->arena, held->subject, &in->to, err));
    return delivery_redeem(in, held->farm->blob, msg_body(held->msg), err);
}

void delivery_fill(struct delivery *in, struct held *held, struct arena *arena,
                   const struct log_scope *outer)
{
    struct bytes reply;
    struct bytes request;
    struct err   ignored = {0};

    message_asker(msg_body(held->msg), &reply, &request);
    *in = (struct delivery){
        .arena = arena,
        .seq = msg_seq(held->msg),
        .request = request.size == 0 ? NULL : arena_text(arena, request),
        .parent = msg_header(held->msg, STREAM_HEADER_PARENT),
        .replay = msg_header(held->msg, STREAM_HEADER_REPLAY),
        .loop_ = held,
    };
    if (in->replay == NULL && reply.size > 0) {
        in->reply = arena_text(arena, reply); /* of a replay, who waited was told the first time */
    }
    held->in = in;
    held->subject = msg_subject(held->msg);
    held->id = msg_header(held->msg, STREAM_HEADER_ID);
    held->deliveries = msg_tries(held->msg);
    if (subject_read(arena, held->subject, &in->to, &ignored) < 0) {
        in->to =
            (struct subject){.tenant = "unknown", .trace = "unknown"}; /* for the dead letter */
    }
    in->log = (struct log_scope){.outer = outer};
    in->log.field[in->log.count++] = KV("trace", in->to.trace);
    if (in->request != NULL) {
        in->log.field[in->log.count++] = KV("request", in->request);
    }
    delivery_set_tries(in, 1);
}

void delivery_set_tries(struct delivery *in, uint64_t tries)
{
    const struct held *held = in->loop_;

    in->tries = tries;
    in->last_try = in->tries >= held->row->tries;
    if (held->deliveries > 1) {
        size_t at = in->request == NULL ? 1 : 2;

        in->log.field[at] = KV("tries", in->tries);
        in->log.count = at + 1;
    }
}

struct tries_of delivery_tries(const struct held *held, uint64_t used)
{
    return (struct tries_of){
        .stream = held->row->stream,
        .role = held->row->role,
        .seq = held->in->seq,
        .stored_us = msg_stored_us(held->msg),
        .used = used,
    };
}

int delivery_extend(struct delivery *in, struct err *err)
{
    struct held *held = in->loop_;

    if (atomic_load(&held->stop->asked) && clock_mono_us() > atomic_load(&held->stop->give_up_us)) {
        return err_set(err, ERR_STOPPING, "the worker stops; another one takes it up");
    }
    return msg_progress(held->msg, err);
}
