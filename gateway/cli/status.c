// SPDX-License-Identifier: MIT
/* prt status - streams, consumers, lag, processes. */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "farm/farm.h"
#include "gateway/cli/local.h"
#include "store/judge_store.h"
#include "store/trace_store.h"
#include "workers/judge/score/settings.h"

enum { COLUMN_FIRST = 20, COLUMN_LEAST = 11, COLUMN_GAP = 2 };

struct stream_row {
    const char *name;
};
struct stage_row {
    const char *role;
    const char *stream;
};

#define STREAM(name, ...) {#name},
static const struct stream_row streams[] = {
#include "schemas/pipeline.def"
};
#undef STREAM
#define STAGE(role, stream, ...) {#role, #stream},
static const struct stage_row stages[] = {
#include "schemas/pipeline.def"
};
#undef STAGE

static int add_streams(struct cli *cli, struct stream *stream, struct value *all, struct err *err)
{
    struct value list = value_list();

    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        struct stream_state state;
        struct value        one = value_map();

        TRY(stream_state(stream, streams[i].name, &state, err));
        value_put(cli->arena, &one, "stream", value_text(streams[i].name));
        value_put(cli->arena, &one, "messages", value_whole((int64_t)state.messages));
        value_put(cli->arena, &one, "bytes", value_whole((int64_t)state.bytes));
        value_put(cli->arena, &one, "first_seq", value_whole((int64_t)state.first_seq));
        value_put(cli->arena, &one, "last_seq", value_whole((int64_t)state.last_seq));
        value_append(cli->arena, &list, one);
    }
    value_put(cli->arena, all, "streams", list);
    return 0;
}

static int add_stages(struct cli *cli, struct stream *stream, struct value *all, struct err *err)
{
    struct value list = value_list();

    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        struct consumer_state state;
        struct value          one = value_map();

        TRY(stream_consumer_state(stream, stages[i].stream, stages[i].role, &state, err));
        value_put(cli->arena, &one, "stage", value_text(stages[i].role));
        value_put(cli->arena, &one, "pending", value_whole((int64_t)state.pending));
        value_put(cli->arena, &one, "in_flight", value_whole((int64_t)state.in_flight));
        value_put(cli->arena, &one, "redelivered", value_whole((int64_t)state.redelivered));
        value_put(cli->arena, &one, "settled_up_to", value_whole((int64_t)state.ack_floor));
        value_append(cli->arena, &list, one);
    }
    value_put(cli->arena, all, "stages", list);
    return 0;
}

static int add_processes(struct cli *cli, struct value *all, struct err *err)
{
    struct value    list = value_list();
    struct process *processes;
    size_t          count;

    if (local_read_processes(cli, &processes, &count, err) < 0) {
        if (err->code != ERR_NOT_FOUND) {
            return -1;
        }
        err_clear(err); /* a farm that prt up did not start has processes elsewhere */
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct value one = value_map();

        value_put(cli->arena, &one, "process", value_text(processes[i].name));
        value_put(cli->arena, &one, "pid", value_whole(processes[i].pid));
        value_put(cli->arena, &one, "lives", value_flag(process_lives(&processes[i])));
        value_append(cli->arena, &list, one);
    }
    value_put(cli->arena, all, "processes", list);
    return 0;
}

/* Every accepted event is chained, pending or dead; unaccounted is 0, or events are lost. What validate
 * has not settled yet of PRT_INGEST is not in the books: its row of the stages tells how much. */
static void add_accounting(struct cli *cli, struct value *all, struct err *err)
{
    CLEANUP(store) struct store *store = NULL;
    struct trace_accounts        sum;
    struct value                 list = value_list();
    struct value                 one = value_map();

    value_put(cli->arena, &one, "accounting", value_text("events"));
    if (farm_store_open(&store, &cli->config, err) < 0 || trace_accounts_read(store, &sum, err) < 0) {
        /* The rest of the status is wanted most when the database is gone. */
        value_put(cli->arena, &one, "not known", value_text(err_name(err->code)));
        err_clear(err);
    } else {
        value_put(cli->arena, &one, "accepted", value_whole(sum.accepted));
        value_put(cli->arena, &one, "chained", value_whole(sum.chained));
        value_put(cli->arena, &one, "pending", value_whole(sum.pending));
        value_put(cli->arena, &one, "dead", value_whole(sum.dead));
        value_put(cli->arena, &one, "unaccounted",
                  value_whole(sum.accepted - sum.chained - sum.pending - sum.dead));
    }
    value_append(cli->arena, &list, one);
    value_put(cli->arena, all, "accounting", list);
}

/* What models have cost today (UTC), where models judge. A job that might go over it waits. */
static void add_judging(struct cli *cli, struct value *all, struct err *err)
{
    const struct config        *config = &cli->config;
    CLEANUP(store) struct store *store = NULL;
    const int64_t               day_us = 24 * 3600 * (int64_t)1000000;
    int64_t                     now_us = clock_us();
    struct judge_spent          spent;
    struct value                list = value_list();
    struct value                one = value_map();
    int64_t                     next = config->judge_tokens + config->judge_answer_tokens;

    if (settings_mode(config) != JUDGE_OPENAI) {
        return;
    }
    value_put(cli->arena, &one, "judging_today", value_text(config->judge_model));
    if (farm_store_open(&store, config, err) < 0 ||
        judge_store_spent(store, cli->arena, now_us - now_us % day_us, &spent, err) < 0) {
        /* The rest of the status is wanted most when the database is gone. */
        value_put(cli->arena, &one, "not known", value_text(err_name(err->code)));
        value_append(cli->arena, &list, one);
        value_put(cli->arena, all, "judging", list);
        err_clear(err);
        return;
    }
    value_put(cli->arena, &one, "calls", value_whole(spent.calls));
    value_put(cli->arena, &one, "tokens", value_whole(spent.tokens));
    value_put(cli->arena, &one, "budget_tokens", value_whole(config->judge_budget_tokens));
    value_put(cli->arena, &one, "cents", value_whole((int64_t)(spent.cost_usd * 100 + 0.5)));
    value_put(cli->arena, &one, "budget_cents", value_whole(config->judge_budget_cents));
    value_put(cli->arena, &one, "paused",
              value_flag((config->judge_budget_tokens > 0 &&
                          spent.tokens + next > config->judge_budget_tokens) ||
                         (config->judge_budget_cents > 0 &&
                          spent.cost_usd * 100 >= (double)config->judge_budget_cents)));
    value_append(cli->arena, &list, one);
    value_put(cli->arena, all, "judging", list);
}

/* Row 0 is the headings. */
static struct bytes cell_text(struct arena *arena, const struct value *list, uint32_t row,
                              uint32_t column)
{
    const struct value_member *cell =
        &list->as.items[row == 0 ? 0 : row - 1].as.members[column];

    if (row == 0) {
        return cell->name;
    }
    switch (cell->value.kind) {
    case VALUE_WHOLE:
        return bytes_of(arena_format(arena, "%lld", (long long)cell->value.as.whole));
    case VALUE_FLAG:
        return cell->value.as.flag ? BYTES("yes") : BYTES("no");
    default:
        return cell->value.as.text;
    }
}

/* As its longest cell wants it: the sequences of PRT_INGEST have sixteen digits. */
static int width_of(struct arena *arena, const struct value *list, uint32_t column)
{
    size_t width = column == 0 ? COLUMN_FIRST : COLUMN_LEAST;

    for (uint32_t row = 0; row <= list->count; row++) {
        size_t wants = cell_text(arena, list, row, column).size + COLUMN_GAP;

        width = wants > width ? wants : width;
    }
    return (int)width;
}

/* A table from a list of flat maps; the first column is text, the others stand right. */
static void print_table(const struct cli *cli, const struct value *list)
{
    if (list == NULL || list->count == 0) {
        return;
    }
    for (uint32_t row = 0; row <= list->count; row++) {
        (void)fputs(row == 0 ? BOLD(cli) : "", stdout);
        for (uint32_t i = 0; i < list->as.items[0].count; i++) {
            struct bytes text = cell_text(cli->arena, list, row, i);

            printf(i == 0 ? "%-*.*s" : "%*.*s", width_of(cli->arena, list, i), (int)text.size,
                   (const char *)text.data);
        }
        printf("%s\n", row == 0 ? PLAIN(cli) : "");
    }
    (void)fputc('\n', stdout);
}

static int show(struct cli *cli, struct stream *stream, struct err *err)
{
    struct value all = value_map();

    TRY(add_streams(cli, stream, &all, err));
    TRY(add_stages(cli, stream, &all, err));
    add_accounting(cli, &all, err);
    add_judging(cli, &all, err);
    TRY(add_processes(cli, &all, err));
    if (cli->json) {
        cli_print_json(&all);
        return 0;
    }
    print_table(cli, value_get(&all, "streams"));
    print_table(cli, value_get(&all, "stages"));
    print_table(cli, value_get(&all, "accounting"));
    print_table(cli, value_get(&all, "judging"));
    print_table(cli, value_get(&all, "processes"));
    return 0;
}

int status_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"watch", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    struct arena *kept = cli->arena;
    struct farm   farm;
    bool          watch = false;
    int           shown;
    int           option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'w') {
            return err_set(err, ERR_USAGE, "prt status --help tells its options");
        }
        watch = true;
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "status takes options only, and \"%s\" was given", argv[optind]);
    }
    if (farm_open(&farm, &cli->config, FARM_STREAM_AS_IS, "prt status", NULL, err) < 0) {
        return err_add(err, "no farm answers at %s (%s)", cli->config.nats_url, local_remedy(cli));
    }
    do {
        CLEANUP(arena) struct arena *round = arena_new(); /* who watches for days keeps nothing */

        if (watch && cli->terminal) {
            (void)fputs("\033[H\033[J", stdout);
        }
        cli->arena = round;
        shown = show(cli, farm.stream, err);
        cli->arena = kept;
        (void)fflush(stdout);
        if (watch && shown == 0) {
            clock_sleep_ms(1000);
        }
    } while (watch && shown == 0);
    farm_close(&farm);
    return shown < 0 ? -1 : EXIT_DONE;
}
