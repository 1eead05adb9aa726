// SPDX-License-Identifier: MIT
#include "blob/claim_check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto/crypto.h"
#include "trace/claim.h"

enum { CLAIM_KEY = 64, CLAIMED_MOST = 256 << 20 };

/* claims/<YYYYMMDD>/<random hex>, by the day the body was in. */
static void claim_key(char ret_key[CLAIM_KEY], int64_t at_us)
{
    uint8_t   name[16];
    char      hex[2 * sizeof(name) + 1];
    time_t    at = (time_t)(at_us / 1000000);
    struct tm day;

    random_bytes(name, sizeof(name));
    hex_write(hex, (struct bytes){name, sizeof(name)});
    (void)gmtime_r(&at, &day);
    (void)snprintf(ret_key, CLAIM_KEY, "claims/%04d%02d%02d/%s", (day.tm_year + 1900) % 10000,
                   day.tm_mon + 1, day.tm_mday, hex);
}

int claim_check_put(struct blob_store *blob, struct bytes whole, const struct message *message,
                    struct buf *out, struct err *err)
{
    CLEANUP(buf) struct buf body = {0};
    char                    key[CLAIM_KEY];
    char                    hash[HASH_HEX];

    claim_key(key, message->at_us);
    TRY(blob_put(blob, BUCKET_CHUNKS, key, whole, "application/msgpack", err));
    sha256_hex(whole, hash);
    claim_write(&body, &(struct claim){key, (int64_t)whole.size, hash});
    message_write(out, &(struct message){.kind = MESSAGE_CLAIM,
                                         .at_us = message->at_us,
                                         .consent = message->consent,
                                         .reply = message->reply,
                                         .request = message->request,
                                         .body = buf_bytes(&body)});
    return 0;
}

static int redeem(struct blob_store *blob, struct arena *arena, struct message *message,
                  struct err *err)
{
    struct claim claim;
    struct bytes bytes;
    char         hash[HASH_HEX];

    TRY(claim_read(arena, message->body, &claim, err));
    TRY(blob_get(blob, arena, BUCKET_CHUNKS, claim.key, CLAIMED_MOST, &bytes, err));
    sha256_hex(bytes, hash);
    if ((int64_t)bytes.size != claim.size_bytes || strcmp(hash, claim.sha256) != 0) {
        return err_set(err, ERR_BLOB_CORRUPT,
                       "%s has %zu bytes with SHA-256 %s; the message says %lld bytes with %s",
                       claim.key, bytes.size, hash, (long long)claim.size_bytes, claim.sha256);
    }
    TRY(message_read(bytes, message, err));
    if (message->kind == MESSAGE_CLAIM) {
        return err_set(err, ERR_MALFORMED, "%s holds another claim check", claim.key);
    }
    return 0;
}

int claim_check_redeem(struct blob_store *blob, struct arena *arena, struct message *message,
                       struct err *err)
{
    if (message->kind == MESSAGE_CLAIM && redeem(blob, arena, message, err) < 0) {
        return err_add(err, "redeeming the claim check");
    }
    return 0;
}
