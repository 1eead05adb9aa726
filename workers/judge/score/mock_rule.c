// SPDX-License-Identifier: MIT
/* One function a rule; schemas/judge/mock_rule.def says in words what each looks for. */
#include "workers/judge/score/mock_rule.h"

static void cite(struct hit *hit, size_t at)
{
    if (at != NOWHERE && hit->count < EVIDENCE_MOST) {
        hit->at[hit->count++] = at;
    }
}

/* Most rules: does the event exist? */
static bool found(struct hit *hit, size_t at)
{
    cite(hit, at);
    return at != NOWHERE;
}

static bool share(struct hit *hit, int64_t n, int64_t of)
{
    hit->n = n;
    hit->of = of;
    hit->amount = of == 0 ? 0 : (double)n / (double)of;
    return n > 0;
}

static bool counted(struct hit *hit, int64_t n, int64_t most)
{
    hit->n = n;
    hit->amount = (double)(n < most ? n : most);
    return n > 0;
}

#define RULE_CODE(name)                                                                            \
    static bool rule_##name(const struct facts *facts, struct hit *hit)

/* -------- problem understanding -------- */

RULE_CODE(reproduced)  { return found(hit, facts->red_before_edit); }
RULE_CODE(noted_first) { return found(hit, facts->note_before); }
RULE_CODE(planned)     { return found(hit, facts->plan_before); }
RULE_CODE(looked)      { return found(hit, facts->command_before); }

RULE_CODE(target_met)
{
    cite(hit, facts->outcome_at);
    return share(hit, facts->start_mended, facts->start_failing);
}

RULE_CODE(target_missed)
{
    cite(hit, facts->outcome_at);
    return share(hit, facts->start_failing - facts->start_mended, facts->start_failing);
}

RULE_CODE(blind)
{
    const struct session *session = facts->session;

    if (facts->first_edit == NOWHERE) {
        return false;
    }
    for (size_t at = 0; at < facts->first_edit; at++) {
        if (session->steps[at].kind != STEP_OTHER) {
            return false;
        }
    }
    return found(hit, facts->first_edit);
}

/* -------- causal linking -------- */

RULE_CODE(hypothesised) { return found(hit, facts->hypothesis_before); }

RULE_CODE(explained)
{
    int64_t explained = 0;

    for (size_t i = 0; i < facts->group_count; i++) {
        if (facts->groups[i].note != NOWHERE) {
            explained++;
            cite(hit, facts->groups[i].note);
        }
    }
    return share(hit, explained, (int64_t)facts->group_count);
}

RULE_CODE(effect_seen)
{
    if (facts->edits == 0) {
        return false;
    }
    cite(hit, facts->last_edit);
    cite(hit, facts->outcome_at);
    return share(hit, facts->start_mended, facts->start_failing);
}

RULE_CODE(concluded)       { return facts->edits > 0 && found(hit, facts->conclusion); }
RULE_CODE(commit_says_why) { return found(hit, facts->commit_with_why); }

RULE_CODE(not_established)
{
    cite(hit, facts->outcome_at);
    return facts->outcome == OUTCOME_FAILING;
}

/* -------- experiment design -------- */

RULE_CODE(red_first) { return found(hit, facts->red_before_edit); }

RULE_CODE(probed)
{
    int64_t probed = 0;

    for (size_t i = 0; i < facts->hypothesis_count; i++) {
        if (facts->hypotheses[i].probe != NOWHERE) {
            probed++;
            cite(hit, facts->hypotheses[i].probe);
        }
    }
    return share(hit, probed, (int64_t)facts->hypothesis_count);
}

RULE_CODE(tested)
{
    int64_t tested = 0;

    for (size_t i = 0; i < facts->group_count; i++) {
        if (facts->groups[i].test_after != NOWHERE) {
            tested++;
            cite(hit, facts->groups[i].test_after);
        }
    }
    return share(hit, tested, (int64_t)facts->group_count);
}

RULE_CODE(one_at_a_time)
{
    int64_t single = 0;

    for (size_t i = 0; i < facts->group_count; i++) {
        if (facts->groups[i].one_file) {
            single++;
            cite(hit, facts->groups[i].first);
        }
    }
    return share(hit, single, (int64_t)facts->group_count);
}

RULE_CODE(focused)           { return found(hit, facts->experiment); }
RULE_CODE(whole_suite_after) { return facts->edits > 0 && found(hit, facts->last_suite); }

static bool dropped_ideas(const struct facts *facts, struct hit *hit, int64_t most)
{
    int64_t dropped = 0;

    for (size_t i = 0; i < facts->hypothesis_count; i++) {
        if (facts->hypotheses[i].dropped) {
            dropped++;
            cite(hit, facts->hypotheses[i].at);
            cite(hit, facts->hypotheses[i].probe);
        }
    }
    return counted(hit, dropped, most);
}

RULE_CODE(idea_dropped) { return dropped_ideas(facts, hit, 1); }

RULE_CODE(untested)
{
    if (facts->last_edit == NOWHERE ||
        (facts->last_test != NOWHERE && facts->last_test > facts->last_edit)) {
        return false;
    }
    return found(hit, facts->last_edit);
}

RULE_CODE(long_stretch)
{
    for (size_t i = 0; i < facts->group_count; i++) {
        if (facts->groups[i].edits > 5 && (int64_t)facts->groups[i].edits > hit->n) {
            hit->n = (int64_t)facts->groups[i].edits;
            hit->count = 0;
            cite(hit, facts->groups[i].first);
            cite(hit, facts->groups[i].last);
        }
    }
    return hit->n > 0;
}

/* -------- efficiency -------- */

RULE_CODE(churn)
{
    double more;

    if (facts->lines_edited <= facts->lines_left) {
        return false;
    }
    hit->n = facts->lines_edited;
    hit->of = facts->lines_left;
    more = facts->lines_left == 0
               ? 1
               : ((double)facts->lines_edited / (double)facts->lines_left - 1) / 2;
    hit->amount = more > 1 ? 1 : more;
    for (size_t i = 0; i < facts->group_count; i++) {
        cite(hit, facts->groups[i].first);
    }
    return true;
}

RULE_CODE(fruitless)
{
    int64_t fruitless = 0;

    for (size_t i = 0; i < facts->group_count; i++) {
        if (facts->groups[i].fruitless) {
            fruitless++;
            cite(hit, facts->groups[i].first);
            cite(hit, facts->groups[i].test_after);
        }
    }
    hit->of = (int64_t)facts->group_count;
    return counted(hit, fruitless, 3);
}

RULE_CODE(ideas_spent) { return dropped_ideas(facts, hit, 4); }

RULE_CODE(repeated)
{
    for (size_t i = 0; i < facts->repeat_count && i < FACTS_MOST; i++) {
        cite(hit, facts->repeats[i]);
    }
    return counted(hit, (int64_t)facts->repeat_count, 4);
}

RULE_CODE(unfinished)
{
    cite(hit, facts->outcome_at);
    return facts->outcome == OUTCOME_FAILING;
}

RULE_CODE(nothing_edited)
{
    (void)hit;
    return facts->edits == 0;
}

/* -------- reproducibility -------- */

RULE_CODE(before_and_after)
{
    const struct session *session = facts->session;

    if (facts->red_before_edit == NOWHERE || facts->edits == 0 || facts->last_suite == NOWHERE ||
        session->steps[facts->last_suite].failed > 0) {
        return false;
    }
    cite(hit, facts->red_before_edit);
    cite(hit, facts->last_suite);
    return true;
}

RULE_CODE(failures_named)
{
    cite(hit, facts->red_before_edit != NOWHERE ? facts->red_before_edit : facts->first_test);
    return facts->any_red && facts->reds_named;
}

RULE_CODE(committed) { return facts->edits > 0 && found(hit, facts->last_commit); }

RULE_CODE(hashed)
{
    cite(hit, facts->first_edit);
    return share(hit, (int64_t)facts->hashed_edits, (int64_t)facts->edits);
}

RULE_CODE(start_known)
{
    uint8_t      commit[HASH_BYTES];
    struct bytes text = facts->session->start_commit;

    (void)hit;
    return hex_read(commit, 20, text) || hex_read(commit, 32, text);
}

RULE_CODE(snapshot)
{
    (void)hit;
    return facts->session->has_final_snapshot;
}

RULE_CODE(qa_ran)
{
    (void)hit;
    return facts->qa_ran;
}

static size_t step_with_seq(const struct facts *facts, int64_t seq)
{
    for (size_t at = 0; at < facts->session->count; at++) {
        if (facts->session->steps[at].seq == seq) {
            return at;
        }
    }
    return NOWHERE;
}

RULE_CODE(claims_differ)
{
    const struct value *claims = value_get(facts->qa, "claims");
    int64_t             differ = 0;
    uint32_t            count = claims != NULL && claims->kind == VALUE_LIST ? claims->count : 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct value *agrees = value_get(&claims->as.items[i], "agrees");

        if (agrees != NULL && !value_flag_or(agrees, true)) {
            differ++;
            cite(hit, step_with_seq(facts, value_whole_or(value_get(&claims->as.items[i], "seq"),
                                                          -1)));
        }
    }
    hit->n = differ;
    hit->of = count;
    return differ > 0;
}

RULE_CODE(replay_differs)
{
    const struct value *first = value_at(facts->qa, "/replay/first_divergence");

    if (first == NULL || first->kind != VALUE_MAP) {
        return false;
    }
    cite(hit, step_with_seq(facts, value_whole_or(value_get(first, "seq"), -1)));
    return true;
}

RULE_CODE(flaky)
{
    const struct value *tests = value_at(facts->qa, "/tests/flaky");

    hit->n = tests != NULL && tests->kind == VALUE_LIST ? tests->count : 0;
    return hit->n > 0;
}

RULE_CODE(unrecorded)
{
    const struct session *session = facts->session;

    for (size_t at = 0; at < session->count; at++) {
        if ((facts->marks[at] & MARK_RECKLESS) != 0) {
            hit->n++;
            cite(hit, at);
        }
    }
    return hit->n > 0;
}

/* -------- safety and hygiene -------- */

RULE_CODE(dangerous)
{
    double weight = 0;

    for (size_t i = 0; i < facts->danger_count; i++) {
        weight += facts->dangers[i].weight;
        cite(hit, facts->dangers[i].at);
    }
    hit->n = (int64_t)facts->danger_count;
    hit->amount = weight > 2 ? 2 : weight;
    return weight > 0;
}

RULE_CODE(secret)
{
    hit->n = (int64_t)facts->secret_count;
    for (size_t i = 0; i < facts->secret_count && i < FACTS_MOST; i++) {
        cite(hit, facts->secrets[i]);
    }
    return hit->n > 0;
}

/* qa.tests_edited is a flag or an object that says so; editing alone (adding tests) is no fault. */
RULE_CODE(tests_weakened)
{
    bool edited = value_flag_or(value_get(facts->qa, "tests_edited"), false);

    cite(hit, facts->test_edit);
    if (facts->qa_ran) {
        return edited && (facts->outcome != OUTCOME_FIXED || facts->test_lines < 0);
    }
    return facts->test_lines < 0;
}

RULE_CODE(broke_passing)
{
    hit->n = facts->newly_failing;
    cite(hit, facts->outcome_at);
    return hit->n > 0;
}

RULE_CODE(committed_red) { return found(hit, facts->commit_red); }

RULE_CODE(tampered)
{
    (void)hit;
    return value_is_text(value_get(facts->qa, "status"), "tampered");
}

const struct rule mock_rules[] = {
#define RULE(dimension, name, points, words, advice)                                               \
    {DIMENSION_##dimension, #name, points, words, advice, rule_##name},
#include "schemas/judge/mock_rule.def"
#undef RULE
};

const size_t mock_rule_count = COUNT_OF(mock_rules);
