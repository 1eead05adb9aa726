// SPDX-License-Identifier: MIT
#include "gateway/cli/outcome.h"

#include "gateway/cli/honesty.h"
#include "gateway/cli/plain.h"

#include <string.h>

#include "value/json.h"

enum { DOCUMENT_MOST = 2000 << 20, BAR = 20, NAMES_SHOWN = 8 };

static const struct value_limits limits = {DOCUMENT_MOST, 128, 200u << 20};

const char *const outcome_dimension[DIMENSIONS] = {
    "problem_understanding", "causal_linking",  "experiment_design",
    "efficiency",            "reproducibility", "safety_hygiene"};

int outcome_read(struct arena *arena, int status, struct bytes answer, struct outcome *ret_outcome,
                 struct err *err)
{
    struct value document;

    if (status == 202) {
        *ret_outcome = (struct outcome){"collected, being finalized", false};
        return 0;
    }
    TRY(json_read(arena, answer, &limits, &document, err));
    if (value_at(&document, "/qa/judge") != NULL) {
        *ret_outcome = (struct outcome){"judged", true};
    } else if (value_at(&document, "/qa/validation") != NULL) {
        *ret_outcome = (struct outcome){"tested, being judged", false};
    } else {
        *ret_outcome = (struct outcome){"finalized, tests running", false};
    }
    return 0;
}

int64_t outcome_count(const struct value *tests, const char *class)
{
    const struct value *names = value_get(tests, class);

    return (names != NULL && names->kind == VALUE_LIST ? names->count : 0) +
           value_whole_or(value_get(value_get(tests, "omitted"), class), 0);
}

static void print_names(const struct cli *cli, const struct value *tests, const char *class)
{
    const struct value *names = value_get(tests, class);
    int64_t             all = outcome_count(tests, class);
    int64_t             shown = 0;

    if (all == 0 || names == NULL || names->kind != VALUE_LIST) {
        return;
    }
    printf("  %-14s %lld\n", class, (long long)all);
    for (; shown < names->count && shown < NAMES_SHOWN; shown++) {
        struct bytes name = value_text_or(&names->as.items[shown], "");

        printf("      %s", DIM(cli));
        plain_print(stdout, name);
        printf("%s\n", PLAIN(cli));
    }
    if (all > shown) {
        printf("      %s... and %lld more%s\n", DIM(cli), (long long)(all - shown), PLAIN(cli));
    }
}

void outcome_print_tests(const struct cli *cli, const struct value *validation)
{
    static const char *const classes[] = {"fail_to_pass", "pass_to_fail", "fail_to_fail", "flaky"};
    const struct value *tests = value_get(validation, "tests");
    struct bytes        status = value_text_or(value_get(validation, "status"), "?");
    struct bytes        reason = value_text_or(value_get(validation, "reason"), "");
    bool                good = bytes_is(status, "passed");

    printf("tests   %s", good                           ? GREEN(cli)
                         : bytes_is(status, "not_run") ? DIM(cli)
                                                       : RED(cli));
    plain_print(stdout, status);
    printf("%s", PLAIN(cli));
    if (reason.size > 0) {
        (void)fputs(" (", stdout);
        plain_print(stdout, reason);
        (void)fputs(")", stdout);
    }
    printf("   %lld passed, %lld failed, %lld errors, %lld skipped in %.1f s\n",
           (long long)value_whole_or(value_get(validation, "num_passed"), 0),
           (long long)value_whole_or(value_get(validation, "num_failed"), 0),
           (long long)value_whole_or(value_get(validation, "num_errors"), 0),
           (long long)value_whole_or(value_get(validation, "num_skipped"), 0),
           value_real_or(value_get(validation, "runtime_s"), 0));
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        print_names(cli, tests, classes[i]);
    }
}

static void print_score(const struct cli *cli, const char *name, const struct value *score,
                        const char *before)
{
    double value = value_real_or(score, -1);
    int    filled = value < 0 ? 0 : (int)(value / 5.0 * BAR + 0.5);

    if (value < 0) {
        printf("%s%-22s   -\n", before, name);
        return;
    }
    printf("%s%-22s %4.1f  %s", before, name, value,
           value >= 3.5 ? GREEN(cli) : value < 2 ? RED(cli) : "");
    for (int i = 0; i < BAR; i++) {
        (void)fputs(i < filled ? "█" : "·", stdout);
    }
    printf("%s\n", PLAIN(cli));
}

/* One sentence, and the events it rests on. */
static void print_reason(const struct cli *cli, const struct value *reason)
{
    const struct value *evidence = value_get(reason, "evidence");
    struct bytes        words = value_text_or(value_get(reason, "reason"), "");
    uint32_t            count = evidence != NULL && evidence->kind == VALUE_LIST ? evidence->count : 0;

    if (words.size == 0) {
        return;
    }
    printf("      %s", DIM(cli));
    plain_print(stdout, words);
    for (uint32_t i = 0; i < count; i++) {
        printf("%s%lld", i == 0 ? " (seq " : ", ",
               (long long)value_whole_or(&evidence->as.items[i], -1));
    }
    printf("%s%s\n", count > 0 ? ")" : "", PLAIN(cli));
}

/* Who judged, and why there may be no scores: false then. */
static bool print_judge(const struct cli *cli, const struct value *judge)
{
    struct bytes        status = value_text_or(value_get(judge, "status"), "scored");
    struct bytes        why = value_text_or(value_get(judge, "reason"), "");
    const struct value *flags = value_get(judge, "flags");

    bool                scored = bytes_is(status, "scored");

    (void)fputs("judge   ", stdout);
    plain_print(stdout, value_text_or(value_get(judge, "model"), "?"));
    if (!scored) {
        printf("  %s", RED(cli));
        plain_print(stdout, status);
        printf("%s%s", PLAIN(cli), why.size > 0 ? ": " : "");
        plain_print(stdout, why);
    }
    (void)fputc('\n', stdout);
    for (uint32_t i = 0; flags != NULL && flags->kind == VALUE_LIST && i < flags->count; i++) {
        (void)fputs(i == 0 ? "  flags                  " : ", ", stdout);
        plain_print(stdout, value_text_or(&flags->as.items[i], "?"));
        (void)fputs(i + 1 == flags->count ? "\n" : "", stdout);
    }
    return scored;
}

void outcome_print_scores(const struct cli *cli, const struct value *judge, bool reasons)
{
    const struct value *scores = value_get(judge, "scores");
    struct bytes        summary = value_text_or(value_get(judge, "feedback_summary"), "");
    bool                scored = print_judge(cli, judge);

    for (size_t i = 0; i < DIMENSIONS && scored; i++) {
        print_score(cli, outcome_dimension[i], value_get(scores, outcome_dimension[i]), "  ");
        if (reasons) {
            print_reason(cli, value_get(value_get(judge, "reasons"), outcome_dimension[i]));
        }
    }
    if (scored) {
        print_score(cli, "overall", value_get(scores, "overall"), "  ");
    }
    if (summary.size > 0) {
        (void)fputs("  ", stdout);
        plain_print(stdout, summary);
        (void)fputc('\n', stdout);
    }
}

int outcome_print(struct cli *cli, const char *trace, struct bytes document, struct err *err)
{
    struct value value;

    TRY(json_read(cli->arena, document, &limits, &value, err));
    if (cli->json) {
        struct value line = value_map();
        const struct value *qa = value_get(&value, "qa");

        value_put(cli->arena, &line, "trace_id", value_text(trace));
        value_put(cli->arena, &line, "qa", qa == NULL ? value_null() : *qa);
        cli_print_json(&line);
        return EXIT_DONE;
    }
    printf("%s%s%s\n", BOLD(cli), trace, PLAIN(cli));
    outcome_print_tests(cli, value_at(&value, "/qa/validation"));
    honesty_print(cli, value_at(&value, "/qa/validation"));
    outcome_print_scores(cli, value_at(&value, "/qa/judge"), false);
    return EXIT_DONE;
}
