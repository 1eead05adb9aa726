// SPDX-License-Identifier: MIT
/* prt list - traces, newest first. */
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "gateway/cli/call.h"
#include "gateway/cli/plain.h"
#include "gateway/cli/when.h"

enum { TRACE_WIDTH = 39, TITLE_MOST = 50, FOLD_BELOW = 110 };

struct filter {
    const char *option; /* of prt: --option */
    const char *query;  /* of the API */
    bool        is_time;
};

static const struct filter filters[] = {
    {"status", "status", false},
    {"task", "task_id", false},
    {"participant", "participant_id", false},
    {"repo", "repo", false},
    {"min-score", "min_score", false},
    {"since", "since", true},
    {"until", "until", true},
    {"limit", "limit", false},
    {"experiment", "experiment_id", false},
};

static void print_when(double seconds)
{
    time_t    at = (time_t)seconds;
    struct tm parts;
    char      text[32];

    (void)localtime_r(&at, &parts);
    (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &parts);
    printf("%-17s", text);
}

/* `fold` stands where a terminal without room for all of it goes on in a second line. */
static void print_row(const struct cli *cli, const struct value *trace, const char *fold)
{
    const struct value *passed = value_get(trace, "tests_passed");
    const struct value *overall = value_get(trace, "overall");
    struct bytes id = value_text_or(value_get(trace, "trace_id"), "");
    struct bytes status = value_text_or(value_get(trace, "status"), "");
    struct bytes title = value_text_or(value_get(trace, "task_title"), "");
    bool         known = passed != NULL && passed->kind == VALUE_FLAG;

    plain_cell(id, TRACE_WIDTH);
    (void)fputc(' ', stdout);
    print_when(value_real_or(value_get(trace, "created_at"), 0));
    printf(" %-11.*s%s %6lld  ", (int)status.size, (const char *)status.data, fold,
           (long long)value_whole_or(value_get(trace, "num_events"), 0));
    printf("%s%-8s%s", !known ? DIM(cli) : passed->as.flag ? GREEN(cli) : RED(cli),
           !known ? "-" : passed->as.flag ? "passed" : "failed", PLAIN(cli));
    if (overall != NULL && overall->kind != VALUE_NULL) {
        printf("%5.2f  ", value_real_or(overall, 0));
    } else {
        printf("    -  ");
    }
    plain_print(stdout, (struct bytes){title.data, plain_cut(title, TITLE_MOST)});
    (void)fputc('\n', stdout);
}

static int add_filter(struct buf *path, const char *glue, const struct filter *filter,
                      const char *text, struct err *err)
{
    char    option[32];
    int64_t at_us;

    buf_format(path, "%s%s=", glue, filter->query);
    if (!filter->is_time) {
        http_encode(path, bytes_of(text), false);
        return 0;
    }
    (void)snprintf(option, sizeof(option), "--%s", filter->option);
    TRY(when_read(option, text, clock_us(), &at_us, err));
    buf_format(path, "%.6f", (double)at_us / 1e6);
    return 0;
}

static int build_path(struct buf *path, int argc, char **argv, struct err *err)
{
    struct option options[COUNT_OF(filters) + 3] = {{0}};
    const char   *glue = "?";
    int           option;

    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        options[i] = (struct option){filters[i].option, required_argument, NULL, (int)i};
    }
    options[COUNT_OF(filters)] = (struct option){"passed", no_argument, NULL, 1000};
    options[COUNT_OF(filters) + 1] = (struct option){"failed", no_argument, NULL, 1001};
    buf_put_text(path, "/v1/traces");
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option >= 1000) {
            buf_format(path, "%stests_passed=%s", glue, option == 1000 ? "true" : "false");
        } else if (option >= 0 && option < (int)COUNT_OF(filters)) {
            TRY(add_filter(path, glue, &filters[option], optarg, err));
        } else {
            return err_set(err, ERR_USAGE, "prt list --help tells its options");
        }
        glue = "&";
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "list takes options only, and \"%s\" was given", argv[optind]);
    }
    return 0;
}

int list_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    CLEANUP(buf) struct buf path = {0};
    const struct value *traces;
    const char         *fold;
    struct value        answer;

    TRY(build_path(&path, argc, argv, err));
    TRY(cli_call(cli, &(struct call){.method = "GET", .path = buf_text(&path)}, NULL, &answer, NULL,
                 err));
    if (cli->json) {
        cli_print_json(&answer);
        return EXIT_DONE;
    }
    traces = value_get(&answer, "traces");
    if (traces == NULL || traces->kind != VALUE_LIST || traces->count == 0) {
        (void)fprintf(stderr, "no trace fits; prt submit examples/one_line_fix sends one\n");
        return EXIT_DONE;
    }
    fold = cli_narrower(cli, FOLD_BELOW) ? "\n" : "";
    printf("%s%-39s %-17s %-11s%s %6s  %-8s%5s  %s%s\n", BOLD(cli), "trace", "begun", "status", fold,
           "events", "tests", "score", "task", PLAIN(cli));
    for (uint32_t i = 0; i < traces->count; i++) {
        print_row(cli, &traces->as.items[i], fold);
    }
    if (value_get(&answer, "next") != NULL && value_get(&answer, "next")->kind == VALUE_TEXT) {
        (void)fprintf(stderr, "there are more: --limit N shows up to 500, --until TIME older ones\n");
    }
    return EXIT_DONE;
}
