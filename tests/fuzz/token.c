// SPDX-License-Identifier: MIT
/* Any bytes as an upload token: nothing but what was given out is taken, and that says what it said.
 * An input that begins with "sign:" is signed first, so that what lies behind the signature is tried
 * as well. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "gateway/api/token.h"
#include "trace/message.h"

enum { NOW_S = 1800000000 };

static const uint8_t key[KEY_BYTES] = {1};
static const uint8_t old_key[KEY_BYTES] = {2};

static void check_same(struct tokens *tokens, const struct upload *upload, struct bytes text)
{
    CLEANUP(buf) struct buf again = {0};

    MUST(subject_name_ok(bytes_of(upload->tenant)) && subject_name_ok(bytes_of(upload->trace)));
    MUST((upload->consent & ~(unsigned)CONSENT_ALL) == 0);
    MUST(upload->expires_s > NOW_S);
    upload_token_write(tokens, &again, upload);
    MUST(bytes_equal(buf_bytes(&again), text));
}

/* "<tenant> <trace> <consent> <expiry>" given out. */
static void sign(struct tokens *tokens, struct arena *arena, const char *text, struct buf *out)
{
    struct upload upload = {"", "", 0, 0};
    char         *parts = arena_text(arena, bytes_of(text));
    char         *rest = NULL;
    const char   *tenant = strtok_r(parts, " ", &rest);
    const char   *trace = strtok_r(NULL, " ", &rest);
    const char   *consent = strtok_r(NULL, " ", &rest);
    const char   *expiry = strtok_r(NULL, " ", &rest);

    if (tenant == NULL || trace == NULL || consent == NULL || expiry == NULL ||
        !subject_name_ok(bytes_of(tenant)) || !subject_name_ok(bytes_of(trace))) {
        return;
    }
    upload = (struct upload){tenant, trace, (unsigned)atoi(consent) & CONSENT_ALL, atoll(expiry)};
    upload_token_write(tokens, out, &upload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena   *arena = arena_new();
    CLEANUP(buf) struct buf        given = {0};
    CLEANUP(tokens) struct tokens *tokens = NULL;
    struct bytes                   text = {data, size};
    struct upload                  upload;
    struct err                     err = {0};

    MUST(crypto_setup(&err) == 0);
    tokens = tokens_new(key, old_key);
    if (size > 5 && memcmp(data, "sign:", 5) == 0) {
        sign(tokens, arena, arena_text(arena, (struct bytes){data + 5, size - 5}), &given);
        text = buf_bytes(&given);
    }
    (void)upload_token_is(text);
    if (upload_token_read(tokens, arena, text, NOW_S * 1000000LL, &upload, &err) < 0) {
        MUST(err.code == ERR_UNAUTHORIZED || err.code == ERR_FORBIDDEN);
        return 0;
    }
    check_same(tokens, &upload, text);
    return 0;
}
