// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include "reports.h"

static struct verdict verdict_of(struct arena *arena, struct evidence evidence)
{
    struct verdict verdict;

    evidence.nonce = NONCE;
    verdict_make(arena, &evidence, &verdict);
    return verdict;
}

static void expect(struct verdict verdict, const char *status, const char *reason)
{
    CHECK_TEXT(verdict_word(verdict.status), status);
    if (reason == NULL) {
        CHECK(verdict.reason == NULL);
    } else {
        CHECK_TEXT(verdict.reason, reason);
    }
}

TEST(verdict, passes_only_what_ran_beside_sentinels_that_came_out_right)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct verdict               verdict;

    verdict = verdict_of(
        arena, (struct evidence){.exit_status = 1,
                                 .report = report_of(
                                     arena, true, TESTS({"a", TEST_PASSED}, {"b", TEST_SKIPPED}))});
    expect(verdict, "passed", NULL);
    CHECK_NUMBER(verdict.passed, 1);
    CHECK_NUMBER(verdict.skipped, 1);
    CHECK_NUMBER(verdict.report.count, 2);
}

TEST(verdict, fails_for_failures_errors_no_tests_and_nothing_but_skips)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct verdict               verdict;

    verdict = verdict_of(
        arena, (struct evidence){.exit_status = 1,
                                 .report = report_of(arena, true,
                                                     TESTS({"a", TEST_PASSED}, {"b", TEST_FAILED},
                                                           {"c", TEST_ERROR}))});
    expect(verdict, "failed", "tests_failed");
    CHECK_NUMBER(verdict.failed, 1);
    CHECK_NUMBER(verdict.errors, 1);
    expect(verdict_of(arena, (struct evidence){.exit_status = 1,
                                               .report = report_of(arena, true, TESTS())}),
           "failed", "no_tests");
    expect(verdict_of(arena, (struct evidence){.exit_status = 1,
                                               .report = report_of(arena, true,
                                                                   TESTS({"a", TEST_SKIPPED}))}),
           "failed", "all_skipped");
}

/* So many tests are no lie, and no proof either. */
TEST(verdict, fails_for_a_report_that_is_too_large_to_be_read)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    expect(verdict_of(arena, (struct evidence){.exit_status = 1, .too_large = true}), "failed",
           "report_too_large");
    expect(verdict_of(arena, (struct evidence){.exit_status = 1}), "tampered", "report");
    expect(verdict_of(arena, (struct evidence){.exit_status = 0, .too_large = true}), "tampered",
           "exit_status");
}

TEST(verdict, calls_tampered_what_does_not_fit_together)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct test_report          *good = report_of(arena, true, TESTS({"a", TEST_PASSED}));
    struct test_report          *none = report_of(arena, false, TESTS({"a", TEST_PASSED}));
    struct test_report          *wrong =
        report_of(arena, false,
                  TESTS({"x::Sentinel" NONCE "::test_breaks", TEST_PASSED},
                        {"x::Sentinel" NONCE "::test_holds", TEST_PASSED}, {"a", TEST_PASSED}));
    struct test_report *more =
        report_of(arena, true, TESTS({"x::Sentinel" NONCE "::test_more", TEST_PASSED}));
    struct test_report *twice =
        report_of(arena, true, TESTS({"y::Sentinel" NONCE "::test_holds", TEST_PASSED}));

    expect(verdict_of(arena, (struct evidence){.exit_status = 0, .report = good}), "tampered",
           "exit_status");
    expect(verdict_of(arena, (struct evidence){.exit_status = 5, .report = good}), "tampered",
           "exit_status");
    expect(verdict_of(arena, (struct evidence){.exit_status = 1, .report = NULL}), "tampered",
           "report");
    expect(verdict_of(arena, (struct evidence){.exit_status = 1, .report = none}), "tampered",
           "sentinel");
    expect(verdict_of(arena, (struct evidence){.exit_status = 1, .report = wrong}), "tampered",
           "sentinel");
    expect(verdict_of(arena, (struct evidence){.exit_status = 1, .report = more}), "tampered",
           "sentinel");
    expect(verdict_of(arena, (struct evidence){.exit_status = 1, .report = twice}), "tampered",
           "sentinel");
}

TEST(verdict, names_limits_before_it_looks_at_reports)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct test_report          *good = report_of(arena, true, TESTS({"a", TEST_PASSED}));

    expect(verdict_of(arena, (struct evidence){.exit_status = 1, .report = good, .oom = true}),
           "oom", "memory");
    expect(
        verdict_of(arena, (struct evidence){.exit_status = 1, .report = good, .timed_out = true}),
        "timeout", "wall_clock");
    expect(verdict_of(arena, (struct evidence){.exit_status = 139, .report = good}), "failed",
           "crashed");
    expect(verdict_of(arena, (struct evidence){.exit_status = 2, .report = good}), "failed",
           "interrupted");
    expect(verdict_of(arena, (struct evidence){.exit_status = 4}), "failed", "collection_failed");
}

TEST(verdict, names_what_the_witness_found_foul)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct test_report          *good = report_of(arena, true, TESTS({"a", TEST_PASSED}));
    static const char *const     words[] = {"protocol",  "evidence", "sentinel",
                                            "machinery", "ended",    "exit_status"};

    for (int i = 0; i < (int)COUNT_OF(words); i++) {
        expect(
            verdict_of(arena, (struct evidence){.exit_status = WITNESS_FOUL + i, .report = good}),
            "tampered", words[i]);
    }
}
