// SPDX-License-Identifier: MIT
/* prt view - a trace for people: task, timeline, diffs, tests, honesty, scores. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/cli/call.h"
#include "gateway/cli/honesty.h"
#include "gateway/cli/outcome.h"
#include "gateway/cli/plain.h"
#include "value/json.h"

enum { DOCUMENT_MOST = 2000 << 20, LINE_MOST = 100 };

static const struct value_limits limits = {DOCUMENT_MOST, 128, 200u << 20};

/* One line of it, cut to what a terminal shows. */
static void print_line(struct bytes text)
{
    const uint8_t *end = memchr(text.data, '\n', text.size);
    struct bytes   line = {text.data, end == NULL ? text.size : (size_t)(end - text.data)};
    struct bytes   shown = {line.data, plain_cut(line, LINE_MOST)};

    plain_print(stdout, shown);
    if (shown.size < line.size) {
        (void)fputs("…", stdout);
    } else if (line.size + 1 < text.size) {
        (void)fputs(" …", stdout);
    }
}

static void print_diff(const struct cli *cli, struct bytes diff)
{
    while (diff.size > 0) {
        const uint8_t *end = memchr(diff.data, '\n', diff.size);
        size_t         size = end == NULL ? diff.size : (size_t)(end - diff.data);
        bool           head = size >= 3 && (memcmp(diff.data, "---", 3) == 0 || memcmp(diff.data, "+++", 3) == 0);

        if (size > 0 && !head && strchr("+-@", diff.data[0]) != NULL) {
            printf("              %s", diff.data[0] == '+'   ? GREEN(cli)
                                       : diff.data[0] == '-' ? RED(cli)
                                                             : DIM(cli));
            print_line((struct bytes){diff.data, size});
            printf("%s\n", PLAIN(cli));
        }
        diff.data += size + (end != NULL);
        diff.size -= size + (end != NULL);
    }
}

static void print_edit(const struct cli *cli, const struct value *event)
{
    print_line(value_text_or(value_get(event, "file_path"), ""));
    (void)fputc('\n', stdout);
    print_diff(cli, value_text_or(value_get(event, "diff_unified"), ""));
}

static void print_command(const struct cli *cli, const struct value *event)
{
    int64_t exit = value_whole_or(value_get(event, "exit_code"), 0);

    print_line(value_text_or(value_get(event, "cmd"), ""));
    printf("  %s-> %lld%s\n", exit == 0 ? DIM(cli) : RED(cli), (long long)exit, PLAIN(cli));
}

static void print_tests(const struct cli *cli, const struct value *event)
{
    int64_t failed = value_whole_or(value_get(event, "num_failed"), 0);

    print_line(value_text_or(value_get(event, "framework"), ""));
    printf("  %lld passed, %s%lld failed%s  ", (long long)value_whole_or(value_get(event, "num_passed"), 0),
           failed > 0 ? RED(cli) : GREEN(cli), (long long)failed, PLAIN(cli));
    print_line(value_text_or(value_get(event, "selection"), ""));
    (void)fputc('\n', stdout);
}

static void print_commit(const struct cli *cli, const struct value *event)
{
    struct bytes sha = value_text_or(value_get(event, "sha"), "");

    (void)cli;
    plain_print(stdout, (struct bytes){sha.data, plain_cut(sha, 10)});
    (void)fputs("  ", stdout);
    print_line(value_text_or(value_get(event, "message"), ""));
    (void)fputc('\n', stdout);
}

static void print_note(const struct cli *cli, const struct value *event)
{
    /* In the order in which one thinks. */
    static const char *const parts[] = {"plan", "hypothesis", "observation", "decision", "next_step"};
    const struct value *structured = value_get(event, "structured");
    struct bytes        freeform = value_text_or(value_get(event, "freeform"), "");
    bool                first = freeform.size == 0;

    if (freeform.size > 0) {
        print_line(freeform);
        (void)fputc('\n', stdout);
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct bytes part = value_text_or(value_get(structured, parts[i]), "");

        if (part.size > 0) {
            printf("%s%s%s%s ", first ? "" : "              ", DIM(cli), parts[i], PLAIN(cli));
            print_line(part);
            (void)fputc('\n', stdout);
            first = false;
        }
    }
}

struct shape {
    const char *type;
    const char *label;
    void (*print)(const struct cli *cli, const struct value *event);
};

static const struct shape shapes[] = {
    {"file_edit", "edit", print_edit},     {"cmd_run", "run", print_command},
    {"test_run", "tests", print_tests},    {"commit", "commit", print_commit},
    {"rationale_note", "note", print_note},
};

static void print_event(const struct cli *cli, const struct value *event, double start_s)
{
    double at_s = value_real_or(value_get(event, "ts_client_s"), start_s) - start_s;

    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        if (value_is_text(value_get(event, "type"), shapes[i].type)) {
            printf("%s%4d:%02d%s %-6s ", DIM(cli), (int)at_s / 60, abs((int)at_s % 60), PLAIN(cli),
                   shapes[i].label);
            shapes[i].print(cli, event);
        }
    }
}

static void print_head(const struct cli *cli, const struct value *document)
{
    static const char *const metrics[] = {"num_events",  "num_edits",     "num_cmds",
                                          "num_test_runs", "num_commits", "num_rationales",
                                          "files_touched", "edit_churn_lines"};

    printf("%s", BOLD(cli));
    print_line(value_text_or(value_at(document, "/task/title"), ""));
    printf("%s\n", PLAIN(cli));
    print_line(value_text_or(value_get(document, "trace_id"), ""));
    printf("  by ");
    print_line(value_text_or(value_at(document, "/session/participant_id"), "?"));
    printf("  in ");
    print_line(value_text_or(value_at(document, "/repo/origin"), "?"));
    printf("\n%s", DIM(cli));
    for (size_t i = 0; i < COUNT_OF(metrics); i++) {
        const struct value *metric = value_get(value_get(document, "metrics"), metrics[i]);

        if (metric != NULL) {
            printf("%s%s %lld", i == 0 ? "" : ", ", metrics[i], (long long)value_whole_or(metric, 0));
        }
    }
    printf("%s\n\n", PLAIN(cli));
}

/* The newest, or with --judge all every version. */
static void print_judgings(struct cli *cli, const struct value *document)
{
    const struct value *all = value_at(document, "/qa/judge_all");

    if (value_at(document, "/qa/judge") == NULL) {
        printf("judge   has not spoken yet\n");
        return;
    }
    if (all == NULL || all->kind != VALUE_LIST) {
        outcome_print_scores(cli, value_at(document, "/qa/judge"), true);
        return;
    }
    for (uint32_t i = 0; i < all->count; i++) {
        const struct value *judge = value_get(&all->as.items[i], "judge");

        printf("%sversion %lld, rubric ", DIM(cli),
               (long long)value_whole_or(value_get(&all->as.items[i], "version"), 0));
        print_line(value_text_or(value_get(judge, "rubric_version"), "?"));
        (void)fputs(", prompt ", stdout);
        print_line(value_text_or(value_get(judge, "prompt_version"), "?"));
        printf("%s\n", PLAIN(cli));
        outcome_print_scores(cli, judge, true);
    }
}

static int print_all(struct cli *cli, const struct value *document)
{
    const struct value *events = value_get(document, "events");
    double              start_s = 0;

    print_head(cli, document);
    for (uint32_t i = 0; events != NULL && events->kind == VALUE_LIST && i < events->count; i++) {
        if (i == 0) {
            start_s = value_real_or(value_get(&events->as.items[0], "ts_client_s"), 0);
        }
        print_event(cli, &events->as.items[i], start_s);
    }
    (void)fputc('\n', stdout);
    if (value_at(document, "/qa/validation") == NULL) {
        printf("tests   not run yet\n");
    } else {
        outcome_print_tests(cli, value_at(document, "/qa/validation"));
        honesty_print(cli, value_at(document, "/qa/validation"));
    }
    print_judgings(cli, document);
    return EXIT_DONE;
}

static int print_field(const struct value *document, const char *pointer, struct cli *cli,
                       struct err *err)
{
    const char         *path = pointer[0] == '/' ? pointer : arena_format(cli->arena, "/%s", pointer);
    const struct value *value = value_at(document, path);

    if (value == NULL) {
        return err_set(err, ERR_NOT_FOUND, "the document has no field %s", path);
    }
    if (value->kind == VALUE_TEXT && !cli->json) {
        if (cli->terminal) {
            plain_print(stdout, value->as.text);
        } else { /* a script wants it as it is */
            (void)fwrite(value->as.text.data, 1, value->as.text.size, stdout);
        }
        (void)fputc('\n', stdout);
    } else {
        cli_print_json(value);
    }
    return EXIT_DONE;
}

static int read_judge(const char *text, const char **ret_query, struct err *err)
{
    const bool all = strcmp(text, "all") == 0;

    if (!all && strcmp(text, "newest") != 0) {
        return err_set(err, ERR_USAGE, "--judge: \"%s\" is neither newest nor all", text);
    }
    *ret_query = all ? "?judge=all" : "";
    return 0;
}

int view_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"field", required_argument, NULL, 'f'},
                                            {"judge", required_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    const char  *field = NULL;
    const char  *query = "";
    struct bytes bytes;
    struct value document;
    int          status;
    int          option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'f') {
            field = optarg;
        } else if (option == 'j') {
            TRY(read_judge(optarg, &query, err));
        } else {
            return err_set(err, ERR_USAGE, "prt view --help tells its options");
        }
    }
    if (optind + 1 != argc) {
        return err_set(err, ERR_USAGE, "view wants one trace id or file");
    }
    TRY(cli_document_with(cli, argv[optind], query, &status, &bytes, err));
    if (json_read(cli->arena, bytes, &limits, &document, err) < 0) {
        return err_add(err, "%s is no document", argv[optind]);
    }
    if (status == 202) { /* what came instead has fields too, and they are not the document's */
        struct bytes said = value_text_or(value_get(&document, "message"), "not finalized yet");

        if (cli->json) {
            cli_print_json(&document);
        } else {
            (void)fprintf(stderr, "%s: %.*s (%lld events so far)\n", argv[optind], (int)said.size,
                          (const char *)said.data,
                          (long long)value_whole_or(value_get(&document, "num_events"), 0));
        }
        return EXIT_LATE;
    }
    if (field != NULL) {
        return print_field(&document, field, cli, err);
    }
    if (cli->json) {
        bool held = false;

        if (cli->terminal) {
            plain_lines(stdout, bytes, &held);
        } else { /* a script wants it as it is */
            (void)fwrite(bytes.data, 1, bytes.size, stdout);
        }
        (void)fputc('\n', stdout);
        return EXIT_DONE;
    }
    return print_all(cli, &document);
}
