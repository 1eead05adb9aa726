// SPDX-License-Identifier: MIT
#include <string.h>

#include "lib/test.h"
#include "trace/message.h"
#include "value/msgpack.h"

static const struct bytes body = {(const uint8_t *)"\x81\xa1x\x01", 4}; /* {x: 1} */

TEST(message, reads_back_what_was_written)
{
    static const int64_t times[] = {0,         127, 128,  65536,    1763668800123456,
                                    INT64_MAX, -1,  -129, INT64_MIN};

    for (int kind = MESSAGE_OPEN; kind <= MESSAGE_CLAIM; kind++) {
        for (size_t i = 0; i < COUNT_OF(times); i++) {
            CLEANUP(buf) struct buf out = {0};
            struct message          sent = {.kind = (enum message_kind)kind,
                                            .at_us = times[i],
                                            .consent = CONSENT_COMMANDS | CONSENT_SNAPSHOTS,
                                            .idempotency_key = BYTES("key-1"),
                                            .reply = BYTES("_INBOX.a.1"),
                                            .request = BYTES("r-1"),
                                            .body = body};
            struct message          got;
            struct err              err;

            message_write(&out, &sent);
            CHECK_WORKS(message_read(buf_bytes(&out), &got, &err));
            CHECK_NUMBER(got.kind, kind);
            CHECK_NUMBER(got.at_us, times[i]);
            CHECK_NUMBER(got.consent, CONSENT_COMMANDS | CONSENT_SNAPSHOTS);
            CHECK(bytes_is(got.idempotency_key, "key-1"));
            CHECK(bytes_is(got.reply, "_INBOX.a.1"));
            CHECK(bytes_is(got.request, "r-1"));
            CHECK(bytes_equal(got.body, body));
        }
    }
}

TEST(message, has_no_idempotency_key_unless_it_was_given_one)
{
    CLEANUP(buf) struct buf out = {0};
    struct message          got;
    struct err              err;

    message_write(&out, &(struct message){.kind = MESSAGE_ERASE, .body = BYTES("\x80")});
    CHECK_WORKS(message_read(buf_bytes(&out), &got, &err));
    CHECK_NUMBER(got.idempotency_key.size, 0);
}

TEST(message, tells_who_asked_even_where_it_cannot_be_read)
{
    CLEANUP(buf) struct buf out = {0};
    struct message          got;
    struct bytes            reply;
    struct bytes            request;
    struct err              err;

    message_write(&out, &(struct message){.consent = CONSENT_ALL + 1,
                                          .reply = BYTES("_INBOX.a.1"),
                                          .request = BYTES("r-1"),
                                          .body = body});
    CHECK_FAILS(message_read(buf_bytes(&out), &got, &err), ERR_MALFORMED);
    message_asker(buf_bytes(&out), &reply, &request);
    CHECK(bytes_is(reply, "_INBOX.a.1"));
    CHECK(bytes_is(request, "r-1"));
    message_asker(BYTES("\x93 no map"), &reply, &request);
    CHECK_NUMBER(reply.size, 0);
    CHECK_NUMBER(request.size, 0);
    message_asker(BYTES(""), &reply, &request);
    CHECK_NUMBER(reply.size, 0);
}

TEST(message, takes_keys_of_every_length)
{
    static const size_t sizes[] = {31, 32, 255, 256, 65535, 65536};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        CLEANUP(buf) struct buf out = {0};
        CLEANUP(text) char     *key = mem_get(sizes[i]);
        struct bytes            key_bytes = {(const uint8_t *)key, sizes[i]};
        struct message          got;
        struct err              err;

        memset(key, 'k', sizes[i]);
        message_write(&out, &(struct message){.idempotency_key = key_bytes, .body = body});
        CHECK_WORKS(message_read(buf_bytes(&out), &got, &err));
        CHECK(bytes_equal(got.idempotency_key, key_bytes));
    }
}

/* The database would refuse it, and all that comes with it. */
TEST(message, with_a_key_that_is_no_text_is_refused)
{
    const struct bytes keys[] = {BYTES("k\xff"), BYTES("k\0k"), BYTES("\xed\xa0\x80")};

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        CLEANUP(buf) struct buf out = {0};
        struct message          got;
        struct err              err;

        message_write(&out, &(struct message){.idempotency_key = keys[i], .body = body});
        CHECK_FAILS(message_read(buf_bytes(&out), &got, &err), ERR_MALFORMED);
    }
}

static void put_head(struct buf *out, uint32_t members, int64_t version)
{
    msgpack_put_map(out, members);
    msgpack_put_text(out, BYTES("v"));
    msgpack_put_whole(out, version);
}

TEST(message, of_another_version_is_refused_and_says_which)
{
    CLEANUP(buf) struct buf out = {0};
    struct message          got;
    struct err              err;

    put_head(&out, 1, 2);
    CHECK_FAILS(message_read(buf_bytes(&out), &got, &err), ERR_MALFORMED);
    CHECK(strstr(err.story, "version 2") != NULL);
}

TEST(message, may_have_members_of_tomorrow)
{
    CLEANUP(buf) struct buf out = {0};
    struct message          got;
    struct err              err;

    put_head(&out, 6, 1);
    msgpack_put_text(&out, BYTES("tomorrow"));
    msgpack_put_list(&out, 1);
    msgpack_put_null(&out);
    msgpack_put_text(&out, BYTES("kind"));
    msgpack_put_text(&out, BYTES("erase"));
    msgpack_put_text(&out, BYTES("at_us"));
    msgpack_put_whole(&out, 5);
    msgpack_put_text(&out, BYTES("consent"));
    msgpack_put_whole(&out, 0);
    msgpack_put_text(&out, BYTES("body"));
    msgpack_put_map(&out, 0);
    CHECK_WORKS(message_read(buf_bytes(&out), &got, &err));
    CHECK_NUMBER(got.kind, MESSAGE_ERASE);
}

TEST(message, cut_anywhere_is_refused)
{
    CLEANUP(buf) struct buf out = {0};
    struct message          got;
    struct err              err;

    message_write(
        &out, &(struct message){.kind = MESSAGE_CHUNK, .at_us = 1763668800123456, .body = body});
    for (size_t size = 0; size < out.size; size++) {
        CHECK_FAILS(message_read((struct bytes){out.data, size}, &got, &err), ERR_MALFORMED);
    }
}

TEST(message, with_a_member_of_the_wrong_type_is_refused)
{
    static const char *const members[] = {"kind", "at_us", "consent", "reply", "request"};

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        CLEANUP(buf) struct buf out = {0};
        CLEANUP(buf) struct buf good = {0};
        struct bytes            raw;
        struct message          got;
        struct err              err;

        message_write(&good, &(struct message){.kind = MESSAGE_OPEN, .body = body});
        CHECK(msgpack_find(buf_bytes(&good), members[i], &raw));
        buf_put(&out, (struct bytes){good.data, (size_t)(raw.data - good.data)});
        msgpack_put_real(&out, 1.5);
        buf_put(&out, (struct bytes){raw.data + raw.size,
                                     (size_t)(good.data + good.size - raw.data - raw.size)});
        CHECK_FAILS(message_read(buf_bytes(&out), &got, &err), ERR_MALFORMED);
        CHECK(strstr(err.story, members[i]) != NULL);
    }
}

TEST(verdict, reads_back_what_was_written)
{
    CLEANUP(buf) struct buf out = {0};
    struct verdict_reply    got;
    struct err              err;

    verdict_reply_write(&out, &(struct verdict_reply){.http = 422, .json = BYTES("{\"a\":1}")});
    CHECK_WORKS(verdict_reply_read(buf_bytes(&out), &got, &err));
    CHECK_NUMBER(got.http, 422);
    CHECK(bytes_is(got.json, "{\"a\":1}"));
    CHECK_FAILS(verdict_reply_read((struct bytes){out.data, out.size - 1}, &got, &err),
                ERR_MALFORMED);
    out.size = 0;
    verdict_reply_write(&out, &(struct verdict_reply){.http = 7, .json = BYTES("{}")});
    CHECK_FAILS(verdict_reply_read(buf_bytes(&out), &got, &err), ERR_MALFORMED);
}

TEST(verdicts, of_one_gateway_read_back_together)
{
    CLEANUP(buf) struct buf      out = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    const struct ticket_verdict  sent[] = {{BYTES("1f"), {200, BYTES("{\"a\":1}")}},
                                           {BYTES("ffffffffffffff"), {422, BYTES("{}")}}};
    const struct ticket_verdict  wrong[] = {{BYTES("1f"), {7, BYTES("{}")}}};
    struct ticket_verdict       *got = NULL;
    size_t                       count = 0;
    struct err                   err;

    verdicts_write(&out, sent, COUNT_OF(sent));
    CHECK_WORKS(verdicts_read(arena, buf_bytes(&out), &got, &count, &err));
    CHECK_NUMBER(count, 2);
    CHECK(bytes_is(got[0].ticket, "1f") && bytes_is(got[0].reply.json, "{\"a\":1}"));
    CHECK(bytes_is(got[1].ticket, "ffffffffffffff"));
    CHECK_NUMBER(got[1].reply.http, 422);
    CHECK_FAILS(verdicts_read(arena, (struct bytes){out.data, out.size - 1}, &got, &count, &err),
                ERR_MALFORMED);
    out.size = 0;
    verdicts_write(&out, wrong, 1);
    CHECK_FAILS(verdicts_read(arena, buf_bytes(&out), &got, &count, &err), ERR_MALFORMED);
    out.size = 0;
    verdict_reply_write(&out, &wrong[0].reply);
    CHECK_FAILS(verdicts_read(arena, buf_bytes(&out), &got, &count, &err), ERR_MALFORMED);
}

TEST(subject, reads_back_what_was_written)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    char                         text[SUBJECT_BYTES];
    struct subject               got;
    struct err                   err;

    subject_ingest(text, "acme", "trace-1", MESSAGE_CHUNK);
    CHECK_TEXT(text, "prt.ingest.acme.trace-1.chunk");
    CHECK_WORKS(subject_read(arena, text, &got, &err));
    CHECK_TEXT(got.family, "ingest");
    CHECK(got.stage == NULL);
    CHECK_TEXT(got.tenant, "acme");
    CHECK_TEXT(got.trace, "trace-1");
    CHECK_TEXT(got.kind, "chunk");
    subject_stage(text, "dead", "validate", "acme", "trace-1");
    CHECK_TEXT(text, "prt.dead.validate.acme.trace-1");
    CHECK_WORKS(subject_read(arena, text, &got, &err));
    CHECK_TEXT(got.stage, "validate");
    CHECK_TEXT(got.trace, "trace-1");
    CHECK(got.kind == NULL);
}

TEST(subject, of_anybody_else_is_refused)
{
    static const char *const     others[] = {"",
                                             "prt",
                                             "prt.ingest.a.b",
                                             "prt.ingest.a.b.chunk.x",
                                             "prt.ingest.a.b.work",
                                             "prt.ingest..b.chunk",
                                             "prt.other.qa.a.b",
                                             "x.ingest.a.b.chunk",
                                             "prt.ingest.a.b*.chunk",
                                             "prt.work.qa.a.>",
                                             "."};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct subject               got;
    struct err                   err;

    for (size_t i = 0; i < COUNT_OF(others); i++) {
        CHECK_FAILS(subject_read(arena, others[i], &got, &err), ERR_MALFORMED);
    }
}

TEST(subject, names_are_letters_digits_and_two_marks)
{
    char longest[130];

    memset(longest, 'a', sizeof(longest));
    CHECK(subject_name_ok(BYTES("Az09_-")));
    CHECK(subject_name_ok((struct bytes){(uint8_t *)longest, 128}));
    CHECK(!subject_name_ok((struct bytes){(uint8_t *)longest, 129}));
    CHECK(!subject_name_ok(BYTES("")));
    CHECK(!subject_name_ok(BYTES("a.b")));
    CHECK(!subject_name_ok(BYTES("a b")));
    CHECK(!subject_name_ok(BYTES("a>")));
    CHECK(!subject_name_ok(BYTES("\xc3\xa4")));
    CHECK(!subject_name_ok(BYTES("a\0")));
}
