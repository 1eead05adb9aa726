// SPDX-License-Identifier: MIT
/*
 * outbox.h - the loop's side of the outbox: what happens to what stages leave in it.
 *
 * Everything put in remembers its delivery. Messages of deliveries that failed (in->err) are never
 * published. For one thread.
 */
#ifndef PRT_WORKERS_OUTBOX_H
#define PRT_WORKERS_OUTBOX_H

#include "workers/stage.h"

struct outbox *outbox_new(void);
void           outbox_free(struct outbox *out);
DEFINE_CLEANUP(outbox, struct outbox *, outbox_free)

void outbox_clear(struct outbox *out);

/* Publishes the messages of every delivery whose err is NONE, and returns when all are stored.
 * Where that fails, the delivery's err says so: of those that had messages, an outage takes all; a
 * message the broker will never take only its own delivery. */
void outbox_publish(struct outbox *out, struct stream *stream, struct delivery *in, size_t count);

/* The answer of this delivery, if it left one, goes out with outbox_send_answers; false if it left
 * none. */
bool outbox_release_answer(struct outbox *out, const struct delivery *in);

/* Sends the released answers, those for the same gateway together. A lost answer is the gateway's
 * time-out, no error. */
void outbox_send_answers(struct outbox *out, struct stream *stream);

/* One answer without an outbox. */
void answer_send(struct stream *stream, const struct delivery *in, int http, struct bytes json);

#endif
