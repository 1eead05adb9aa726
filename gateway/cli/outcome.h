// SPDX-License-Identifier: MIT
/*
 * outcome.h - what a document says about how the session ended, for people.
 */
#ifndef PRT_CLI_OUTCOME_H
#define PRT_CLI_OUTCOME_H

#include "gateway/cli/cli.h"

struct outcome {
    const char *stage; /* "collecting", "finalized, tests running", "tested, being judged", "judged" */
    bool        ended;
};

/* From the answer to GET /v1/traces/{id} and its status. */
WARN_UNUSED int outcome_read(struct arena *arena, int status, struct bytes answer,
                             struct outcome *ret_outcome, struct err *err);

/* How many tests are in a class of a validation's "tests": those that are listed and the others. */
int64_t outcome_count(const struct value *tests, const char *class);

/* One block: tests, fail_to_pass, scores. Returns EXIT_DONE. */
WARN_UNUSED int outcome_print(struct cli *cli, const char *trace, struct bytes document,
                              struct err *err);

/* The lines of tests and of scores alone, for prt view; `reasons`: and why each score is what it is. */
void outcome_print_tests(const struct cli *cli, const struct value *validation);
void outcome_print_scores(const struct cli *cli, const struct value *judge, bool reasons);

/* The six dimensions in the rubric's order. */
enum { DIMENSIONS = 6 };
extern const char *const outcome_dimension[DIMENSIONS];

#endif
