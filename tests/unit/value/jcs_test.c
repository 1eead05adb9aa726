// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <math.h>
#include <stdlib.h>

#include "value/json.h"
#include "value/number.h"

static const struct value_limits limits = {1 << 20, 128, 100000};

static double real_of_bits(uint64_t bits)
{
    double real;

    memcpy(&real, &bits, sizeof(real));
    return real;
}

static void check_jcs(struct bytes json, struct bytes canonical)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct err   err = {0};
    struct value value;

    CHECK_WORKS(json_read(arena, json, &limits, &value, &err));
    CHECK_WORKS(jcs_write(&out, &value, &err));
    CHECK_TEXT(buf_text(&out), (const char *)canonical.data);
    CHECK(bytes_equal(buf_bytes(&out), canonical));
}

/* RFC 8785, appendix B. */
TEST(jcs, writes_the_numbers_of_the_rfc)
{
    static const struct {
        uint64_t    bits;
        const char *text;
    } rows[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(buf) struct buf out = {0};

        jcs_write_real(&out, real_of_bits(rows[i].bits));
        CHECK_TEXT(buf_text(&out), rows[i].text);
    }
}

/* What ECMAScript engines print: the borders between its forms, and doubles whose nearest decimal
 * of 16 digits belongs to the neighbour below. */
TEST(jcs, writes_numbers_as_ecmascript_does)
{
    static const struct {
        double      real;
        const char *text;
    } rows[] = {
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1e20, "100000000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {0.00001234, "0.00001234"},
        {4.35, "4.35"},
        {1732146281.123456, "1732146281.123456"},
        {1732146281.12, "1732146281.12"},
        {4503599627.370495, "4503599627.370495"},
        {9007199254.740991, "9007199254.740992"},
        {0x1p-44, "5.684341886080802e-14"},
        {0x1p-1074, "5e-324"},
        {0x1p-1022, "2.2250738585072014e-308"},
        {2.2250738585072011e-308, "2.225073858507201e-308"},
        {0x1p1023, "8.98846567431158e+307"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(buf) struct buf out = {0};

        jcs_write_real(&out, rows[i].real);
        CHECK_TEXT(buf_text(&out), rows[i].text);
    }
}

/* The next number of xorshift64: the same ones in every run. */
static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

TEST(jcs, writes_numbers_that_read_back_and_are_no_longer_than_need_be)
{
    uint64_t state = 88172645463325252u;

    for (int i = 0; i < 20000; i++) {
        CLEANUP(buf) struct buf out = {0};
        double real = real_of_bits(next(&state));
        char   longer[64];
        size_t digits = 0;

        if (i % 2 == 0) {
            real = (double)(next(&state) % 2000000000000000) / 1e6;
        }
        if (!isfinite(real) || real == 0) {
            continue;
        }
        jcs_write_real(&out, real);
        CHECK(strtod(buf_text(&out), NULL) == real);
        for (size_t k = 0; k < out.size && out.data[k] != 'e'; k++) {
            digits += out.data[k] >= '0' && out.data[k] <= '9';
        }
        (void)snprintf(longer, sizeof(longer), "%.14e", real);
        CHECK(digits <= 17 || fabs(real) < 1 || fabs(real) > 1e15);
        CHECK(strtod(longer, NULL) != real || digits <= 15 || fabs(real) < 1 || fabs(real) > 1e15);
    }
}

TEST(jcs, reads_numbers_as_the_c_library_does)
{
    uint64_t state = 424242;

    for (int i = 0; i < 20000; i++) {
        char         text[400];
        struct value value;
        int          exponent = (int)(next(&state) % 700) - 350;
        uint64_t     digits = next(&state) >> (next(&state) % 64);

        (void)snprintf(text, sizeof(text), i % 3 == 0 ? "%llu.%llue%d" : "%llu.%llu",
                       (unsigned long long)digits, (unsigned long long)(next(&state) % 1000000),
                       exponent);
        if (isfinite(strtod(text, NULL))) {
            CHECK(number_read(bytes_of(text), &value) == NUMBER_FITS);
            CHECK(value.kind == VALUE_REAL && value.as.real == strtod(text, NULL));
        } else {
            CHECK(number_read(bytes_of(text), &value) == NUMBER_OVERFLOWS);
        }
    }
}

TEST(jcs, reads_numbers_of_thousands_of_digits)
{
    CLEANUP(buf) struct buf text = {0};
    struct value value;

    buf_put_text(&text, "0.");
    for (int i = 0; i < 5000; i++) {
        buf_put_byte(&text, '0');
    }
    buf_put_text(&text, "123e5001");
    CHECK(number_read(buf_bytes(&text), &value) == NUMBER_FITS);
    CHECK(value.as.real == 1.23);
}

/* RFC 8785, section 3.2.2 and 3.2.4. */
TEST(jcs, writes_the_sample_of_the_rfc)
{
    check_jcs(BYTES("{\n  \"numbers\": [333333333.33333329, 1E30, 4.50,\n"
                    "              2e-3, 0.000000000000000000000000001],\n"
                    "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
                    "  \"literals\": [null, true, false]\n}\n"),
              BYTES("{\"literals\":[null,true,false],"
                    "\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
                    "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"));
}

/* RFC 8785, section 3.2.3: U+1F600 comes before U+FB33, which UTF-8 would sort the other way. */
TEST(jcs, sorts_members_by_utf16_code_units)
{
    check_jcs(BYTES("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
                    "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\","
                    "\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
                    "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}"),
              BYTES("{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
                    "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\","
                    "\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
                    "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}"));
    check_jcs(
        BYTES("{\"a\\ue000\":1,\"a\\udbff\\udfff\":2,\"a\\ud800\\udc00\":3,\"a\\ud7ff\":4,\"a\":5,"
              "\"\":6,\"b\":7,\"aa\":8}"),
        BYTES("{\"\":6,\"a\":5,\"aa\":8,\"a\xed\x9f\xbf\":4,\"a\xf0\x90\x80\x80\":3,"
              "\"a\xf4\x8f\xbf\xbf\":2,\"a\xee\x80\x80\":1,\"b\":7}"));
}

TEST(jcs, sorts_maps_of_any_size)
{
    for (int count = 0; count < 200; count++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        CLEANUP(buf) struct buf out = {0};
        struct value map = value_map();
        struct err   err = {0};
        int          last = -1;

        for (int i = 0; i < count; i++) {
            value_put(arena, &map, arena_format(arena, "%03d", i * 7919 % 1000), value_whole(i));
        }
        CHECK_WORKS(jcs_write(&out, &map, &err));
        for (const char *at = strchr(buf_text(&out), '"'); at != NULL; at = strchr(at + 5, '"')) {
            CHECK(atoi(at + 1) > last);
            last = atoi(at + 1);
        }
    }
}

TEST(jcs, escapes_only_what_it_must)
{
    check_jcs(BYTES("\"\\u0000\\u0001\\u001f\\u007f\\u2028/\""),
              BYTES("\"\\u0000\\u0001\\u001f\x7f\xe2\x80\xa8/\""));
    check_jcs(BYTES("\"\\b\\t\\n\\f\\r\\u000b\\\"\\\\\""),
              BYTES("\"\\b\\t\\n\\f\\r\\u000b\\\"\\\\\""));
}

TEST(jcs, escapes_all_32_control_characters)
{
    for (int c = 0; c < 32; c++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        CLEANUP(buf) struct buf out = {0};
        uint8_t      byte = (uint8_t)c;
        struct value value;
        struct err   err = {0};

        jcs_write_text(&out, (struct bytes){&byte, 1});
        CHECK(out.data[1] == '\\');
        CHECK_WORKS(json_read(arena, buf_bytes(&out), &limits, &value, &err));
        CHECK(bytes_equal(value.as.text, (struct bytes){&byte, 1}));
    }
}

TEST(jcs, refuses_numbers_that_would_not_read_back)
{
    static const double reals[] = {
        NAN, INFINITY, -INFINITY, 9007199254740992.0, -1e20, 999999999999999900000.0};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err err = {0};

    for (size_t i = 0; i < COUNT_OF(reals); i++) {
        CLEANUP(buf) struct buf out = {0};
        struct value list = value_list();

        value_append(arena, &list, value_real(reals[i]));
        CHECK_FAILS(jcs_write(&out, &list, &err), ERR_SCHEMA);
    }
    for (int sign = -1; sign <= 1; sign += 2) {
        CLEANUP(buf) struct buf out = {0};
        struct value whole = value_whole(sign * (NUMBER_EXACT + 1));

        CHECK_FAILS(jcs_write(&out, &whole, &err), ERR_SCHEMA);
        whole = value_whole(sign * NUMBER_EXACT);
        CHECK_WORKS(jcs_write(&out, &whole, &err));
    }
}

TEST(jcs, refuses_a_map_that_was_built_with_one_name_twice)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct value map = value_map();
    struct err   err = {0};

    value_put(arena, &map, "a", value_null());
    value_put(arena, &map, "b", value_null());
    value_put(arena, &map, "a", value_flag(true));
    CHECK_FAILS(jcs_write(&out, &map, &err), ERR_SCHEMA);
}

TEST(jcs, appends)
{
    CLEANUP(buf) struct buf out = {0};
    struct value value = value_text("x");
    struct err   err = {0};

    buf_put_text(&out, "before ");
    CHECK_WORKS(jcs_write(&out, &value, &err));
    CHECK_TEXT(buf_text(&out), "before \"x\"");
}

TEST(pretty, indents_by_two_and_keeps_the_order)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf out = {0};
    struct err   err = {0};
    struct value value;

    CHECK_WORKS(
        json_read(arena, BYTES("{\"b\":[1,[],{}],\"a\":{\"c\":null}}"), &limits, &value, &err));
    json_pretty(&out, &value);
    CHECK_TEXT(buf_text(&out), "{\n"
                               "  \"b\": [\n"
                               "    1,\n"
                               "    [],\n"
                               "    {}\n"
                               "  ],\n"
                               "  \"a\": {\n"
                               "    \"c\": null\n"
                               "  }\n"
                               "}");
}

TEST(pretty, leaves_nothing_a_terminal_would_obey)
{
    CLEANUP(buf) struct buf out = {0};
    struct value value = value_text("\x1b[2J\x7f\xc2\x9b" "31m\xc2\xa0\xc3\xa9");

    json_pretty(&out, &value);
    CHECK_TEXT(buf_text(&out), "\"\\u001b[2J\\u007f\\u009b31m\xc2\xa0\xc3\xa9\"");
}
