// SPDX-License-Identifier: MIT
/*
 * validation.h - what QA found, in the words of the wire: the object qa.validation.
 *
 * Pure.
 */
#ifndef PRT_WORKERS_QA_VALIDATION_H
#define PRT_WORKERS_QA_VALIDATION_H

#include "value/value.h"
#include "workers/qa/original.h"
#include "workers/qa/report/compare.h"
#include "workers/qa/sandbox/sandbox.h"

struct validation {
    enum verdict_status          status;
    const char                  *reason; /* NULL when passed */
    const char                  *detail; /* NULL: no more to say */
    const char                  *framework;
    const struct verdict        *after;           /* NULL: it did not run */
    const struct comparison     *compared;        /* NULL: one of the arms has no believed report */
    const struct id_list        *flaky, *missing; /* NULL: nothing was compared */
    const struct verdict        *before, *original; /* NULL: not run */
    const struct test_edits     *edits;             /* NULL: nothing to compare the tests with */
    int                          repeats;           /* runs of the repeats arm */
    const char                  *after_tree;      /* where the after arm's tree is from, or NULL */
    const struct value          *replay, *claims; /* NULL: nobody asked */
    int64_t                      runtime_ms;
    const struct image          *image; /* NULL: none was used */
    const struct sandbox_limits *limits;
    const char                  *engine, *runtime;
    const struct value          *log, *report; /* BlobRefs, or NULL */
};

/* Does it say anything about tests_passed, and what? */
bool validation_said(enum verdict_status status, bool *ret_passed);

struct value validation_value(struct arena *arena, const struct validation *validation);

#endif
