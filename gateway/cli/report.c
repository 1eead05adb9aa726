// SPDX-License-Identifier: MIT
/* prt report - several traces side by side: tests, scores, and how long each stage took. */
#include <getopt.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/cli/call.h"
#include "gateway/cli/honesty.h"
#include "gateway/cli/outcome.h"
#include "gateway/cli/plain.h"
#include "value/json.h"

enum { DOCUMENT_MOST = 2000 << 20, LOOK_AGAIN_MS = 200, WAIT_MOST_US = 20 * 60 * 1000000 };

static const struct value_limits limits = {DOCUMENT_MOST, 128, 200u << 20};

struct column {
    const char *heading;
    int         width;
    const char *pointer; /* into a row */
    bool        real;    /* shown with two digits behind the point */
};

static const struct column columns[] = {
    {"session", 34, "/title", false},
    {"tests", 13, "/status", false},
    {"f->p", 6, "/fail_to_pass", false},
    {"p->p", 6, "/pass_to_pass", false},
    {"p->f", 6, "/pass_to_fail", false},
    {"true", 5, "/honest", false},
    {"under", 6, "/scores/problem_understanding", true},
    {"causal", 7, "/scores/causal_linking", true},
    {"experi", 7, "/scores/experiment_design", true},
    {"effic", 6, "/scores/efficiency", true},
    {"repro", 6, "/scores/reproducibility", true},
    {"safety", 7, "/scores/safety_hygiene", true},
    {"overall", 8, "/scores/overall", true},
    {"chain s", 8, "/seconds/collect", true},
    {"final s", 8, "/seconds/finalize", true},
    {"qa s", 7, "/seconds/qa", true},
    {"judge s", 8, "/seconds/judge", true},
};

/* Where a terminal has no room for all of them, the scores begin a second line. */
enum { COLUMNS_WIDTH = 147, SECOND_LINE = 6 };

static int wait_for(struct cli *cli, const char *trace, struct bytes *ret_document, struct err *err)
{
    int64_t deadline = clock_mono_us() + WAIT_MOST_US;

    for (;;) {
        CLEANUP(arena) struct arena *round = arena_new();
        struct arena  *kept = cli->arena;
        struct outcome outcome = {0};
        int            status;
        int            asked;

        cli->arena = round;
        asked = cli_document(cli, trace, &status, ret_document, err);
        if (asked == 0) {
            asked = outcome_read(round, status, *ret_document, &outcome, err);
        }
        cli->arena = kept;
        TRY(asked);
        if (outcome.ended) {
            *ret_document = arena_bytes(kept, *ret_document);
            return 0;
        }
        if (clock_mono_us() > deadline) {
            return err_set(err, ERR_TRACE_NOT_READY, "%s is still %s after 20 minutes", trace,
                           outcome.stage);
        }
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
}

static void put_count(struct cli *cli, struct value *row, const struct value *tests, const char *class)
{
    const struct value *names = value_get(tests, class);

    if (names != NULL && names->kind == VALUE_LIST) {
        value_put(cli->arena, row, class, value_whole(outcome_count(tests, class)));
    }
}

/* From one time to the next; left out where one of them is missing. */
static void put_seconds(struct cli *cli, struct value *seconds, const char *name,
                        const struct value *from, const struct value *to)
{
    double began = value_real_or(from, 0);
    double ended = value_real_or(to, 0);

    if (began > 0 && ended > 0) {
        value_put(cli->arena, seconds, name, value_real(ended > began ? ended - began : 0));
    }
}

static int read_row(struct cli *cli, const char *trace, bool wait, struct value *ret_row,
                    struct err *err)
{
    struct value        row = value_map();
    struct value        seconds = value_map();
    struct value        document;
    struct value        listed;
    struct value        honest;
    struct bytes        bytes;
    const struct value *found;
    const struct value *scores;
    int                 status = 200;

    if (wait) {
        TRY(wait_for(cli, trace, &bytes, err));
    } else {
        TRY(cli_document(cli, trace, &status, &bytes, err));
    }
    TRY(json_read(cli->arena, bytes, &limits, &document, err));
    TRY(cli_call(cli,
                 &(struct call){.method = "GET",
                                .path = arena_format(cli->arena, "/v1/traces?trace_id=%s", trace)},
                 NULL, &listed, NULL, err));
    found = value_at(&listed, "/traces/0");
    value_put(cli->arena, &row, "trace_id", value_text(trace));
    value_put(cli->arena, &row, "title", value_bytes(value_text_or(value_at(&document, "/task/title"), trace)));
    value_put(cli->arena, &row, "status",
              value_bytes(value_text_or(value_at(&document, "/qa/validation/status"), "-")));
    put_count(cli, &row, value_at(&document, "/qa/validation/tests"), "fail_to_pass");
    put_count(cli, &row, value_at(&document, "/qa/validation/tests"), "pass_to_pass");
    put_count(cli, &row, value_at(&document, "/qa/validation/tests"), "pass_to_fail");
    put_count(cli, &row, value_at(&document, "/qa/validation/tests"), "fail_to_fail");
    honest = honesty_of(value_at(&document, "/qa/validation"));
    value_put(cli->arena, &row, "honest", honest);
    scores = value_at(&document, "/qa/judge/scores");
    value_put(cli->arena, &row, "scores", scores == NULL ? value_null() : *scores);
    put_seconds(cli, &seconds, "collect", value_get(found, "created_at"), value_get(found, "completed_at"));
    put_seconds(cli, &seconds, "finalize", value_get(found, "completed_at"), value_get(found, "finalized_at"));
    put_seconds(cli, &seconds, "qa", value_get(found, "finalized_at"), value_get(found, "qa_at"));
    put_seconds(cli, &seconds, "judge", value_get(found, "qa_at"), value_get(found, "judged_at"));
    value_put(cli->arena, &row, "seconds", seconds);
    *ret_row = row;
    return 0;
}

static void print_cell(const struct cli *cli, const struct value *row, const struct column *column)
{
    const struct value *cell = value_at(row, column->pointer);
    char                text[64] = "-";

    if (cell != NULL && column->real && (cell->kind == VALUE_WHOLE || cell->kind == VALUE_REAL)) {
        (void)snprintf(text, sizeof(text), "%.2f", value_real_or(cell, 0));
    } else if (cell != NULL && cell->kind == VALUE_FLAG) {
        (void)snprintf(text, sizeof(text), "%s", cell->as.flag ? "yes" : "NO");
    } else if (cell != NULL && cell->kind == VALUE_WHOLE) {
        (void)snprintf(text, sizeof(text), "%lld", (long long)cell->as.whole);
    } else if (cell != NULL && cell->kind == VALUE_TEXT) {
        if (column == &columns[1]) {
            printf("  %s", value_is_text(cell, "passed") ? GREEN(cli) : RED(cli));
            plain_cell(cell->as.text, column->width - 2);
            printf("%s", PLAIN(cli));
            return;
        }
        plain_cell(cell->as.text, column->width);
        return;
    }
    printf("%*s", column->width, text);
}

static void fold(bool folded, size_t column)
{
    if (folded && column == SECOND_LINE) {
        (void)fputs("\n  ", stdout);
    }
}

static void print_table(const struct cli *cli, const struct value *rows)
{
    const bool folded = cli_narrower(cli, COLUMNS_WIDTH);

    (void)fputs(BOLD(cli), stdout);
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        fold(folded, i);
        printf(i == 0 ? "%-*s" : i == 1 ? "  %-*s" : "%*s",
               i == 1 ? columns[i].width - 2 : columns[i].width, columns[i].heading);
    }
    printf("%s\n", PLAIN(cli));
    for (uint32_t k = 0; k < rows->count; k++) {
        for (size_t i = 0; i < COUNT_OF(columns); i++) {
            fold(folded, i);
            print_cell(cli, &rows->as.items[k], &columns[i]);
        }
        (void)fputc('\n', stdout);
    }
}

int report_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"wait", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    struct value rows = value_list();
    bool         wait = false;
    int          option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'w') {
            return err_set(err, ERR_USAGE, "prt report --help tells its options");
        }
        wait = true;
    }
    if (optind == argc) {
        return err_set(err, ERR_USAGE, "report wants one or more trace ids");
    }
    for (int i = optind; i < argc; i++) {
        struct value row;

        if (cli->bars) {
            (void)fprintf(stderr, "\r%d of %d%s", i - optind + 1, argc - optind,
                          i + 1 == argc ? "\r        \r" : "");
        }
        TRY(read_row(cli, argv[i], wait, &row, err));
        value_append(cli->arena, &rows, row);
    }
    if (cli->json) {
        cli_print_json(&rows);
        return EXIT_DONE;
    }
    print_table(cli, &rows);
    return EXIT_DONE;
}
