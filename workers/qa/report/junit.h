// SPDX-License-Identifier: MIT
/*
 * junit.h - JUnit XML into one state per test id.
 *
 * The report comes from beside hostile code: no DTD, no entity of its own, bounded depth, bounded
 * tokens, bounded number of tests. Memory is the ids and nothing else.
 */
#ifndef PRT_WORKERS_QA_REPORT_JUNIT_H
#define PRT_WORKERS_QA_REPORT_JUNIT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* In the order of how much they weigh when one id is told twice. */
enum test_state { TEST_SKIPPED, TEST_PASSED, TEST_FAILED, TEST_ERROR };

struct test_result {
    const char     *id; /* "tests/test_a.py::TestB::test_c[1]", or what the report has of it */
    enum test_state state;
};

struct test_report {
    struct test_result *tests; /* sorted by id, each id once */
    size_t              count;
    int64_t repeated; /* entries whose id was there already; the heaviest state counts */
};

struct junit_limits {
    int64_t tests;
    size_t  id_bytes; /* longer ids are cut and end in the hash of the whole */
    size_t  token_bytes;
    size_t  ids_bytes; /* all of them together */
};

/* Reads fd to its end. MALFORMED: not JUnit XML; TOO_LARGE: over a limit. In the arena. */
WARN_UNUSED int junit_read(struct arena *arena, int fd, const struct junit_limits *limits,
                           struct test_report *ret_report, struct err *err);

/* How many tests are in this state. */
int64_t report_count(const struct test_report *report, enum test_state state);

#endif
