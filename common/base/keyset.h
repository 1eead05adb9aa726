// SPDX-License-Identifier: MIT
/*
 * keyset.h - a set of event keys: halves of SHA-256, 16 bytes each.
 *
 * None is all zeros: that would take 2^128 tries. But some bits of many keys may be alike: whoever sends
 * events chooses their ids. So where a key lies is a secret of the process.
 * 21 to 43 bytes of memory for each key.
 */
#ifndef PRT_BASE_KEYSET_H
#define PRT_BASE_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { KEY_HALF = 16 };

/* An all-zero struct keyset is an empty one. */
struct keyset {
    uint8_t (*slots)[KEY_HALF]; /* all zeros: free */
    size_t room;                /* a power of two, or 0 */
    size_t count;
};

void keyset_done(struct keyset *set);
static inline void keyset_cleanup(struct keyset *set)
{
    keyset_done(set);
}

/* False if it was in it already. */
bool keyset_add(struct keyset *set, const uint8_t key[KEY_HALF]);

bool keyset_holds(const struct keyset *set, const uint8_t key[KEY_HALF]);

static inline size_t keyset_bytes(const struct keyset *set)
{
    return set->room * sizeof(*set->slots);
}

#endif
