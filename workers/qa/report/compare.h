// SPDX-License-Identifier: MIT
/*
 * compare.h - what several runs of the same tests say together.
 *
 * Pure. Lists of ids point into the reports they came from, or into the arena.
 */
#ifndef PRT_WORKERS_QA_REPORT_COMPARE_H
#define PRT_WORKERS_QA_REPORT_COMPARE_H

#include "workers/qa/report/verdict.h"

/* Two believed reports, per test id; each list sorted. Ids that are in one of them only, or skipped
 * in one of them, are in no list. */
struct comparison {
    const char **fail_to_pass, **pass_to_pass, **pass_to_fail, **fail_to_fail;
    size_t       fail_to_pass_count, pass_to_pass_count, pass_to_fail_count, fail_to_fail_count;
};

struct id_list {
    const char **ids; /* sorted */
    size_t       count;
};

/* Tests that ran in `before` and of which none, under any parameters, runs in `now`. */
void tests_missing(struct arena *arena, const struct test_report *before,
                   const struct test_report *now, struct id_list *ret_missing);

/* The files that a report of tests names, each once: of what lies in them something was run as a
 * test. Not those whose documentation was: they are code. */
void files_named(struct arena *arena, const struct test_report *report, struct id_list *ret_files);

/* What to run again: what failed (of `report`) or changed (`compared`, or NULL), at most `most`. */
void tests_to_repeat(struct arena *arena, const struct test_report *report,
                     const struct comparison *compared, size_t most, struct id_list *ret_again);

/* What changed between before and after, either way; at most `most`. */
void changed_list(struct arena *arena, const struct comparison *compared, size_t most,
                  struct id_list *ret_changed);

/* Adds to *flaky those of `again` that came out in another way in `repeat` than in `first`. */
void flaky_find(struct arena *arena, const struct id_list *again, const struct test_report *first,
                const struct test_report *repeat, struct id_list *flaky);

bool list_has(const struct id_list *list, const char *id);

/* A flaky test is in no other list. */
void comparison_without(struct comparison *compared, const struct id_list *flaky);

/* All arms together. NULL: that one did not run. */
struct arms_said {
    const struct verdict *after, *original;
    const char           *tampered; /* a repeat was, by this */
    const struct id_list *flaky, *missing;
};

/* The after arm's verdict, unless another arm says that it is worth less: a pass needs the original
 * tests to pass and to be there, and a repeat must not change it. A failure of tests that a repeat
 * does not confirm is none. */
void arms_settle(const struct arms_said *said, enum verdict_status *ret_status,
                 const char **ret_reason);

void reports_compare(struct arena *arena, const struct test_report *before,
                     const struct test_report *after, struct comparison *ret_comparison);

#endif
