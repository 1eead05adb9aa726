// SPDX-License-Identifier: MIT
/*
 * token.h - upload tokens: what a client may write into one trace, signed, kept nowhere.
 *
 *     prtu1.<tenant>.<trace>.<consent>.<expiry>.<mac>
 *
 * consent is the bits of enum consent in decimal, expiry Unix seconds in decimal, mac the base64url
 * HMAC-SHA256 of "prt-upload-v1" 0x00 and everything before its dot. The key before the last
 * rotation is accepted too.
 *
 * Safe from any thread.
 */
#ifndef PRT_GATEWAY_API_TOKEN_H
#define PRT_GATEWAY_API_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "crypto/crypto.h"

struct tokens;

/* old_key: NULL if there is none. */
struct tokens *tokens_new(const uint8_t key[KEY_BYTES], const uint8_t *old_key);
void           tokens_free(struct tokens *tokens);
DEFINE_CLEANUP(tokens, struct tokens *, tokens_free)

struct upload {
    const char *tenant;
    const char *trace;
    unsigned    consent;
    int64_t     expires_s;
};

/* Appended. */
void upload_token_write(struct tokens *tokens, struct buf *out, const struct upload *upload);

/* Is it meant to be an upload token, and not an API key? */
bool upload_token_is(struct bytes text);

/* UNAUTHORIZED when it is not one of ours as it was given out, FORBIDDEN when it has expired. */
WARN_UNUSED int upload_token_read(struct tokens *tokens, struct arena *arena, struct bytes text,
                                  int64_t now_us, struct upload *ret_upload, struct err *err);

/* "trace-" and 32 hex digits: at random, or for an Idempotency-Key always the same, as long as the
 * old key is there when keys are exchanged. */
enum { TRACE_ID = 39 };
void trace_id_random(char ret_id[TRACE_ID]);
void trace_id_for_key(struct tokens *tokens, char ret_id[TRACE_ID], const char *tenant,
                      struct bytes key);
/* The trace of a developer's work on a pull request; when that is complete the next one's, and so
 * on: `generation` counts from 0. */
void trace_id_for_pr(struct tokens *tokens, char ret_id[TRACE_ID], const char *tenant,
                     const char *pr_id, const char *user_id, unsigned generation);

#endif
