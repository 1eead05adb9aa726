// SPDX-License-Identifier: MIT
#include <math.h>

#include "gateway/cli/judge_eval.h"
#include "gateway/cli/plain.h"
#include "workers/judge/score/agreement.h"

/* One row of the result: a dimension, or overall. */
struct measures {
    double kappa, error, ranks, retest;
    double moved[VARIATIONS]; /* mean of absolute differences */
    double lifted[VARIATIONS]; /* mean of differences */
};

static struct measures measure(const struct cli *cli, const struct eval *eval, int row)
{
    double         *labels = arena_zero(cli->arena, eval->count, sizeof(*labels));
    double         *scores = arena_zero(cli->arena, eval->count, sizeof(*scores));
    struct measures out = {0};
    size_t          count = 0;

    for (size_t i = 0; i < eval->count; i++) {
        const struct eval_case *one = &eval->cases[i];

        if (one->scored) {
            labels[count] = one->label[row];
            scores[count++] = one->score[row];
            out.retest += one->retest[row];
        }
    }
    out.kappa = agreement_kappa(labels, scores, count);
    out.error = agreement_error(labels, scores, count);
    out.ranks = agreement_ranks(labels, scores, count);
    out.retest = count == 0 || eval->repeats < 2 ? NAN : out.retest / (double)count;
    for (int way = 0; way < VARIATIONS; way++) {
        size_t varied = 0;

        for (size_t i = 0; i < eval->count; i++) {
            double moved = eval->cases[i].moved[way][row];

            if (eval->cases[i].scored && !isnan(moved)) {
                out.moved[way] += fabs(moved);
                out.lifted[way] += moved;
                varied++;
            }
        }
        out.moved[way] = varied == 0 ? NAN : out.moved[way] / (double)varied;
        out.lifted[way] = varied == 0 ? NAN : out.lifted[way] / (double)varied;
    }
    return out;
}

static size_t count_unscored(const struct eval *eval)
{
    size_t count = 0;

    for (size_t i = 0; i < eval->count; i++) {
        count += !eval->cases[i].scored;
    }
    return count;
}

static void print_number(double number)
{
    if (isnan(number)) {
        printf("%11s", "-");
    } else {
        printf("%11.2f", number);
    }
}

static void print_cases(const struct cli *cli, const struct eval *eval)
{
    printf("\n%s%-24s%8s%8s  %s%s\n", BOLD(cli), "session", "label", "score", "what it is",
           PLAIN(cli));
    for (size_t i = 0; i < eval->count; i++) {
        const struct eval_case *one = &eval->cases[i];

        if (one->scored) {
            printf("%-24s%8.2f%8.2f  %s\n", one->name, one->label[EVAL_OVERALL],
                   one->score[EVAL_OVERALL], one->what);
        } else {
            printf("%-24s%8.2f%8s  not scored: ", one->name, one->label[EVAL_OVERALL], "-");
            plain_print(stdout, bytes_of(one->why));
            (void)fputc('\n', stdout);
        }
    }
}

void eval_print_table(const struct cli *cli, const struct eval *eval)
{
    printf("judge %s, rubric %s: %zu sessions, %zu not scored, %d runs each\n\n", eval->judge,
           eval->rubric, eval->count, count_unscored(eval), eval->repeats);
    printf("%s%-22s%11s%11s%11s%11s", BOLD(cli), "dimension", "kappa", "error", "rank corr",
           "retest");
    for (int way = 0; way < VARIATIONS; way++) {
        printf("%11s", variation_name((enum variation)way));
    }
    printf("%s\n", PLAIN(cli));
    for (int row = 0; row < EVAL_ROWS; row++) {
        struct measures measures = measure(cli, eval, row);

        printf("%-22s", eval_row_name(row));
        print_number(measures.kappa);
        print_number(measures.error);
        print_number(measures.ranks);
        print_number(measures.retest);
        for (int way = 0; way < VARIATIONS; way++) {
            print_number(measures.moved[way]);
        }
        printf("\n");
    }
    print_cases(cli, eval);
}

static struct value number_value(double number)
{
    return isnan(number) ? value_null() : value_real(round(number * 1e6) / 1e6);
}

static struct value row_value(const struct cli *cli, const struct measures *measures)
{
    struct value out = value_map();
    struct value moved = value_map();
    struct value lifted = value_map();

    value_put(cli->arena, &out, "kappa", number_value(measures->kappa));
    value_put(cli->arena, &out, "mean_absolute_error", number_value(measures->error));
    value_put(cli->arena, &out, "rank_correlation", number_value(measures->ranks));
    value_put(cli->arena, &out, "retest_spread", number_value(measures->retest));
    for (int way = 0; way < VARIATIONS; way++) {
        const char *name = variation_name((enum variation)way);

        value_put(cli->arena, &moved, name, number_value(measures->moved[way]));
        value_put(cli->arena, &lifted, name, number_value(measures->lifted[way]));
    }
    value_put(cli->arena, &out, "moved_by", moved);
    value_put(cli->arena, &out, "lifted_by", lifted);
    return out;
}

static struct value case_value(const struct cli *cli, const struct eval_case *one)
{
    struct value out = value_map();
    struct value labels = value_map();
    struct value scores = value_map();

    for (int row = 0; row < EVAL_ROWS; row++) {
        value_put(cli->arena, &labels, eval_row_name(row), number_value(one->label[row]));
        value_put(cli->arena, &scores, eval_row_name(row),
                  one->scored ? number_value(one->score[row]) : value_null());
    }
    value_put(cli->arena, &out, "name", value_text(one->name));
    value_put(cli->arena, &out, "what", value_text(one->what));
    value_put(cli->arena, &out, "labels", labels);
    value_put(cli->arena, &out, "scores", scores);
    value_put(cli->arena, &out, "reason", one->why == NULL ? value_null() : value_text(one->why));
    return out;
}

void eval_print_json(const struct cli *cli, const struct eval *eval)
{
    struct value out = value_map();
    struct value rows = value_map();
    struct value cases = value_list();

    for (int row = 0; row < EVAL_ROWS; row++) {
        struct measures measures = measure(cli, eval, row);

        value_put(cli->arena, &rows, eval_row_name(row), row_value(cli, &measures));
    }
    for (size_t i = 0; i < eval->count; i++) {
        value_append(cli->arena, &cases, case_value(cli, &eval->cases[i]));
    }
    value_put(cli->arena, &out, "judge", value_text(eval->judge));
    value_put(cli->arena, &out, "rubric_version", value_text(eval->rubric));
    value_put(cli->arena, &out, "sessions", value_whole((int64_t)eval->count));
    value_put(cli->arena, &out, "unscored", value_whole((int64_t)count_unscored(eval)));
    value_put(cli->arena, &out, "runs", value_whole(eval->repeats));
    value_put(cli->arena, &out, "measures", rows);
    value_put(cli->arena, &out, "cases", cases);
    cli_print_json(&out);
}
