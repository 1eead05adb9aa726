// SPDX-License-Identifier: MIT
#include "workers/judge/model_judge.h"

#include <string.h>

#include "base/clock.h"
#include "metric/metric.h"
#include "workers/judge/pause.h"
#include "workers/judge/score/answer.h"
#include "workers/judge/score/price.h"
#include "workers/judge/score/settings.h"

enum { DEPENDENCY_JUDGE = 4 }; /* its place in the row dependency_calls of metric.def */

static const int64_t day_us = 24 * 3600 * (int64_t)1000000;

struct model_judge {
    const struct config *config;
    struct arena        *arena; /* as long as the judge */
    struct chat_settings settings;
    struct prices        prices;
    struct panel        *panel;
    const char          *models[PANEL_MOST]; /* the configured ones */
    size_t               model_count;
    struct arena        *arenas[PANEL_MOST]; /* one an ask, until the next job */
    struct arena        *job_arena;
    struct pause         pause;
};

/* What one job carries from step to step. */
struct asking {
    struct model_judge         *judge;
    struct store               *store;
    struct delivery            *in;
    const struct judge_subject *subject;
    const struct rubric        *rubric;
    const struct session       *session;
    struct prompt               prompt, probe;
    const char                 *job;
    bool                        fresh; /* only its own calls are of use to it */
    const char                 *models[PANEL_MOST];
    size_t                      count;
    size_t                      quorum;
    struct panelist            *panelists; /* count */
    uint8_t                     keys[PANEL_MOST][HASH_BYTES];
    uint8_t                     useless_keys[PANEL_MOST][HASH_BYTES]; /* for this job's eyes */
    struct ask                  asks[PANEL_MOST]; /* of those not in the cache ... */
    struct chat_model           learned[PANEL_MOST];
    size_t                      of[PANEL_MOST]; /* ... and whose they are */
    int64_t                     call_no[PANEL_MOST]; /* their rows */
    size_t                      ask_count;
};

/* -------- opening -------- */

static int check_prices(const struct model_judge *judge, const char *const *models, size_t count,
                        struct err *err)
{
    for (size_t i = 0; i < count && judge->config->judge_budget_cents > 0; i++) {
        if (price_of(&judge->prices, models[i], 1, 1) < 0) {
            return err_set(err, ERR_CONFIG_WRONG,
                           "PRT_JUDGE_BUDGET_CENTS is set, but there is no price for the model %s:"
                           " add it to the table PRT_JUDGE_PRICES names, or limit"
                           " PRT_JUDGE_BUDGET_TOKENS instead",
                           models[i]);
        }
    }
    return 0;
}

int model_judge_open(struct model_judge **ret_judge, const struct config *config, struct err *err)
{
    CLEANUP(model_judge) struct model_judge *judge = mem_zero(1, sizeof(*judge));

    judge->config = config;
    judge->arena = arena_new();
    judge->job_arena = arena_new();
    TRY(settings_of_config(&judge->settings, config, err));
    TRY(settings_models(judge->arena, config->judge_model, judge->models, &judge->model_count,
                        err));
    TRY(prices_load(judge->arena, config->judge_prices, &judge->prices, err));
    TRY(check_prices(judge, judge->models, judge->model_count, err));
    if ((size_t)config->judge_quorum > judge->model_count) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "PRT_JUDGE_QUORUM is %lld, but PRT_JUDGE_MODEL names %zu models",
                       (long long)config->judge_quorum, judge->model_count);
    }
    judge->panel = panel_new(&judge->settings, (size_t)config->judge_parallel);
    *ret_judge = TAKE(judge);
    return 0;
}

void model_judge_close(struct model_judge *judge)
{
    if (judge != NULL) {
        panel_free(judge->panel);
        for (size_t i = 0; i < PANEL_MOST; i++) {
            arena_free(judge->arenas[i]);
        }
        arena_free(judge->job_arena);
        arena_free(judge->arena);
        mem_free(judge);
    }
}

/* -------- the cache -------- */

static void key_of(struct asking *asking, size_t at)
{
    const struct chat_settings *settings = &asking->judge->settings;
    CLEANUP(buf) struct buf     text = {0};

    buf_put(&text, asking->subject->document_sha256);
    buf_put(&text, (struct bytes){asking->prompt.hash, HASH_BYTES});
    buf_put_text(&text, asking->models[at]);
    buf_put_byte(&text, 0);
    buf_format(&text, "%.17g %lld %lld %d %s", settings->temperature, (long long)settings->seed,
               (long long)settings->answer_tokens, asking->judge->config->judge_probe,
               settings->base_url);
    if (asking->fresh) {
        buf_format(&text, " %s", asking->job);
    }
    sha256_of(buf_bytes(&text), asking->keys[at]);
    buf_format(&text, " %s, no use", asking->job);
    sha256_of(buf_bytes(&text), asking->useless_keys[at]);
}

static void take_call(struct asking *asking, size_t at, const struct judge_call *call,
                      enum panelist_status status)
{
    struct panelist *panelist = &asking->panelists[at];

    panelist->status = status;
    panelist->opinion.flags |= call->flags;
    panelist->overall = rubric_overall(asking->rubric, &panelist->opinion);
    panelist->version = call->model_version;
    panelist->tokens_prompt = call->tokens_prompt;
    panelist->tokens_answer = call->tokens_answer;
    panelist->cost_usd = call->cost_usd;
    metric_add(METRIC_judge_cache_hits, 0, 1);
}

/* Did this job have an answer that can't be used, before it was put back for another model? */
static int look_up_useless(struct asking *asking, size_t at, bool *ret_there, struct err *err)
{
    struct bytes      key = {asking->useless_keys[at], HASH_BYTES};
    struct judge_call call;

    TRY(judge_store_cached(asking->store, asking->judge->job_arena, key, ret_there, &call, err));
    if (*ret_there) {
        take_call(asking, at, &call, PANELIST_UNSCORED);
        asking->panelists[at].why = arena_text(asking->judge->job_arena, call.answer);
    }
    return 0;
}

/* A cached answer went through answer_read before it was kept; a newer program may be stricter.
 * What a job paid for itself it finds however fresh it wants to be. */
static int look_up(struct asking *asking, size_t at, bool *ret_there, struct err *err)
{
    struct panelist  *panelist = &asking->panelists[at];
    struct arena     *arena = asking->judge->job_arena;
    struct bytes      key = {asking->keys[at], HASH_BYTES};
    struct judge_call call;
    const char       *why;

    key_of(asking, at);
    TRY(judge_store_cached(asking->store, arena, key, ret_there, &call, err));
    if (*ret_there && answer_read(arena, call.answer, asking->session, &panelist->opinion, &why)) {
        take_call(asking, at, &call, PANELIST_SCORED);
        panelist->cached = !asking->fresh;
        return 0;
    }
    return look_up_useless(asking, at, ret_there, err);
}

/* -------- the budget -------- */

static int64_t most_tokens(const struct asking *asking)
{
    int64_t one = (int64_t)asking->prompt.tokens + asking->judge->settings.answer_tokens;

    return one * (asking->judge->config->judge_probe ? 2 : 1);
}

/* Of one; -1: no price known. */
static double most_cost_of(const struct asking *asking, size_t ask)
{
    double cost = price_of(&asking->judge->prices, asking->asks[ask].model->name,
                           (int64_t)asking->prompt.tokens, asking->judge->settings.answer_tokens);

    return cost < 0 ? -1 : cost * (asking->judge->config->judge_probe ? 2 : 1);
}

static double most_cost(const struct asking *asking)
{
    double sum = 0;

    for (size_t i = 0; i < asking->ask_count; i++) {
        double cost = most_cost_of(asking, i);

        sum += cost < 0 ? 0 : cost;
    }
    return sum;
}

/* No day would be long enough: to wait for the next one is to wait for ever. */
static int check_fits_a_day(const struct asking *asking, struct err *err)
{
    const struct config *config = asking->judge->config;
    int64_t              tokens = most_tokens(asking) * (int64_t)asking->ask_count;
    double               cents = most_cost(asking) * 100;

    if (config->judge_budget_tokens > 0 && tokens > config->judge_budget_tokens) {
        return err_set(
            err, ERR_CONFIG_WRONG,
            "judging this trace may take %lld tokens, and PRT_JUDGE_BUDGET_TOKENS is %lld"
            " a day: raise it, or lower PRT_JUDGE_TOKENS, then retry",
            (long long)tokens, (long long)config->judge_budget_tokens);
    }
    if (config->judge_budget_cents > 0 && cents > (double)config->judge_budget_cents) {
        return err_set(
            err, ERR_CONFIG_WRONG,
            "judging this trace may cost %.2f cents, and PRT_JUDGE_BUDGET_CENTS is %lld a"
            " day: raise it, or lower PRT_JUDGE_TOKENS, then retry",
            cents, (long long)config->judge_budget_cents);
    }
    return 0;
}

static int check_budget(struct asking *asking, struct err *err)
{
    const struct config *config = asking->judge->config;
    int64_t              now_us = clock_us();
    struct judge_spent   spent;

    if (config->judge_budget_tokens == 0 && config->judge_budget_cents == 0) {
        return 0;
    }
    TRY(check_fits_a_day(asking, err));
    TRY(judge_store_lock_spending(asking->store, err));
    TRY(judge_store_spent(asking->store, asking->in->arena, now_us - now_us % day_us, &spent, err));
    if (config->judge_budget_tokens > 0 &&
        spent.tokens + most_tokens(asking) * (int64_t)asking->ask_count >
            config->judge_budget_tokens) {
        (void)err_set(err, ERR_BUDGET_SPENT, "%lld of PRT_JUDGE_BUDGET_TOKENS=%lld are used today",
                      (long long)spent.tokens, (long long)config->judge_budget_tokens);
        return pause_begin(&asking->judge->pause, now_us, err);
    }
    if (config->judge_budget_cents > 0 &&
        (spent.cost_usd + most_cost(asking)) * 100 > (double)config->judge_budget_cents) {
        (void)err_set(err, ERR_BUDGET_SPENT, "%.2f of PRT_JUDGE_BUDGET_CENTS=%lld are spent today",
                      spent.cost_usd * 100, (long long)config->judge_budget_cents);
        return pause_begin(&asking->judge->pause, now_us, err);
    }
    pause_end(&asking->judge->pause);
    return 0;
}

/* What the asks may cost is spent from here on, for every worker: of two at once only one has the
 * rest of a budget, and one that is killed while a model thinks has spent it. */
static int reserve(struct asking *asking, struct err *err)
{
    CLEANUP(store_rollback) struct store *open = asking->store;
    const int64_t                         times = asking->judge->config->judge_probe ? 2 : 1;

    TRY(store_begin(open, err));
    TRY(check_budget(asking, err));
    for (size_t i = 0; i < asking->ask_count; i++) {
        const struct judge_call most = {
            .cache_key = {asking->keys[asking->of[i]], HASH_BYTES},
            .created_us = clock_us(),
            .model = asking->asks[i].model->name,
            .tokens_prompt = (int64_t)asking->prompt.tokens * times,
            .tokens_answer = asking->judge->settings.answer_tokens * times,
            .cost_usd = most_cost_of(asking, i),
        };

        TRY(judge_store_reserve(open, asking->in->arena, asking->subject->trace_no, &most,
                                &asking->call_no[i], err));
    }
    return store_commit(open, err);
}

void model_judge_tend(struct model_judge *judge)
{
    pause_tend(&judge->pause, clock_us());
}

/* -------- asking -------- */

static void add_ask(struct asking *asking, size_t at)
{
    struct model_judge *judge = asking->judge;
    struct arena      **arena = &judge->arenas[at];
    size_t              number = asking->ask_count++;

    if (*arena == NULL) {
        *arena = arena_new();
    }
    arena_reset(*arena);
    asking->learned[number] = panel_recall(judge->panel, asking->models[at]);
    asking->of[number] = at;
    asking->asks[number] = (struct ask){
        .arena = *arena,
        .model = &asking->learned[number],
        .prompt = &asking->prompt,
        .probe = judge->config->judge_probe ? &asking->probe : NULL,
        .rubric = asking->rubric,
        .session = asking->session,
    };
}

static int extend(void *arg, struct err *err)
{
    return delivery_extend(arg, err);
}

static enum panelist_status status_of(const struct ask *ask)
{
    return ask->end == ASK_SCORED               ? PANELIST_SCORED
           : ask->end == ASK_UNSCORED           ? PANELIST_UNSCORED
           : ask->err.code == ERR_JUDGE_REFUSED ? PANELIST_REFUSED
                                                : PANELIST_BUSY;
}

static void take_ask(struct asking *asking, const struct ask *ask, struct panelist *panelist)
{
    panelist->status = status_of(ask);
    panelist->opinion = ask->opinion;
    panelist->version = ask->version;
    panelist->why = ask->end == ASK_UNSCORED ? ask->why : ask->err.story;
    panelist->tokens_prompt = ask->tokens_prompt;
    panelist->tokens_answer = ask->tokens_answer;
    if (ask->calls > 0 && ask->tokens_prompt == 0) {
        /* A server that counts nothing must not look like one that costs nothing. */
        panelist->tokens_prompt = (int64_t)asking->prompt.tokens * ask->calls;
    }
    panelist->cost_usd = price_of(&asking->judge->prices, panelist->model, panelist->tokens_prompt,
                                  panelist->tokens_answer);
    if (panelist->status == PANELIST_SCORED) {
        panelist->overall = rubric_overall(asking->rubric, &panelist->opinion);
    }
}

/* Written down even when others of the panel failed: it was paid for. */
static int keep_call(struct asking *asking, size_t number, struct err *err)
{
    const struct ask       *ask = &asking->asks[number];
    const struct panelist  *panelist = &asking->panelists[asking->of[number]];
    CLEANUP(buf) struct buf answer = {0};
    struct judge_call       call = {
              .cache_key = {asking->keys[asking->of[number]], HASH_BYTES},
              .model_version = panelist->version,
              .tokens_prompt = panelist->tokens_prompt,
              .tokens_answer = panelist->tokens_answer,
              .cost_usd = panelist->cost_usd,
    };

    if (ask->calls == 0 && ask->err.code == ERR_STOPPING) {
        return 0; /* it may have been asked when the lease was lost: the most it can cost stays */
    }
    if (ask->calls == 0) {
        return judge_store_release(asking->store, asking->in->arena, asking->call_no[number], err);
    }
    metric_add(METRIC_judge_tokens, 0, call.tokens_prompt);
    metric_add(METRIC_judge_tokens, 1, call.tokens_answer);
    metric_add(METRIC_judge_cost_micro_usd, 0,
               call.cost_usd < 0 ? 0 : (int64_t)(call.cost_usd * 1e6));
    if (panelist->status == PANELIST_SCORED) {
        call.flags = panelist->opinion.flags;
        TRY(answer_write(&answer, asking->in->arena, &panelist->opinion, err));
        call.answer = buf_bytes(&answer);
    } else if (panelist->status == PANELIST_UNSCORED) {
        call.flags = panelist->opinion.flags;
        call.answer = bytes_of(panelist->why);
        call.cache_key.data = asking->useless_keys[asking->of[number]];
    }
    return judge_store_settle(asking->store, asking->in->arena, asking->call_no[number], &call,
                              err);
}

static int ask_them(struct asking *asking, struct err *err)
{
    int64_t began_us = clock_mono_us();
    int     asked =
        panel_ask(asking->judge->panel, asking->asks, asking->ask_count, extend, asking->in, err);

    for (size_t i = 0; i < asking->ask_count; i++) {
        const struct ask *ask = &asking->asks[i];
        struct err        later = {0};

        panel_remember(asking->judge->panel, ask->model);
        take_ask(asking, ask, &asking->panelists[asking->of[i]]);
        metric_add(METRIC_dependency_calls, DEPENDENCY_JUDGE, 1);
        metric_add(METRIC_dependency_errors, DEPENDENCY_JUDGE, ask->end == ASK_FAILED);
        metric_time(METRIC_dependency_time, DEPENDENCY_JUDGE, clock_mono_us() - began_us);
        if (keep_call(asking, i, &later) < 0 && asked == 0) {
            *err = later;
            asked = -1;
        }
    }
    return asked;
}

/* Without the quorum: may it come? The error of whoever may still answer goes before a refusal. */
static int check_quorum(const struct asking *asking, struct err *err)
{
    size_t quorum = asking->quorum;
    size_t scored = 0, refused = 0;

    for (size_t i = 0; i < asking->count; i++) {
        scored += asking->panelists[i].status == PANELIST_SCORED;
        refused += asking->panelists[i].status == PANELIST_REFUSED;
    }
    if (scored >= quorum && scored > 0) {
        return 0;
    }
    for (size_t i = 0; i < asking->ask_count; i++) {
        const struct ask *ask = &asking->asks[i];

        if (ask->end == ASK_FAILED &&
            (ask->err.code != ERR_JUDGE_REFUSED || refused == asking->count)) {
            *err = ask->err;
            return -1;
        }
    }
    return 0;
}

static int prepare(struct asking *asking, const struct model_job *job, struct err *err)
{
    struct model_judge *judge = asking->judge;
    size_t              budget = (size_t)judge->config->judge_tokens;

    memcpy(asking->models, judge->models, sizeof(asking->models));
    asking->count = judge->model_count;
    asking->quorum = (size_t)judge->config->judge_quorum;
    asking->job = job->id;
    asking->fresh = job->fresh || !judge->config->judge_cache;
    if (job->models != NULL) {
        TRY(settings_models(judge->job_arena, job->models, asking->models, &asking->count, err));
        TRY(check_prices(judge, asking->models, asking->count, err));
        if (asking->quorum > asking->count) { /* it is for the panel of the settings */
            asking->quorum = asking->count;
        }
    }
    TRY(prompt_build(judge->job_arena, PROMPT_VERSION, asking->rubric, asking->session, budget,
                     NULL, &asking->prompt, err));
    if (judge->config->judge_probe) {
        TRY(prompt_build(judge->job_arena, PROMPT_VERSION, asking->rubric, asking->session, budget,
                         prompt_probe, &asking->probe, err));
    }
    asking->panelists = arena_zero(judge->job_arena, asking->count, sizeof(*asking->panelists));
    for (size_t i = 0; i < asking->count; i++) {
        bool there = false;

        asking->panelists[i].model = asking->models[i];
        TRY(look_up(asking, i, &there, err));
        if (!there) {
            add_ask(asking, i);
        }
    }
    return 0;
}

int model_judge_ask(struct model_judge *judge, struct store *store, struct delivery *in,
                    const struct model_job *job, const struct judge_subject *subject,
                    const struct rubric *rubric, const struct session *session,
                    struct verdict *ret_verdict, struct err *err)
{
    struct asking *asking;

    arena_reset(judge->job_arena);
    asking = arena_zero(judge->job_arena, 1, sizeof(*asking));
    asking->judge = judge;
    asking->store = store;
    asking->in = in;
    asking->subject = subject;
    asking->rubric = rubric;
    asking->session = session;
    TRY(prepare(asking, job, err));
    if (asking->ask_count > 0) {
        TRY(reserve(asking, err));
        TRY(ask_them(asking, err));
        TRY(check_quorum(asking, err));
    }
    verdict_by_panel(ret_verdict, judge->job_arena, rubric, session, &asking->prompt,
                     asking->panelists, asking->count, asking->quorum);
    ret_verdict->temperature = judge->settings.temperature;
    ret_verdict->seed = judge->settings.seed;
    return 0;
}
