// SPDX-License-Identifier: MIT
#include "workers/validate/keyset.h"

#include <string.h>

enum { ROOM_LEAST = 1024 };

void keyset_done(struct keyset *set)
{
    mem_free(set->slots);
    *set = (struct keyset){0};
}

void keyset_clear(struct keyset *set)
{
    if (set->count > 0) {
        memset(set->slots, 0, set->room * sizeof(*set->slots));
        set->count = 0;
    }
}

/* Keys are halves of SHA-256: any bits of them are as good as a hash. */
static size_t place(const struct keyset *set, int64_t trace_no, const uint8_t key[16])
{
    uint64_t bits;

    memcpy(&bits, key, sizeof(bits));
    return (bits ^ (uint64_t)trace_no * 0x9e3779b97f4a7c15U) & (set->room - 1);
}

static void put(struct keyset *set, const struct event_record *events, size_t index)
{
    size_t at = place(set, events[index].trace_no, events[index].key);

    while (set->slots[at] != 0) {
        at = (at + 1) & (set->room - 1);
    }
    set->slots[at] = (uint32_t)index + 1;
}

void keyset_follow(struct keyset *set, const struct event_record *events, size_t count)
{
    if (count * 2 > set->room) {
        size_t room = set->room == 0 ? ROOM_LEAST : set->room;

        while (count * 2 > room) {
            room *= 2;
        }
        keyset_done(set);
        set->slots = mem_zero(room, sizeof(*set->slots));
        set->room = room;
    }
    for (; set->count < count; set->count++) {
        put(set, events, set->count);
    }
}

bool keyset_holds(const struct keyset *set, const struct event_record *events, int64_t trace_no,
                  const uint8_t key[16])
{
    if (set->room == 0) {
        return false;
    }
    for (size_t at = place(set, trace_no, key); set->slots[at] != 0;
         at = (at + 1) & (set->room - 1)) {
        const struct event_record *event = &events[set->slots[at] - 1];

        if (event->trace_no == trace_no && memcmp(event->key, key, 16) == 0) {
            return true;
        }
    }
    return false;
}
