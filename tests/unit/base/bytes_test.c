// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/utf8.h"

TEST(bytes, compares_like_memcmp_and_then_by_size)
{
    CHECK(bytes_compare(BYTES("a"), BYTES("b")) < 0);
    CHECK(bytes_compare(BYTES("ab"), BYTES("a")) > 0);
    CHECK(bytes_compare(BYTES("\xff"), BYTES("a")) > 0);
    CHECK(bytes_compare(BYTES(""), (struct bytes){NULL, 0}) == 0);
    CHECK(bytes_equal(BYTES(""), (struct bytes){NULL, 0}));
    CHECK(!bytes_equal(BYTES("a\0b"), BYTES("a\0c")));
    CHECK(bytes_is(BYTES("abc"), "abc") && !bytes_is(BYTES("abc\0"), "abc"));
}

TEST(buf, grows_and_keeps_what_it_has)
{
    CLEANUP(buf) struct buf buf = {0};

    for (int i = 0; i < 10000; i++) {
        buf_format(&buf, "%04d", i);
    }
    buf_put(&buf, (struct bytes){NULL, 0});
    CHECK_NUMBER(buf.size, 40000);
    CHECK(memcmp(buf.data + 4 * 1234, "1234", 4) == 0);
    CHECK(strlen(buf_text(&buf)) == 40000);
    CHECK_NUMBER(buf.size, 40000); /* the NUL is not counted */
}

TEST(buf, can_be_used_again_after_done)
{
    CLEANUP(buf) struct buf buf = {0};

    buf_put_text(&buf, "one");
    buf_done(&buf);
    CHECK(buf.size == 0 && buf.data == NULL);
    CHECK_TEXT(buf_text(&buf), "");
    buf_put_byte(&buf, 'x');
    CHECK_TEXT(buf_text(&buf), "x");
}

TEST(hex, writes_lower_and_reads_both)
{
    char    text[9];
    uint8_t raw[4];

    hex_write(text, BYTES("\x00\x7f\xab\xff"));
    CHECK_TEXT(text, "007fabff");
    CHECK(hex_read(raw, 4, BYTES("007FaBff")) && memcmp(raw, "\x00\x7f\xab\xff", 4) == 0);
}

TEST(hex, takes_exactly_the_size_and_leaves_the_rest_alone)
{
    uint8_t raw[4] = {1, 2, 3, 4};

    CHECK(!hex_read(raw, 4, BYTES("007fab")));
    CHECK(!hex_read(raw, 4, BYTES("007fabff0")));
    CHECK(!hex_read(raw, 4, BYTES("007fabfg")));
    CHECK(!hex_read(raw, 4, BYTES(" 07fabff")));
    CHECK(memcmp(raw, "\1\2\3\4", 4) == 0);
    CHECK(hex_read(raw, 0, BYTES("")));
}

TEST(arena, gives_aligned_memory_that_does_not_overlap)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    uint8_t *got[500];

    for (size_t i = 0; i < COUNT_OF(got); i++) {
        got[i] = arena_get(arena, i * 7);
        CHECK((uintptr_t)got[i] % 16 == 0);
        memset(got[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < COUNT_OF(got); i++) {
        for (size_t k = 0; k < i * 7; k++) {
            CHECK(got[i][k] == (uint8_t)i);
        }
    }
}

TEST(arena, keeps_one_block_when_it_is_reset)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    size_t size;

    arena_reset(arena);
    CHECK_NUMBER(arena_size(arena), 0);
    for (int i = 0; i < 100; i++) {
        (void)arena_get(arena, 10000);
    }
    size = arena_size(arena);
    CHECK(size >= 1000000);
    arena_reset(arena);
    CHECK(arena_size(arena) > 0 && arena_size(arena) < size);
    (void)arena_get(arena, 5 * 1024 * 1024);
    arena_reset(arena); /* a block for one huge thing is not kept */
    CHECK_NUMBER(arena_size(arena), 0);
}

TEST(arena, copies_bytes_with_nuls)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes copy = arena_bytes(arena, BYTES("a\0b"));
    const uint8_t *zeros = arena_zero(arena, 3, 5);

    CHECK(bytes_equal(copy, BYTES("a\0b")) && copy.data[3] == '\0');
    for (int i = 0; i < 15; i++) {
        CHECK(zeros[i] == 0);
    }
    CHECK_TEXT(arena_format(arena, "%s-%d", "x", 7), "x-7");
    CHECK_TEXT(arena_text(arena, (struct bytes){NULL, 0}), "");
}

TEST(clock, writes_times_with_microseconds)
{
    char text[CLOCK_TEXT];

    clock_text(text, 0);
    CHECK_TEXT(text, "1970-01-01T00:00:00.000000Z");
    clock_text(text, 1795218281123456);
    CHECK_TEXT(text, "2026-11-20T23:44:41.123456Z");
    clock_text(text, -1);
    CHECK_TEXT(text, "1969-12-31T23:59:59.999999Z");
    clock_text(text, 253402300800000000);
    CHECK_TEXT(text, "10000-01-01T00:00:00.000000Z");
    clock_text(text, INT64_MAX);
    CHECK_TEXT(text, "294247-01-10T04:00:54.775807Z");
    clock_text(text, INT64_MIN);
    CHECK_TEXT(text, "-290308-12-21T19:59:05.224192Z");
}

TEST(clock, never_goes_back)
{
    int64_t last = clock_mono_us();

    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_us();

        CHECK(now >= last);
        last = now;
    }
}

TEST(utf8, finds_the_first_wrong_byte)
{
    CHECK_NUMBER(utf8_wrong_at(BYTES("")), 0);
    CHECK_NUMBER(utf8_wrong_at(BYTES("plain text of more than eight bytes")), 35);
    CHECK_NUMBER(utf8_wrong_at(BYTES("caf\xc3\xa9")), 5);
    CHECK_NUMBER(utf8_wrong_at(BYTES("caf\xc3")), 3);
    CHECK_NUMBER(utf8_wrong_at(BYTES("0123456789\xed\xa0\x80")), 10);
}

TEST(utf8, cuts_between_characters)
{
    struct bytes text = BYTES("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    static const size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    for (size_t most = 0; most < COUNT_OF(ends); most++) {
        CHECK_NUMBER(utf8_cut(text, most).size, ends[most]);
    }
    CHECK_NUMBER(utf8_cut(BYTES("\x80\x80\x80\x80\x80\x80"), 5).size, 5);
}

TEST(utf8, escapes_foreign_text_so_that_it_fits_a_line_of_json)
{
    CLEANUP(buf) struct buf out = {0};

    utf8_put_escaped(&out, BYTES("a\"b\\c\nd\x7f" "e\xff\xc3\xa9\xc3"));
    CHECK_TEXT(buf_text(&out), "a\\\"b\\\\c\\u000ad\\u007fe\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd");
}
