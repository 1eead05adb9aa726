// SPDX-License-Identifier: MIT
/*
 * judge_eval.h - the judge as an instrument: what prt judge-eval measures, and how it shows it.
 */
#ifndef PRT_CLI_JUDGE_EVAL_H
#define PRT_CLI_JUDGE_EVAL_H

#include "gateway/cli/cli.h"
#include "workers/judge/score/rubric.h"
#include "workers/judge/score/vary.h"

/* The six dimensions and, behind them, the overall score. */
enum { EVAL_OVERALL = DIMENSIONS, EVAL_ROWS };
const char *eval_row_name(int row);

struct eval_case {
    const char  *name, *what;
    double       label[EVAL_ROWS];
    struct value document;

    bool         scored;
    const char  *why; /* not scored */
    double       score[EVAL_ROWS];
    double       retest[EVAL_ROWS];           /* highest minus lowest of all repeats */
    double       moved[VARIATIONS][EVAL_ROWS]; /* varied minus plain; NAN: not scored */
};

struct eval {
    const char       *judge, *rubric;
    int               repeats;
    struct eval_case *cases;
    size_t            count;
};

void eval_print_table(const struct cli *cli, const struct eval *eval);
void eval_print_json(const struct cli *cli, const struct eval *eval);

#endif
