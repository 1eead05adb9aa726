// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <math.h>
#include <msgpack.h>

#include "value/json.h"
#include "value/msgpack.h"

static const struct value_limits limits = {1 << 24, 32, 1000000};

static void check_refused(struct bytes msgpack, enum err_code code, const char *story)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err   err = {0};
    struct value value = value_whole(42);

    CHECK_FAILS(msgpack_read(arena, msgpack, &limits, false, &value, &err), code);
    CHECK_NUMBER(value_whole_or(&value, 0), 42);
    if (strncmp(err.story, story, strlen(story)) != 0) {
        test_failed(__FILE__, __LINE__, "\"%s\" does not begin with \"%s\"", err.story, story);
    }
}

#define REFUSED(msgpack, story) check_refused(BYTES(msgpack), ERR_MALFORMED, story)

static struct value read_good(struct arena *arena, struct bytes msgpack)
{
    struct err   err = {0};
    struct value value = value_null();

    CHECK_WORKS(msgpack_read(arena, msgpack, &limits, false, &value, &err));
    return value;
}

TEST(msgpack, writes_the_smallest_form_of_each_whole)
{
    static const struct {
        int64_t whole;
        size_t  size;
    } rows[] = {
        {0, 1},           {127, 1},         {128, 2},        {255, 2},         {256, 3},
        {65535, 3},       {65536, 5},       {UINT32_MAX, 5}, {1LL << 32, 9},   {INT64_MAX, 9},
        {-1, 1},          {-32, 1},         {-33, 2},        {-128, 2},        {-129, 3},
        {INT16_MIN, 3},   {-32769, 5},      {INT32_MIN, 5},  {-2147483649, 9}, {INT64_MIN, 9},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        CLEANUP(buf) struct buf out = {0};
        struct value value;

        msgpack_put_whole(&out, rows[i].whole);
        CHECK_NUMBER(out.size, rows[i].size);
        value = read_good(arena, buf_bytes(&out));
        CHECK(value.kind == VALUE_WHOLE);
        CHECK_NUMBER(value.as.whole, rows[i].whole);
    }
}

TEST(msgpack, reads_every_width_of_every_number)
{
    static const struct {
        struct bytes raw;
        int64_t      whole;
    } rows[] = {
        {{(const uint8_t *)"\xcc\x07", 2}, 7},
        {{(const uint8_t *)"\xcd\x00\x07", 3}, 7},
        {{(const uint8_t *)"\xce\xff\xff\xff\xff", 5}, 4294967295},
        {{(const uint8_t *)"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9}, INT64_MAX},
        {{(const uint8_t *)"\xd0\x80", 2}, -128},
        {{(const uint8_t *)"\xd0\x7f", 2}, 127},
        {{(const uint8_t *)"\xd1\xff\xfe", 3}, -2},
        {{(const uint8_t *)"\xd2\x80\x00\x00\x00", 5}, INT32_MIN},
        {{(const uint8_t *)"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9}, INT64_MIN},
        {{(const uint8_t *)"\xe0", 1}, -32},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        struct value value = read_good(arena, rows[i].raw);

        CHECK(value.kind == VALUE_WHOLE);
        CHECK_NUMBER(value.as.whole, rows[i].whole);
    }
}

TEST(msgpack, reads_floats_of_both_widths_and_only_finite_ones)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    CHECK(value_real_or(&(struct value){0}, 0.5) == 0.5);
    CHECK(read_good(arena, BYTES("\xca\x3f\xc0\x00\x00")).as.real == 1.5);
    CHECK(read_good(arena, BYTES("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00")).as.real == 1.5);
    REFUSED("\xca\x7f\x80\x00\x00", "byte 0: ");
    REFUSED("\x91\xca\x7f\xc0\x00\x00", "byte 1: ");
    REFUSED("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "byte 0: ");
    REFUSED("\xcb\xff\xf8\x00\x00\x00\x00\x00\x00", "byte 0: ");
}

TEST(msgpack, refuses_what_json_cannot_say)
{
    REFUSED("\x91\xc1", "byte 1: ");                                /* never used */
    REFUSED("\x91\xc4\x01x", "byte 1: ");                           /* bin */
    REFUSED("\xc7\x01\x00x", "byte 0: ");                           /* ext */
    REFUSED("\xd6\xff\x00\x00\x00\x00", "byte 0: ");                /* timestamp */
    REFUSED("\x81\x01\x02", "byte 1: ");                            /* keys that are no strings */
    REFUSED("\x81\xc0\x02", "byte 1: ");
    REFUSED("\x81\xc4\x01\x61\x02", "byte 1: ");
    REFUSED("\xcf\x80\x00\x00\x00\x00\x00\x00\x00", "byte 0: ");    /* 2^63 */
    REFUSED("\xa2\x61\xff", "byte 2: ");                            /* not UTF-8 */
    REFUSED("\x81\xa2\xc0\x80\x01", "byte 2: ");
    REFUSED("\x82\xa1\x61\x01\xa1\x61\x02", "byte 4: ");            /* a name twice */
    REFUSED("\x82\xa1\x61\x01\xd9\x01\x61\x02", "byte 4: ");        /* spelt differently */
    REFUSED("\xc0\xc0", "byte 1: ");                                /* trailing bytes */
    REFUSED("", "byte 0: ");
}

TEST(msgpack, refuses_a_message_cut_anywhere)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct bytes json = BYTES("{\"a\":[1,-300,70000,2.5,null,true],\"b\":{\"c\":\"text\"},\"long\":"
                              "\"0123456789012345678901234567890123456789\"}");
    struct err   err = {0};
    struct value value;

    CHECK_WORKS(json_to_msgpack(json, &limits, &out, &err));
    for (size_t size = 0; size < out.size; size++) {
        /* On the heap in its exact size: a sanitizer sees every byte read too many. */
        CLEANUP(text) char *cut = mem_get(size + 1);

        memcpy(cut, out.data, size);
        cut = mem_more(cut, size);
        CHECK_FAILS(
            msgpack_read(arena, (struct bytes){(uint8_t *)cut, size}, &limits, false, &value, &err),
            ERR_MALFORMED);
    }
    CHECK_WORKS(msgpack_read(arena, buf_bytes(&out), &limits, false, &value, &err));
}

TEST(msgpack, believes_no_size_that_the_bytes_do_not_bear_out)
{
    check_refused(BYTES("\xdd\xff\xff\xff\xff\xc0"), ERR_MALFORMED, "byte 0: ");
    check_refused(BYTES("\xdf\xff\xff\xff\xff\xa1\x61\xc0"), ERR_MALFORMED, "byte 0: ");
    check_refused(BYTES("\x82\xa1\x61\xc0"), ERR_MALFORMED, "byte 0: ");
    check_refused(BYTES("\xdb\xff\xff\xff\xff\x61"), ERR_MALFORMED, "byte 6: ");
    check_refused(BYTES("\xd9\x02\x61"), ERR_MALFORMED, "byte 3: ");
}

TEST(msgpack, keeps_its_limits)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes        raw = BYTES("\x92\x01\x81\xa1\x61\x02"); /* [1,{"a":2}]: four values */
    struct value_limits most = {6, 2, 4};
    struct value_limits less_bytes = {5, 2, 4};
    struct value_limits less_depth = {6, 1, 4};
    struct value_limits less_values = {6, 2, 3};
    struct err          err = {0};
    struct value        value;

    CHECK_WORKS(msgpack_read(arena, raw, &most, false, &value, &err));
    CHECK_FAILS(msgpack_read(arena, raw, &less_bytes, false, &value, &err), ERR_TOO_LARGE);
    CHECK_FAILS(msgpack_read(arena, raw, &less_depth, false, &value, &err), ERR_MALFORMED);
    CHECK_FAILS(msgpack_read(arena, raw, &less_values, false, &value, &err), ERR_TOO_LARGE);
}

TEST(msgpack, reads_bin_as_text_where_it_is_allowed)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct err   err = {0};
    struct value value;

    msgpack_put_map(&out, 1);
    msgpack_put_text(&out, BYTES("hash"));
    msgpack_put_bin(&out, BYTES("\xff\x00\xfe"));
    CHECK_WORKS(msgpack_read(arena, buf_bytes(&out), &limits, true, &value, &err));
    CHECK(bytes_equal(value_text_or(value_get(&value, "hash"), ""), BYTES("\xff\x00\xfe")));
    CHECK_FAILS(msgpack_read(arena, buf_bytes(&out), &limits, false, &value, &err), ERR_MALFORMED);
}

TEST(msgpack, points_into_the_message)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes raw = BYTES("\x81\xa1\x61\xa2hi");
    struct value value = read_good(arena, raw);

    CHECK(value.as.members[0].name.data == raw.data + 2);
    CHECK(value.as.members[0].value.as.text.data == raw.data + 4);
}

TEST(msgpack, finds_the_raw_bytes_of_a_member)
{
    CLEANUP(buf) struct buf out = {0};
    struct bytes raw;
    struct err   err = {0};

    CHECK_WORKS(json_to_msgpack(
        BYTES("{\"a\":{\"x\":[1,{\"c\":2}]},\"b\":\"text\",\"c\":[[],{}],\"d\":null}"), &limits,
        &out, &err));
    CHECK(msgpack_find(buf_bytes(&out), "b", &raw) && bytes_equal(raw, BYTES("\xa4text")));
    CHECK(msgpack_find(buf_bytes(&out), "d", &raw) && bytes_equal(raw, BYTES("\xc0")));
    CHECK(msgpack_find(buf_bytes(&out), "c", &raw) && raw.data[0] == 0xdd && raw.size == 15);
    CHECK(!msgpack_find(buf_bytes(&out), "x", &raw)); /* not at the top */
    CHECK(!msgpack_find(BYTES("\x91\xa1\x61"), "a", &raw));
    CHECK(!msgpack_find(BYTES(""), "a", &raw));
    for (size_t size = 0; size + 1 < out.size; size++) {
        CHECK(!msgpack_find((struct bytes){out.data, size}, "d", &raw));
    }
}

TEST(msgpack, is_not_misled_by_sizes_when_it_looks_for_a_member)
{
    struct bytes raw;

    CHECK(!msgpack_find(BYTES("\x82\xa1\x61\xdd\xff\xff\xff\xff\xa1\x62\x01"), "b", &raw));
    CHECK(!msgpack_find(BYTES("\x82\xa1\x61\xdf\xff\xff\xff\xff\xa1\x62\x01"), "b", &raw));
    CHECK(!msgpack_find(BYTES("\x81\xdb\xff\xff\xff\xff\x61\x01"), "a", &raw));
    CHECK(msgpack_find(BYTES("\x82\x05\x01\xa1\x62\x07"), "b",
                       &raw)); /* other keys are passed over */
}

/* Sizes on both sides of each width of a length. */
TEST(msgpack, reads_back_text_lists_and_maps_of_every_width)
{
    static const uint32_t sizes[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        CLEANUP(buf) struct buf out = {0};
        struct value map = value_map();
        struct value list = value_list();
        struct value all = value_list();
        struct value back;
        char        *text = arena_zero(arena, sizes[i] + 1, 1);

        memset(text, 'x', sizes[i]);
        for (uint32_t k = 0; k < sizes[i]; k++) {
            value_append(arena, &list, value_flag(k % 2 == 0));
            value_put(arena, &map, arena_format(arena, "%u", k), value_whole(k));
        }
        value_append(arena, &all, value_text(text));
        value_append(arena, &all, list);
        value_append(arena, &all, map);
        msgpack_write(&out, &all);
        back = read_good(arena, buf_bytes(&out));
        CHECK(value_is_text(value_at(&back, "/0"), text));
        CHECK_NUMBER(value_at(&back, "/1")->count, sizes[i]);
        CHECK_NUMBER(value_at(&back, "/2")->count, sizes[i]);
    }
}

/* msgpack-c stands for everybody else who speaks msgpack. */
TEST(msgpack, writes_what_msgpack_c_reads)
{
    CLEANUP(buf) struct buf out = {0};
    struct err       err = {0};
    msgpack_unpacked unpacked;
    char             text[256];
    size_t           at = 0;

    CHECK_WORKS(
        json_to_msgpack(BYTES("{\"a\":[1,-1,300,-70000,9007199254740991,2.5,null,true,false],"
                              "\"b\":{\"c\":\"caf\xc3\xa9\"}}"),
                        &limits, &out, &err));
    msgpack_unpacked_init(&unpacked);
    CHECK(msgpack_unpack_next(&unpacked, (const char *)out.data, out.size, &at) ==
          MSGPACK_UNPACK_SUCCESS);
    CHECK_NUMBER(at, out.size);
    (void)msgpack_object_print_buffer(text, sizeof(text), unpacked.data);
    CHECK(strncmp(text, "{\"a\"=>[1, -1, 300, -70000, 9007199254740991, 2.5", 48) == 0);
    CHECK(strstr(text, ", nil, true, false], \"b\"=>{\"c\"=>\"caf") != NULL);
    msgpack_unpacked_destroy(&unpacked);
}

TEST(msgpack, reads_what_msgpack_c_writes)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    msgpack_sbuffer buffer;
    msgpack_packer  packer;
    struct value    value;

    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 2);
    msgpack_pack_str_with_body(&packer, "n", 1);
    msgpack_pack_array(&packer, 4);
    msgpack_pack_int64(&packer, -5000000000);
    msgpack_pack_uint64(&packer, 5000000000);
    msgpack_pack_float(&packer, 0.25f);
    msgpack_pack_double(&packer, 0.1);
    msgpack_pack_str_with_body(&packer, "t", 1);
    msgpack_pack_true(&packer);
    value = read_good(arena, (struct bytes){(const uint8_t *)buffer.data, buffer.size});
    CHECK_NUMBER(value_whole_or(value_at(&value, "/n/0"), 0), -5000000000);
    CHECK_NUMBER(value_whole_or(value_at(&value, "/n/1"), 0), 5000000000);
    CHECK(value_real_or(value_at(&value, "/n/2"), 0) == 0.25);
    CHECK(value_real_or(value_at(&value, "/n/3"), 0) == 0.1);
    CHECK(value_flag_or(value_at(&value, "/t"), false));
    msgpack_sbuffer_destroy(&buffer);
}
