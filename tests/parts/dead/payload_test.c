// SPDX-License-Identifier: MIT
#include "gateway/cli/payload.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/test.h"
#include "value/json.h"
#include "value/msgpack.h"

enum { CLAIM_FROM = 4096 };

static struct blob_store *blobs(char dir[64])
{
    char               url[96];
    struct blob_store *blob = NULL;
    struct err         err = {0};

    CHECK_WORKS(crypto_setup(&err));
    (void)snprintf(dir, 64, "/tmp/prt-payload.XXXXXX");
    if (mkdtemp(dir) == NULL) {
        test_failed(__FILE__, __LINE__, "no directory");
        return NULL;
    }
    (void)snprintf(url, sizeof(url), "file://%s", dir);
    CHECK_WORKS(blob_store_open(&blob, &(struct blob_settings){.url = url, .prefix = "t"}, &err));
    return blob;
}

static void gone(const char *dir)
{
    struct err err = {0};

    CHECK_WORKS(dir_remove(dir, &err));
}

static void put_message(struct arena *arena, struct buf *out, size_t text_bytes)
{
    CLEANUP(buf) struct buf body = {0};
    struct value            map = value_map();
    char                   *text = arena_get(arena, text_bytes + 1);

    memset(text, 'x', text_bytes);
    text[text_bytes] = '\0';
    value_put(arena, &map, "chunk_id", value_text("c-0"));
    value_put(arena, &map, "ts", value_real(1700000000.5));
    value_put(arena, &map, "text", value_text(text));
    msgpack_write(&body, &map);
    message_write(out, &(struct message){.kind = MESSAGE_CHUNK,
                                         .at_us = 1795218281000001,
                                         .consent = CONSENT_COMMANDS,
                                         .idempotency_key = BYTES("k"),
                                         .body = buf_bytes(&body)});
}

/* Decoded, written as JSON, encoded again. */
static struct bytes around(struct arena *arena, struct blob_store *blob, struct bytes payload)
{
    CLEANUP(buf) struct buf json = {0};
    struct value            value = value_null();
    struct bytes            again = {NULL, 0};
    struct err              err = {0};

    CHECK_WORKS(payload_decode(arena, blob, payload, &value, &err));
    json_pretty(&json, &value);
    CHECK_WORKS(payload_encode(arena, blob, arena_bytes(arena, buf_bytes(&json)), CLAIM_FROM,
                               &again, &err));
    return again;
}

TEST(payload, comes_back_from_json_byte_by_byte)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      message = {0};
    char                         dir[64];
    struct blob_store           *blob = blobs(dir);

    put_message(arena, &message, 10);
    CHECK(bytes_equal(around(arena, blob, buf_bytes(&message)), buf_bytes(&message)));
    blob_store_close(blob);
    gone(dir);
}

TEST(payload, of_a_large_message_is_redeemed_and_becomes_a_claim_check_again)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      message = {0};
    char                         dir[64];
    struct blob_store           *blob = blobs(dir);
    struct bytes                 claim, again;
    struct value                 value = value_null();
    struct err                   err = {0};

    put_message(arena, &message, 2 * CLAIM_FROM);
    claim = around(arena, blob, buf_bytes(&message));
    CHECK(claim.size < 1024);
    again = around(arena, blob, claim);
    CHECK(again.size < 1024);
    CHECK_WORKS(payload_decode(arena, blob, again, &value, &err));
    CHECK_NUMBER(value_text_or(value_at(&value, "/body/text"), "").size, 2 * CLAIM_FROM);
    CHECK_NUMBER(value_whole_or(value_get(&value, "at_us"), 0), 1795218281000001);
    blob_store_close(blob);
    gone(dir);
}

TEST(payload, that_is_put_back_has_an_object_as_young_as_its_message)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      message = {0};
    char                         dir[64];
    struct blob_store           *blob = blobs(dir);
    struct blob_entry           *entries = NULL;
    struct bytes                 claim, again, as_it_was;
    struct value                 value = value_null();
    size_t                       count = 0;
    struct err                   err = {0};

    put_message(arena, &message, 2 * CLAIM_FROM);
    claim = around(arena, blob, buf_bytes(&message));
    CHECK_WORKS(payload_again(arena, blob, buf_bytes(&message), &as_it_was, &err));
    CHECK(bytes_equal(as_it_was, buf_bytes(&message)));
    CHECK_WORKS(blob_list(blob, arena, BUCKET_CHUNKS, "claims/", "", 10, &entries, &count, &err));
    CHECK_NUMBER(count, 1);
    CHECK_WORKS(payload_again(arena, blob, claim, &again, &err));
    CHECK_WORKS(blob_delete(blob, BUCKET_CHUNKS, entries[0].key, &err));
    CHECK_WORKS(payload_decode(arena, blob, again, &value, &err));
    CHECK_NUMBER(value_text_or(value_at(&value, "/body/text"), "").size, 2 * CLAIM_FROM);
    /* Its object is lost: the farm says so again. */
    CHECK_WORKS(payload_again(arena, blob, claim, &as_it_was, &err));
    CHECK(bytes_equal(as_it_was, claim));
    CHECK_WORKS(payload_again(arena, blob, BYTES("text"), &as_it_was, &err));
    CHECK(bytes_is(as_it_was, "text"));
    blob_store_close(blob);
    gone(dir);
}

TEST(payload, that_is_no_message_is_refused_in_both_directions)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 value;
    struct bytes                 bytes;
    struct err                   err = {0};

    CHECK_FAILS(payload_decode(arena, NULL, BYTES("\x81\xa1v\x01"), &value, &err), ERR_MALFORMED);
    CHECK_FAILS(payload_decode(arena, NULL, BYTES("text"), &value, &err), ERR_MALFORMED);
    CHECK_FAILS(payload_encode(arena, NULL, BYTES("{\"v\":1}"), CLAIM_FROM, &bytes, &err),
                ERR_MALFORMED);
    CHECK_FAILS(payload_encode(arena, NULL, BYTES("{\"v\":1,"), CLAIM_FROM, &bytes, &err),
                ERR_MALFORMED);
    CHECK_FAILS(
        payload_encode(arena, NULL,
                       BYTES("{\"v\":1,\"kind\":\"chonk\",\"at_us\":1,\"consent\":7,\"body\":{}}"),
                       CLAIM_FROM, &bytes, &err),
        ERR_MALFORMED);
}
