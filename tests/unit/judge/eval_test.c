// SPDX-License-Identifier: MIT
#include <math.h>

#include "lib/test.h"
#include "value/json.h"
#include "workers/judge/score/agreement.h"
#include "workers/judge/score/scorer.h"
#include "workers/judge/score/vary.h"
#include "world.h"

static bool near(double got, double want)
{
    return fabs(got - want) < 1e-9;
}

TEST(agreement, is_full_with_itself_and_what_the_formula_gives_otherwise)
{
    const double a[] = {0, 1, 2, 3, 4, 5};
    const double b[] = {5, 4, 3, 2, 1, 0};
    const double c[] = {0, 1, 2, 3, 5, 5}; /* by hand: seen 1, by chance 234 / 6 */

    CHECK(near(agreement_kappa(a, a, 6), 1));
    CHECK(near(agreement_kappa(a, b, 6), -1));
    CHECK(near(agreement_kappa(a, c, 6), 1 - 1 / (234.0 / 6)));
    CHECK(near(agreement_error(a, c, 6), 1.0 / 6));
    CHECK(near(agreement_ranks(a, a, 6), 1));
    CHECK(near(agreement_ranks(a, b, 6), -1));
}

TEST(agreement, gives_ties_their_mean_rank)
{
    const double a[] = {1, 2, 2, 4};
    const double b[] = {1, 3, 2, 4};

    CHECK(near(agreement_ranks(a, b, 4), 4.5 / sqrt(4.5 * 5)));
}

TEST(agreement, is_not_defined_without_pairs_or_variation)
{
    const double same[] = {3, 3, 3};
    const double other[] = {1, 2, 3};

    CHECK(isnan(agreement_kappa(same, same, 3)));
    CHECK(isnan(agreement_kappa(same, same, 0)));
    CHECK(isnan(agreement_error(same, same, 0)));
    CHECK(isnan(agreement_ranks(same, other, 3)));
    CHECK(isnan(agreement_ranks(other, other, 1)));
}

/* -------- variations -------- */

static struct value document_value(struct arena *arena, const char *name)
{
    const struct value_limits limits = {1 << 22, 32, 100000};
    struct err                err = {0};
    struct value              value = {0};

    CHECK_WORKS(json_read(arena, document_of_example(arena, name), &limits, &value, &err));
    return value;
}

static struct session varied(struct arena *arena, enum variation variation)
{
    struct value   plain = document_value(arena, "one_line_fix");
    struct value   other = vary(arena, &plain, variation);
    struct err     err = {0};
    struct session session = {0};

    CHECK_WORKS(session_of_value(arena, &other, &session, &err));
    return session;
}

static bool seqs_rise(const struct session *session)
{
    for (size_t i = 1; i < session->count; i++) {
        if (session->steps[i].seq <= session->steps[i - 1].seq) {
            return false;
        }
    }
    return true;
}

TEST(vary, tells_the_same_session_differently)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               plain = session_of_example(arena, "one_line_fix", false);
    struct session               session = varied(arena, VARY_PADDING);

    CHECK_NUMBER(session.count, plain.count * 2);
    CHECK(seqs_rise(&session));
    session = varied(arena, VARY_PRAISE);
    CHECK_NUMBER(session.count, plain.count + 2);
    CHECK(seqs_rise(&session));
    session = varied(arena, VARY_REORDERING);
    CHECK_NUMBER(session.count, plain.count);
    CHECK(seqs_rise(&session));
    CHECK(session.steps[2].kind == STEP_NOTE && plain.steps[2].kind == STEP_COMMAND);
    CHECK(session.steps[6].kind == STEP_EDIT);
}

TEST(vary, renames_files_everywhere_and_leaves_tests_tests)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               session = varied(arena, VARY_RENAMING);
    const char                  *diff = text_of(arena, session.steps[6].text);

    CHECK_TEXT(text_of(arena, session.steps[6].subject), "pagecache/module_0.py");
    CHECK(strstr(diff, "+++ b/pagecache/module_0.py") != NULL);
    CHECK(strstr(text_of(arena, session.steps[2].text), "pagecache/module_0.py") != NULL);
}

TEST(vary, does_not_move_the_mock_by_names_and_neighbours)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct session               plain = session_of_example(arena, "one_line_fix", false);
    struct session               renamed = varied(arena, VARY_RENAMING);
    struct session               reordered = varied(arena, VARY_REORDERING);
    struct opinion               one = opinion_on(arena, &plain);
    struct opinion               two = opinion_on(arena, &renamed);
    struct opinion               three = opinion_on(arena, &reordered);

    for (int i = 0; i < DIMENSIONS; i++) {
        CHECK(one.finding[i].score == two.finding[i].score);
        CHECK(one.finding[i].score == three.finding[i].score);
    }
}

TEST(scorer, is_the_mock_when_no_key_is_set_and_nobody_when_turned_off)
{
    CLEANUP(arena) struct arena   *arena = arena_new();
    CLEANUP(scorer) struct scorer *scorer = NULL;
    struct err                     err = {0};
    struct session                 session = session_of_words(arena, "red edit green");
    struct opinion                 opinion;
    const char                    *why;
    bool                           scored = false;
    struct config config = {.judge = "auto", .judge_api_key = "", .judge_rubric = "1.0"};

    CHECK_WORKS(scorer_open(&scorer, &config, NULL, &err));
    CHECK_TEXT(scorer_name(scorer), "mock");
    CHECK_WORKS(scorer_judge(scorer, arena, &session, &opinion, &scored, &why, &err));
    CHECK(scored);
    config.judge = "off";
    CHECK_FAILS(scorer_open(&scorer, &config, NULL, &err), ERR_CONFIG_WRONG);
}
