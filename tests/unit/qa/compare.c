// SPDX-License-Identifier: MIT
#include "workers/qa/report/compare.h"

#include "lib/test.h"
#include "reports.h"

static void expect_list(const char **list, size_t count, const char *want)
{
    char got[256] = "";

    for (size_t i = 0; i < count; i++) {
        (void)strcat(strcat(got, i == 0 ? "" : " "), list[i]);
    }
    CHECK_TEXT(got, want);
}

TEST(compare, tells_for_each_id_what_became_of_it)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct comparison            all;
    const struct test_report    *before = report_of(
           arena, false,
           TESTS({"b", TEST_FAILED}, {"a", TEST_ERROR}, {"c", TEST_PASSED}, {"d", TEST_PASSED},
                 {"e", TEST_FAILED}, {"gone", TEST_PASSED}, {"s", TEST_SKIPPED}));
    const struct test_report *after = report_of(
        arena, false,
        TESTS({"new", TEST_PASSED}, {"a", TEST_PASSED}, {"b", TEST_PASSED}, {"c", TEST_PASSED},
              {"d", TEST_ERROR}, {"e", TEST_FAILED}, {"s", TEST_PASSED}));

    reports_compare(arena, before, after, &all);
    expect_list(all.fail_to_pass, all.fail_to_pass_count, "a b");
    expect_list(all.pass_to_pass, all.pass_to_pass_count, "c");
    expect_list(all.pass_to_fail, all.pass_to_fail_count, "d");
    expect_list(all.fail_to_fail, all.fail_to_fail_count, "e");
}

static struct id_list list_of(struct arena *arena, const struct test_result *tests)
{
    struct test_report *report = report_of(arena, false, tests);
    struct id_list      list = {.ids = arena_get(arena, 16 * sizeof(char *))};

    for (size_t i = 0; i < report->count; i++) {
        list.ids[list.count++] = report->tests[i].id;
    }
    return list;
}

TEST(compare, misses_a_test_that_ran_and_is_gone_under_all_of_its_parameters)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct id_list               missing;
    const struct test_report    *before =
        report_of(arena, false,
                  TESTS({"a.py::gone", TEST_PASSED}, {"a.py::kept[1]", TEST_FAILED},
                        {"a.py::lost[1]", TEST_FAILED}, {"a.py::lost[2]", TEST_PASSED},
                        {"a.py::skipped", TEST_PASSED}, {"a.py::never", TEST_SKIPPED},
                        {"broken.py", TEST_ERROR}));
    const struct test_report *now =
        report_of(arena, false,
                  TESTS({"a.py::kept[2]", TEST_PASSED}, {"a.py::skipped", TEST_SKIPPED},
                        {"a.py::kept0", TEST_PASSED}));

    tests_missing(arena, before, now, &missing);
    expect_list(missing.ids, missing.count, "a.py::gone a.py::lost a.py::skipped");
}

static void expect_files(const struct test_result *tests, const char *want)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct id_list               files;

    files_named(arena, report_of(arena, false, tests), &files);
    expect_list(files.ids, files.count, want);
}

TEST(compare, names_the_files_of_tests_and_no_code_that_has_its_tests_in_its_documentation)
{
    expect_files(
        TESTS({"b/check_a.py::check_a", TEST_FAILED}, {"b/check_a.py::check_b", TEST_PASSED},
              {"check.py::TestA::test_b[a.b]", TEST_PASSED}, {"a.py::test_x[1.5]", TEST_PASSED},
              {"sums.py::sums", TEST_PASSED}, {"broken.py", TEST_ERROR},
              {"a.test.js::adds 1.5::b", TEST_PASSED}, {"b.yaml::b.yaml", TEST_PASSED}),
        "a.py a.test.js b.yaml b/check_a.py broken.py check.py sums.py");
    expect_files(TESTS({"src/pkg/a.py::pkg.a.add", TEST_FAILED}, {"src/a.py::a", TEST_PASSED},
                       {"broken.py", TEST_ERROR}, {"check.py::check", TEST_PASSED},
                       {"b.py::b.add", TEST_PASSED}, {"b.py::test_b", TEST_PASSED}),
                 "b.py");
    expect_files(TESTS(), "");
}

TEST(compare, tells_a_bracket_in_a_name_from_parameters)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct id_list               missing;

    tests_missing(
        arena,
        report_of(arena, false,
                  TESTS({"a[b]/c.py::gone[1]", TEST_PASSED}, {"a[b]/c.py::kept[1]", TEST_PASSED},
                        {"a.test.js::[slow] a", TEST_FAILED},
                        {"a.test.js::[slow] b", TEST_FAILED})),
        report_of(arena, false,
                  TESTS({"a[b]/c.py::kept[2]", TEST_PASSED}, {"a.test.js::[slow] a", TEST_PASSED})),
        &missing);
    expect_list(missing.ids, missing.count, "a.test.js::[slow] b a[b]/c.py::gone");
}

TEST(compare, repeats_what_failed_or_changed_and_no_more_than_it_may)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct comparison            all;
    struct id_list               again;
    const struct test_report    *before =
        report_of(arena, false, TESTS({"a", TEST_FAILED}, {"b", TEST_PASSED}, {"c", TEST_PASSED}));
    const struct test_report *after =
        report_of(arena, false,
                  TESTS({"a", TEST_PASSED}, {"b", TEST_ERROR}, {"c", TEST_PASSED},
                        {"new", TEST_FAILED}, {"cut...#00", TEST_FAILED}));

    reports_compare(arena, before, after, &all);
    tests_to_repeat(arena, after, &all, 10, &again);
    expect_list(again.ids, again.count, "a b new");
    tests_to_repeat(arena, after, NULL, 1, &again);
    expect_list(again.ids, again.count, "b");
    changed_list(arena, &all, 10, &again);
    expect_list(again.ids, again.count, "a b");
}

TEST(compare, calls_flaky_what_comes_out_in_another_way_and_takes_it_off_the_other_lists)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct comparison            all;
    struct id_list               again =
        list_of(arena, TESTS({"a", TEST_PASSED}, {"b", TEST_PASSED}, {"c", TEST_PASSED}));
    struct id_list            flaky = {0};
    const struct test_report *before =
        report_of(arena, false, TESTS({"a", TEST_FAILED}, {"b", TEST_FAILED}, {"c", TEST_FAILED}));
    const struct test_report *after =
        report_of(arena, false, TESTS({"a", TEST_PASSED}, {"b", TEST_PASSED}, {"c", TEST_FAILED}));

    reports_compare(arena, before, after, &all);
    flaky_find(
        arena, &again, after,
        report_of(arena, false, TESTS({"a", TEST_PASSED}, {"b", TEST_ERROR}, {"c", TEST_ERROR})),
        &flaky);
    expect_list(flaky.ids, flaky.count, "b");
    flaky_find(arena, &again, after,
               report_of(arena, false, TESTS({"b", TEST_ERROR}, {"c", TEST_FAILED})), &flaky);
    expect_list(flaky.ids, flaky.count, "a b");
    comparison_without(&all, &flaky);
    expect_list(all.fail_to_pass, all.fail_to_pass_count, "");
    expect_list(all.fail_to_fail, all.fail_to_fail_count, "c");
}

static const char *settled(const struct arms_said *said)
{
    static char         words[64];
    enum verdict_status status;
    const char         *reason;

    arms_settle(said, &status, &reason);
    (void)snprintf(words, sizeof(words), "%s %s", verdict_word(status),
                   reason == NULL ? "-" : reason);
    return words;
}

TEST(settle, lets_a_pass_stand_only_where_no_other_arm_speaks_against_it)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct verdict               passed = {.status = VERDICT_PASSED, .believed = true, .passed = 1};
    struct verdict               failed = {.status = VERDICT_FAILED, .reason = "tests_failed"};
    struct verdict               slow = {.status = VERDICT_TIMEOUT, .reason = "wall_clock"};
    struct id_list               one = list_of(arena, TESTS({"a", TEST_FAILED}));

    CHECK_TEXT(settled(&(struct arms_said){.after = &passed}), "passed -");
    CHECK_TEXT(settled(&(struct arms_said){.after = &passed, .original = &passed}), "passed -");
    CHECK_TEXT(settled(&(struct arms_said){.after = &passed, .original = &failed}),
               "failed original_tests_failed");
    CHECK_TEXT(settled(&(struct arms_said){.after = &passed, .original = &slow}),
               "timeout wall_clock");
    CHECK_TEXT(settled(&(struct arms_said){.after = &passed, .missing = &one}),
               "failed tests_missing");
    CHECK_TEXT(settled(&(struct arms_said){.after = &passed, .flaky = &one}), "flaky flaky_tests");
    CHECK_TEXT(settled(&(struct arms_said){.after = &slow, .flaky = &one}), "timeout wall_clock");
    CHECK_TEXT(settled(&(struct arms_said){.after = &passed, .flaky = &one, .tampered = "ended"}),
               "tampered ended");
}

TEST(settle, calls_a_failure_flaky_only_if_nothing_else_failed)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct id_list               one = list_of(arena, TESTS({"a", TEST_FAILED}));
    struct verdict               passed = {.status = VERDICT_PASSED, .believed = true, .passed = 1};
    struct verdict               failed = {
                      .status = VERDICT_FAILED,
                      .reason = "tests_failed",
                      .believed = true,
                      .failed = 1,
                      .report = *report_of(arena, false, TESTS({"a", TEST_FAILED}, {"b", TEST_PASSED}))};

    CHECK_TEXT(settled(&(struct arms_said){.after = &failed, .flaky = &one}), "flaky flaky_tests");
    CHECK_TEXT(settled(&(struct arms_said){.after = &passed, .original = &failed, .flaky = &one}),
               "flaky flaky_tests");
    failed.report = *report_of(arena, false, TESTS({"a", TEST_FAILED}, {"b", TEST_ERROR}));
    CHECK_TEXT(settled(&(struct arms_said){.after = &failed, .flaky = &one}),
               "failed tests_failed");
    CHECK_TEXT(settled(&(struct arms_said){.after = &passed, .original = &failed, .flaky = &one}),
               "failed original_tests_failed");
}
