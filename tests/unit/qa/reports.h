// SPDX-License-Identifier: MIT
/* reports.h - small reports, as a runner would have given them. */
#ifndef PRT_TESTS_QA_REPORTS_H
#define PRT_TESTS_QA_REPORTS_H

#include <stdlib.h>
#include <string.h>

#include "workers/qa/report/verdict.h"

#define NONCE "00ff"

static inline int by_id(const void *a, const void *b)
{
    return strcmp(((const struct test_result *)a)->id, ((const struct test_result *)b)->id);
}

/* Up to eight tests, ended by an id of NULL; with good sentinels when asked for. */
static inline struct test_report *report_of(struct arena *arena, bool sentinels,
                                            const struct test_result *tests)
{
    struct test_report *report = arena_zero(arena, 1, sizeof(*report));

    report->tests = arena_zero(arena, 16, sizeof(*report->tests));
    for (; tests->id != NULL; tests++) {
        report->tests[report->count++] = *tests;
    }
    if (sentinels) {
        report->tests[report->count++] = (struct test_result){
            "../prt/in/sentinel.py::Sentinel" NONCE "::test_holds", TEST_PASSED};
        report->tests[report->count++] = (struct test_result){
            "../prt/in/sentinel.py::Sentinel" NONCE "::test_breaks", TEST_FAILED};
    }
    qsort(report->tests, report->count, sizeof(*report->tests), by_id);
    return report;
}
#define TESTS(...) ((const struct test_result[]){__VA_ARGS__ __VA_OPT__(, ){NULL, TEST_PASSED}})

#endif
