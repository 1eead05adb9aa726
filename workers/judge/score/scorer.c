// SPDX-License-Identifier: MIT
#include "workers/judge/score/scorer.h"

#include <string.h>

#include "workers/judge/score/ask.h"
#include "workers/judge/score/mock.h"
#include "workers/judge/score/settings.h"

struct scorer {
    const struct config *config;
    struct arena        *arena; /* as long as the scorer */
    struct rubric        rubric;
    struct mock         *mock; /* NULL: a model */
    struct chat_settings settings;
    struct chat          chat;
    struct chat_model    model;
};

static int open_model(struct scorer *scorer, const char *model, struct err *err)
{
    const struct config *config = scorer->config;
    const char          *models[PANEL_MOST];
    size_t               count;

    TRY(settings_of_config(&scorer->settings, config, err));
    TRY(settings_models(scorer->arena, model == NULL ? config->judge_model : model, models, &count,
                        err));
    if (count > 1) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "%zu models are named, and sessions are measured by one at a time; name it"
                       " with --model",
                       count);
    }
    scorer->model = (struct chat_model){.name = models[0]};
    scorer->chat.settings = &scorer->settings;
    scorer->chat.http = chat_client_new(&scorer->settings);
    return 0;
}

/* As in the farm: the model "mock" is the written rules, by any judge, and no other name falls back
 * to them. */
static int choose_mode(const struct config *config, const char *model, enum judge_mode *ret_mode,
                       struct err *err)
{
    enum judge_mode mode = settings_mode(config);

    if (mode == JUDGE_OFF) {
        return err_set(err, ERR_CONFIG_WRONG, "PRT_JUDGE is off; set mock or openai");
    }
    if (model != NULL && strcmp(model, mock_model) == 0) {
        mode = JUDGE_MOCK;
    } else if (model != NULL && mode == JUDGE_MOCK) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "the model %.80s can't be asked: set PRT_JUDGE=openai, PRT_JUDGE_API_KEY and"
                       " PRT_JUDGE_BASE_URL",
                       model);
    }
    *ret_mode = mode;
    return 0;
}

int scorer_open(struct scorer **ret_scorer, const struct config *config, const char *model,
                struct err *err)
{
    CLEANUP(scorer) struct scorer *scorer = mem_zero(1, sizeof(*scorer));
    enum judge_mode                mode;

    scorer->config = config;
    scorer->arena = arena_new();
    TRY(rubric_load(scorer->arena, config->judge_rubric, &scorer->rubric, err));
    TRY(choose_mode(config, model, &mode, err));
    if (mode == JUDGE_OPENAI) {
        TRY(open_model(scorer, model, err));
    } else {
        scorer->mock = mock_new(err);
        if (scorer->mock == NULL) {
            return -1;
        }
    }
    *ret_scorer = TAKE(scorer);
    return 0;
}

void scorer_close(struct scorer *scorer)
{
    if (scorer != NULL) {
        mock_free(scorer->mock);
        http_client_free(scorer->chat.http);
        arena_free(scorer->arena);
        mem_free(scorer);
    }
}

const char *scorer_name(const struct scorer *scorer)
{
    return scorer->mock != NULL ? mock_model : scorer->model.name;
}

const struct rubric *scorer_rubric(const struct scorer *scorer)
{
    return &scorer->rubric;
}

static int judge_by_model(struct scorer *scorer, struct arena *arena, const struct session *session,
                          struct opinion *ret_opinion, bool *ret_scored, const char **ret_why,
                          struct err *err)
{
    static const atomic_bool never;
    struct prompt            prompt;
    struct ask               ask = {.arena = arena,
                                    .model = &scorer->model,
                                    .prompt = &prompt,
                                    .rubric = &scorer->rubric,
                                    .session = session};

    TRY(prompt_build(arena, PROMPT_VERSION, &scorer->rubric, session,
                     (size_t)scorer->config->judge_tokens, NULL, &prompt, err));
    ask_run(&ask, &scorer->chat, &never);
    if (ask.end == ASK_FAILED) {
        *err = ask.err;
        return -1;
    }
    *ret_scored = ask.end == ASK_SCORED;
    *ret_why = ask.why;
    *ret_opinion = ask.opinion;
    return 0;
}

int scorer_judge(struct scorer *scorer, struct arena *arena, const struct session *session,
                 struct opinion *ret_opinion, bool *ret_scored, const char **ret_why,
                 struct err *err)
{
    if (scorer->mock == NULL) {
        return judge_by_model(scorer, arena, session, ret_opinion, ret_scored, ret_why, err);
    }
    mock_judge(scorer->mock, arena, &scorer->rubric, session, ret_opinion);
    *ret_scored = true;
    *ret_why = NULL;
    return 0;
}
