// SPDX-License-Identifier: MIT
/*
 * verdict.h - from what a run left behind to what may be said about it.
 *
 * Pure. Code under test can write any report it likes; it is believed only together with evidence:
 * two sentinel tests with random names ran beside it and came out as they must, one passed and one
 * failed, and the exit status is the one that goes with that. A run that was right ends with
 * status 1.
 */
#ifndef PRT_WORKERS_QA_REPORT_VERDICT_H
#define PRT_WORKERS_QA_REPORT_VERDICT_H

#include <stdbool.h>

#include "workers/qa/report/junit.h"

/* Also the words of the wire, in this order. */
enum verdict_status {
    VERDICT_PASSED,
    VERDICT_FAILED,
    VERDICT_FLAKY,
    VERDICT_TIMEOUT,
    VERDICT_OOM,
    VERDICT_TAMPERED,
    VERDICT_INFRA_ERROR,
    VERDICT_NOT_RUN,
    VERDICTS
};

const char *verdict_word(enum verdict_status status);

/* What the witness (runner/witness.py) ends with, besides what runners end with. */
enum {
    WITNESS_FOUL = 80, /* and the next ones: something no honest run does; witness_foul names it */
    WITNESS_LOST = 97,
    WITNESS_LACKING = 98
};

/* What a run left behind. */
struct evidence {
    bool                      timed_out, oom;
    int                       exit_status;
    const struct test_report *report;    /* NULL: none that could be read */
    bool                      too_large; /* that is why */
    const char               *nonce;     /* of the sentinels */
};

struct verdict {
    enum verdict_status status;
    const char         *reason;   /* "no_tests", "tests_failed", ... or NULL when passed */
    struct test_report  report;   /* without the sentinels; count 0 when not believed */
    bool                believed; /* the report stands */
    int64_t             passed, failed, skipped, errors;
};

/* The sentinels' last parts of the id: "<class>::test_holds". In the arena. */
const char *sentinel_class(struct arena *arena, const char *nonce); /* "Sentinel<nonce>" */

void verdict_make(struct arena *arena, const struct evidence *evidence,
                  struct verdict *ret_verdict);

#endif
