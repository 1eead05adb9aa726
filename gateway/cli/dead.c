// SPDX-License-Identifier: MIT
/* prt dead - the messages the farm gave up on. */
#include "gateway/cli/dead.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/cli/local.h"
#include "gateway/cli/payload.h"
#include "gateway/cli/when.h"
#include "trace/message.h"

/* -------------------------------- which are meant -------------------------------- */

static int add_seq(void *arg, const struct letter *letter, struct err *err)
{
    struct dead *dead = arg;

    (void)err;
    dead->seqs = mem_more(dead->seqs, (dead->seq_count + 1) * sizeof(*dead->seqs));
    dead->seqs[dead->seq_count++] = letter->seq;
    return 0;
}

/* What retry and drop work on: those named, or those that fit; never all of them by omission. */
static int choose(struct dead *dead, const char *verb, struct err *err)
{
    if (dead->seq_count > 0) {
        return 0;
    }
    if (!dead->filtered && !dead->all) {
        return err_set(
            err, ERR_USAGE,
            "prt dead %s wants SEQ..., an option that says which (--stage, --reason, --code,"
            " --trace, --since, --until), or --all",
            verb);
    }
    TRY(letters_find(dead->farm.stream, &dead->filter, add_seq, dead, err));
    if (dead->seq_count == 0) {
        (void)fprintf(stderr, "no dead letter%s\n", dead->filtered ? " fits" : "");
    }
    return 0;
}

static int retry(struct dead *dead, struct err *err)
{
    TRY(choose(dead, "retry", err));
    for (size_t i = 0; i < dead->seq_count; i++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        struct letter                letter;
        struct bytes                 payload;
        uint64_t                     seq = 0;

        TRY(letter_read(dead->farm.stream, arena, dead->seqs[i], &letter, err));
        TRY(payload_again(arena, dead->farm.blob, letter.letter.payload, &payload, err));
        TRY(letter_retry(dead->farm.stream, &letter, payload, &seq, err));
        (void)fprintf(stderr, "dead letter %llu: put back as %s seq %llu\n",
                      (unsigned long long)letter.seq, letter.letter.stream,
                      (unsigned long long)seq);
    }
    return EXIT_DONE;
}

static int confirm(const struct dead *dead, struct err *err)
{
    char answer[16] = "";

    if (dead->yes || dead->seq_count == 0) {
        return 0;
    }
    if (isatty(STDIN_FILENO) != 1) {
        return err_set(err, ERR_USAGE,
                       "what is dropped is gone: say --yes where nobody can be asked");
    }
    (void)fprintf(stderr, "Drop %zu dead letter%s for good? [y/N] ", dead->seq_count,
                  dead->seq_count == 1 ? "" : "s");
    if (fgets(answer, sizeof(answer), stdin) == NULL || (answer[0] != 'y' && answer[0] != 'Y')) {
        return err_set(err, ERR_USAGE, "nothing was dropped");
    }
    return 0;
}

static int drop(struct dead *dead, struct err *err)
{
    TRY(choose(dead, "drop", err));
    TRY(confirm(dead, err));
    for (size_t i = 0; i < dead->seq_count; i++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        struct letter                letter;

        TRY(letter_read(dead->farm.stream, arena, dead->seqs[i], &letter, err));
        TRY(letter_drop(dead->farm.stream, &letter, err));
    }
    if (dead->seq_count > 0) {
        (void)fprintf(stderr, "%zu dropped\n", dead->seq_count);
    }
    return EXIT_DONE;
}

/* ------------------------------------ options ------------------------------------ */

static const char *const stages[] = {
#define STAGE(role, ...) #role,
#include "schemas/pipeline.def"
#undef STAGE
};

static const char *const reasons[] = {
#define ERROR(name, fate, http, story, reason, words) #reason,
#include "schemas/error.def"
#undef ERROR
};

/* A word of a closed list; the story names them all, once each. */
static int one_of(const char *option, const char *text, const char *const *words, size_t count,
                  struct err *err)
{
    CLEANUP(buf) struct buf known = {0};

    for (size_t i = 0; i < count; i++) {
        bool again = false;

        if (strcmp(words[i], text) == 0) {
            return 0;
        }
        for (size_t k = 0; k < i; k++) {
            again = again || strcmp(words[i], words[k]) == 0;
        }
        if (!again) {
            buf_format(&known, "%s%s", known.size == 0 ? "" : ", ", words[i]);
        }
    }
    return err_set(err, ERR_USAGE, "%s: \"%s\" is none of %s", option, text, buf_text(&known));
}

enum {
    OF_STAGE,
    OF_REASON,
    OF_CODE,
    OF_TRACE,
    OF_SINCE,
    OF_UNTIL,
    IS_ALL,
    IS_YES,
    IS_PAYLOAD,
    IS_FROM
};

static const struct option options[] = {
    {"stage", required_argument, NULL, OF_STAGE},
    {"reason", required_argument, NULL, OF_REASON},
    {"code", required_argument, NULL, OF_CODE},
    {"trace", required_argument, NULL, OF_TRACE},
    {"since", required_argument, NULL, OF_SINCE},
    {"until", required_argument, NULL, OF_UNTIL},
    {"all", no_argument, NULL, IS_ALL},
    {"yes", no_argument, NULL, IS_YES},
    {"payload", no_argument, NULL, IS_PAYLOAD},
    {"from", required_argument, NULL, IS_FROM},
    {NULL, 0, NULL, 0},
};

static int take_option(struct dead *dead, int option, const char *text, struct err *err)
{
    struct letter_filter *filter = &dead->filter;

    dead->filtered = dead->filtered || (option >= OF_STAGE && option <= OF_UNTIL);
    switch (option) {
    case OF_STAGE:
        filter->stage = text;
        return one_of("--stage", text, stages, COUNT_OF(stages), err);
    case OF_REASON:
        filter->reason = text;
        return one_of("--reason", text, reasons, COUNT_OF(reasons), err);
    case OF_CODE:
        filter->code = text;
        return err_by_name(text) >= 0
                   ? 0
                   : err_set(err, ERR_USAGE, "--code: there is no error \"%s\"", text);
    case OF_TRACE:
        filter->trace = text;
        return subject_name_ok(bytes_of(text))
                   ? 0
                   : err_set(err, ERR_USAGE, "--trace: \"%s\" is no trace id", text);
    case OF_SINCE:
        return when_read("--since", text, clock_us(), &filter->since_us, err);
    case OF_UNTIL:
        return when_read("--until", text, clock_us(), &filter->until_us, err);
    case IS_ALL:
        dead->all = true;
        return 0;
    case IS_YES:
        dead->yes = true;
        return 0;
    case IS_PAYLOAD:
        dead->payload = true;
        return 0;
    case IS_FROM:
        dead->from = text;
        return 0;
    default:
        return err_set(err, ERR_USAGE, "prt dead --help tells its options");
    }
}

static int take_seqs(struct dead *dead, int argc, char **argv, struct err *err)
{
    for (int i = optind; i < argc; i++) {
        const struct letter letter = {.seq = strtoull(argv[i], NULL, 10)};

        if (argv[i][0] == '\0' || strspn(argv[i], "0123456789") != strlen(argv[i]) ||
            letter.seq == 0) {
            return err_set(err, ERR_USAGE,
                           "\"%s\" is no dead letter's number; prt dead list shows them", argv[i]);
        }
        TRY(add_seq(dead, &letter, err));
    }
    return 0;
}

/* ------------------------------------ actions ------------------------------------ */

struct action {
    const char *name;
    int (*run)(struct dead *dead, struct err *err);
    bool     takes_seqs, needs_seqs;
    unsigned parts;
};

static const struct action actions[] = {
    {"list", dead_list, false, false, FARM_STREAM_AS_IS},
    {"show", dead_show, true, true, FARM_STREAM_AS_IS | FARM_BLOB},
    {"retry", retry, true, false, FARM_STREAM_AS_IS | FARM_BLOB},
    {"edit", dead_edit, true, true, FARM_STREAM_AS_IS | FARM_BLOB},
    {"drop", drop, true, false, FARM_STREAM_AS_IS},
};

static int run_action(struct dead *dead, const struct action *action, int argc, char **argv,
                      struct err *err)
{
    int option;
    int code;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        TRY(take_option(dead, option, optarg, err));
    }
    TRY(take_seqs(dead, argc, argv, err));
    if (action->needs_seqs && dead->seq_count == 0) {
        return err_set(err, ERR_USAGE, "prt dead %s wants SEQ, as prt dead list shows it",
                       action->name);
    }
    if (dead->seq_count > 0 && (!action->takes_seqs || dead->filtered || dead->all)) {
        return err_set(err, ERR_USAGE, "prt dead %s takes %s", action->name,
                       action->takes_seqs ? "SEQ... or options that say which, not both"
                                          : "options only");
    }
    TRY(crypto_setup(err));
    if (farm_open(&dead->farm, &dead->cli->config, action->parts, "prt dead", NULL, err) < 0) {
        return err_add(err, "no farm answers at %s (%s)", dead->cli->config.nats_url,
                       local_remedy(dead->cli));
    }
    code = action->run(dead, err);
    farm_close(&dead->farm);
    return code;
}

int dead_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct dead dead = {.cli = cli};
    int         code;

    for (size_t i = 0; argc > 1 && i < COUNT_OF(actions); i++) {
        if (strcmp(actions[i].name, argv[1]) == 0) {
            code = run_action(&dead, &actions[i], argc - 1, argv + 1, err);
            mem_free(dead.seqs);
            return code;
        }
    }
    return err_set(err, ERR_USAGE, "prt dead wants list, show, retry, edit or drop");
}
