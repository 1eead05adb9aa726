// SPDX-License-Identifier: MIT
#include <math.h>

#include "lib/test.h"
#include "value/json.h"
#include "workers/judge/score/answer.h"
#include "workers/judge/score/chat.h"
#include "workers/judge/score/panel.h"
#include "workers/judge/score/price.h"
#include "workers/judge/score/settings.h"
#include "workers/judge/score/verdict.h"
#include "world.h"

#define PART(name, score, evidence)                                                                \
    "\"" name "\":{\"score\":" score ",\"reason\":\"r\",\"evidence\":" evidence "}"
#define REST                                                                                       \
    PART("causal_linking", "1", "[]")                                                              \
    "," PART("experiment_design", "2.5", "[10]") "," PART("efficiency", "3", "[0,10]") "," PART(   \
        "reproducibility", "4", "[]") "," PART("safety_hygiene", "5", "[]")
#define END ",\"feedback_summary\":\"s\",\"flags\":[]}"
#define FIRST(score, evidence) "{" PART("problem_understanding", score, evidence) "," REST

static bool reads(const char *text, const char **ret_why)
{
    static struct arena *arena; /* why lives in it until the next call */
    struct session       session;
    struct opinion       opinion;
    const char          *why = "";
    bool                 read;

    arena_free(arena);
    arena = arena_new();
    session = session_of_words(arena, "red edit"); /* seq 0 and 10 */
    read = answer_read(arena, bytes_of(text), &session, &opinion, &why);
    *ret_why = why;
    return read;
}

static const char *const good[] = {
    FIRST("0", "[0]") END,
    FIRST("5.0", "[]") END,
    FIRST("4.7", "[0,10,0]") ",\"feedback_summary\":\"s\",\"flags\":[\"missing_steps\"]}",
    "```json\n" FIRST("3", "[0]") END "\n```",
    "\n```\n" FIRST("3", "[0]") END "```  \n",
};

TEST(answer, takes_what_keeps_the_rules)
{
    const char *why;

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!reads(good[i], &why)) {
            test_failed(__FILE__, __LINE__, "answer %zu: %s", i, why);
        }
    }
}

static const struct {
    const char *text, *why;
} bad[] = {
    {"", "empty"},
    {"{}", "problem_understanding is missing"},
    {"[]", "no JSON object"},
    {"5", "no JSON object"},
    {"{\"problem_understanding\":", "no JSON object"},
    {FIRST("6.0", "[0]") END, "score 6"},
    {FIRST("5.0001", "[0]") END, "score 5.0001"},
    {FIRST("-0.1", "[0]") END, "score -0.1"},
    {FIRST("NaN", "[0]") END, "no JSON object"},
    {FIRST("Infinity", "[0]") END, "no JSON object"},
    {FIRST("1e400", "[0]") END, "no JSON object"},
    {FIRST("null", "[0]") END, "no number"},
    {FIRST("\"4\"", "[0]") END, "no number"},
    {FIRST("true", "[0]") END, "no number"},
    {FIRST("4", "[11]") END, "event 11"},
    {FIRST("4", "[-1]") END, "event -1"},
    {FIRST("4", "[0.5]") END, "no whole"},
    {FIRST("4", "\"0\"") END, "no list"},
    {FIRST("4", "[0]") ",\"flags\":[]}", "feedback_summary"},
    {FIRST("4", "[0]") ",\"feedback_summary\":\"\",\"flags\":[]}", "feedback_summary"},
    {FIRST("4", "[0]") ",\"feedback_summary\":\"s\"}", "flags"},
    {FIRST("4", "[0]") ",\"feedback_summary\":\"s\",\"flags\":[\"nice\"]}", "nice"},
    {FIRST("4", "[0]") ",\"feedback_summary\":\"s\",\"flags\":[\"injection_suspected\"]}",
     "injection_suspected"},
    {FIRST("4", "[0]") ",\"overall\":5" END, "overall"},
    {FIRST("4", "[0]") END "{}", "no JSON object"},
    {"Sure: " FIRST("4", "[0]") END, "no JSON object"},
    {"{" REST END, "problem_understanding is missing"},
};

TEST(answer, refuses_what_breaks_them_and_says_what)
{
    const char *why;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (reads(bad[i].text, &why) || strstr(why, bad[i].why) == NULL) {
            test_failed(__FILE__, __LINE__, "answer %zu: \"%s\" has no \"%s\"", i, why,
                        bad[i].why);
        }
    }
}

TEST(answer, comes_back_from_the_cache_as_it_was)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      json = {0};
    struct session               session = session_of_words(arena, "red note run edit green");
    struct opinion               opinion = opinion_on(arena, &session);
    struct opinion               back = {0};
    struct err                   err = {0};
    const char                  *why = "";

    CHECK_WORKS(answer_write(&json, arena, &opinion, &err));
    CHECK(answer_read(arena, buf_bytes(&json), &session, &back, &why));
    for (int i = 0; i < DIMENSIONS; i++) {
        CHECK(back.finding[i].score == opinion.finding[i].score);
        CHECK_NUMBER(back.finding[i].evidence_count, opinion.finding[i].evidence_count);
    }
    CHECK(bytes_equal(back.summary, opinion.summary));
    CHECK_NUMBER(back.flags, opinion.flags);
}

/* -------- the server's envelope -------- */

TEST(chat, tells_what_is_wrong_with_a_server_s_answer)
{
    static const struct {
        const char *body, *why;
    } bodies[] = {
        {"", "no JSON"},
        {"[]", "no JSON object"},
        {"{}", "no choices"},
        {"{\"choices\":[]}", "no choices"},
        {"{\"choices\":[{}]}", "empty"},
        {"{\"choices\":[{\"message\":{\"content\":5}}]}", "empty"},
        {"{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"}}]}", "refused"},
        {"{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}", "cut"},
        {"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n", "ended before"},
        {"data: nonsense\n\ndata: [DONE]\n", "no JSON"},
        {"data: [DONE]\n", "empty"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct chat_reply reply;

        chat_read(arena, bytes_of(bodies[i].body), &reply);
        if (reply.why == NULL || strstr(reply.why, bodies[i].why) == NULL) {
            test_failed(__FILE__, __LINE__, "body %zu: %s", i,
                        reply.why == NULL ? "was read" : reply.why);
        }
        CHECK_NUMBER(reply.content.size, 0);
    }
}

TEST(chat, keeps_nothing_but_plain_words_of_what_the_server_calls_itself)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chat_reply            reply;

    chat_read(arena, BYTES("{\"model\":\"a b\\u0000\\\"c\",\"choices\":[],\"usage\":"
                           "{\"prompt_tokens\":-5,\"completion_tokens\":7}}"), &reply);
    CHECK_TEXT(reply.version, "a_b__c");
    CHECK_NUMBER(reply.tokens_prompt, 0);
    CHECK_NUMBER(reply.tokens_answer, 7);
}

/* -------- panel, prices, settings -------- */

static struct panelist saying(double score, unsigned flags)
{
    struct panelist panelist = {.status = PANELIST_SCORED, .model = "m", .overall = score};

    for (int i = 0; i < DIMENSIONS; i++) {
        panelist.opinion.finding[i].score = score;
    }
    panelist.opinion.flags = flags;
    return panelist;
}

TEST(panel, takes_the_median_tells_the_spread_and_needs_its_quorum)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct rubric                rubric;
    struct opinion               opinion;
    double                       spread[DIMENSIONS];
    struct panelist              three[] = {
        saying(1, 1u << FLAG_missing_steps), saying(4.5, 1u << FLAG_injection_suspected),
        saying(4, 1u << FLAG_missing_steps), {.status = PANELIST_BUSY, .model = "b", .why = "w"},
    };

    CHECK_WORKS(rubric_load(arena, RUBRIC_VERSION, &rubric, &err));
    CHECK(panel_combine(&rubric, three, 4, 3, &opinion, spread));
    CHECK(opinion.finding[2].score == 4 && spread[2] == 3.5);
    CHECK_NUMBER(opinion.flags, 1u << FLAG_missing_steps | 1u << FLAG_injection_suspected);
    CHECK(!panel_combine(&rubric, three, 4, 4, &opinion, spread));
    CHECK(panel_combine(&rubric, three, 2, 1, &opinion, spread));
    CHECK(opinion.finding[0].score == 2.75); /* of an even number: the middle of the middle two */
}

TEST(panel, of_nobody_has_no_opinion)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct rubric                rubric;
    struct opinion               opinion;
    double                       spread[DIMENSIONS];
    struct panelist              none = {.status = PANELIST_UNSCORED, .model = "m", .why = "w"};

    CHECK_WORKS(rubric_load(arena, RUBRIC_VERSION, &rubric, &err));
    CHECK(!panel_combine(&rubric, &none, 1, 0, &opinion, spread));
}

TEST(price, is_by_the_longest_name_that_fits_and_never_guessed)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct prices                prices;

    CHECK_WORKS(prices_load(arena, "", &prices, &err));
    CHECK(price_of(&prices, "gpt-4o-mini", 0, 0) == 0);
    CHECK(fabs(price_of(&prices, "gpt-4o-mini-2024-07-18", 1000000, 1000000) - 0.75) < 1e-9);
    CHECK(fabs(price_of(&prices, "gpt-4o-2024-08-06", 1000000, 0) - 2.5) < 1e-9);
    CHECK(price_of(&prices, "gpt-4oo", 1, 1) == -1);
    CHECK(price_of(&prices, "somebody/else", 1, 1) == -1);
}

TEST(settings, refuse_what_no_model_could_be_asked_with)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    const char                  *models[PANEL_MOST];
    size_t                       count = 0;
    struct chat_settings         settings;
    struct config config = {
        .judge_base_url = "https://a/v1",
        .judge_temperature = "0.5",
        .judge_ca_file = "",
        .judge_proxy = "",
    };

    CHECK_WORKS(settings_models(arena, " a, b ,c", models, &count, &err));
    CHECK_NUMBER(count, 3);
    CHECK_TEXT(models[1], "b");
    CHECK_FAILS(settings_models(arena, " , ", models, &count, &err), ERR_CONFIG_WRONG);
    CHECK_FAILS(settings_models(arena, "a,a", models, &count, &err), ERR_CONFIG_WRONG);
    CHECK_WORKS(settings_of_config(&settings, &config, &err));
    config.judge_temperature = "nan";
    CHECK_FAILS(settings_of_config(&settings, &config, &err), ERR_CONFIG_WRONG);
    config.judge_temperature = "0";
    config.judge_proxy = "10.0.0.1:3128";
    CHECK_FAILS(settings_of_config(&settings, &config, &err), ERR_CONFIG_WRONG);
    config.judge_proxy = "none";
    CHECK_WORKS(settings_of_config(&settings, &config, &err));
    config.judge_base_url = "file:///etc/passwd";
    CHECK_FAILS(settings_of_config(&settings, &config, &err), ERR_CONFIG_WRONG);
}

TEST(verdict, of_a_panel_tells_who_said_what_and_who_abstained)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      json = {0};
    struct err                   err = {0};
    struct rubric                rubric;
    struct session               session = session_of_words(arena, "red edit");
    struct prompt                prompt = {.version = "1.0", .tokens = 500};
    struct value                 value = {0};
    struct verdict               verdict;
    const struct value_limits    limits = {1 << 20, 32, 10000};
    struct panelist              two[] = {
        saying(3, 0), {.status = PANELIST_UNSCORED, .model = "b", .why = "it is empty"}};

    two[0].opinion.summary = BYTES("s");
    two[0].version = "m-2025";
    two[0].cost_usd = 0.25;
    two[1].cost_usd = -1;
    CHECK_WORKS(rubric_load(arena, RUBRIC_VERSION, &rubric, &err));
    verdict_by_panel(&verdict, arena, &rubric, &session, &prompt, two, 2, 1);
    CHECK_WORKS(verdict_write(&json, arena, &verdict, &err));
    CHECK_WORKS(json_read(arena, buf_bytes(&json), &limits, &value, &err));
    CHECK(value_is_text(value_get(&value, "model"), "m,b"));
    CHECK(value_real_or(value_at(&value, "/scores/overall"), 0) == 3);
    CHECK(value_is_text(value_at(&value, "/panel/abstained/0"), "b"));
    CHECK(value_is_text(value_at(&value, "/panel/models/1/reason"), "it is empty"));
    CHECK(value_at(&value, "/cost_usd")->kind == VALUE_NULL);

    CHECK_NUMBER(verdict.opinion.flags, 0);

    /* One suspicion is enough, also of who gave no answer that can be used. */
    two[1].opinion.flags = 1u << FLAG_injection_suspected;
    verdict_by_panel(&verdict, arena, &rubric, &session, &prompt, two, 2, 1);
    CHECK(verdict.status == VERDICT_SCORED);
    CHECK_NUMBER(verdict.opinion.flags, 1u << FLAG_injection_suspected);

    verdict_by_panel(&verdict, arena, &rubric, &session, &prompt, two, 2, 2);
    CHECK(verdict.status == VERDICT_UNSCORED);
    CHECK(strstr(verdict.why, "b: it is empty") != NULL);
    CHECK_NUMBER(verdict.opinion.flags, 1u << FLAG_injection_suspected);
}
