// SPDX-License-Identifier: MIT
#include "crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Looked up once: a lookup by name costs more than the digest of an event. */
static EVP_MD  *sha256_md;
static EVP_MAC *hmac_mac;

int crypto_setup(struct err *err)
{
    if (sodium_init() < 0) {
        return err_set(err, ERR_SYSTEM, "libsodium cannot get random bytes from the system");
    }
    if (sha256_md == NULL) {
        sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    }
    if (hmac_mac == NULL) {
        hmac_mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    }
    if (sha256_md == NULL || hmac_mac == NULL) {
        return err_set(err, ERR_SYSTEM,
                       "libcrypto has no SHA-256 or HMAC; look at openssl list -providers");
    }
    return 0;
}

/* Digests of bytes in memory fail only if memory is gone or crypto_setup was left out. A digest
 * that silently is none would be stored as a proof, so the process ends. */
static void must(int worked)
{
    if (worked != 1) {
        (void)fprintf(stderr, "libcrypto failed: out of memory, or crypto_setup was not called\n");
        abort();
    }
}

struct sha256 {
    EVP_MD_CTX *ctx;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *sha = mem_get(sizeof(*sha));

    sha->ctx = EVP_MD_CTX_new();
    must(sha->ctx != NULL && sha256_md != NULL);
    must(EVP_DigestInit_ex2(sha->ctx, sha256_md, NULL));
    return sha;
}

void sha256_free(struct sha256 *sha)
{
    if (sha != NULL) {
        EVP_MD_CTX_free(sha->ctx);
        mem_free(sha);
    }
}

void sha256_start(struct sha256 *sha)
{
    must(EVP_DigestInit_ex2(sha->ctx, NULL, NULL));
}

void sha256_add(struct sha256 *sha, struct bytes bytes)
{
    must(EVP_DigestUpdate(sha->ctx, bytes.data, bytes.size));
}

void sha256_finish(struct sha256 *sha, uint8_t ret_hash[HASH_BYTES])
{
    must(EVP_DigestFinal_ex(sha->ctx, ret_hash, NULL));
}

void sha256_peek(const struct sha256 *sha, uint8_t ret_hash[HASH_BYTES])
{
    CLEANUP(sha256) struct sha256 *copy = sha256_new();

    must(EVP_MD_CTX_copy_ex(copy->ctx, sha->ctx));
    sha256_finish(copy, ret_hash);
}

void sha256_of(struct bytes bytes, uint8_t ret_hash[HASH_BYTES])
{
    must(sha256_md != NULL);
    must(EVP_Digest(bytes.data, bytes.size, ret_hash, NULL, sha256_md, NULL));
}

void sha256_hex(struct bytes bytes, char ret_hex[HASH_HEX])
{
    uint8_t hash[HASH_BYTES];

    sha256_of(bytes, hash);
    hex_write(ret_hex, (struct bytes){hash, sizeof(hash)});
}

struct hmac {
    EVP_MAC_CTX *ctx;
};

struct hmac *hmac_new(struct bytes key)
{
    struct hmac *hmac = mem_get(sizeof(*hmac));
    char         digest[] = "SHA256";
    OSSL_PARAM   params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    must(hmac_mac != NULL);
    hmac->ctx = EVP_MAC_CTX_new(hmac_mac);
    must(hmac->ctx != NULL);
    /* NULL would mean "the key from before". */
    must(EVP_MAC_init(hmac->ctx, key.size == 0 ? (const uint8_t *)"" : key.data, key.size, params));
    return hmac;
}

void hmac_free(struct hmac *hmac)
{
    if (hmac != NULL) {
        EVP_MAC_CTX_free(hmac->ctx);
        mem_free(hmac);
    }
}

/* The context keeps the key's two prepared states: 0.6 us for an event instead of 1.7. */
void hmac_of(struct hmac *hmac, const struct bytes *pieces, size_t count,
             uint8_t ret_mac[HASH_BYTES])
{
    size_t size;

    must(EVP_MAC_init(hmac->ctx, NULL, 0, NULL));
    for (size_t i = 0; i < count; i++) {
        must(EVP_MAC_update(hmac->ctx, pieces[i].data, pieces[i].size));
    }
    must(EVP_MAC_final(hmac->ctx, ret_mac, &size, HASH_BYTES));
}

uint64_t short_hash(const uint8_t key[SHORT_KEY_BYTES], struct bytes bytes)
{
    uint8_t  hash[crypto_shorthash_BYTES];
    uint64_t number;

    (void)crypto_shorthash(hash, bytes.data, bytes.size, key);
    memcpy(&number, hash, sizeof(number));
    return number;
}

void sign_public_key(const uint8_t seed[KEY_BYTES], uint8_t ret_public[KEY_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    (void)crypto_sign_seed_keypair(ret_public, secret, seed);
    sodium_memzero(secret, sizeof(secret));
}

void sign_make(const uint8_t seed[KEY_BYTES], struct bytes message,
               uint8_t ret_signature[SIGNATURE_BYTES])
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    (void)crypto_sign_seed_keypair(public_key, secret, seed);
    (void)crypto_sign_detached(ret_signature, NULL, message.data, message.size, secret);
    sodium_memzero(secret, sizeof(secret));
}

bool sign_check(const uint8_t public_key[KEY_BYTES], struct bytes message,
                const uint8_t signature[SIGNATURE_BYTES])
{
    return crypto_sign_verify_detached(signature, message.data, message.size, public_key) == 0;
}

void random_bytes(void *ret, size_t size)
{
    randombytes_buf(ret, size);
}

bool equal_in_constant_time(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || sodium_memcmp(a.data, b.data, a.size) == 0);
}

void wipe(void *at, size_t size)
{
    sodium_memzero(at, size);
}
