// SPDX-License-Identifier: MIT
/* prt judge-prompt - what a model would be asked about a trace, and what that would cost. */
#include <getopt.h>
#include <string.h>

#include "gateway/cli/call.h"
#include "gateway/cli/plain.h"
#include "value/json.h"
#include "workers/judge/score/price.h"
#include "workers/judge/score/prompt.h"
#include "workers/judge/score/settings.h"

static const struct value_limits limits = {512 * 1024 * 1024, 64, 20000000};

struct asked {
    struct rubric        rubric;
    struct prompt        prompt;
    struct chat_settings settings;
    struct prices        prices;
    const char          *models[PANEL_MOST];
    size_t               model_count;
};

static int read_session(struct cli *cli, const char *name, struct session *ret_session,
                        struct err *err)
{
    struct value *document = arena_zero(cli->arena, 1, sizeof(*document));
    struct bytes  bytes;
    int           status;

    TRY(cli_document(cli, name, &status, &bytes, err));
    if (status == 202) {
        return err_set(err, ERR_TRACE_NOT_READY, "%s is not finalized yet: nothing to judge", name);
    }
    if (json_read(cli->arena, bytes, &limits, document, err) < 0) {
        return err_add(err, "%s is no document", name);
    }
    return session_of_value(cli->arena, document, ret_session, err);
}

static int prepare(struct cli *cli, const char *name, const char *model, struct asked *asked,
                   struct err *err)
{
    const struct config *config = &cli->config;
    struct session       session;

    TRY(crypto_setup(err));
    TRY(settings_of_config(&asked->settings, config, err));
    TRY(settings_models(cli->arena, model == NULL ? config->judge_model : model, asked->models,
                        &asked->model_count, err));
    TRY(prices_load(cli->arena, config->judge_prices, &asked->prices, err));
    TRY(rubric_load(cli->arena, config->judge_rubric, &asked->rubric, err));
    TRY(read_session(cli, name, &session, err));
    return prompt_build(cli->arena, PROMPT_VERSION, &asked->rubric, &session,
                        (size_t)config->judge_tokens, NULL, &asked->prompt, err);
}

/* At most: the answer may be shorter. */
static double cost_of(const struct asked *asked, const char *model)
{
    return price_of(&asked->prices, model, (int64_t)asked->prompt.tokens,
                    asked->settings.answer_tokens);
}

/* It holds what those wrote who are judged; a file or a pipe gets it as it is. */
static void print_part(const struct cli *cli, const char *name, struct bytes text)
{
    bool held = false;

    printf("%s---- %s%s\n", BOLD(cli), name, PLAIN(cli));
    if (cli->terminal) {
        plain_lines(stdout, text, &held);
    } else {
        (void)fwrite(text.data, 1, text.size, stdout);
    }
    (void)fputc('\n', stdout);
}

static void print_text(const struct cli *cli, const struct asked *asked)
{
    const struct prompt *prompt = &asked->prompt;

    print_part(cli, "system", prompt->system);
    print_part(cli, "user", prompt->user);
    (void)fflush(stdout);
    (void)fprintf(stderr, "prompt %s, rubric %s: about %zu tokens, %zu cuts\n", prompt->version,
                  asked->rubric.version, prompt->tokens, prompt->cuts);
    for (size_t i = 0; i < asked->model_count; i++) {
        double cost = cost_of(asked, asked->models[i]);

        if (cost < 0) {
            (void)fprintf(stderr, "%s: no price known\n", asked->models[i]);
        } else {
            (void)fprintf(stderr, "%s: at most about %.5f USD\n", asked->models[i], cost);
        }
    }
}

/* The very bodies, one a model. */
static int print_bodies(struct cli *cli, const struct asked *asked, struct err *err)
{
    const struct chat_message messages[] = {{"system", asked->prompt.system},
                                            {"user", asked->prompt.user}};
    struct value all = value_map();
    struct value requests = value_list();

    for (size_t i = 0; i < asked->model_count; i++) {
        struct chat_model model = {.name = asked->models[i]};
        struct buf        body = {0};
        struct value      one = value_map();
        struct value      request;
        double            cost = cost_of(asked, model.name);
        struct bytes      kept;
        int               made = chat_body(&body, cli->arena, &asked->settings, &model, messages,
                                           COUNT_OF(messages), err);

        kept = arena_bytes(cli->arena, buf_bytes(&body));
        buf_done(&body);
        TRY(made);
        TRY(json_read(cli->arena, kept, &limits, &request, err));
        value_put(cli->arena, &one, "model", value_text(model.name));
        value_put(cli->arena, &one, "cost_usd_most", cost < 0 ? value_null() : value_real(cost));
        value_put(cli->arena, &one, "body", request);
        value_append(cli->arena, &requests, one);
    }
    value_put(cli->arena, &all, "prompt_version", value_text(asked->prompt.version));
    value_put(cli->arena, &all, "rubric_version", value_text(asked->rubric.version));
    value_put(cli->arena, &all, "tokens_estimated", value_whole((int64_t)asked->prompt.tokens));
    value_put(cli->arena, &all, "cuts", value_whole((int64_t)asked->prompt.cuts));
    value_put(cli->arena, &all, "requests", requests);
    cli_print_json(&all);
    return 0;
}

int judge_prompt_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                            {NULL, 0, NULL, 0}};
    struct asked asked;
    const char  *model = NULL;
    int          option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'm') {
            return err_set(err, ERR_USAGE, "prt judge-prompt --help tells its options");
        }
        model = optarg;
    }
    if (optind + 1 != argc) {
        return err_set(err, ERR_USAGE, "judge-prompt wants one trace id or file");
    }
    TRY(prepare(cli, argv[optind], model, &asked, err));
    if (cli->json) {
        TRY(print_bodies(cli, &asked, err));
    } else {
        print_text(cli, &asked);
    }
    return EXIT_DONE;
}
