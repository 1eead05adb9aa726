// SPDX-License-Identifier: MIT
#include "base/keyset.h"

#include <string.h>
#include <time.h>

#include "lib/test.h"

enum { KEYS = 5000 };

/* The first eight bytes say where it is looked for: half of the keys share theirs with another. */
static const uint8_t *key_at(size_t i, uint8_t key[KEY_HALF])
{
    uint64_t first = (i / 2 + 1) * 0x9e3779b97f4a7c15U;

    memcpy(key, &first, sizeof(first));
    memset(key + sizeof(first), (int)(i % 2), KEY_HALF - sizeof(first));
    return key;
}

TEST(keyset, holds_what_was_added_and_nothing_else)
{
    CLEANUP(keyset) struct keyset set = {0};
    uint8_t                       key[KEY_HALF];

    CHECK(!keyset_holds(&set, key_at(0, key)));
    CHECK_NUMBER(keyset_bytes(&set), 0);
    for (size_t i = 0; i < KEYS; i++) {
        CHECK(!keyset_holds(&set, key_at(i, key)));
        CHECK(keyset_add(&set, key));
        CHECK(!keyset_add(&set, key));
        CHECK(keyset_holds(&set, key));
    }
    for (size_t i = 0; i < 2 * KEYS; i++) {
        CHECK(keyset_holds(&set, key_at(i, key)) == (i < KEYS));
    }
    CHECK_NUMBER(set.count, KEYS);
    CHECK(keyset_bytes(&set) >= KEYS * 21 && keyset_bytes(&set) <= KEYS * 43);
    keyset_done(&set);
    CHECK(!keyset_holds(&set, key_at(1, key)));
}

/* Whoever chooses ids can try until the keys of all of them end in the same bits: 2^16 tries for each. */
TEST(keyset, is_no_slower_with_keys_that_were_chosen_to_be_alike)
{
    CLEANUP(keyset) struct keyset set = {0};
    clock_t                       began = clock();

    for (uint64_t i = 0; i < 40000; i++) {
        uint64_t words[2] = {(i * 0x9e3779b97f4a7c15U) << 16, i};
        uint8_t  key[KEY_HALF];

        words[0] |= 0x1234;
        memcpy(key, words, sizeof(key));
        CHECK(keyset_add(&set, key));
    }
    CHECK((clock() - began) / CLOCKS_PER_SEC < 2);
}
