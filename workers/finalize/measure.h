// SPDX-License-Identifier: MIT
/*
 * measure.h - a session in numbers: what stands in the document's metrics.
 *
 * Pure. Memory grows with the number of different files edited, 8 bytes each.
 */
#ifndef PRT_WORKERS_FINALIZE_MEASURE_H
#define PRT_WORKERS_FINALIZE_MEASURE_H

#include "crypto/crypto.h"
#include "trace/event.h"
#include "workers/finalize/facts.h"

/* Lines that a unified diff adds and removes. Hunks are counted by the lengths in their headers, so
 * that a removed line that begins with "--" is not taken for a file header; what has no hunks
 * counts every line that begins with a single + or -. */
int64_t diff_churn(struct bytes diff);

struct measure {
    int64_t        count[EVENT_TYPES];
    int64_t        events, churn;
    double         first_s, last_s;
    uint64_t      *files; /* a hash set: open addressing, 0 is empty */
    size_t         file_count, file_room;
    uint8_t        key[SHORT_KEY_BYTES]; /* of those hashes: who sends paths cannot aim at a place */
};

void               measure_done(struct measure *measure);
static inline void measure_cleanup(struct measure *slot)
{
    measure_done(slot);
}

void measure_event(struct measure *measure, const struct facts *event);

/* {duration_s, num_events, ...} */
struct value measure_value(const struct measure *measure, struct arena *arena);

#endif
