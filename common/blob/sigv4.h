// SPDX-License-Identifier: MIT
/*
 * sigv4.h - AWS Signature Version 4 for S3: proves that a request comes from whoever has the key.
 *
 * The request is written in one canonical form, hashed, and the hash signed with a key made from
 * the secret, the day, the region and the service. Both sides do this; the results must be equal.
 *
 * libcurl's own signer sends no x-amz-content-sha256 and sorts nothing, so S3 refuses its requests.
 *
 * Pure: no I/O, no clock. crypto_setup first. One signer is for one thread at a time.
 */
#ifndef PRT_BLOB_SIGV4_H
#define PRT_BLOB_SIGV4_H

#include "base/arena.h"
#include "base/bytes.h"
#include "crypto/crypto.h"

/* A query parameter (not encoded yet; "" when it has no value) or a header (lower-case name). */
struct sigv4_pair {
    const char *name;
    const char *value;
};

struct sigv4_request {
    const char              *method;
    const char              *path; /* encoded, as it is sent */
    const struct sigv4_pair *query;
    size_t                   query_count;
    const struct sigv4_pair *headers; /* all that get signed; must include host */
    size_t                   header_count;
    const char              *payload; /* its SHA-256 in hex, or SIGV4_UNSIGNED */
};

#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"
#define SIGV4_EMPTY    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum { SIGV4_DATE = 17 }; /* "20130524T000000Z" and its NUL */

struct sigv4;

struct sigv4 *sigv4_new(const char *access_key, const char *secret_key, const char *region,
                        const char *service);
void          sigv4_free(struct sigv4 *signer); /* wipes the keys */
DEFINE_CLEANUP(sigv4, struct sigv4 *, sigv4_free)

/* The value of x-amz-date, which must be among the signed headers. */
void sigv4_date(char ret_date[SIGV4_DATE], int64_t at_us);

/* The query in canonical order and form; also what goes on the wire. Appended. */
void sigv4_query(struct buf *out, const struct sigv4_pair *query, size_t count);

/* The canonical form of a request; its steps are public for the tests. Appended. */
void sigv4_canonical(struct buf *out, const struct sigv4_request *request);

/* The key of one day. */
void sigv4_key(const struct sigv4 *signer, const char *date, uint8_t ret_key[HASH_BYTES]);

/* The value of the Authorization header; `date` as from sigv4_date. */
const char *sigv4_authorize(struct sigv4 *signer, struct arena *arena,
                            const struct sigv4_request *request, const char *date);

#endif
