// SPDX-License-Identifier: MIT
#include "trace/chain.h"

#include <string.h>

#include "value/json.h"

void chain_start(struct chain_head *ret_head, struct hmac *hmac, const char *trace)
{
    static const char prefix[] = "prt-chain-v1"; /* its NUL is the separator */
    struct bytes      pieces[] = {{(const uint8_t *)prefix, sizeof(prefix)}, bytes_of(trace)};

    hmac_of(hmac, pieces, COUNT_OF(pieces), ret_head->hash);
    ret_head->events = 0;
}

void chain_append(struct chain_head *head, struct hmac *hmac, struct bytes line)
{
    struct bytes pieces[] = {{head->hash, HASH_BYTES}, line};
    uint8_t      next[HASH_BYTES];

    hmac_of(hmac, pieces, COUNT_OF(pieces), next);
    memcpy(head->hash, next, HASH_BYTES);
    head->events++;
}

void chain_key_id(char ret_id[17], const uint8_t key[KEY_BYTES])
{
    static const char prefix[] = "prt-chain-key"; /* its NUL is the separator */
    uint8_t           bytes[sizeof(prefix) + KEY_BYTES];
    uint8_t           hash[HASH_BYTES];

    memcpy(bytes, prefix, sizeof(prefix));
    memcpy(bytes + sizeof(prefix), key, KEY_BYTES);
    sha256_of((struct bytes){bytes, sizeof(bytes)}, hash);
    wipe(bytes, sizeof(bytes));
    hex_write(ret_id, (struct bytes){hash, 8});
}

/* -------- the Merkle tree -------- */

static const uint8_t leaf_prefix = 0x00;
static const uint8_t node_prefix = 0x01;

void merkle_leaf(struct sha256 *sha, struct bytes line, uint8_t ret_leaf[HASH_BYTES])
{
    sha256_start(sha);
    sha256_add(sha, (struct bytes){&leaf_prefix, 1});
    sha256_add(sha, line);
    sha256_finish(sha, ret_leaf);
}

/* ret_node may be one of the two. */
static void merkle_node(struct sha256 *sha, const uint8_t *left, const uint8_t *right,
                        uint8_t *ret_node)
{
    uint8_t both[2 * HASH_BYTES];

    memcpy(both, left, HASH_BYTES);
    memcpy(both + HASH_BYTES, right, HASH_BYTES);
    sha256_start(sha);
    sha256_add(sha, (struct bytes){&node_prefix, 1});
    sha256_add(sha, (struct bytes){both, sizeof(both)});
    sha256_finish(sha, ret_node);
}

void merkle_start(struct merkle *merkle)
{
    merkle->leaves = 0;
}

/* Like adding 1 to a binary number: each carry joins two trees of the same size. */
void merkle_append(struct merkle *merkle, struct sha256 *sha, const uint8_t leaf[HASH_BYTES])
{
    uint8_t  hash[HASH_BYTES];
    unsigned level = 0;

    memcpy(hash, leaf, HASH_BYTES);
    for (; (merkle->leaves >> level & 1) != 0; level++) {
        merkle_node(sha, merkle->peak[level], hash, hash);
    }
    memcpy(merkle->peak[level], hash, HASH_BYTES);
    merkle->leaves++;
}

void merkle_root(const struct merkle *merkle, struct sha256 *sha, uint8_t ret_root[HASH_BYTES])
{
    bool begun = false;

    if (merkle->leaves == 0) {
        sha256_start(sha);
        sha256_finish(sha, ret_root);
        return;
    }
    for (unsigned level = 0; level < 64; level++) {
        if ((merkle->leaves >> level & 1) == 0) {
            continue;
        }
        if (begun) {
            merkle_node(sha, merkle->peak[level], ret_root, ret_root);
        } else {
            memcpy(ret_root, merkle->peak[level], HASH_BYTES);
            begun = true;
        }
    }
}

/* -------- the seal -------- */

void seal_bytes(struct buf *out, const char *trace, uint64_t num_events, const char *chain_hex,
                const char *merkle_hex, const char *schema_hex)
{
    /* Canonical: the names are in order, and a count is never above 2^53. */
    buf_put_text(out, "{\"event_hash_chain\":");
    jcs_write_text(out, bytes_of(chain_hex));
    buf_put_text(out, ",\"merkle_root\":");
    jcs_write_text(out, bytes_of(merkle_hex));
    buf_format(out, ",\"num_events\":%llu,\"schema_hash\":", (unsigned long long)num_events);
    jcs_write_text(out, bytes_of(schema_hex));
    buf_put_text(out, ",\"trace_id\":");
    jcs_write_text(out, bytes_of(trace));
    buf_put_byte(out, '}');
}
