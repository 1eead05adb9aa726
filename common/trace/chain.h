// SPDX-License-Identifier: MIT
/*
 * chain.h - the hash chain, the Merkle tree and the signature that make a trace tamper-evident.
 *
 *   h_0 = HMAC-SHA256(key, "prt-chain-v1" 0x00 trace_id)
 *   h_n = HMAC-SHA256(key, h_(n-1) line_n)             line_n: canonical JSON without its newline
 *
 * Whoever holds the key and the head can prove that nothing was added, dropped, moved or edited. For
 * anyone without the key there is an RFC 6962 Merkle tree over the same lines (leaf prefix 0x00, node
 * prefix 0x01, SHA-256) and an Ed25519 signature over
 * JCS({trace_id, num_events, event_hash_chain, merkle_root, schema_hash}).
 *
 * Pure: no I/O, no clock.
 */
#ifndef PRT_TRACE_CHAIN_H
#define PRT_TRACE_CHAIN_H

#include <stdint.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

struct chain_head {
    uint8_t  hash[HASH_BYTES];
    uint64_t events; /* how many events lie under this head */
};

/* The head of a trace that has no events yet; one more event on top. `hmac` holds the chain key. */
void chain_start(struct chain_head *ret_head, struct hmac *hmac, const char *trace);
void chain_append(struct chain_head *head, struct hmac *hmac, struct bytes line);

/* First 16 hex digits of SHA-256("prt-chain-key" 0x00 key): names a key without telling it. */
void chain_key_id(char ret_id[17], const uint8_t key[KEY_BYTES]);

/* The Merkle tree, grown leaf by leaf in O(log n) memory. */
struct merkle {
    uint64_t leaves;
    uint8_t  peak[64][HASH_BYTES]; /* one for each 1 bit of `leaves`, lowest bit first by index */
};
void merkle_leaf(struct sha256 *sha, struct bytes line, uint8_t ret_leaf[HASH_BYTES]);
void merkle_start(struct merkle *merkle);
void merkle_append(struct merkle *merkle, struct sha256 *sha, const uint8_t leaf[HASH_BYTES]);
/* Of no leaves: SHA-256 of nothing. */
void merkle_root(const struct merkle *merkle, struct sha256 *sha, uint8_t ret_root[HASH_BYTES]);

/* The bytes that are signed, appended. */
void seal_bytes(struct buf *out, const char *trace, uint64_t num_events, const char *chain_hex,
                const char *merkle_hex, const char *schema_hex);

#endif
