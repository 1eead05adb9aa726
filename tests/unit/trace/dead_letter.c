// SPDX-License-Identifier: MIT
#include "trace/dead_letter.h"

#include "lib/test.h"
#include "trace/claim.h"

TEST(dead_letter, is_read_as_it_was_written)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      bytes = {0};
    const struct dead_letter     letter = {
            .stage = "validate",
            .reason = "schema",
            .code = "schema",
            .story = "event 3: \"cmd\" is missing",
            .tries = 2,
            .stream = "PRT_INGEST",
            .subject = "prt.ingest.acme.t.chunk",
            .seq = 1LL << 40,
            .stored_us = 1763683200123456,
            .at_us = 1763683201123456,
            .request = "r-1",
            .payload = BYTES("\x81\xa1v\x00\xff"),
    };
    struct dead_letter got;
    struct err         err = {0};

    dead_letter_write(&bytes, &letter);
    CHECK_WORKS(dead_letter_read(arena, buf_bytes(&bytes), &got, &err));
    CHECK_TEXT(got.stage, letter.stage);
    CHECK_TEXT(got.reason, letter.reason);
    CHECK_TEXT(got.code, letter.code);
    CHECK_TEXT(got.story, letter.story);
    CHECK_NUMBER(got.tries, letter.tries);
    CHECK_TEXT(got.stream, letter.stream);
    CHECK_TEXT(got.subject, letter.subject);
    CHECK_NUMBER(got.seq, letter.seq);
    CHECK_NUMBER(got.stored_us, letter.stored_us);
    CHECK_NUMBER(got.at_us, letter.at_us);
    CHECK(got.id == NULL && got.reply == NULL && got.parent == NULL);
    CHECK_TEXT(got.request, "r-1");
    CHECK(bytes_equal(got.payload, letter.payload));
}

TEST(dead_letter, of_another_form_is_refused)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct dead_letter           got;
    struct err                   err = {0};

    CHECK_FAILS(dead_letter_read(arena, BYTES("\x81\xa1v\x02"), &got, &err), ERR_MALFORMED);
    CHECK_FAILS(dead_letter_read(arena, BYTES("\x81\xa1v\x01"), &got, &err), ERR_MALFORMED);
    CHECK_FAILS(dead_letter_read(arena, BYTES("\xc1"), &got, &err), ERR_MALFORMED);
}

TEST(claim, is_read_as_it_was_written_and_refused_without_its_hash)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      bytes = {0};
    CLEANUP(buf) struct buf      bare = {0};
    struct claim                 claim = {
                        .key = "claims/20261120/aa",
                        .size_bytes = 700000,
                        .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    };
    struct claim got;
    struct err   err = {0};

    claim_write(&bytes, &claim);
    CHECK_WORKS(claim_read(arena, buf_bytes(&bytes), &got, &err));
    CHECK_TEXT(got.key, claim.key);
    CHECK_NUMBER(got.size_bytes, claim.size_bytes);
    CHECK_TEXT(got.sha256, claim.sha256);
    claim.sha256 = "";
    claim_write(&bare, &claim);
    CHECK_FAILS(claim_read(arena, buf_bytes(&bare), &got, &err), ERR_MALFORMED);
}
