// SPDX-License-Identifier: MIT
/*
 * publish.h - a request becomes a message of PRT_INGEST, and the request waits for what comes of
 * it.
 *
 *   publish --ack---------+--> ACK_IS_ENOUGH: stored() answers
 *              |          +--> else: a mark that it is stored
 *              +--refused-----> 503
 *   verdict -------------------> came() answers, or the verdict is relayed as it is
 *   deadline ------------------> late() answers if it is stored, else 503
 *
 * Whoever comes first claims the exchange and answers; the others find it gone. Nothing is answered
 * 2xx before JetStream has acknowledged the message or validate has sent a verdict about it.
 */
#ifndef PRT_GATEWAY_API_PUBLISH_H
#define PRT_GATEWAY_API_PUBLISH_H

#include "gateway/api/gateway.h"
#include "gateway/http/field.h"
#include "trace/message.h"

/* What a kind of request says when; x->work is the route's own. */
struct publish_answers {
    /* Stored, and that is all there is to wait for, or the time is up. Also when no verdict was
     * asked for. */
    void (*stored)(struct exchange *x);
    /* A verdict of 2xx; NULL: relayed as it is. Refusals are always relayed. */
    void (*came)(struct exchange *x, struct bytes json);
    /* Stored, but the verdict did not come in time: hands the exchange on and returns 0, or -1.
     * NULL, or -1: `stored` answers. */
    int (*late)(struct exchange *x);
};

struct publish {
    enum message_kind             kind;
    const char                   *tenant, *trace;
    const char                   *idempotency_key; /* or NULL */
    unsigned                      consent;
    struct bytes                  body;            /* msgpack */
    bool                          wants_verdict;
    int64_t                       wait_ms;         /* for the verdict */
    bool                          may_follow;      /* TRACE_CLOSED is answered TRACE_PASSED */
    const struct publish_answers *answers;
};

/* Fills in the rest from the request: its caller, Prefer and Idempotency-Key. On the event loop's
 * thread. */
void publish_start(struct exchange *x, enum message_kind kind, const char *trace,
                   struct publish *ret_publish);

/* Gives up the exchange: from here on it is answered by whoever claims it. Messages from
 * claim_check_from on go by way of a reader and the object store. May be called on the event loop's
 * thread or on a reader's. -1: refused by the caller; the exchange is still its own. */
WARN_UNUSED int publish_message(struct exchange *x, const struct publish *publish, struct err *err);

/* The listener of the stream: finds the request a verdict is for. */
void publish_reply_came(void *gateway, const char *subject, struct bytes body);

#endif
