// SPDX-License-Identifier: MIT
#include "gateway/cli/seen.h"

#include <string.h>

#include "crypto/crypto.h"

enum { KEY = 16, ROOM_LEAST = 1024 };

static const uint8_t nothing[KEY];

/* Where the key is, or would be. */
static uint8_t *slot_of(struct seen *seen, const uint8_t key[KEY])
{
    uint64_t at;

    memcpy(&at, key, sizeof(at));
    for (;; at++) {
        uint8_t *slot = seen->slots[at & (seen->room - 1)];

        if (memcmp(slot, key, KEY) == 0 || memcmp(slot, nothing, KEY) == 0) {
            return slot;
        }
    }
}

static void grow(struct seen *seen)
{
    struct seen larger = {.room = seen->room == 0 ? ROOM_LEAST : 2 * seen->room,
                          .count = seen->count};

    larger.slots = mem_zero(larger.room, KEY);
    for (size_t i = 0; i < seen->room; i++) {
        if (memcmp(seen->slots[i], nothing, KEY) != 0) {
            memcpy(slot_of(&larger, seen->slots[i]), seen->slots[i], KEY);
        }
    }
    mem_free(seen->slots);
    *seen = larger;
}

bool seen_add(struct seen *seen, struct bytes text)
{
    uint8_t  hash[HASH_BYTES];
    uint8_t *slot;

    if (4 * (seen->count + 1) > 3 * seen->room) {
        grow(seen);
    }
    sha256_of(text, hash);
    slot = slot_of(seen, hash);
    if (memcmp(slot, hash, KEY) == 0) {
        return false;
    }
    memcpy(slot, hash, KEY);
    seen->count++;
    return true;
}

void seen_done(struct seen *seen)
{
    mem_free(seen->slots);
    *seen = (struct seen){0};
}
