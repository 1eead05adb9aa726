// SPDX-License-Identifier: MIT
/*
 * crypto.h - digests, MACs, signatures and random bytes.
 *
 * SHA-256 and HMAC come from libcrypto (with SHA instructions 0.5 us an event where libsodium takes
 * 2.1), Ed25519, random bytes, constant-time comparison and wiping from libsodium. All variants
 * give the same digests.
 *
 * crypto_setup once per process before anything else here. Pure; states are not for two threads.
 */
#ifndef PRT_CRYPTO_CRYPTO_H
#define PRT_CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
    SHORT_KEY_BYTES = 16,
    HASH_BYTES = 32,
    HASH_HEX = 65, /* with its NUL */
    KEY_BYTES = 32,
    SIGNATURE_BYTES = 64
};

WARN_UNUSED int crypto_setup(struct err *err);

/* -------- SHA-256 -------- */
struct sha256;
struct sha256 *sha256_new(void);
void           sha256_free(struct sha256 *sha);
DEFINE_CLEANUP(sha256, struct sha256 *, sha256_free)
void sha256_start(struct sha256 *sha); /* also after sha256_finish, to begin anew */
void sha256_add(struct sha256 *sha, struct bytes bytes);
void sha256_finish(struct sha256 *sha, uint8_t ret_hash[HASH_BYTES]);
void sha256_peek(const struct sha256 *sha, uint8_t ret_hash[HASH_BYTES]); /* more can be added */
void sha256_of(struct bytes bytes, uint8_t ret_hash[HASH_BYTES]);
void sha256_hex(struct bytes bytes, char ret_hex[HASH_HEX]);

/* -------- HMAC-SHA256 with a prepared key; hmac_of takes several pieces -------- */
struct hmac;
struct hmac *hmac_new(struct bytes key);
void         hmac_free(struct hmac *hmac); /* wipes the key */
DEFINE_CLEANUP(hmac, struct hmac *, hmac_free)
void hmac_of(struct hmac *hmac, const struct bytes *pieces, size_t count,
             uint8_t ret_mac[HASH_BYTES]);

/* -------- SipHash-2-4: no proof of anything, for hash tables that strangers fill -------- */
uint64_t short_hash(const uint8_t key[SHORT_KEY_BYTES], struct bytes bytes);

/* -------- Ed25519 -------- */
void sign_public_key(const uint8_t seed[KEY_BYTES], uint8_t ret_public[KEY_BYTES]);
void sign_make(const uint8_t seed[KEY_BYTES], struct bytes message,
               uint8_t ret_signature[SIGNATURE_BYTES]);
bool sign_check(const uint8_t public_key[KEY_BYTES], struct bytes message,
                const uint8_t signature[SIGNATURE_BYTES]);

/* -------- the rest -------- */
void random_bytes(void *ret, size_t size);
bool equal_in_constant_time(struct bytes a, struct bytes b);
void wipe(void *at, size_t size);

/* base64url without padding (tokens) and standard base64 with padding (artifacts). Readers are
 * strict; false if the text is not that. Appended to `out`. */
void base64url_write(struct buf *out, struct bytes bytes);
bool base64url_read(struct buf *out, struct bytes text);
bool base64_read(struct buf *out, struct bytes text);
void base64_write(struct buf *out, struct bytes bytes);

#endif
