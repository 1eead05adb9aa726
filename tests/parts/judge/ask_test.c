// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "base/clock.h"
#include "lib/test.h"
#include "workers/judge/score/panel.h"
#include "world.h"

static struct ask ask_named(struct world *world, const char *name)
{
    struct chat_model model = {.name = name};

    return ask_model(world, &model, false);
}

/* -------- answers that can be used -------- */

static const char *const usable[] = {"good~1",    "fenced",       "gzip",    "streamed",
                                     "uncounted", "missing-once", "score-0", "score-5"};

TEST(ask, takes_every_form_of_a_good_answer)
{
    CLEANUP(world) struct world world = world_new();

    for (size_t i = 0; i < COUNT_OF(usable); i++) {
        struct ask ask = ask_named(&world, usable[i]);

        if (ask.end != ASK_SCORED) {
            test_failed(__FILE__, __LINE__, "%s: %s%s", usable[i], ask.why == NULL ? "" : ask.why,
                        ask.err.story);
            continue;
        }
        CHECK_NUMBER(ask.opinion.finding[0].evidence[0], 10);
        CHECK_NUMBER(ask.opinion.finding[5].evidence[1], 30);
        CHECK_NUMBER(ask.opinion.flags, 0);
    }
}

TEST(ask, counts_tokens_and_names_the_version_the_server_names)
{
    CLEANUP(world) struct world world = world_new();
    struct ask                  ask = ask_named(&world, "good~2");

    CHECK(ask.tokens_prompt > 500);
    CHECK(ask.tokens_answer > 100);
    CHECK_TEXT(ask.version, "good~2-2025@fp_1");
    CHECK_NUMBER(ask.calls, 1);
}

TEST(ask, tells_the_model_once_what_was_wrong)
{
    CLEANUP(world) struct world world = world_new();
    struct ask                  ask = ask_named(&world, "missing-once~2");

    CHECK(ask.end == ASK_SCORED);
    CHECK_NUMBER(ask.calls, 2);
    CHECK(strstr(server_last(world.arena, "missing-once~2"), "efficiency is missing") != NULL);
}

/* -------- answers that can't -------- */

static const struct {
    const char *model, *why;
} unusable[] = {
    {"garbage", "no JSON object"},
    {"text", "no JSON object"},
    {"missing", "efficiency is missing"},
    {"extra", "unknown member \"charm\""},
    {"six", "score 6"},
    {"negative", "score -1"},
    {"nan", "no JSON object"},
    {"infinite", "no JSON object"},
    {"string", "no number \"score\""},
    {"citation", "cites event 999999"},
    {"no-reason", "no reason"},
    {"flag", "no flag \"charming\""},
    {"refusal", "refused"},
    {"filtered", "content filter"},
    {"length", "PRT_JUDGE_ANSWER_TOKENS"},
    {"empty-choices", "no choices"},
    {"empty-content", "empty"},
};

TEST(ask, gives_no_scores_for_an_answer_that_stays_unusable_and_says_why)
{
    CLEANUP(world) struct world world = world_new();

    for (size_t i = 0; i < COUNT_OF(unusable); i++) {
        struct ask ask = ask_named(&world, unusable[i].model);

        if (ask.end != ASK_UNSCORED || strstr(ask.why, unusable[i].why) == NULL) {
            test_failed(__FILE__, __LINE__, "%s: end %d, \"%s\" %s", unusable[i].model, ask.end,
                        ask.why == NULL ? "" : ask.why, ask.err.story);
        }
        CHECK_NUMBER(server_asked(unusable[i].model), 2);
    }
}

/* -------- failed calls -------- */

static const struct {
    const char   *model;
    enum err_code code;
    int           asked;
} failing[] = {
    {"error-500", ERR_JUDGE_BUSY, 3},    {"error-503", ERR_JUDGE_BUSY, 3},
    {"busy~1", ERR_JUDGE_BUSY, 3},       {"cut", ERR_JUDGE_BUSY, 3},
    {"gone", ERR_JUDGE_BUSY, 3},         {"error-401", ERR_JUDGE_REFUSED, 1},
    {"error-403", ERR_JUDGE_REFUSED, 1}, {"error-404", ERR_JUDGE_REFUSED, 1},
    {"error-400", ERR_JUDGE_REFUSED, 0}, {"error-307", ERR_JUDGE_REFUSED, 1},
    {"huge", ERR_JUDGE_REFUSED, 1},
};

TEST(ask, puts_an_outage_back_and_refuses_what_no_retry_can_mend)
{
    CLEANUP(world) struct world world = world_new();

    for (size_t i = 0; i < COUNT_OF(failing); i++) {
        struct ask ask = ask_named(&world, failing[i].model);

        if (ask.end != ASK_FAILED || ask.err.code != failing[i].code) {
            test_failed(__FILE__, __LINE__, "%s: end %d, %s: %s", failing[i].model, ask.end,
                        err_name(ask.err.code), ask.err.story);
        }
        if (failing[i].asked > 0) {
            CHECK_NUMBER(server_asked(failing[i].model), failing[i].asked);
        }
    }
}

TEST(ask, never_tells_the_key_or_the_prompt)
{
    CLEANUP(world) struct world world = world_new();

    for (size_t i = 0; i < COUNT_OF(failing); i++) {
        const char *name = arena_format(world.arena, "%s~secret", failing[i].model);
        struct ask  ask;

        if (failing[i].code != ERR_JUDGE_REFUSED || strncmp(name, "huge", 4) == 0) {
            continue;
        }
        ask = ask_named(&world, name);
        CHECK(ask.end == ASK_FAILED);
        CHECK(strstr(ask.err.story, world.settings.api_key) == NULL);
        CHECK(strstr(ask.err.story, "RUBRIC") == NULL);
        CHECK(strstr(ask.err.story, "one short") == NULL);
    }
}

TEST(ask, leaves_a_long_retry_after_to_the_stream)
{
    CLEANUP(world) struct world world = world_new();
    int64_t                     began_us = clock_mono_us();
    struct ask                  ask = ask_named(&world, "busy-37");

    CHECK(ask.end == ASK_FAILED && ask.err.code == ERR_JUDGE_BUSY);
    CHECK_NUMBER(ask.err.retry_after_ms, 37000);
    CHECK_NUMBER(server_asked("busy-37"), 1);
    CHECK(clock_mono_us() - began_us < 20 * 1000000);
}

TEST(ask, waits_a_short_retry_after_and_calls_again)
{
    CLEANUP(world) struct world world = world_new();
    int64_t                     began_us = clock_mono_us();
    struct ask                  ask = ask_named(&world, "busy-once");

    CHECK(ask.end == ASK_SCORED);
    CHECK(clock_mono_us() - began_us >= 1000000);
    CHECK_NUMBER(server_asked("busy-once"), 2);
}

TEST(ask, gives_up_a_model_that_does_not_answer_in_time)
{
    CLEANUP(world) struct world world = world_new();
    struct ask                  ask;

    world.settings.timeout_ms = 300;
    ask = ask_named(&world, "slow");
    CHECK(ask.end == ASK_FAILED && ask.err.code == ERR_JUDGE_SLOW);
    CHECK_NUMBER(server_asked("slow"), 1); /* it may have been paid for: that costs the job a try */
    CHECK_NUMBER(ask.tokens_prompt, (int64_t)world.prompt.tokens); /* ... and the day's budget */
    CHECK_NUMBER(ask.tokens_answer, world.settings.answer_tokens);
}

/* -------- certificates and proxies -------- */

TEST(ask, trusts_the_certificates_it_is_told_to_and_no_others)
{
    CLEANUP(world) struct world world = world_new();
    struct chat_model           model = {.name = "good~tls"};
    struct ask                  ask;

    world.settings.base_url =
        arena_format(world.arena, "https://127.0.0.1:%s/v1", server_value("tls_port"));
    ask = ask_trusting(&world, &model, NULL);
    CHECK(ask.end == ASK_FAILED && strstr(ask.err.story, "certificate") != NULL);
    CHECK_NUMBER(server_asked("good~tls"), 0);
    ask = ask_trusting(&world, &model, server_value("ca_file"));
    CHECK(ask.end == ASK_SCORED);
}

TEST(ask, goes_through_the_proxy_of_the_environment)
{
    CLEANUP(world) struct world world = world_new();
    struct chat_model           model = {.name = "good~proxy"};
    const char *proxy = arena_format(world.arena, "http://127.0.0.1:%s", server_value("port"));
    struct ask  ask;

    world.settings.base_url = "https://judge.test/v1"; /* a name that only the proxy knows */
    CHECK(setenv("https_proxy", proxy, 1) == 0);
    ask = ask_trusting(&world, &model, server_value("ca_file"));
    CHECK(unsetenv("https_proxy") == 0);
    CHECK(ask.end == ASK_SCORED);
    CHECK_NUMBER(server_connected("judge.test:443"), 1);
}

TEST(ask, goes_through_the_proxy_it_is_given_whatever_the_environment_says)
{
    CLEANUP(world) struct world world = world_new();
    struct chat_model           model = {.name = "good~own-proxy"};
    int                         before = server_connected("judge.test:443");
    struct ask                  ask;

    world.settings.base_url = "https://judge.test/v1"; /* a name that only the proxy knows */
    world.settings.proxy = arena_format(world.arena, "http://127.0.0.1:%s", server_value("port"));
    CHECK(setenv("https_proxy", "http://127.0.0.1:1", 1) == 0);
    CHECK(setenv("no_proxy", "*", 1) == 0);
    ask = ask_trusting(&world, &model, server_value("ca_file"));
    CHECK(ask.end == ASK_SCORED);
    CHECK_NUMBER(server_connected("judge.test:443"), before + 1);
    world.settings.proxy = "none";
    ask = ask_trusting(&world, &model, server_value("ca_file"));
    CHECK(unsetenv("https_proxy") == 0 && unsetenv("no_proxy") == 0);
    CHECK(ask.end == ASK_FAILED);
    CHECK_NUMBER(server_connected("judge.test:443"), before + 1);
}

/* -------- servers that know less -------- */

static const struct {
    const char      *model;
    enum chat_format format;
    bool             old_limit, no_seed;
} lesser[] = {
    {"no-schema", CHAT_OBJECT, false, false},
    {"no-format", CHAT_FREE, false, false},
    {"old-limit", CHAT_SCHEMA, true, false},
    {"no-seed", CHAT_SCHEMA, false, true},
};

TEST(ask, finds_out_what_a_server_does_not_know_and_remembers_it)
{
    CLEANUP(world) struct world world = world_new();

    for (size_t i = 0; i < COUNT_OF(lesser); i++) {
        struct chat_model model = {.name = lesser[i].model};
        struct ask        ask = ask_model(&world, &model, false);
        int               asked = server_asked(lesser[i].model);

        CHECK(ask.end == ASK_SCORED);
        CHECK(model.format == lesser[i].format);
        CHECK(model.old_limit == lesser[i].old_limit && model.no_seed == lesser[i].no_seed);
        CHECK(asked > 1);
        ask = ask_model(&world, &model, false);
        CHECK(ask.end == ASK_SCORED);
        CHECK_NUMBER(server_asked(lesser[i].model), asked + 1);
    }
}

/* -------- hostile traces -------- */

TEST(ask, suspects_an_injection_when_the_canary_comes_back_and_lets_it_go_no_further)
{
    CLEANUP(world) struct world world = world_new();
    struct ask                  ask = ask_named(&world, "canary");
    const struct finding       *finding = &ask.opinion.finding[0];

    CHECK(ask.end == ASK_SCORED);
    CHECK((ask.opinion.flags >> FLAG_injection_suspected & 1) == 1);
    CHECK(memmem(finding->reason.data, finding->reason.size, world.prompt.canary,
                 strlen(world.prompt.canary)) == NULL);
}

TEST(ask, suspects_an_injection_also_where_the_answer_that_tells_the_canary_cannot_be_used)
{
    CLEANUP(world) struct world world = world_new();
    struct ask                  ask = ask_named(&world, "canary-told");

    CHECK(ask.end == ASK_UNSCORED);
    CHECK((ask.opinion.flags >> FLAG_injection_suspected & 1) == 1);
    CHECK(strstr(ask.why, world.prompt.canary) == NULL);
    ask = ask_named(&world, "text");
    CHECK(ask.end == ASK_UNSCORED && ask.opinion.flags == 0);
}

TEST(ask, suspects_an_injection_when_a_planted_one_moves_the_scores)
{
    CLEANUP(world) struct world world = world_new();
    struct chat_model           steered = {.name = "steered"};
    struct chat_model           steady = {.name = "good~probe"};
    struct ask                  ask = ask_model(&world, &steered, true);

    CHECK(ask.end == ASK_SCORED);
    CHECK((ask.opinion.flags >> FLAG_injection_suspected & 1) == 1);
    CHECK(ask.opinion.finding[0].score == 2); /* the answer without the probe stands */
    ask = ask_model(&world, &steady, true);
    CHECK((ask.opinion.flags >> FLAG_injection_suspected & 1) == 0);
    CHECK_NUMBER(ask.calls, 2);
}

/* -------- panels -------- */

static int never_fails(void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    return 0;
}

TEST(panel, asks_all_models_at_once_and_leaves_the_failed_out)
{
    static const char *const     names[] = {"score-2", "score-5", "score-3", "error-401~panel"};
    CLEANUP(world) struct world  world = world_new();
    CLEANUP(panel) struct panel *panel = panel_new(&world.settings, 2);
    struct arena                *arenas[COUNT_OF(names)];
    struct chat_model            models[COUNT_OF(names)];
    struct ask                   asks[COUNT_OF(names)];
    struct err                   err = {0};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        arenas[i] = arena_new();
        models[i] = panel_recall(panel, names[i]);
        asks[i] = (struct ask){.arena = arenas[i],
                               .model = &models[i],
                               .prompt = &world.prompt,
                               .rubric = &world.rubric,
                               .session = &world.session};
    }
    CHECK_WORKS(panel_ask(panel, asks, COUNT_OF(names), never_fails, NULL, &err));
    CHECK(asks[0].opinion.finding[0].score == 2);
    CHECK(asks[1].opinion.finding[0].score == 5);
    CHECK(asks[2].opinion.finding[0].score == 3);
    CHECK(asks[3].end == ASK_FAILED && asks[3].err.code == ERR_JUDGE_REFUSED);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        arena_free(arenas[i]);
    }
}
