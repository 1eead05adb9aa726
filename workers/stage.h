// SPDX-License-Identifier: MIT
/*
 * stage.h - one stage of the farm. A stage never sees NATS: it is handed a delivery and leaves its
 * messages in the outbox; the loop publishes them, then acks.
 */
#ifndef PRT_WORKERS_STAGE_H
#define PRT_WORKERS_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "farm/farm.h"
#include "log/log.h"
#include "trace/message.h"

/* One message handed to one worker, this time. Everything it points to dies with it; a batch shares
 * one arena. */
struct delivery {
    struct arena    *arena;
    struct subject   to;       /* tenant, trace, kind, stage */
    struct message   message;  /* claim check redeemed */
    const char      *claim;    /* the object it came in (chunks bucket), or NULL */
    uint64_t         seq;      /* in the stream */
    uint64_t         tries;    /* 1 the first time; outages and waits cost none (settle.h) */
    bool             last_try; /* a RETRY goes to the dead letters this time */
    const char      *reply;    /* inbox of a waiting gateway, or NULL */
    const char      *request;  /* request id, or NULL */
    const char      *parent;   /* traceparent, or NULL */
    const char      *replay;   /* the replay, or retry, that asked for it, or NULL */
    struct log_scope log;      /* carries role, trace, tries, request */
    struct err       err;      /* handle_batch: how this one ended; NONE is success */
    void            *loop_;    /* the loop's own */
};

/* Extends the lease; call it at least every third of the lease during long work. LEASE_LOST: stop,
 * somebody else has it. STOPPING: the process is told to stop and most of the grace period is over:
 * give up what was begun and return this error; the delivery goes back and costs no try. May be
 * called from a second thread. */
WARN_UNUSED int delivery_extend(struct delivery *in, struct err *err);

/* -------- outbox: messages that go out only if the stage succeeded -------- */
struct outbox;

/* A message to a stage or a result: subject prt.<family>.<stage>.<tenant>.<trace>, family "work" or
 * "result"; `id` is its duplicate check (NULL: none) and must be the same when the work is done
 * again (in a replay its name is put behind it); request, parent and replay are passed on from `in`,
 * reply only if pass_reply. `body` is the msgpack of the message's body and is copied. */
void outbox_put(struct outbox *out, const struct delivery *in, const char *family,
                const char *stage, const char *id, struct bytes body, bool pass_reply);

/* A message into PRT_INGEST (finalize asks validate to chain across a gap). */
void outbox_put_ingest(struct outbox *out, const struct delivery *in, enum message_kind kind,
                       const char *id, struct bytes body, bool pass_reply);

/* The answer for the waiting gateway, sent after everything else went out. Nothing if nobody waits.
 * A delivery that is given up without one is answered with its error as problem JSON. */
void outbox_answer(struct outbox *out, const struct delivery *in, int http, struct bytes json);

struct stage {
    /* Once per process. *ret_self is the stage's own state. */
    int (*open)(struct farm *farm, void **ret_self, struct err *err);

    /* Once per delivery, and again after any crash: must be idempotent, and must fill the outbox
     * again when it finds its work already done. Returns 0, or -1 with *err set; the error's row
     * decides between nak and dead letter. Whatever is in *out is dropped on -1 (but for answers to
     * a waiting gateway when the delivery is given up: a refusal is an answer too). */
    int (*handle)(void *self, struct delivery *in, struct outbox *out, struct err *err);

    /* Instead of handle, for a stage whose speed comes from doing many at once: sets in[i].err
     * where one failed. -1 means that the whole batch failed with *err and nothing of it is done;
     * unless that is an outage, each is then handed in alone, so that one cannot drag others along.
     */
    int (*handle_batch)(void *self, struct delivery *in, size_t count, struct outbox *out,
                        struct err *err);

    /* Every few seconds, also when nothing comes: what no delivery asks for. May be NULL. A failure
     * is logged, and it is called again. */
    int (*tend)(void *self, struct err *err);

    void (*close)(void *self);
};

extern const struct stage validate_stage, finalize_stage, qa_stage, judge_stage;

#endif
