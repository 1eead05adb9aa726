// SPDX-License-Identifier: MIT
/* prt replay - give a stage once more what it was given before. */
#include "gateway/cli/replay.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/cli/when.h"
#include "trace/message.h"
#include "workers/judge/score/panel.h"
#include "workers/judge/score/settings.h"

/* ------------------------------------ --filter ------------------------------------ */

struct filter_row {
    const char *name;
    size_t      at; /* in struct replay_filter */
    const char *words; /* the closed list, or NULL */
};
#define FILTER(name, member, words) {name, offsetof(struct replay_filter, member), words}

static const struct filter_row filter_rows[] = {
    FILTER("status", status, "completing|closed|finalized"),
    FILTER("qa", qa_status, "passed|failed|flaky|timeout|oom|tampered|infra_error|not_run"),
    FILTER("tests_passed", tests_passed, "true|false|null"),
    FILTER("tenant", tenant, NULL),
    FILTER("task", task_id, NULL),
    FILTER("participant", participant_id, NULL),
    FILTER("repo", repo, NULL),
    FILTER("experiment", experiment_id, NULL),
};

/* Is the word one of "a|b|c"? */
static bool is_one_of(const char *word, const char *words)
{
    size_t size = strlen(word);

    for (const char *at = words; at != NULL; at = strchr(at, '|'), at = at == NULL ? NULL : at + 1) {
        if (strncmp(at, word, size) == 0 && (at[size] == '|' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static int take_filter(struct replay *replay, const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');

    replay->filtered = true;
    for (size_t i = 0; equals != NULL && i < COUNT_OF(filter_rows); i++) {
        const struct filter_row *row = &filter_rows[i];

        if (strlen(row->name) != (size_t)(equals - text) ||
            strncmp(row->name, text, strlen(row->name)) != 0) {
            continue;
        }
        if (row->words != NULL && !is_one_of(equals + 1, row->words)) {
            return err_set(err, ERR_USAGE, "--filter %s: \"%s\" is none of %s", row->name, equals + 1,
                           row->words);
        }
        *(const char **)((char *)&replay->filter + row->at) = equals + 1;
        return 0;
    }
    return err_set(err, ERR_USAGE,
                   "--filter: \"%s\" is not NAME=VALUE with a name of status, qa, tests_passed, tenant,"
                   " task, participant, repo, experiment",
                   text);
}

/* ------------------------------------ options ------------------------------------ */

enum {
    STAGE, TRACE, SINCE, UNTIL, FROM_SEQ, TO_SEQ, FILTER_BY, RATE, DRY, ANEW, MODEL, RUBRIC, FRESH
};

static const struct option options[] = {
    {"stage", required_argument, NULL, STAGE},
    {"trace", required_argument, NULL, TRACE},
    {"since", required_argument, NULL, SINCE},
    {"until", required_argument, NULL, UNTIL},
    {"from-seq", required_argument, NULL, FROM_SEQ},
    {"to-seq", required_argument, NULL, TO_SEQ},
    {"filter", required_argument, NULL, FILTER_BY},
    {"rate", required_argument, NULL, RATE},
    {"dry-run", no_argument, NULL, DRY},
    {"anew", no_argument, NULL, ANEW},
    {"model", required_argument, NULL, MODEL},
    {"rubric", required_argument, NULL, RUBRIC},
    {"fresh", no_argument, NULL, FRESH},
    {NULL, 0, NULL, 0},
};

static int read_count(const char *option, const char *text, const char *unit, int64_t *ret_count,
                      struct err *err)
{
    char     *end;
    long long count = strtoll(text, &end, 10);

    if (end == text || count < 1 || count > INT64_C(1) << 52 ||
        (*end != '\0' && strcmp(end, unit) != 0)) {
        return err_set(err, ERR_USAGE, "%s: \"%s\" is no number from 1 on", option, text);
    }
    *ret_count = count;
    return 0;
}

static int take_option(struct replay *replay, int option, const char *text, struct err *err)
{
    static const char *const stages = "validate|finalize|qa|judge";
    struct replay_filter    *filter = &replay->filter;

    switch (option) {
    case STAGE:
        replay->stage = text;
        return is_one_of(text, stages)
                   ? 0
                   : err_set(err, ERR_USAGE, "--stage: \"%s\" is none of %s", text, stages);
    case TRACE:
        filter->trace = text;
        return subject_name_ok(bytes_of(text))
                   ? 0
                   : err_set(err, ERR_USAGE, "--trace: \"%s\" is no trace id", text);
    case SINCE:
        return when_read("--since", text, clock_us(), &filter->since_us, err);
    case UNTIL:
        return when_read("--until", text, clock_us(), &filter->until_us, err);
    case FROM_SEQ:
        return read_count("--from-seq", text, "", &filter->from_seq, err);
    case TO_SEQ:
        return read_count("--to-seq", text, "", &filter->to_seq, err);
    case FILTER_BY:
        return take_filter(replay, text, err);
    case RATE:
        return read_count("--rate", text, "/s", &replay->rate, err);
    case DRY:
        replay->dry = true;
        return 0;
    case ANEW:
        replay->anew = true;
        return 0;
    case MODEL:
        replay->model = text;
        return 0;
    case RUBRIC:
        replay->rubric = text;
        return 0;
    case FRESH:
        replay->fresh = true;
        return 0;
    default:
        return err_set(err, ERR_USAGE, "prt replay --help tells its options");
    }
}

/* What a job would be refused for is said before there are a thousand jobs. */
static int check_judging(const struct replay *replay, struct err *err)
{
    struct arena *arena = replay->cli->arena;
    struct rubric rubric;
    const char   *models[PANEL_MOST];
    size_t        count;

    if (replay->model == NULL && replay->rubric == NULL && !replay->fresh) {
        return 0;
    }
    if (strcmp(replay->stage, "judge") != 0) {
        return err_set(err, ERR_USAGE, "--model, --rubric and --fresh are for --stage judge only");
    }
    if (replay->model != NULL) {
        TRY(settings_models(arena, replay->model, models, &count, err));
    }
    return replay->rubric == NULL ? 0 : rubric_load(arena, replay->rubric, &rubric, err);
}

static int check(const struct replay *replay, struct err *err)
{
    const struct replay_filter *filter = &replay->filter;

    if (replay->stage == NULL) {
        return err_set(err, ERR_USAGE, "prt replay wants --stage validate|finalize|qa|judge");
    }
    if (filter->since_us > 0 && filter->from_seq > 0) {
        return err_set(err, ERR_USAGE, "--since and --from-seq both say where to begin: give one");
    }
    if (replay->filtered && strcmp(replay->stage, "validate") == 0) {
        return err_set(err, ERR_USAGE,
                       "--filter asks for what is stored of a trace, and validate is what stores it;"
                       " choose by --trace, time or sequence");
    }
    return check_judging(replay, err);
}

/* What tells one replay from another: the same options in the same order go on with it. */
static void note_option(struct buf *selection, int option, const char *text)
{
    if (option != RATE && option != ANEW && option != DRY) {
        buf_format(selection, "%s--%s %s", selection->size == 0 ? "" : " ", options[option].name,
                   text == NULL ? "" : text);
    }
}

int replay_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct replay           replay = {.cli = cli};
    CLEANUP(buf) struct buf selection = {0};
    bool                    validates;
    int                     option;
    int                     code;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        TRY(take_option(&replay, option, optarg, err));
        note_option(&selection, option, optarg);
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "replay takes options only, and \"%s\" was given", argv[optind]);
    }
    TRY(check(&replay, err));
    TRY(crypto_setup(err));
    replay.selection = arena_text(cli->arena, buf_bytes(&selection));
    TRY(replay_resume(&replay, err));
    validates = strcmp(replay.stage, "validate") == 0;
    if (farm_open(&replay.farm, &cli->config,
                  FARM_STREAM_AS_IS | FARM_STORE | (validates ? FARM_BLOB | FARM_KEYS : 0),
                  "prt replay", NULL, err) < 0) {
        return err_add(err, "a replay needs the farm's own settings and servers");
    }
    replay_catch_stop();
    code = validates ? replay_validate(&replay, err) : replay_work(&replay, err);
    farm_close(&replay.farm);
    return code;
}
