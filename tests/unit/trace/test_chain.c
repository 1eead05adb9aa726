// SPDX-License-Identifier: MIT
#include <string.h>

#include "lib/test.h"
#include "trace/chain.h"

static const uint8_t key[KEY_BYTES] = "0123456789abcdef0123456789abcde";

TEST(chain, begins_and_grows_as_the_specification_says)
{
    /* python3: h = hmac(key, b"prt-chain-v1\0trace-1"); h = hmac(key, h + line) */
    CLEANUP(hmac) struct hmac *hmac = hmac_new((struct bytes){key, KEY_BYTES});
    struct chain_head          head;
    char                       hex[HASH_HEX];

    chain_start(&head, hmac, "trace-1");
    CHECK_NUMBER(head.events, 0);
    hex_write(hex, (struct bytes){head.hash, HASH_BYTES});
    CHECK_TEXT(hex, "e63efacf0f4112946c22a643046aff868af3a38f67030fd3356c8b1742949f87");
    chain_append(&head, hmac, BYTES("{\"id\":\"a\"}"));
    chain_append(&head, hmac, BYTES("{\"id\":\"b\"}"));
    CHECK_NUMBER(head.events, 2);
    hex_write(hex, (struct bytes){head.hash, HASH_BYTES});
    CHECK_TEXT(hex, "6250448a044b1ae668b0cc72582d688937cb7b566980e317bf205ad983113e85");
}

TEST(chain, of_another_trace_begins_elsewhere)
{
    CLEANUP(hmac) struct hmac *hmac = hmac_new((struct bytes){key, KEY_BYTES});
    struct chain_head          one;
    struct chain_head          other;

    chain_start(&one, hmac, "trace-1");
    chain_start(&other, hmac, "trace-2");
    CHECK(memcmp(one.hash, other.hash, HASH_BYTES) != 0);
}

TEST(chain, names_its_key_without_telling_it)
{
    char id[17];

    chain_key_id(id, key);
    CHECK_TEXT(id, "e2e88e75b4ece32e");
}

/* -------- the tree: vectors of RFC 6962's reference implementation -------- */

static const struct bytes leaves[] = {
    {(const uint8_t *)"", 0},
    {(const uint8_t *)"\x00", 1},
    {(const uint8_t *)"\x10", 1},
    {(const uint8_t *)"\x20\x21", 2},
    {(const uint8_t *)"\x30\x31", 2},
    {(const uint8_t *)"\x40\x41\x42\x43", 4},
    {(const uint8_t *)"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
    {(const uint8_t *)"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16},
};

static const char *const roots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

TEST(merkle, gives_the_known_roots_of_rfc_6962)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    struct merkle                  tree;
    uint8_t                        hash[HASH_BYTES];
    char                           hex[HASH_HEX];

    merkle_start(&tree);
    for (size_t i = 0; i <= COUNT_OF(leaves); i++) {
        merkle_root(&tree, sha, hash);
        hex_write(hex, (struct bytes){hash, HASH_BYTES});
        CHECK_TEXT(hex, roots[i]);
        CHECK_NUMBER(tree.leaves, i);
        if (i < COUNT_OF(leaves)) {
            merkle_leaf(sha, leaves[i], hash);
            merkle_append(&tree, sha, hash);
        }
    }
}

/* RFC 6962, 2.1, word for word: the largest power of two below n goes left. */
static void root_by_definition(struct sha256 *sha, size_t from, size_t count, uint8_t *ret_root)
{
    uint8_t both[2 * HASH_BYTES];
    size_t  left = 1;
    uint8_t byte = (uint8_t)from;

    if (count == 1) {
        merkle_leaf(sha, (struct bytes){&byte, 1}, ret_root);
        return;
    }
    while (left * 2 < count) {
        left *= 2;
    }
    root_by_definition(sha, from, left, both);
    root_by_definition(sha, from + left, count - left, both + HASH_BYTES);
    sha256_start(sha);
    sha256_add(sha, BYTES("\x01"));
    sha256_add(sha, (struct bytes){both, sizeof(both)});
    sha256_finish(sha, ret_root);
}

TEST(merkle, grown_leaf_by_leaf_is_the_tree_of_the_definition)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    struct merkle                  tree;
    uint8_t                        got[HASH_BYTES];
    uint8_t                        want[HASH_BYTES];

    merkle_start(&tree);
    for (size_t count = 1; count <= 130; count++) {
        uint8_t byte = (uint8_t)(count - 1);

        merkle_leaf(sha, (struct bytes){&byte, 1}, got);
        merkle_append(&tree, sha, got);
        merkle_root(&tree, sha, got);
        root_by_definition(sha, 0, count, want);
        CHECK(memcmp(got, want, HASH_BYTES) == 0);
    }
}

TEST(seal, is_canonical_json)
{
    CLEANUP(buf) struct buf out = {0};

    seal_bytes(&out, "trace-1", 24, "aa", "bb", "cc");
    CHECK_TEXT(buf_text(&out),
               "{\"event_hash_chain\":\"aa\",\"merkle_root\":\"bb\",\"num_events\":24,"
               "\"schema_hash\":\"cc\",\"trace_id\":\"trace-1\"}");
}
