// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include "value/json.h"
#include "value/msgpack.h"

static const struct value_limits limits = {1 << 20, 32, 100000};

/* Both readers must agree about everything they are given: the same bytes, the same story. */
static int read_both(struct arena *arena, struct bytes json, const struct value_limits *most,
                     struct value *ret, struct err *err)
{
    CLEANUP(buf) struct buf packed = {0};
    struct err   other = {0};
    struct value again;
    int          streamed;
    int          result = json_read(arena, json, most, ret, err);

    buf_put_text(&packed, "kept");
    streamed = json_to_msgpack(json, most, &packed, &other);
    CHECK(result == streamed);
    CHECK(memcmp(packed.data, "kept", 4) == 0);
    if (result < 0) {
        CHECK(other.code == err->code);
        CHECK_TEXT(other.story, err->story);
        CHECK(packed.size == 4);
    } else {
        struct bytes    raw = arena_bytes(arena, (struct bytes){packed.data + 4, packed.size - 4});
        CLEANUP(buf) struct buf one = {0};
        CLEANUP(buf) struct buf two = {0};

        CHECK(msgpack_read(arena, raw, &limits, false, &again, &other) == 0);
        json_pretty(&one, ret);
        json_pretty(&two, &again);
        CHECK_TEXT(buf_text(&two), buf_text(&one));
    }
    return result;
}

static void check_refused(struct bytes json, enum err_code code, const char *story)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err   err = {0};
    struct value value;

    CHECK_FAILS(read_both(arena, json, &limits, &value, &err), code);
    if (strncmp(err.story, story, strlen(story)) != 0) {
        test_failed(__FILE__, __LINE__, "%.*s: \"%s\" does not begin with \"%s\"", (int)json.size,
                    (const char *)json.data, err.story, story);
    }
}

#define REFUSED(json, story) check_refused(BYTES(json), ERR_MALFORMED, story)

static void check_taken(struct bytes json, const char *canonical)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct err   err = {0};
    struct value value;

    CHECK_WORKS(read_both(arena, json, &limits, &value, &err));
    if (err.code == ERR_NONE) {
        CHECK_WORKS(jcs_write(&out, &value, &err));
        CHECK_TEXT(buf_text(&out), canonical);
    }
}

#define TAKEN(json, canonical) check_taken(BYTES(json), canonical)

TEST(json, reads_every_kind_of_value)
{
    TAKEN("null", "null");
    TAKEN(" true ", "true");
    TAKEN("\t[false]\r\n", "[false]");
    TAKEN("-12", "-12");
    TAKEN("2.50", "2.5");
    TAKEN("\"\"", "\"\"");
    TAKEN("{}", "{}");
    TAKEN("[]", "[]");
    TAKEN("[[],{},[{}],{\"a\":[]}]", "[[],{},[{}],{\"a\":[]}]");
    TAKEN("{\"b\" : 1 , \"a\" : [ 1 , 2 ] }", "{\"a\":[1,2],\"b\":1}");
}

TEST(json, points_into_the_input_where_nothing_was_escaped)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes json = BYTES("{\"plain\":\"caf\xc3\xa9\",\"escaped\":\"a\\nb\"}");
    struct err   err = {0};
    struct value value;

    CHECK_WORKS(json_read(arena, json, &limits, &value, &err));
    CHECK(value_get(&value, "plain")->as.text.data == json.data + 10);
    CHECK(value.as.members[0].name.data == json.data + 2);
    CHECK(value_is_text(value_get(&value, "escaped"), "a\nb"));
}

TEST(json, tells_the_first_wrong_byte)
{
    REFUSED("", "byte 0: ");
    REFUSED("   ", "byte 3: ");
    REFUSED("[1,,2]", "byte 3: ");
    REFUSED("[1,]", "byte 3: ");
    REFUSED("[1 2]", "byte 3: ");
    REFUSED("[1}", "byte 2: ");
    REFUSED("{\"a\" 1}", "byte 5: ");
    REFUSED("{\"a\":}", "byte 5: ");
    REFUSED("{\"a\":1,}", "byte 7: ");
    REFUSED("{a:1}", "byte 1: ");
    REFUSED("{1:1}", "byte 1: ");
    REFUSED("[@]", "byte 1: ");
    REFUSED("['a']", "byte 1: ");
    REFUSED("[tru]", "byte 4: ");
    REFUSED("[True]", "byte 1: ");
    REFUSED("[NaN]", "byte 1: ");
    REFUSED("[nan]", "byte 2: ");
    REFUSED("[Infinity]", "byte 1: ");
    REFUSED("[1", "byte 2: ");
    REFUSED("{\"a\":[1", "byte 7: ");
    REFUSED("\"abc", "byte 4: ");
    REFUSED("\"ab\\", "byte 4: ");
    REFUSED("nul", "byte 3: ");
    REFUSED("\0", "byte 0: ");
    REFUSED("[\0]", "byte 1: ");
    REFUSED("{\"a\"-1}", "byte 4: a colon");
    REFUSED("{\"a\":1,-}", "byte 7: a member's name");
    REFUSED("{-}", "byte 1: a member's name in quotes or }");
    REFUSED("[\"a\":1]", "byte 4: a comma");
    REFUSED("[1tru]", "byte 2: a comma");
    REFUSED("{\"a\":[1}", "byte 7: a comma");
    REFUSED("[//]", "byte 1: a value or ]");
    REFUSED("0\"\\q\"", "byte 1: not allowed behind the value");
}

/* Plain text is passed over eight bytes at a time. */
TEST(json, finds_what_is_not_plain_at_every_place_of_a_text)
{
    static const char *const written[] = {"\\n", "\\\"", "\\u00e9", "\\ud83d\\ude00", "\xc3\xa9"};
    static const char *const meant[] = {"\n", "\"", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xc3\xa9"};

    for (size_t kind = 0; kind < COUNT_OF(written); kind++) {
        for (int size = 0; size < 40; size++) {
            for (int at = 0; at <= size; at++) {
                CLEANUP(arena) struct arena *arena = arena_new();
                CLEANUP(buf) struct buf json = {0};
                CLEANUP(buf) struct buf want = {0};
                struct err   err = {0};
                struct value value = value_null();

                for (int i = 0; i < size; i++) {
                    buf_put_text(&json, i == 0 ? "\"" : "");
                    buf_put_text(&json, i == at ? written[kind] : "");
                    buf_put_text(&want, i == at ? meant[kind] : "");
                    buf_put_byte(&json, (uint8_t)('#' + i)); /* all of them behind the quote */
                    buf_put_byte(&want, (uint8_t)('#' + i));
                }
                buf_put_text(&json, size == 0 ? "\"\"" : "\"");
                CHECK_WORKS(read_both(arena, buf_bytes(&json), &limits, &value, &err));
                CHECK(bytes_equal(value.as.text, buf_bytes(&want)));
            }
        }
    }
}

TEST(json, takes_numbers_by_the_grammar_only)
{
    TAKEN("[0,-0,0.0,-0.0,0e0,-0e-5]", "[0,0,0,0,0,0]");
    TAKEN("[1E3,1e+3,1e-3,0.1e1]", "[1000,1000,0.001,1]");
    REFUSED("[01]", "byte 2: ");
    REFUSED("[-]", "byte 2: ");
    REFUSED("-", "byte 1: ");
    REFUSED("[+1]", "byte 1: ");
    REFUSED("[.5]", "byte 1: ");
    REFUSED("[1.]", "byte 3: ");
    REFUSED("[1.e1]", "byte 3: ");
    REFUSED("[1e]", "byte 3: ");
    REFUSED("[1e+]", "byte 4: ");
    REFUSED("[0x1]", "byte 2: ");
    REFUSED("[1_000]", "byte 2: ");
    REFUSED("1e", "byte 2: ");
}

TEST(json, keeps_integers_exact_and_refuses_those_a_double_cannot_hold)
{
    TAKEN("[9007199254740991,-9007199254740991]", "[9007199254740991,-9007199254740991]");
    REFUSED("[9007199254740992]", "byte 1: ");
    REFUSED("[0,-9007199254740992]", "byte 3: ");
    REFUSED("[18446744073709551617]", "byte 1: "); /* 2^64 + 1: must not wrap */
    REFUSED("[1000000000000000000000000000000]", "byte 1: ");
}

TEST(json, refuses_numbers_too_large_for_a_double_and_rounds_small_ones)
{
    REFUSED("[1e400]", "byte 1: ");
    REFUSED("[-1.5e309]", "byte 1: ");
    REFUSED("[1e99999999999999999999]", "byte 1: ");
    TAKEN("[1.7976931348623157e308]", "[1.7976931348623157e+308]");
    TAKEN("[1e-400,5e-324,0e99999999999999999999]", "[0,5e-324,0]");
}

TEST(json, tells_wholes_from_reals_by_how_they_are_written)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err   err = {0};
    struct value value;

    CHECK_WORKS(json_read(arena, BYTES("[1,1.0,1e0,-0]"), &limits, &value, &err));
    CHECK(value.as.items[0].kind == VALUE_WHOLE);
    CHECK(value.as.items[1].kind == VALUE_REAL);
    CHECK(value.as.items[2].kind == VALUE_REAL);
    CHECK(value.as.items[3].kind == VALUE_WHOLE);
}

TEST(json, refuses_what_is_no_white_space_of_json)
{
    REFUSED("\f[]", "byte 0: ");
    REFUSED("[]\f", "byte 2: ");
    REFUSED("[1,\f2]", "byte 3: ");
    REFUSED("[1\v]", "byte 2: ");
    REFUSED("{\"a\":\f1}", "byte 5: ");
    REFUSED("{\f\"a\":1}", "byte 1: ");
    REFUSED("[\xc2\xa0]", "byte 1: ");
    REFUSED("\xef\xbb\xbf{}", "byte 0: ");
    REFUSED("[/**/]", "byte 1: ");
    REFUSED("[]//", "byte 2: ");
}

TEST(json, refuses_anything_behind_the_value)
{
    REFUSED("{} {}", "byte 3: ");
    REFUSED("1 2", "byte 2: ");
    REFUSED("[],", "byte 2: ");
    REFUSED("[]]", "byte 2: ");
    REFUSED("\"a\":", "byte 3: ");
    REFUSED("{}\0", "byte 2: ");
    TAKEN("{} \n", "{}");
}

TEST(json, refuses_a_second_member_of_the_same_name)
{
    REFUSED("{\"a\":1,\"a\":1}", "byte 7: ");
    REFUSED("{\"a\":1,\"\\u0061\":2}", "byte 7: ");
    REFUSED("{\"\\u0061\":1,\"a\":2}", "byte 12: ");
    REFUSED("{\"\\u00e9\":1,\"\xc3\xa9\":2}", "byte 12: ");
    REFUSED("{\"\":1,\"\":2}", "byte 6: ");
    REFUSED("[{\"x\":{\"a\":1,\"b\":{\"a\":1},\"a\":2}}]", "byte 25: ");
    TAKEN("{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]},\"A\":0,\"a\\u0000\":0}",
          "{\"A\":0,\"a\":{\"a\":[{\"a\":1},{\"a\":2}]},\"a\\u0000\":0}");
}

TEST(json, finds_repeated_names_in_maps_of_any_size)
{
    /* Below, at and above the size where names are sorted instead of compared in pairs. */
    for (unsigned count = 2; count < 600; count = count < 40 ? count + 1 : count * 2) {
        for (unsigned of = 0; of + 1 < count; of += 1 + count / 4) {
            CLEANUP(buf) struct buf json = {0};
            char   story[32];
            size_t repeat;

            buf_put_byte(&json, '{');
            for (unsigned i = 0; i < count; i++) {
                buf_format(&json, "\"name%u\":%u,", i, i);
            }
            repeat = json.size;
            buf_format(&json, "\"nam\\u0065%u\":0}", of);
            (void)snprintf(story, sizeof(story), "byte %zu: ", repeat);
            check_refused(buf_bytes(&json), ERR_MALFORMED, story);
        }
    }
}

TEST(json, refuses_what_is_not_utf8)
{
    REFUSED("\"\x80\"", "byte 1: ");                 /* a continuation alone */
    REFUSED("\"ab\xc3\"", "byte 3: ");               /* cut short */
    REFUSED("\"\xc0\xaf\"", "byte 1: ");             /* overlong in two, three, four bytes */
    REFUSED("\"\xe0\x80\xaf\"", "byte 1: ");
    REFUSED("\"\xf0\x80\x80\xaf\"", "byte 1: ");
    REFUSED("\"\xed\xa0\x80\"", "byte 1: ");         /* a surrogate */
    REFUSED("\"\xf4\x90\x80\x80\"", "byte 1: ");     /* above U+10FFFF */
    REFUSED("\"\xf8\x88\x80\x80\x80\"", "byte 1: ");
    REFUSED("\"\xff\"", "byte 1: ");
    REFUSED("\"\\n0123456789\xe9\"", "byte 13: ");   /* also where something is escaped */
    REFUSED("{\"\xff\":1}", "byte 2: ");
    REFUSED("{\"\\t\xff\":1}", "byte 4: ");
    REFUSED("\"\xff\\q\"", "byte 1: ");              /* the first wrong byte, not the second */
    TAKEN("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4"
          "\x8f\xbf\xbf\"",
          "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4"
          "\x8f\xbf\xbf\"");
}

TEST(json, checks_utf8_at_every_place_of_a_text)
{
    for (unsigned size = 1; size < 40; size++) {
        for (unsigned at = 0; at < size; at++) {
            for (unsigned escaped = 0; escaped < 2; escaped++) {
                CLEANUP(buf) struct buf json = {0};
                char story[32];

                buf_put_text(&json, escaped ? "\"\\n" : "\"");
                for (unsigned i = 0; i < size; i++) {
                    buf_put_byte(&json, i == at ? 0xff : 'x');
                }
                buf_put_byte(&json, '"');
                (void)snprintf(story, sizeof(story), "byte %u: ", 1 + 2 * escaped + at);
                check_refused(buf_bytes(&json), ERR_MALFORMED, story);
            }
        }
    }
}

TEST(json, refuses_control_characters_that_are_not_escaped)
{
    REFUSED("\"a\nb\"", "byte 2: ");
    REFUSED("\"\0\"", "byte 1: ");
    REFUSED("\"\x1f\"", "byte 1: ");
    REFUSED("\"\\n\t\"", "byte 3: ");
    TAKEN("\"\x7f\"", "\"\x7f\"");
}

TEST(json, reads_escapes_and_refuses_others)
{
    TAKEN("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    TAKEN("\"\\u0041\\u00E9\\u20aC\"", "\"A\xc3\xa9\xe2\x82\xac\"");
    REFUSED("\"\\q\"", "byte 2: ");
    REFUSED("\"\\U0041\"", "byte 2: ");
    REFUSED("\"\\u12G4\"", "byte 5: ");
    REFUSED("\"\\u12\"", "byte 5: ");
    REFUSED("\"\\x41\"", "byte 2: ");
    REFUSED("\"\\'\"", "byte 2: ");
}

TEST(json, keeps_nul_in_text)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err   err = {0};
    struct value value;

    CHECK_WORKS(json_read(arena, BYTES("\"a\\u0000b\""), &limits, &value, &err));
    CHECK(bytes_equal(value.as.text, BYTES("a\0b")));
    TAKEN("\"a\\u0000b\"", "\"a\\u0000b\"");
}

TEST(json, takes_surrogates_in_pairs_only)
{
    TAKEN("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"");
    TAKEN("\"\\ud800\\udc00\\udbff\\udfff\"", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
    TAKEN("\"\\ud7ff\\ue000\"", "\"\xed\x9f\xbf\xee\x80\x80\"");
    REFUSED("\"\\ud800\"", "byte 1: ");
    REFUSED("\"x\\udc00\"", "byte 2: ");
    REFUSED("\"\\udc00\\ud800\"", "byte 1: ");
    REFUSED("\"\\ud800\\ud800\"", "byte 1: ");
    REFUSED("\"\\ud800x\\udc00\"", "byte 1: ");
    REFUSED("\"\\ud800\\n\"", "byte 1: ");
    REFUSED("\"\\ud800\\u0041\"", "byte 1: ");
    REFUSED("{\"\\udfff\":1}", "byte 2: ");
}

static void check_limit(struct bytes json, struct value_limits most, enum err_code code)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err   err = {0};
    struct value value;

    if (code == ERR_NONE) {
        CHECK_WORKS(read_both(arena, json, &most, &value, &err));
    } else {
        CHECK_FAILS(read_both(arena, json, &most, &value, &err), code);
    }
}

TEST(json, keeps_its_limits)
{
    check_limit(BYTES("[1,2]"), (struct value_limits){5, 32, 100}, ERR_NONE);
    check_limit(BYTES("[1,2]"), (struct value_limits){4, 32, 100}, ERR_TOO_LARGE);
    check_limit(BYTES("[1,{\"a\":2}]"), (struct value_limits){100, 2, 100}, ERR_NONE);
    check_limit(BYTES("[1,{\"a\":2}]"), (struct value_limits){100, 1, 100}, ERR_MALFORMED);
    check_limit(BYTES("[1,{\"a\":2}]"), (struct value_limits){100, 32, 4}, ERR_NONE);
    check_limit(BYTES("[1,{\"a\":2}]"), (struct value_limits){100, 32, 3}, ERR_TOO_LARGE);
    check_limit(BYTES("7"), (struct value_limits){100, 0, 1}, ERR_NONE);
    check_limit(BYTES("[]"), (struct value_limits){100, 0, 1}, ERR_MALFORMED);
}

TEST(json, stops_at_the_depth_limit_however_deep_it_goes_on)
{
    CLEANUP(buf) struct buf json = {0};

    for (int i = 0; i < 200000; i++) {
        buf_put_byte(&json, '[');
    }
    check_refused(buf_bytes(&json), ERR_MALFORMED, "byte 32: nested deeper than 32");
}

TEST(json, changes_nothing_when_it_fails)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err   err = {0};
    struct value value = value_whole(42);

    CHECK_FAILS(json_read(arena, BYTES("[1,2,3"), &limits, &value, &err), ERR_MALFORMED);
    CHECK_NUMBER(value_whole_or(&value, 0), 42);
}

TEST(json, reads_long_lists_and_maps)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf json = {0};
    struct err   err = {0};
    struct value value;

    buf_put_text(&json, "{\"list\":[0");
    for (int i = 1; i < 70000; i++) {
        buf_format(&json, ",%d", i);
    }
    buf_put_text(&json, "]");
    for (int i = 0; i < 5000; i++) {
        buf_format(&json, ",\"m%d\":{\"i\":%d}", i, i);
    }
    buf_put_text(&json, "}");
    CHECK_WORKS(read_both(arena, buf_bytes(&json), &limits, &value, &err));
    CHECK_NUMBER(value.count, 5001);
    CHECK_NUMBER(value_whole_or(value_at(&value, "/list/69999"), -1), 69999);
    CHECK_NUMBER(value_whole_or(value_at(&value, "/m4321/i"), -1), 4321);
}
