// SPDX-License-Identifier: MIT
/*
 * settle.h - what becomes of a delivery, and what a try is.
 *
 *     done          -> ack
 *     RETRY         -> put back, costs a try; after the last try -> dead letter, term
 *     WAIT          -> put back, costs nothing, as often as it takes
 *     REJECT        -> dead letter, term
 *     worker died   -> comes back when its lease ends, costs a try; after the last -> POISON
 *
 * JetStream counts how often it delivered a message, and nothing else: an outage, a drained worker
 * and a message that kills its worker look the same. So consumers deliver without limit, and the
 * farm keeps its own count of tries used up, in the stream PRT_TRIES under
 * prt.tries.<stream>.<role>.<seq>: a few bytes, and only for messages that were delivered before. A
 * first delivery, the rule by far, costs nothing.
 *
 *   - A message delivered again is counted *before* work on it begins: if the worker dies, the try
 *     is on record. If it ends in WAIT or is handed back, the count is put back as it was. Nobody
 * is blamed for a delivery that was only held: in a queue, in an outage, beside a poisonous
 *     neighbour.
 *   - A message with a try on record is handled alone: who dies now dies of this message. Its
 * former neighbours in a batch were charged one try at most.
 *   - A first delivery that kills its worker leaves no trace, so poison may kill `tries` + 1
 * workers before it is dead-lettered.
 *   - While the broker is away nothing can be counted, delivered or settled; the first count after
 *     that may be one too high, never the dead letter of a message that was not worked on `tries`
 *     times.
 */
#ifndef PRT_WORKERS_SETTLE_H
#define PRT_WORKERS_SETTLE_H

#include "workers/delivery.h"
#include "workers/outbox.h"
#include "workers/stage.h"

enum settlement { SETTLE_ACK, SETTLE_NAK, SETTLE_DEAD };

/* Pure. tries is 1 the first time. */
enum settlement settlement_for(enum err_code code, uint64_t tries, uint64_t most_tries);

/* Does this error say that something the whole worker needs is away? Then pulling pauses. Pure. */
bool settle_is_outage(enum err_code code);

/* How long a delivery stays away: what the error asks for (up to an hour), or longer from time to
 * time. Pure but for the jitter. */
int64_t settle_delay_ms(const struct err *err, uint64_t deliveries);

/* Puts the tries these deliveries used up, or did not, on record; errors are logged, and make a
 * count wrong by one. Before settle_all. */
void settle_count(struct farm *farm, struct delivery *in, size_t count);

/* Settles what was worked on, or could not be; in[i].err says how it went. What the outbox holds
 * for them must be published already. */
void settle_all(struct farm *farm, struct delivery *in, size_t count, struct outbox *out);

#endif
