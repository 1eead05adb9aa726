// SPDX-License-Identifier: MIT
/*
 * keyset.h - which events a batch has chained already, by trace and key.
 *
 * The database knows what was there before the batch; this knows what came since.
 */
#ifndef PRT_WORKERS_VALIDATE_KEYSET_H
#define PRT_WORKERS_VALIDATE_KEYSET_H

#include "store/chunk_store.h"

/* An all-zero struct keyset is an empty one. */
struct keyset {
    uint32_t *slots; /* index + 1 into the events */
    size_t    room;  /* a power of two, or 0 */
    size_t    count; /* events 0 .. count-1 are in it */
};

void keyset_done(struct keyset *set);
void keyset_clear(struct keyset *set);

/* Takes in events[set->count .. count-1]. */
void keyset_follow(struct keyset *set, const struct event_record *events, size_t count);

bool keyset_holds(const struct keyset *set, const struct event_record *events, int64_t trace_no,
                  const uint8_t key[16]);

#endif
