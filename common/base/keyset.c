// SPDX-License-Identifier: MIT
#include "base/keyset.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"

enum { ROOM_LEAST = 16 };

static const uint8_t  nothing[KEY_HALF];
static uint64_t       secret[2] = {0x9e3779b97f4a7c15U, 0xd1b54a32d192ed03U};
static pthread_once_t chosen = PTHREAD_ONCE_INIT;

/* Without chance (a kernel that is starting) the keys lie well enough. */
static void choose_secret(void)
{
    uint64_t chance[2] = {0};

    (void)!getrandom(chance, sizeof(chance), GRND_NONBLOCK);
    secret[0] ^= chance[0] << 1; /* stays odd */
    secret[1] ^= chance[1] << 1;
}

void keyset_done(struct keyset *set)
{
    mem_free(set->slots);
    *set = (struct keyset){0};
}

/* Where the key is, or would be put. */
static uint8_t *slot_of(const struct keyset *set, const uint8_t key[KEY_HALF])
{
    uint64_t bits[2];
    size_t   at;

    memcpy(bits, key, sizeof(bits));
    at = (bits[0] * secret[0] + bits[1] * secret[1]) >> (64 - __builtin_ctzll(set->room));
    while (memcmp(set->slots[at], nothing, KEY_HALF) != 0 &&
           memcmp(set->slots[at], key, KEY_HALF) != 0) {
        at = (at + 1) & (set->room - 1);
    }
    return set->slots[at];
}

static void grow(struct keyset *set)
{
    struct keyset more = {.room = set->room == 0 ? ROOM_LEAST : 2 * set->room, .count = set->count};

    (void)pthread_once(&chosen, choose_secret);
    more.slots = mem_zero(more.room, sizeof(*more.slots));
    for (size_t i = 0; i < set->room; i++) {
        if (memcmp(set->slots[i], nothing, KEY_HALF) != 0) {
            memcpy(slot_of(&more, set->slots[i]), set->slots[i], KEY_HALF);
        }
    }
    mem_free(set->slots);
    *set = more;
}

bool keyset_add(struct keyset *set, const uint8_t key[KEY_HALF])
{
    uint8_t *slot;

    if ((set->count + 1) * 4 > set->room * 3) {
        grow(set);
    }
    slot = slot_of(set, key);
    if (memcmp(slot, key, KEY_HALF) == 0) {
        return false;
    }
    memcpy(slot, key, KEY_HALF);
    set->count++;
    return true;
}

bool keyset_holds(const struct keyset *set, const uint8_t key[KEY_HALF])
{
    return set->room > 0 && memcmp(slot_of(set, key), key, KEY_HALF) == 0;
}
