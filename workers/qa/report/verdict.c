// SPDX-License-Identifier: MIT
#include "workers/qa/report/verdict.h"

#include <string.h>

/* What pytest ends with; the must-fail sentinel makes 1 the only right one. */
enum { EXIT_TESTS_FAILED = 1, EXIT_INTERRUPTED = 2, EXIT_INTERNAL = 3, EXIT_USAGE = 4 };

/* From WITNESS_FOUL on, in the order of witness.py's EXIT_FOUL. */
static const char *const fouls[] = {"protocol", "evidence", "sentinel", "machinery", "ended"};

static const char *foul_of(int exit_status)
{
    int which = exit_status - WITNESS_FOUL;

    return which >= 0 && which < (int)COUNT_OF(fouls) ? fouls[which] : "exit_status";
}

const char *verdict_word(enum verdict_status status)
{
    static const char *const words[VERDICTS] = {"passed", "failed",   "flaky",       "timeout",
                                                "oom",    "tampered", "infra_error", "not_run"};

    return words[status];
}

const char *sentinel_class(struct arena *arena, const char *nonce)
{
    return arena_format(arena, "Sentinel%s", nonce);
}

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text);
    size_t tail = strlen(end);

    return size >= tail && strcmp(text + size - tail, end) == 0;
}

/* Takes the sentinels out of the report. Are they there, once each, as they must be? */
static bool sentinels_take(struct arena *arena, const struct evidence *evidence,
                           struct test_report *ret_rest)
{
    const char *class_name = sentinel_class(arena, evidence->nonce);
    const char *holds = arena_format(arena, "%s::test_holds", class_name);
    const char *breaks = arena_format(arena, "%s::test_breaks", class_name);
    int         right = 0;
    int         seen = 0;

    ret_rest->tests = arena_get(arena, evidence->report->count * sizeof(*ret_rest->tests));
    ret_rest->count = 0;
    ret_rest->repeated = evidence->report->repeated;
    for (size_t i = 0; i < evidence->report->count; i++) {
        const struct test_result *test = &evidence->report->tests[i];
        bool                      first = ends_in(test->id, holds);
        bool                      second = ends_in(test->id, breaks);

        if (first || second) {
            seen++;
            right += test->state == (first ? TEST_PASSED : TEST_FAILED) ? 1 : 0;
        } else if (strstr(test->id, class_name) != NULL) {
            return false; /* somebody knows the nonce and made more of it */
        } else {
            ret_rest->tests[ret_rest->count++] = *test;
        }
    }
    return seen == 2 && right == 2;
}

static void say(struct verdict *verdict, enum verdict_status status, const char *reason)
{
    verdict->status = status;
    verdict->reason = reason;
}

/* Ends without a report that can be believed and without a lie in them: still never passed. */
static bool honest_failure(const struct evidence *evidence, const char **ret_reason)
{
    switch (evidence->exit_status) {
    case EXIT_INTERRUPTED:
        *ret_reason = "interrupted";
        return true;
    case EXIT_INTERNAL:
        *ret_reason = "runner_error";
        return true;
    case EXIT_USAGE:
        *ret_reason = "collection_failed"; /* a conftest.py that cannot be imported ends so */
        return true;
    default:
        *ret_reason = "crashed";
        return evidence->exit_status > 128;
    }
}

static void counts_judge(struct verdict *verdict)
{
    const struct test_report *report = &verdict->report;

    verdict->passed = report_count(report, TEST_PASSED);
    verdict->failed = report_count(report, TEST_FAILED);
    verdict->skipped = report_count(report, TEST_SKIPPED);
    verdict->errors = report_count(report, TEST_ERROR);
    if (report->count == 0) {
        say(verdict, VERDICT_FAILED, "no_tests");
    } else if (verdict->failed > 0 || verdict->errors > 0) {
        say(verdict, VERDICT_FAILED, "tests_failed");
    } else if (verdict->passed == 0) {
        say(verdict, VERDICT_FAILED, "all_skipped");
    } else {
        say(verdict, VERDICT_PASSED, NULL);
    }
}

void verdict_make(struct arena *arena, const struct evidence *evidence, struct verdict *ret_verdict)
{
    struct verdict verdict = {0};
    const char    *reason;

    if (evidence->oom) {
        say(&verdict, VERDICT_OOM, "memory");
    } else if (evidence->timed_out) {
        say(&verdict, VERDICT_TIMEOUT, "wall_clock");
    } else if (honest_failure(evidence, &reason)) {
        say(&verdict, VERDICT_FAILED, reason);
    } else if (evidence->exit_status != EXIT_TESTS_FAILED) {
        say(&verdict, VERDICT_TAMPERED, foul_of(evidence->exit_status));
    } else if (evidence->report == NULL && evidence->too_large) {
        say(&verdict, VERDICT_FAILED, "report_too_large"); /* honest code can have as many tests */
    } else if (evidence->report == NULL) {
        say(&verdict, VERDICT_TAMPERED, "report");
    } else if (!sentinels_take(arena, evidence, &verdict.report)) {
        verdict.report = (struct test_report){0};
        say(&verdict, VERDICT_TAMPERED, "sentinel");
    } else {
        verdict.believed = true;
        counts_judge(&verdict);
    }
    *ret_verdict = verdict;
}
