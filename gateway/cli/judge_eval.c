// SPDX-License-Identifier: MIT
/* prt judge-eval - the judge on a labelled set: does it agree, repeat itself, stay unmoved? */
#include "gateway/cli/judge_eval.h"

#include <getopt.h>
#include <glob.h>
#include <math.h>
#include <string.h>

#include "crypto/crypto.h"
#include "gateway/cli/call.h"
#include "gateway/cli/whole.h"
#include "workers/judge/score/agreement.h"
#include "workers/judge/score/scorer.h"

enum { REPEATS_MOST = 20 };

const char *eval_row_name(int row)
{
    return row == EVAL_OVERALL ? "overall" : dimension_name((enum dimension)row);
}

/* -------- the labelled set -------- */

static double overall_of(const struct rubric *rubric, const double *scores)
{
    struct opinion opinion = {0};

    for (int i = 0; i < DIMENSIONS; i++) {
        opinion.finding[i].score = scores[i];
    }
    return rubric_overall(rubric, &opinion);
}

static int read_labels(const struct value *file, const char *path, const struct rubric *rubric,
                       struct eval_case *one, struct err *err)
{
    for (int i = 0; i < DIMENSIONS; i++) {
        const char *name = dimension_name((enum dimension)i);

        one->label[i] = value_real_or(value_get(value_get(file, "labels"), name), NAN);
        if (!(one->label[i] >= 0 && one->label[i] <= SCORE_MOST)) {
            return err_set(err, ERR_SCHEMA, "%s: labels.%s is no number from 0 to %d", path, name,
                           SCORE_MOST);
        }
    }
    one->label[EVAL_OVERALL] = overall_of(rubric, one->label);
    return 0;
}

static int read_case(struct cli *cli, const char *path, const struct rubric *rubric,
                     struct eval_case *one, struct err *err)
{
    const char   *slash = strrchr(path, '/');
    const char   *name = slash == NULL ? path : slash + 1;
    struct value *file = arena_zero(cli->arena, 1, sizeof(*file));
    struct bytes  bytes;

    TRY(cli_read_json(cli, path, &bytes, file, err));
    TRY(read_labels(file, path, rubric, one, err));
    if (value_get(file, "document") == NULL) {
        return err_set(err, ERR_SCHEMA, "%s has no document", path);
    }
    one->document = *value_get(file, "document");
    one->what = arena_text(cli->arena, value_text_or(value_get(file, "what"), ""));
    one->name = arena_format(cli->arena, "%.*s", (int)(strlen(name) - strlen(".json")), name);
    return 0;
}

static void found_done(glob_t found)
{
    globfree(&found);
}
DEFINE_CLEANUP(found, glob_t, found_done)

static int read_set(struct cli *cli, const char *dir, const struct rubric *rubric,
                    struct eval *eval, struct err *err)
{
    CLEANUP(found) glob_t found = {0};

    if (glob(arena_format(cli->arena, "%s/*.json", dir), 0, NULL, &found) != 0) {
        return err_set(err, ERR_NOT_FOUND, "%s holds no labelled sessions (*.json)", dir);
    }
    if (found.gl_pathc > AGREEMENT_MOST) {
        return err_set(err, ERR_TOO_LARGE, "%s holds %zu sessions; %d are the most", dir,
                       found.gl_pathc, AGREEMENT_MOST);
    }
    eval->cases = arena_zero(cli->arena, found.gl_pathc, sizeof(*eval->cases));
    for (; eval->count < found.gl_pathc; eval->count++) {
        TRY(read_case(cli, found.gl_pathv[eval->count], rubric, &eval->cases[eval->count], err));
    }
    return 0;
}

/* -------- judging -------- */

/* *ret_why is set when there are no scores. */
static int judge_once(struct scorer *scorer, const struct value *document,
                      double ret_scores[EVAL_ROWS], struct arena *words, const char **ret_why,
                      struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               session;
    struct opinion               opinion;
    const char                  *why;
    bool                         scored;

    TRY(session_of_value(arena, document, &session, err));
    TRY(scorer_judge(scorer, arena, &session, &opinion, &scored, &why, err));
    *ret_why = scored ? NULL : arena_text(words, bytes_of(why));
    for (int i = 0; i < DIMENSIONS && scored; i++) {
        ret_scores[i] = opinion.finding[i].score;
    }
    if (scored) {
        ret_scores[EVAL_OVERALL] = rubric_overall(scorer_rubric(scorer), &opinion);
    }
    return 0;
}

static int retest(struct scorer *scorer, struct eval_case *one, int repeats, struct arena *words,
                  struct err *err)
{
    double low[EVAL_ROWS];
    double high[EVAL_ROWS];

    memcpy(low, one->score, sizeof(low));
    memcpy(high, one->score, sizeof(high));
    for (int i = 1; i < repeats; i++) {
        double      again[EVAL_ROWS];
        const char *why;

        TRY(judge_once(scorer, &one->document, again, words, &why, err));
        for (int row = 0; row < EVAL_ROWS && why == NULL; row++) {
            low[row] = again[row] < low[row] ? again[row] : low[row];
            high[row] = again[row] > high[row] ? again[row] : high[row];
        }
    }
    for (int row = 0; row < EVAL_ROWS; row++) {
        one->retest[row] = high[row] - low[row];
    }
    return 0;
}

static int judge_case(struct scorer *scorer, struct eval_case *one, int repeats,
                      struct arena *words, struct err *err)
{
    TRY(judge_once(scorer, &one->document, one->score, words, &one->why, err));
    one->scored = one->why == NULL;
    if (!one->scored) {
        return 0;
    }
    TRY(retest(scorer, one, repeats, words, err));
    for (int i = 0; i < VARIATIONS; i++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        struct value                 varied = vary(arena, &one->document, (enum variation)i);
        double                       scores[EVAL_ROWS];
        const char                  *why;

        TRY(judge_once(scorer, &varied, scores, words, &why, err));
        for (int row = 0; row < EVAL_ROWS; row++) {
            one->moved[i][row] = why == NULL ? scores[row] - one->score[row] : NAN;
        }
    }
    return 0;
}

static int judge_all(struct cli *cli, struct scorer *scorer, struct eval *eval, struct err *err)
{
    for (size_t i = 0; i < eval->count; i++) {
        struct eval_case *one = &eval->cases[i];

        (void)fprintf(stderr, "%s (%zu of %zu)\n", one->name, i + 1, eval->count);
        if (judge_case(scorer, one, eval->repeats, cli->arena, err) < 0) {
            return err_add(err, "%s", one->name);
        }
    }
    return 0;
}

int judge_eval_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                            {"repeat", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    CLEANUP(scorer) struct scorer *scorer = NULL;
    struct eval eval = {0};
    const char *model = NULL;
    int64_t     repeats = 3;
    int         option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'm') {
            model = optarg;
        } else if (option == 'r') {
            TRY(whole_read("--repeat", optarg, 1, REPEATS_MOST, &repeats, err));
        } else {
            return err_set(err, ERR_USAGE, "prt judge-eval --help tells its options");
        }
    }
    if (optind + 1 != argc) {
        return err_set(err, ERR_USAGE, "judge-eval wants one directory of labelled sessions");
    }
    TRY(crypto_setup(err));
    TRY(scorer_open(&scorer, &cli->config, model, err));
    eval.repeats = (int)repeats;
    eval.judge = scorer_name(scorer);
    eval.rubric = scorer_rubric(scorer)->version;
    TRY(read_set(cli, argv[optind], scorer_rubric(scorer), &eval, err));
    TRY(judge_all(cli, scorer, &eval, err));
    if (cli->json) {
        eval_print_json(cli, &eval);
    } else {
        eval_print_table(cli, &eval);
    }
    return EXIT_DONE;
}
