// SPDX-License-Identifier: MIT
/*
 * delivery.h - from a message of the stream to what a stage is handed.
 */
#ifndef PRT_WORKERS_DELIVERY_H
#define PRT_WORKERS_DELIVERY_H

#include <stdatomic.h>

#include "stream/stream.h"
#include "workers/stage.h"
#include "workers/tries.h"

/* A row of schemas/pipeline.def. */
struct stage_row {
    const char *role;
    const char *stream;
    const char *takes;
    int64_t     lease_s;
    uint64_t    tries;
    size_t      batch;
};

/* Set once, by whoever stops the loop; read by its deliveries. */
struct stop {
    atomic_bool     asked;
    _Atomic int64_t give_up_us; /* clock_mono_us; from then on delivery_extend says STOPPING */
};

/* A message this process holds and has not settled. */
struct held {
    struct stream_msg      *msg; /* NULL once settled; guarded by the loop's lock */
    struct delivery        *in;
    const struct stage_row *row;
    struct farm            *farm;
    const struct stop      *stop;
    const char             *subject, *id;
    uint64_t                deliveries; /* by the server, this one included */
    uint64_t                used;       /* tries on record before this delivery */
    bool                    counted;    /* this try is on record */
};

/* What can be told of a message without reading its body: *in, with a subject as far as it has one,
 * and in->loop_ = held, whose msg, row, farm and stop are set. Everything comes from the arena or
 * is the message's. */
void delivery_fill(struct delivery *in, struct held *held, struct arena *arena,
                   const struct log_scope *outer);

/* Subject and message, claim check redeemed. MALFORMED, BLOB_MISSING, BLOB_CORRUPT, BLOB_DOWN. */
WARN_UNUSED int delivery_read(struct delivery *in, struct err *err);

/* The message that this body is or stands for, into in->message and in->claim; without a stream. */
WARN_UNUSED int delivery_redeem(struct delivery *in, struct blob_store *blob, struct bytes body,
                                struct err *err);

/* Which try this is, once that is known. */
void delivery_set_tries(struct delivery *in, uint64_t tries);

struct tries_of delivery_tries(const struct held *held, uint64_t used);

#endif
