// SPDX-License-Identifier: MIT
#include "gateway/http/field.h"

#include "lib/test.h"

static const char *decoded(struct arena *arena, const char *raw, bool plus)
{
    return field_decode(arena, bytes_of(raw), plus);
}

TEST(field, decodes_percent_encoding)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    CHECK_TEXT(decoded(arena, "a%2Fb%C3%a4", false), "a/b\xc3\xa4");
    CHECK_TEXT(decoded(arena, "", false), "");
    CHECK_TEXT(decoded(arena, "a+b", false), "a+b");
    CHECK_TEXT(decoded(arena, "a+b%2B", true), "a b+");
    CHECK_TEXT(decoded(arena, "100%25", false), "100%");
}

TEST(field, refuses_what_is_no_percent_encoding_of_utf8)
{
    static const char *const wrong[] = {"%",   "%4",     "a%zz",    "%00",          "x%0",
                                        "%ff", "%c0%80", "%ed%a0%80", "%f4%90%80%80", "%C3"};
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (decoded(arena, wrong[i], false) != NULL) {
            test_failed(__FILE__, __LINE__, "%s was decoded", wrong[i]);
        }
    }
}

TEST(prefer, is_empty_where_there_is_none)
{
    struct prefer prefer = field_prefer(NULL);

    CHECK(!prefer.respond_async);
    CHECK_NUMBER(prefer.wait_ms, -1);
}

TEST(prefer, knows_its_two_preferences_among_others)
{
    struct prefer prefer = field_prefer("handling=lenient; x=\"a\", respond-async , wait=10");

    CHECK(prefer.respond_async);
    CHECK_NUMBER(prefer.wait_ms, 10000);
    CHECK(field_prefer("Respond-Async").respond_async);
    CHECK_NUMBER(field_prefer("wait=0").wait_ms, 0);
}

TEST(prefer, may_be_written_in_every_way_of_its_rfc)
{
    static const char *const ways[] = {"wait = 7",        "wait=\"7\"",       "wait\t=\t\"7\"\t",
                                       "wait=7; a=\"b\"", "a=1,Wait=7 ;x, b"};

    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        CHECK_NUMBER(field_prefer(ways[i]).wait_ms, 7000);
    }
}

TEST(prefer, ignores_what_is_malformed)
{
    static const char *const wrong[] = {"wait=\"7", "wait=7\"",    "wait 7", "wait=7 8",
                                        "wait=\"\"", "wait=\"7\"8", "wait ",  "wait=,7"};

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        CHECK_NUMBER(field_prefer(wrong[i]).wait_ms, -1);
    }
    CHECK_NUMBER(field_prefer("wait").wait_ms, -1);
    CHECK_NUMBER(field_prefer("wait=").wait_ms, -1);
    CHECK_NUMBER(field_prefer("wait=-1").wait_ms, -1);
    CHECK_NUMBER(field_prefer("wait=5s").wait_ms, -1);
    CHECK_NUMBER(field_prefer("wait=99999999999999999999").wait_ms, -1);
    CHECK(!field_prefer("respond-asynchronously").respond_async);
    CHECK(!field_prefer(",,;=,").respond_async);
}

TEST(prefer, counts_the_first_wait_only)
{
    CHECK_NUMBER(field_prefer("wait=1, wait=9").wait_ms, 1000);
}

static void check_range(const char *value, int64_t size, enum range_kind kind, int64_t first,
                        int64_t length)
{
    struct range range = field_range(value, size);

    if (range.kind != kind ||
        (kind == RANGE_PART && (range.first != first || range.size != length))) {
        test_failed(__FILE__, __LINE__, "%s of %lld is kind %d, %lld+%lld", value, (long long)size,
                    range.kind, (long long)range.first, (long long)range.size);
    }
}

TEST(range, takes_one_range_of_bytes)
{
    check_range("bytes=0-0", 10, RANGE_PART, 0, 1);
    check_range("bytes=2-5", 10, RANGE_PART, 2, 4);
    check_range("bytes=2-", 10, RANGE_PART, 2, 8);
    check_range("bytes=2-999", 10, RANGE_PART, 2, 8);
    check_range("bytes=-3", 10, RANGE_PART, 7, 3);
    check_range("bytes=-30", 10, RANGE_PART, 0, 10);
    check_range("BYTES= 9-9 ", 10, RANGE_PART, 9, 1);
}

TEST(range, tells_what_lies_outside)
{
    check_range("bytes=10-", 10, RANGE_OUTSIDE, 0, 0);
    check_range("bytes=-0", 10, RANGE_OUTSIDE, 0, 0);
    check_range("bytes=0-", 0, RANGE_OUTSIDE, 0, 0);
    check_range("bytes=-1", 0, RANGE_OUTSIDE, 0, 0);
}

TEST(range, gives_the_whole_for_what_it_does_not_understand)
{
    static const char *const odd[] = {"bytes=",    "bytes=-",   "bytes=5-2",  "bytes=a-b",
                                      "bytes=1-x", "bytes=1-2,4-5", "lines=1-2", "bytes=1",
                                      "bytes=0x1-2", "bytes=99999999999999999999-"};

    CHECK(field_range(NULL, 10).kind == RANGE_WHOLE);
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        check_range(odd[i], 10, RANGE_WHOLE, 0, 0);
    }
}

TEST(media, compares_types_without_parameters_and_case)
{
    CHECK(field_type_is("application/json", "application/json"));
    CHECK(field_type_is("Application/JSON; charset=utf-8", "application/json"));
    CHECK(!field_type_is("application/jsonp", "application/json"));
    CHECK(!field_type_is(NULL, "application/json"));
}

TEST(media, answers_in_the_type_that_is_preferred)
{
    CHECK(!field_accepts(NULL, "application/msgpack"));
    CHECK(!field_accepts("*/*", "application/msgpack"));
    CHECK(field_accepts("application/msgpack", "application/msgpack"));
    CHECK(field_accepts("application/json;q=0.5, application/msgpack", "application/msgpack"));
    CHECK(!field_accepts("application/json, application/msgpack;q=0.5", "application/msgpack"));
    CHECK(!field_accepts("application/msgpack;q=0", "application/msgpack"));
    CHECK(field_accepts("application/msgpack, application/json", "application/msgpack"));
    CHECK(field_accepts("application/msgpack, */*;q=0.1", "application/msgpack"));
    CHECK(!field_accepts("application/msgpack;q=0.1, */*", "application/msgpack"));
    CHECK(!field_accepts("application/msgpack;q=0.1, application/*;q=0.5", "application/msgpack"));
    CHECK(field_accepts("application/json;q=0.1, application/msgpack;q=0.5, */*", "application/msgpack"));
}

TEST(request_id, is_taken_when_it_is_sane)
{
    CHECK(field_request_id_ok("a-B_9.z"));
    CHECK(!field_request_id_ok(""));
    CHECK(!field_request_id_ok("a b"));
    CHECK(!field_request_id_ok("a\"b"));
    CHECK(!field_request_id_ok(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

TEST(traceparent, is_taken_in_its_one_form)
{
    CHECK(field_traceparent_ok("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    CHECK(!field_traceparent_ok("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    CHECK(!field_traceparent_ok("00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    CHECK(!field_traceparent_ok("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
    CHECK(!field_traceparent_ok("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
    CHECK(!field_traceparent_ok("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"));
    CHECK(!field_traceparent_ok(""));
}

TEST(tag, is_found_weak_or_strong_and_among_others)
{
    static const char tag[] = "\"9f-1-2\"";

    CHECK(!field_holds_tag(NULL, tag));
    CHECK(!field_holds_tag("", tag));
    CHECK(!field_holds_tag("\"9f-1-3\", W/\"9f-1\", 9f-1-2, W/", tag));
    CHECK(field_holds_tag("\"9f-1-2\"", tag));
    CHECK(field_holds_tag("\"0\" , W/\"9f-1-2\"", tag));
    CHECK(field_holds_tag("*", tag));
    CHECK(!field_holds_strong_tag(NULL, tag));
    CHECK(!field_holds_strong_tag("W/\"9f-1-2\"", tag));
    CHECK(field_holds_strong_tag("W/\"9f-1-2\", \"9f-1-2\"", tag));
    CHECK(field_holds_strong_tag("*", tag));
}

TEST(whole, is_read_within_its_range)
{
    struct err err = {0};
    int64_t    whole = 0;

    CHECK_WORKS(field_whole("limit", "100", 1, 100, &whole, &err));
    CHECK_NUMBER(whole, 100);
    CHECK_FAILS(field_whole("limit", "101", 1, 100, &whole, &err), ERR_SCHEMA);
    CHECK_FAILS(field_whole("limit", "0", 1, 100, &whole, &err), ERR_SCHEMA);
    CHECK_FAILS(field_whole("limit", "", 0, 100, &whole, &err), ERR_SCHEMA);
    CHECK_FAILS(field_whole("limit", "-1", 0, 100, &whole, &err), ERR_SCHEMA);
    CHECK_FAILS(field_whole("limit", "5x", 0, 100, &whole, &err), ERR_SCHEMA);
    CHECK_NUMBER(whole, 100);
    /* A seq may be a time in microseconds, and a page's `next` is given back as it came. */
    CHECK_WORKS(field_whole("from_seq", "1772524821400001", 0, INT64_MAX, &whole, &err));
    CHECK_NUMBER(whole, 1772524821400001);
    CHECK_WORKS(field_whole("from_seq", "9223372036854775807", 0, INT64_MAX, &whole, &err));
    CHECK(whole == INT64_MAX);
    CHECK_FAILS(field_whole("from_seq", "9223372036854775808", 0, INT64_MAX, &whole, &err),
                ERR_SCHEMA);
    CHECK_FAILS(field_whole("from_seq", "99999999999999999999", 0, INT64_MAX, &whole, &err),
                ERR_SCHEMA);
}
