// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "workers/qa/report/junit.h"

static const struct junit_limits wide = {
    .tests = 1000, .id_bytes = 2048, .token_bytes = 1 << 20, .ids_bytes = 1 << 20};

static int read_text(struct arena *arena, const char *text, const struct junit_limits *limits,
                     struct test_report *ret_report, struct err *err)
{
    CLEANUP(fd) int fd = fd_temporary("/tmp", err);

    CHECK(fd >= 0);
    TRY(fd_write_all(fd, bytes_of(text), err));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return junit_read(arena, fd, limits, ret_report, err);
}

static const char *state_of(const struct test_report *report, const char *id)
{
    static const char *const words[] = {"skipped", "passed", "failed", "error"};

    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->tests[i].id, id) == 0) {
            return words[report->tests[i].state];
        }
    }
    return "absent";
}

TEST(junit, gives_each_test_of_pytest_the_id_that_pytest_shows)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct test_report           report;

    CHECK_WORKS(read_text(
        arena,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites><testsuite name=\"pytest\">"
        "<testcase classname=\"tests.test_a\" name=\"test_plain\" file=\"tests/test_a.py\" "
        "line=\"1\"/>"
        "<testcase classname=\"tests.test_a.TestB\" name=\"test_c[a-1]\" file=\"tests/test_a.py\">"
        "<failure message=\"assert\">long text</failure></testcase>"
        "<testcase classname=\"tests.test_a.TestB.TestIn\" name=\"test_d\" "
        "file=\"tests/test_a.py\">"
        "<skipped type=\"pytest.xfail\" message=\"later\"/></testcase>"
        "<testcase classname=\"\" name=\"tests.test_e\"><error message=\"collection failure\">E"
        "</error></testcase>"
        "<testcase classname=\"suite\" name=\"other "
        "runner\"><system-out>&lt;failure/&gt;</system-out>"
        "</testcase></testsuite></testsuites>",
        &wide, &report, &err));
    CHECK_NUMBER(report.count, 5);
    CHECK_TEXT(state_of(&report, "tests/test_a.py::test_plain"), "passed");
    CHECK_TEXT(state_of(&report, "tests/test_a.py::TestB::test_c[a-1]"), "failed");
    CHECK_TEXT(state_of(&report, "tests/test_a.py::TestB::TestIn::test_d"), "skipped");
    CHECK_TEXT(state_of(&report, "tests.test_e"), "error");
    CHECK_TEXT(state_of(&report, "suite::other runner"), "passed");
    CHECK_NUMBER(report_count(&report, TEST_PASSED), 2);
}

TEST(junit, takes_the_heaviest_state_of_an_id_told_twice)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct test_report           report;

    CHECK_WORKS(
        read_text(arena,
                  "<testsuite><testcase name=\"a\"/><testcase name=\"a\"><error/></testcase>"
                  "<testcase name=\"a\"><failure/></testcase>"
                  "<testcase name=\"b\"><failure/><skipped/></testcase>"
                  "<testcase name=\"c\"><skipped/></testcase><testcase name=\"c\"/></testsuite>",
                  &wide, &report, &err));
    CHECK_NUMBER(report.count, 3);
    CHECK_NUMBER(report.repeated, 3);
    CHECK_TEXT(state_of(&report, "a"), "error");
    CHECK_TEXT(state_of(&report, "b"), "failed");
    CHECK_TEXT(state_of(&report, "c"), "passed");
}

TEST(junit, refuses_what_is_no_report)
{
    static const char *const bad[] = {
        "",
        "all tests passed",
        "<html></html>",
        "<testsuite><testcase name=\"a\"></testsuite>",
        "<testsuite><testcase/></testsuite>",
        "<testsuite><testcase name=\"a\"><testcase name=\"b\"/></testcase></testsuite>",
        "<testsuite/><testsuite/>",
        "<testsuite><testcase name=\"\x01\"/></testsuite>",
        "<!DOCTYPE t [<!ENTITY a \"aaaa\">]><testsuite><testcase name=\"&a;\"/></testsuite>",
        "<!DOCTYPE testsuite SYSTEM \"/etc/passwd\"><testsuite/>",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        struct err                   err = {0};
        struct test_report           report;

        if (read_text(arena, bad[i], &wide, &report, &err) == 0) {
            test_failed(__FILE__, __LINE__, "taken: %s", bad[i]);
        }
        CHECK_NUMBER(err.code, ERR_MALFORMED);
    }
}

TEST(junit, is_bounded_in_depth_tests_tags_and_ids)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      text = {0};
    struct junit_limits          few = {
                 .tests = 2, .id_bytes = 100, .token_bytes = 4096, .ids_bytes = 1 << 20};
    struct err         err = {0};
    struct test_report report;

    for (int i = 0; i < 100; i++) {
        buf_put_text(&text, "<testsuite>");
    }
    CHECK_FAILS(read_text(arena, buf_text(&text), &few, &report, &err), ERR_MALFORMED);

    text.size = 0;
    buf_put_text(&text,
                 "<testsuite><testcase name=\"a\"/><testcase name=\"b\"/><testcase name=\"c\"/>");
    CHECK_FAILS(read_text(arena, buf_text(&text), &few, &report, &err), ERR_TOO_LARGE);

    text.size = 0;
    buf_put_text(&text, "<testsuite><testcase name=\"");
    for (int i = 0; i < 20000; i++) {
        buf_put_text(&text, "0123456789");
    }
    CHECK_FAILS(read_text(arena, buf_text(&text), &few, &report, &err), ERR_TOO_LARGE);
}

/* Hostile code may name as many tests as there may be, as long as names may be. */
TEST(junit, holds_no_more_names_than_it_may)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      text = {0};
    const struct junit_limits    few = {
           .tests = 100000, .id_bytes = 1024, .token_bytes = 4096, .ids_bytes = 1 << 20};
    struct err         err = {0};
    struct test_report report;

    buf_put_text(&text, "<testsuite>");
    for (int i = 0; i < 20000; i++) {
        buf_format(&text, "<testcase file=\"test_a.py\" classname=\"test_a.%0500d\" name=\"%d\"/>",
                   0, i);
    }
    buf_put_text(&text, "</testsuite>");
    CHECK_FAILS(read_text(arena, buf_text(&text), &few, &report, &err), ERR_TOO_LARGE);
    CHECK(strstr(err.story, "names") != NULL);
    CHECK(arena_size(arena) < 4 << 20);
}

TEST(junit, keeps_two_long_ids_apart)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      text = {0};
    struct junit_limits          few = {
                 .tests = 10, .id_bytes = 100, .token_bytes = 4096, .ids_bytes = 1 << 20};
    struct err         err = {0};
    struct test_report report;

    CHECK_WORKS(crypto_setup(&err));
    buf_put_text(&text, "<testsuite>");
    for (int k = 0; k < 2; k++) {
        buf_put_text(&text, "<testcase name=\"");
        for (int i = 0; i < 100; i++) {
            buf_put_text(&text, "\xc3\xa4");
        }
        buf_format(&text, "%d\"/>", k);
    }
    buf_put_text(&text, "</testsuite>");
    CHECK_WORKS(read_text(arena, buf_text(&text), &few, &report, &err));
    CHECK_NUMBER(report.count, 2);
    CHECK(strlen(report.tests[0].id) <= 100);
}
