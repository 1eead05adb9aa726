// SPDX-License-Identifier: MIT
#include "workers/validate/payload.h"

#include "lib/test.h"

TEST(payload, comes_back_as_it_was_written)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      bytes = {0};
    struct err                   err = {0};
    struct content               back = {0};
    struct chunk_event           event = {.index = 3,
                                          .id = BYTES("e\xc3\xa9"),
                                          .key = {1, 2, [15] = 255},
                                          .seq = 1LL << 52,
                                          .type = EVENT_commit,
                                          .line = BYTES("{\"a\":1}")};
    struct problem               more[] = {{"/b", "is missing"}, {"/c", "must not be empty"}};
    struct chunk_refusal         refusals[] = {
                {.index = 1,
                 .id = BYTES("x"),
                 .seq = -1,
                 .code = ERR_CONSENT_DENIED,
                 .message = "no",
                 .pointer = "/a",
                 .more = more,
                 .more_count = 2,
                 .problems_omitted = 7},
                {.index = (size_t)CHUNK_NO_INDEX,
                 .seq = 5,
                 .code = ERR_SCHEMA,
                 .message = "",
                 .pointer = ""},
    };
    struct artifact_record artifacts[] = {
        {.name = BYTES("e.stdout"),
         .sha256 = {9, [31] = 8},
         .size_bytes = 77,
         .content_type = BYTES("t/p"),
         .object_key = BYTES("sha256/aa/b"),
         .created_us = 123456},
        {.name = BYTES("n"), .object_key = BYTES("k")},
    };
    struct content content = {&event, 1, refusals, 2, artifacts, 2};

    payload_write(&bytes, &content);
    CHECK_WORKS(payload_read(arena, buf_bytes(&bytes), &back, &err));
    CHECK_NUMBER(back.event_count, 1);
    CHECK(back.events[0].index == 3 && back.events[0].seq == 1LL << 52);
    CHECK(back.events[0].type == EVENT_commit);
    CHECK(bytes_equal(back.events[0].id, event.id) && bytes_equal(back.events[0].line, event.line));
    CHECK(memcmp(back.events[0].key, event.key, sizeof(event.key)) == 0);
    CHECK_NUMBER(back.refusal_count, 2);
    CHECK_NUMBER(back.refusals[0].code, ERR_CONSENT_DENIED);
    CHECK_TEXT(back.refusals[0].message, "no");
    CHECK_TEXT(back.refusals[0].pointer, "/a");
    CHECK(back.refusals[0].more_count == 2 && back.refusals[0].problems_omitted == 7);
    CHECK_TEXT(back.refusals[0].more[1].pointer, "/c");
    CHECK_TEXT(back.refusals[0].more[1].message, "must not be empty");
    CHECK_NUMBER(back.refusals[1].more_count, 0);
    CHECK(back.refusals[1].index == (size_t)CHUNK_NO_INDEX && back.refusals[1].seq == 5);
    CHECK_NUMBER(back.artifact_count, 2);
    CHECK(memcmp(back.artifacts[0].sha256, artifacts[0].sha256, STORE_HASH) == 0);
    CHECK_NUMBER(back.artifacts[0].size_bytes, 77);
    CHECK(bytes_is(back.artifacts[0].content_type, "t/p"));
    CHECK(back.artifacts[1].content_type.data == NULL);
}

TEST(payload, of_another_form_is_refused_at_every_length)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      bytes = {0};
    struct err                   err = {0};
    struct content               back;
    struct chunk_event           event = {.id = BYTES("e"), .seq = 1, .line = BYTES("{}")};
    struct content               content = {.events = &event, .event_count = 1};

    payload_write(&bytes, &content);
    for (size_t size = 0; size < bytes.size; size++) {
        CHECK_FAILS(payload_read(arena, (struct bytes){bytes.data, size}, &back, &err), ERR_BUG);
    }
}
