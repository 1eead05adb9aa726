// SPDX-License-Identifier: MIT
#include "gateway/api/token.h"

#include "gateway/api/rate.h"
#include "lib/test.h"

static const uint8_t key_a[KEY_BYTES] = {1};
static const uint8_t key_b[KEY_BYTES] = {2};

enum { NOW_S = 1800000000 };

static struct tokens *tokens_made(const uint8_t *key, const uint8_t *old)
{
    struct err err = {0};

    CHECK_WORKS(crypto_setup(&err));
    return tokens_new(key, old);
}

static const char *token_made(struct tokens *tokens, struct buf *out)
{
    const struct upload upload = {"acme", "trace-0123", 5, NOW_S + 60};

    upload_token_write(tokens, out, &upload);
    return buf_text(out);
}

static int read_at(struct tokens *tokens, struct arena *arena, const char *text, int64_t now_s,
                   struct upload *upload, struct err *err)
{
    return upload_token_read(tokens, arena, bytes_of(text), now_s * 1000000, upload, err);
}

TEST(token, says_what_it_was_given)
{
    CLEANUP(tokens) struct tokens *tokens = tokens_made(key_a, NULL);
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct upload upload = {0};
    struct err    err = {0};

    CHECK_WORKS(read_at(tokens, arena, token_made(tokens, &out), NOW_S, &upload, &err));
    CHECK_TEXT(upload.tenant, "acme");
    CHECK_TEXT(upload.trace, "trace-0123");
    CHECK_NUMBER(upload.consent, 5);
    CHECK_NUMBER(upload.expires_s, NOW_S + 60);
}

TEST(token, is_refused_from_the_second_it_expires)
{
    CLEANUP(tokens) struct tokens *tokens = tokens_made(key_a, NULL);
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct upload upload = {0};
    struct err    err = {0};
    const char   *text = token_made(tokens, &out);

    CHECK_WORKS(read_at(tokens, arena, text, NOW_S + 59, &upload, &err));
    CHECK_FAILS(read_at(tokens, arena, text, NOW_S + 60, &upload, &err), ERR_FORBIDDEN);
}

TEST(token, is_refused_however_long_ago_it_expired)
{
    CLEANUP(tokens) struct tokens *tokens = tokens_made(key_a, NULL);
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    const struct upload     old = {"acme", "trace-0123", 5, INT64_MIN};
    struct upload           upload = {0};
    struct err              err = {0};

    upload_token_write(tokens, &out, &old);
    CHECK_FAILS(read_at(tokens, arena, buf_text(&out), NOW_S, &upload, &err), ERR_FORBIDDEN);
}

TEST(token, is_refused_when_any_byte_was_changed)
{
    CLEANUP(tokens) struct tokens *tokens = tokens_made(key_a, NULL);
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    CLEANUP(text) char *text = mem_text(token_made(tokens, &out));
    struct upload upload = {0};
    struct err    err = {0};

    for (size_t i = 0; text[i] != '\0'; i++) {
        for (int bit = 0; bit < 7; bit++) {
            text[i] ^= (char)(1 << bit);
            if (text[i] != '\0' && read_at(tokens, arena, text, NOW_S, &upload, &err) == 0) {
                test_failed(__FILE__, __LINE__, "bit %d of byte %zu: %s", bit, i, text);
            }
            text[i] ^= (char)(1 << bit);
        }
    }
}

TEST(token, is_refused_when_cut_or_prolonged)
{
    CLEANUP(tokens) struct tokens *tokens = tokens_made(key_a, NULL);
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct upload upload = {0};
    struct err    err = {0};
    const char   *text = token_made(tokens, &out);

    for (size_t size = 0; size < out.size; size++) {
        CHECK_FAILS(
            upload_token_read(tokens, arena, (struct bytes){out.data, size}, 0, &upload, &err),
            ERR_UNAUTHORIZED);
    }
    CHECK_FAILS(read_at(tokens, arena, arena_format(arena, "%s.", text), NOW_S, &upload, &err),
                ERR_UNAUTHORIZED);
    CHECK_FAILS(read_at(tokens, arena, arena_format(arena, "%sA", text), NOW_S, &upload, &err),
                ERR_UNAUTHORIZED);
    CHECK_FAILS(read_at(tokens, arena, arena_format(arena, "%0600d", 0), NOW_S, &upload, &err),
                ERR_UNAUTHORIZED);
}

TEST(token, of_another_key_is_refused)
{
    CLEANUP(tokens) struct tokens *ours = tokens_made(key_a, NULL);
    CLEANUP(tokens) struct tokens *theirs = tokens_made(key_b, NULL);
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct upload upload = {0};
    struct err    err = {0};

    CHECK_FAILS(read_at(ours, arena, token_made(theirs, &out), NOW_S, &upload, &err),
                ERR_UNAUTHORIZED);
}

TEST(token, of_the_key_before_the_rotation_is_good)
{
    CLEANUP(tokens) struct tokens *before = tokens_made(key_a, NULL);
    CLEANUP(tokens) struct tokens *after = tokens_made(key_b, key_a);
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    CLEANUP(buf) struct buf fresh = {0};
    struct upload upload = {0};
    struct err    err = {0};

    CHECK_WORKS(read_at(after, arena, token_made(before, &out), NOW_S, &upload, &err));
    CHECK_FAILS(read_at(before, arena, token_made(after, &fresh), NOW_S, &upload, &err),
                ERR_UNAUTHORIZED);
}

TEST(trace_id, of_a_key_is_always_the_same)
{
    CLEANUP(tokens) struct tokens *tokens = tokens_made(key_a, NULL);
    char first[TRACE_ID], again[TRACE_ID], other[TRACE_ID], tenant[TRACE_ID];

    trace_id_for_key(tokens, first, "acme", BYTES("key-1"));
    trace_id_for_key(tokens, again, "acme", BYTES("key-1"));
    trace_id_for_key(tokens, other, "acme", BYTES("key-2"));
    trace_id_for_key(tokens, tenant, "acm", BYTES("ekey-1"));
    CHECK_TEXT(again, first);
    CHECK(strcmp(first, other) != 0);
    CHECK(strcmp(first, tenant) != 0);
    CHECK_NUMBER(strlen(first), TRACE_ID - 1);
    CHECK(strncmp(first, "trace-", 6) == 0);
}

/* Some gateways have the new key already, and some do not; what was sent before is sent again. */
TEST(trace_id, that_follows_from_a_name_is_the_same_while_keys_are_exchanged)
{
    CLEANUP(tokens) struct tokens *before = tokens_made(key_a, NULL);
    CLEANUP(tokens) struct tokens *during = tokens_made(key_b, key_a);
    char                           was[TRACE_ID], is[TRACE_ID];

    trace_id_for_key(before, was, "acme", BYTES("key-1"));
    trace_id_for_key(during, is, "acme", BYTES("key-1"));
    CHECK_TEXT(is, was);
    trace_id_for_pr(before, was, "acme", "o/r#1", "ann", 3);
    trace_id_for_pr(during, is, "acme", "o/r#1", "ann", 3);
    CHECK_TEXT(is, was);
}

TEST(trace_id, at_random_is_never_the_same)
{
    char       first[TRACE_ID], other[TRACE_ID];
    struct err err = {0};

    CHECK_WORKS(crypto_setup(&err));
    trace_id_random(first);
    trace_id_random(other);
    CHECK(strcmp(first, other) != 0);
}

TEST(rate, lets_a_seconds_worth_through_and_says_when_to_come_again)
{
    struct rates *rates = rates_new(10);
    struct err    err = {0};
    int           passed = 0;

    while (passed < 100 && rate_take(rates, rate_of_tokens("acme", "trace-1"), &err) == 0) {
        passed++;
    }
    CHECK(passed >= 10 && passed <= 12);
    CHECK(err.code == ERR_RATE_LIMITED);
    CHECK(err.retry_after_ms > 0 && err.retry_after_ms <= 1000);
    CHECK_WORKS(rate_take(rates, rate_of_tokens("acme", "trace-2"), &err)); /* nobody else pays for it */
    rates_free(rates);
}

TEST(rate, of_zero_is_no_limit)
{
    struct rates *rates = rates_new(0);
    struct err    err = {0};

    for (int i = 0; i < 1000; i++) {
        CHECK_WORKS(rate_take(rates, rate_of_tokens("acme", "trace-1"), &err));
    }
    rates_free(rates);
}
