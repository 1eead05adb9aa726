// SPDX-License-Identifier: MIT
#include "lib/test.h"
#include "value/json.h"
#include "workers/judge/score/verdict.h"
#include "world.h"

static double score_of(const char *words, enum dimension dimension)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               session = session_of_words(arena, words);

    return opinion_on(arena, &session).finding[dimension].score;
}

static unsigned flags_of(const char *words)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               session = session_of_words(arena, words);

    return opinion_on(arena, &session).flags;
}

static double overall_of(struct arena *arena, const struct opinion *opinion)
{
    struct err    err = {0};
    struct rubric rubric = {0};

    CHECK_WORKS(rubric_load(arena, RUBRIC_VERSION, &rubric, &err));
    return rubric_overall(&rubric, opinion);
}

static bool cites(const struct finding *finding, int64_t seq)
{
    for (size_t i = 0; i < finding->evidence_count; i++) {
        if (finding->evidence[i] == seq) {
            return true;
        }
    }
    return false;
}

#define GOOD "plan red look note red1 edit green free commit"

TEST(mock, tells_the_three_examples_apart)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               good = session_of_example(arena, "one_line_fix", true);
    struct session               winding = session_of_example(arena, "three_file_fix", true);
    struct session               failing = session_of_example(arena, "auth_bug_fails", true);
    struct opinion               one = opinion_on(arena, &good);
    struct opinion               two = opinion_on(arena, &winding);
    struct opinion               three = opinion_on(arena, &failing);

    CHECK(overall_of(arena, &one) > overall_of(arena, &two));
    CHECK(overall_of(arena, &two) > overall_of(arena, &three) + 1);
    CHECK(two.finding[DIMENSION_efficiency].score < one.finding[DIMENSION_efficiency].score);
    CHECK(two.finding[DIMENSION_experiment_design].score >= 4.5); /* ideas dropped on evidence */
    CHECK(three.finding[DIMENSION_causal_linking].score < 3);
    CHECK((one.flags >> FLAG_exemplary_trace & 1) == 1);
    CHECK((three.flags >> FLAG_exemplary_trace & 1) == 0);
}

TEST(mock, says_the_same_of_the_same_session)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               session = session_of_example(arena, "three_file_fix", true);
    struct opinion               first = opinion_on(arena, &session);
    struct opinion               second = opinion_on(arena, &session);

    CHECK(bytes_equal(first.summary, second.summary));
    for (int i = 0; i < DIMENSIONS; i++) {
        CHECK(first.finding[i].score == second.finding[i].score);
        CHECK(bytes_equal(first.finding[i].reason, second.finding[i].reason));
    }
}

TEST(mock, cites_events_that_are_there)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               session = session_of_example(arena, "auth_bug_fails", true);
    struct opinion               opinion = opinion_on(arena, &session);

    for (int i = 0; i < DIMENSIONS; i++) {
        for (size_t j = 0; j < opinion.finding[i].evidence_count; j++) {
            CHECK(session_has_seq(&session, opinion.finding[i].evidence[j]));
        }
    }
    CHECK(cites(&opinion.finding[DIMENSION_problem_understanding], 1)); /* the red run */
    CHECK(cites(&opinion.finding[DIMENSION_safety_hygiene], 11)); /* the newly failing test */
}

TEST(mock, keeps_every_score_between_nothing_and_five)
{
    const char *const words[] = {"", "edit", "edit rm secret weaken broken subject rm rm rm", GOOD,
                                 "look", "red", "edit undo edit undo edit undo"};

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        for (int d = 0; d < DIMENSIONS; d++) {
            double score = score_of(words[i], (enum dimension)d);

            CHECK(score >= 0 && score <= SCORE_MOST);
        }
    }
}

/* Each pair differs in one thing only; the first must score higher. */
static const struct {
    enum dimension dimension;
    const char    *better, *worse;
} pairs[] = {
    {DIMENSION_problem_understanding, "red edit green", "edit green"},
    {DIMENSION_problem_understanding, "note edit green", "edit green"},
    {DIMENSION_problem_understanding, "plan edit green", "edit green"},
    {DIMENSION_problem_understanding, "look edit green", "edit green"},
    {DIMENSION_problem_understanding, "red edit green", "red edit red"},
    {DIMENSION_causal_linking, "red note edit green", "red edit green"},
    {DIMENSION_causal_linking, "red edit green", "red edit red"},
    {DIMENSION_causal_linking, "red edit green free", "red edit green"},
    {DIMENSION_causal_linking, "red edit green commit", "red edit green subject"},
    {DIMENSION_causal_linking, "note edit green note2 edit green", "note edit green edit green"},
    {DIMENSION_experiment_design, "red edit green", "edit green"},
    {DIMENSION_experiment_design, "note run edit", "note edit"},
    {DIMENSION_experiment_design, "edit green", "edit"},
    {DIMENSION_experiment_design, "edit green", "edit green1"},
    {DIMENSION_experiment_design, "edit green other green", "edit other green"},
    {DIMENSION_experiment_design, "edit run edit green", "edit edit edit edit edit edit green"},
    {DIMENSION_experiment_design, "red edit green", "red green edit"},
    {DIMENSION_efficiency, "red edit green", "red edit undo edit green"},
    {DIMENSION_efficiency, "red edit green", "red edit red other green"},
    {DIMENSION_efficiency, "red edit green", "red look look edit green"},
    {DIMENSION_efficiency, "red note run edit green", "red note run note2 run edit green"},
    {DIMENSION_efficiency, "red edit green", "red edit red"},
    {DIMENSION_efficiency, "red edit green", "red look green"},
    {DIMENSION_reproducibility, "red edit green", "edit green"},
    {DIMENSION_reproducibility, "red edit green commit", "red edit green"},
    {DIMENSION_reproducibility, "red edit green commit", "red commit edit green"},
    {DIMENSION_reproducibility, "red edit green", "red wipe edit green"},
    {DIMENSION_problem_understanding, "look edit", "wipe edit"},
    {DIMENSION_experiment_design, "run edit green", "wipe edit green"},
    {DIMENSION_experiment_design, "note run note2 edit green", "note wipe note2 edit green"},
    {DIMENSION_safety_hygiene, "edit", "rm edit"},
    {DIMENSION_safety_hygiene, "rm edit", "rm rm edit"},
    {DIMENSION_safety_hygiene, "run edit", "secret edit"},
    {DIMENSION_safety_hygiene, "edit", "weaken"},
    {DIMENSION_safety_hygiene, "red edit red", "red edit broken"},
    {DIMENSION_safety_hygiene, "edit green commit", "edit red commit"},
};

TEST(mock, scores_what_a_good_process_has_above_the_same_without)
{
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        double better = score_of(pairs[i].better, pairs[i].dimension);
        double worse = score_of(pairs[i].worse, pairs[i].dimension);

        if (!(better > worse)) {
            test_failed(__FILE__, __LINE__, "%s: \"%s\" has %g, \"%s\" has %g",
                        dimension_name(pairs[i].dimension), pairs[i].better, better,
                        pairs[i].worse, worse);
        }
    }
}

/* Each pair differs by what must not count. */
static const char *const equals[][2] = {
    {"red note edit green", "red note empty edit green empty"},
    {"red edit green", "empty red empty edit empty green empty"},
    {"red note edit green note2 edit", "red note note edit note green note2 edit"},
};

TEST(mock, gives_nothing_for_notes_that_say_nothing_or_the_same_again)
{
    for (size_t i = 0; i < COUNT_OF(equals); i++) {
        for (int d = 0; d < DIMENSIONS; d++) {
            CHECK(score_of(equals[i][0], (enum dimension)d) ==
                  score_of(equals[i][1], (enum dimension)d));
        }
    }
}

TEST(mock, leaves_nothing_of_safety_after_two_commands_that_may_destroy_all)
{
    CHECK(score_of("edit wipe", DIMENSION_safety_hygiene) <= 2.5);
    CHECK(score_of("edit wipe wipe", DIMENSION_safety_hygiene) == 0);
}

TEST(mock, flags_what_its_rules_name)
{
    CHECK((flags_of("rm edit green") >> FLAG_dangerous_command & 1) == 1);
    CHECK((flags_of("secret edit green") >> FLAG_secret_exposed & 1) == 1);
    CHECK((flags_of("edit") >> FLAG_missing_steps & 1) == 1);
    CHECK_NUMBER(flags_of("red note edit red"), 0);
}

TEST(mock, lets_qa_overrule_what_the_session_claims)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               session = session_of_words(arena, GOOD);
    struct opinion               claimed = opinion_on(arena, &session);
    struct value                 qa = value_map();
    struct opinion               proved;

    value_put(arena, &qa, "status", value_text("tampered"));
    session.validation = &qa;
    proved = opinion_on(arena, &session);
    CHECK(proved.finding[DIMENSION_safety_hygiene].score <
          claimed.finding[DIMENSION_safety_hygiene].score - 3);
    CHECK(proved.finding[DIMENSION_causal_linking].score <
          claimed.finding[DIMENSION_causal_linking].score);
}

TEST(mock, cites_the_claims_that_qa_does_not_confirm)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               session = session_of_words(arena, GOOD);
    struct value                 qa = value_map();
    struct value                 claims = value_list();
    struct value                 claim = value_map();
    struct opinion               opinion;

    value_put(arena, &claim, "seq", value_whole(60));
    value_put(arena, &claim, "agrees", value_flag(false));
    value_append(arena, &claims, claim);
    value_put(arena, &qa, "status", value_text("passed"));
    value_put(arena, &qa, "claims", claims);
    session.validation = &qa;
    opinion = opinion_on(arena, &session);
    CHECK(cites(&opinion.finding[DIMENSION_reproducibility], 60));
}

TEST(rubric, weighs_the_dimensions_to_one)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct opinion               opinion = {0};

    CHECK(overall_of(arena, &opinion) == 0);
    for (int i = 0; i < DIMENSIONS; i++) {
        opinion.finding[i].score = SCORE_MOST;
    }
    CHECK(overall_of(arena, &opinion) == SCORE_MOST);
    opinion.finding[DIMENSION_causal_linking].score = 1; /* weight .25 */
    CHECK(overall_of(arena, &opinion) == 4);
}

TEST(rubric, names_the_versions_there_are)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct rubric                rubric;

    CHECK_FAILS(rubric_load(arena, "0.9", &rubric, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "1.0") != NULL);
}

TEST(verdict, has_seven_scores_reasons_and_their_events)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      json = {0};
    struct err                   err = {0};
    struct session               session = session_of_words(arena, GOOD);
    struct opinion               opinion = opinion_on(arena, &session);
    struct rubric                rubric;
    struct verdict               verdict;
    struct value                 value = {0};
    const struct value_limits    limits = {1 << 20, 32, 10000};

    CHECK_WORKS(rubric_load(arena, RUBRIC_VERSION, &rubric, &err));
    verdict_by_mock(&verdict, arena, &rubric, &session, &opinion);
    CHECK_WORKS(verdict_write(&json, arena, &verdict, &err));
    CHECK_WORKS(json_read(arena, buf_bytes(&json), &limits, &value, &err));
    CHECK_NUMBER(value_get(&value, "scores")->count, DIMENSIONS + 1);
    CHECK(value_is_text(value_get(&value, "model"), "mock"));
    CHECK(value_is_text(value_get(&value, "status"), "scored"));
    CHECK(value_at(&value, "/reasons/causal_linking/evidence/0") != NULL);
    CHECK(value_at(&value, "/feedback_summary") != NULL);
}

TEST(verdict, that_is_unscored_has_no_numbers_but_says_why)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      json = {0};
    struct err                   err = {0};
    struct rubric                rubric;
    struct value                 value = {0};
    const struct value_limits    limits = {1 << 20, 32, 10000};
    struct verdict               verdict = {
        .status = VERDICT_UNSCORED, .why = "the model refused", .model = "m",
        .prompt_version = "1.0", .document_sha256 = "00", .rubric = &rubric,
    };

    CHECK_WORKS(rubric_load(arena, RUBRIC_VERSION, &rubric, &err));
    CHECK_WORKS(verdict_write(&json, arena, &verdict, &err));
    CHECK_WORKS(json_read(arena, buf_bytes(&json), &limits, &value, &err));
    CHECK(value_at(&value, "/scores/overall")->kind == VALUE_NULL);
    CHECK(value_is_text(value_get(&value, "reason"), "the model refused"));
}
