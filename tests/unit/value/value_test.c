// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include "value/json.h"
#include "value/msgpack.h"
#include "value/value.h"

static const struct value_limits limits = {1 << 20, 32, 1000};

TEST(value, looks_up_members_and_gives_the_other_value_otherwise)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value map = value_map();

    value_put(arena, &map, "text", value_text("here"));
    value_put(arena, &map, "whole", value_whole(7));
    value_put(arena, &map, "real", value_real(0.5));
    value_put(arena, &map, "flag", value_flag(true));
    CHECK(value_is_text(value_get(&map, "text"), "here"));
    CHECK(!value_is_text(value_get(&map, "text"), "her"));
    CHECK(bytes_is(value_text_or(value_get(&map, "absent"), "else"), "else"));
    CHECK_NUMBER(value_whole_or(value_get(&map, "whole"), 1), 7);
    CHECK_NUMBER(value_whole_or(value_get(&map, "real"), 1), 1); /* a real is not cut to a whole */
    CHECK(value_real_or(value_get(&map, "whole"), 1) == 7);
    CHECK(value_real_or(value_get(&map, "text"), 1) == 1);
    CHECK(value_flag_or(value_get(&map, "flag"), false));
    CHECK(!value_flag_or(value_get(&map, "whole"), false));
}

TEST(value, takes_null_and_wrong_kinds_for_absent)
{
    struct value whole = value_whole(1);

    CHECK(value_get(NULL, "a") == NULL);
    CHECK(value_get(&whole, "a") == NULL);
    CHECK(value_at(NULL, "/a") == NULL);
    CHECK(value_at(&whole, "/a") == NULL);
    CHECK(!value_is_text(NULL, ""));
    CHECK_NUMBER(value_whole_or(NULL, 3), 3);
    CHECK(value_text_or(NULL, "x").size == 1);
}

/* RFC 6901, section 5. */
TEST(value, follows_the_pointers_of_the_rfc)
{
    static const struct {
        const char *pointer;
        int64_t     whole;
    } rows[] = {
        {"/foo/0", 10}, {"/foo/1", 11}, {"/", 0},    {"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3},
        {"/g|h", 4},    {"/i\\j", 5},   {"/k\"l", 6}, {"/ ", 7},    {"/m~0n", 8},
    };
    static const char *const absent[] = {
        "foo", "/bar", "/foo/2", "/foo/00", "/foo/-", "/foo/", "/foo/0/x", "/m~n", "/m~2n", "/foo~",
        "/foo/99999999999999999999", "/foo/18446744073709551616", "/fo", "/fooo",
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err   err = {0};
    struct value value;

    CHECK_WORKS(json_read(arena,
                          BYTES("{\"foo\":[10,11],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
                                "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}"),
                          &limits, &value, &err));
    CHECK(value_at(&value, "") == &value);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_NUMBER(value_whole_or(value_at(&value, rows[i].pointer), -1), rows[i].whole);
    }
    for (size_t i = 0; i < COUNT_OF(absent); i++) {
        CHECK(value_at(&value, absent[i]) == NULL);
    }
}

TEST(value, adds_to_what_was_read)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct err   err = {0};
    struct value value;

    CHECK_WORKS(json_read(arena, BYTES("{\"a\":[1,2,3,4,5,6,7,8,9]}"), &limits, &value, &err));
    value_append(arena, &value.as.members[0].value, value_whole(10));
    value_put(arena, &value, "b", value_null());
    CHECK_WORKS(jcs_write(&out, &value, &err));
    CHECK_TEXT(buf_text(&out), "{\"a\":[1,2,3,4,5,6,7,8,9,10],\"b\":null}");
}

TEST(value, takes_no_bytes_at_all_for_empty_text)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct bytes none = {NULL, 0};
    struct value value = value_bytes(none);
    struct err   err = {0};

    CHECK_WORKS(jcs_write(&out, &value, &err));
    msgpack_write(&out, &value);
    json_pretty(&out, &value);
    CHECK_TEXT(buf_text(&out), "\"\"\xa0\"\"");
    CHECK_FAILS(json_read(arena, none, &limits, &value, &err), ERR_MALFORMED);
    CHECK_FAILS(msgpack_read(arena, none, &limits, false, &value, &err), ERR_MALFORMED);
    CHECK(!msgpack_find(none, "a", &none));
}
