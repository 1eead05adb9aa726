// SPDX-License-Identifier: MIT
#include "workers/judge/score/mock.h"

#include <limits.h>
#include <math.h>
#include <regex.h>
#include <string.h>

#include "workers/judge/score/facts.h"
#include "workers/judge/score/mock_rule.h"

enum { COMMAND_MOST = 4096, CLAUSES_MOST = 2, ADVICE_MOST = 2 };

static const struct command_rule {
    enum { LOOK, DANGER } kind;
    double      weight;
    const char *pattern;
} command_rules[] = {
#define COMMAND_RULE(kind, weight, pattern, words) {kind, weight, pattern},
#include "schemas/judge/command_rule.def"
#undef COMMAND_RULE
};

static const double bases[DIMENSIONS] = {
#define BASE(dimension, points) [DIMENSION_##dimension] = points,
#include "schemas/judge/mock_rule.def"
#undef BASE
};

const char *const mock_model = "mock";

#define MOCK_VERSION_ROW(version) const char *const mock_version = version;
#include "schemas/judge/mock_rule.def"
#undef MOCK_VERSION_ROW

struct mock {
    regex_t pattern[COUNT_OF(command_rules)];
    size_t  compiled;
};

struct mock *mock_new(struct err *err)
{
    CLEANUP(mock) struct mock *mock = mem_zero(1, sizeof(*mock));

    for (size_t i = 0; i < COUNT_OF(command_rules); i++) {
        if (regcomp(&mock->pattern[i], command_rules[i].pattern, REG_EXTENDED | REG_NOSUB) != 0) {
            (void)err_set(err, ERR_BUG, "command_rule.def: \"%s\" is no regular expression",
                          command_rules[i].pattern);
            return NULL;
        }
        mock->compiled++;
    }
    return TAKE(mock);
}

void mock_free(struct mock *mock)
{
    if (mock != NULL) {
        for (size_t i = 0; i < mock->compiled; i++) {
            regfree(&mock->pattern[i]);
        }
        mem_free(mock);
    }
}

struct command_view mock_view_command(struct mock *mock, struct bytes command)
{
    struct command_view view = {0};
    char                text[COMMAND_MOST + 1];
    size_t              size = command.size < COMMAND_MOST ? command.size : COMMAND_MOST;

    for (size_t i = 0; i < size; i++) {
        text[i] = command.data[i] == '\0' ? ' ' : (char)command.data[i];
    }
    text[size] = '\0';
    for (size_t i = 0; i < COUNT_OF(command_rules); i++) {
        if (regexec(&mock->pattern[i], text, 0, NULL, 0) != 0) {
            continue;
        }
        view.look |= command_rules[i].kind == LOOK;
        if (command_rules[i].kind == DANGER && command_rules[i].weight > view.danger) {
            view.danger = command_rules[i].weight;
        }
    }
    return view;
}

/* -------- from rules to a finding -------- */

struct applied {
    const struct rule *rule;
    struct hit         hit;
    bool               holds;
};

static void put_words(struct buf *out, const char *words, const struct hit *hit)
{
    while (*words != '\0') {
        if (strncmp(words, "{n}", 3) == 0) {
            buf_format(out, "%lld", (long long)hit->n);
            words += 3;
        } else if (strncmp(words, "{of}", 4) == 0) {
            buf_format(out, "%lld", (long long)hit->of);
            words += 4;
        } else {
            buf_put_byte(out, (uint8_t)*words++);
        }
    }
}

static void end_sentence(struct buf *out)
{
    if (out->size > 0 && out->data[0] >= 'a' && out->data[0] <= 'z') {
        out->data[0] -= 'a' - 'A';
    }
    buf_put_byte(out, '.');
}

/* The words of the rules that held for (or against) the score of a dimension; returns how many. */
static int put_clauses(struct buf *out, const struct applied *applied, enum dimension dimension,
                       bool against, int most)
{
    int count = 0;

    for (size_t i = 0; i < mock_rule_count && count < most; i++) {
        const struct rule *rule = applied[i].rule;

        if (rule->dimension == dimension && applied[i].holds && (rule->points < 0) == against) {
            buf_put_text(out, count > 0 ? "; " : "");
            put_words(out, rule->words, &applied[i].hit);
            count++;
        }
    }
    return count;
}

/* What speaks for the score, then, behind "but", what speaks against it. */
static struct bytes reason_of(struct arena *arena, const struct applied *applied,
                              enum dimension dimension)
{
    CLEANUP(buf) struct buf out = {0};
    CLEANUP(buf) struct buf against = {0};

    (void)put_clauses(&out, applied, dimension, false, INT_MAX);
    if (put_clauses(&against, applied, dimension, true, INT_MAX) > 0) {
        buf_put_text(&out, out.size > 0 ? "; but " : "");
        buf_put(&out, buf_bytes(&against));
    }
    if (out.size == 0) {
        buf_put_text(&out, bases[dimension] > 0 ? "nothing speaks against it"
                                                : "nothing in the session shows it");
    }
    end_sentence(&out);
    return arena_bytes(arena, buf_bytes(&out));
}

static void put_evidence(struct finding *finding, int64_t seq)
{
    size_t at = 0;

    while (at < finding->evidence_count && finding->evidence[at] < seq) {
        at++;
    }
    if (finding->evidence_count >= EVIDENCE_MOST ||
        (at < finding->evidence_count && finding->evidence[at] == seq)) {
        return;
    }
    memmove(&finding->evidence[at + 1], &finding->evidence[at],
            (finding->evidence_count - at) * sizeof(seq));
    finding->evidence[at] = seq;
    finding->evidence_count++;
}

static void score_dimension(struct arena *arena, const struct session *session,
                            const struct applied *applied, enum dimension dimension,
                            struct finding *finding)
{
    double score = bases[dimension];

    for (size_t i = 0; i < mock_rule_count; i++) {
        const struct hit *hit = &applied[i].hit;

        if (applied[i].rule->dimension != dimension || !applied[i].holds) {
            continue;
        }
        score += applied[i].rule->points * hit->amount;
        for (size_t j = 0; j < hit->count; j++) {
            put_evidence(finding, session->steps[hit->at[j]].seq);
        }
    }
    score = score < 0 ? 0 : score > SCORE_MOST ? SCORE_MOST : score;
    finding->score = round(score * 100) / 100;
    finding->reason = reason_of(arena, applied, dimension);
}

/* -------- the summary -------- */

static void put_outcome(struct buf *out, const struct facts *facts)
{
    const struct session *session = facts->session;
    int64_t               qa_failed = value_whole_or(value_get(facts->qa, "num_failed"), 0) +
                        value_whole_or(value_get(facts->qa, "num_errors"), 0);
    struct bytes          status = value_text_or(value_get(facts->qa, "status"), "not_run");

    if (facts->qa_ran && facts->outcome == OUTCOME_FIXED) {
        buf_put_text(out, "The fix works: QA's own test run passed");
        if (facts->start_mended > 0) {
            buf_format(out, ", with %lld tests that failed before",
                       (long long)facts->start_mended);
        }
    } else if (facts->qa_ran && bytes_is(status, "failed")) {
        buf_format(out, "The fix does not hold: %lld tests fail in QA's own run",
                   (long long)qa_failed);
    } else if (facts->qa_ran) {
        buf_format(out, "The fix does not hold: QA's own run ended as %.*s", (int)status.size,
                   (const char *)status.data);
    } else if (facts->outcome_at != NOWHERE) {
        const struct step *end = &session->steps[facts->outcome_at];

        buf_format(out, "QA did not run; the last recorded test run: %lld passed, %lld failed",
                   (long long)end->passed, (long long)end->failed);
    } else {
        buf_put_text(out, "QA did not run and no test run is recorded: nothing shows the result");
    }
    if (facts->newly_failing > 0 && facts->outcome == OUTCOME_FAILING) {
        buf_format(out, ", %lld of which passed before", (long long)facts->newly_failing);
    }
    buf_put_text(out, ". ");
}

/* Only the first words of each side: the whole reason stands with the score. */
static void put_extreme(struct buf *out, const struct applied *applied,
                        const struct opinion *opinion, bool strongest, enum dimension dimension)
{
    CLEANUP(buf) struct buf clauses = {0};

    buf_format(out, "%s is %s (%.1f)", strongest ? "Strongest" : "Weakest",
               dimension_words(dimension), opinion->finding[dimension].score);
    if (put_clauses(&clauses, applied, dimension, !strongest, CLAUSES_MOST) > 0) {
        buf_put_text(out, ": ");
        buf_put(out, buf_bytes(&clauses));
    }
    buf_put_text(out, ". ");
}

/* The two changes that would have gained most, by points and the dimension's weight. */
static void put_advice(struct buf *out, const struct applied *applied, const struct rubric *rubric)
{
    bool taken[256] = {false};

    _Static_assert(COUNT_OF(taken) > 2 * DIMENSIONS, "room for every rule");
    for (int round_ = 0; round_ < ADVICE_MOST; round_++) {
        double best = 0.04; /* less is not worth a word */
        size_t found = SIZE_MAX;

        for (size_t i = 0; i < mock_rule_count && i < COUNT_OF(taken); i++) {
            const struct rule *rule = applied[i].rule;
            double amount = applied[i].holds ? applied[i].hit.amount : 0;
            double loss = rule->points > 0 ? rule->points * (1 - amount) : -rule->points * amount;

            loss *= rubric->dimension[rule->dimension].weight;
            if (!taken[i] && rule->advice[0] != '\0' && loss > best) {
                best = loss;
                found = i;
            }
        }
        if (found == SIZE_MAX) {
            break;
        }
        taken[found] = true;
        buf_put_text(out, round_ == 0 ? "Next time: " : "; ");
        buf_put_text(out, applied[found].rule->advice);
    }
    if (out->size > 0 && out->data[out->size - 1] != ' ') {
        buf_put_byte(out, '.');
    }
}

static struct bytes summary_of(struct arena *arena, const struct facts *facts,
                               const struct applied *applied, const struct rubric *rubric,
                               const struct opinion *opinion)
{
    CLEANUP(buf) struct buf out = {0};
    enum dimension          best = 0;
    enum dimension          worst = 0;

    for (int i = 1; i < DIMENSIONS; i++) {
        if (opinion->finding[i].score > opinion->finding[best].score) {
            best = (enum dimension)i;
        }
        if (opinion->finding[i].score < opinion->finding[worst].score) {
            worst = (enum dimension)i;
        }
    }
    put_outcome(&out, facts);
    put_extreme(&out, applied, opinion, true, best);
    if (opinion->finding[worst].score < opinion->finding[best].score) {
        put_extreme(&out, applied, opinion, false, worst);
    }
    put_advice(&out, applied, rubric);
    while (out.size > 0 && out.data[out.size - 1] == ' ') {
        out.size--;
    }
    return arena_bytes(arena, buf_bytes(&out));
}

static unsigned flags_of(const struct facts *facts, const struct rubric *rubric,
                         const struct opinion *opinion)
{
    unsigned flags = 0;
    bool     noted = facts->note_before != NOWHERE || facts->hypothesis_count > 0 ||
                 facts->conclusion != NOWHERE;

    if (facts->edits > 0 && (facts->red_before_edit == NOWHERE || !noted ||
                             facts->last_test == NOWHERE || facts->last_test < facts->last_edit)) {
        flags |= 1u << FLAG_missing_steps;
    }
    if (facts->danger_count > 0) {
        flags |= 1u << FLAG_dangerous_command;
    }
    if (facts->secret_count > 0) {
        flags |= 1u << FLAG_secret_exposed;
    }
    if (flags == 0 && facts->outcome == OUTCOME_FIXED &&
        rubric_overall(rubric, opinion) >= 4.5) {
        flags |= 1u << FLAG_exemplary_trace;
    }
    return flags;
}

void mock_judge(struct mock *mock, struct arena *arena, const struct rubric *rubric,
                const struct session *session, struct opinion *ret_opinion)
{
    struct applied *applied = arena_zero(arena, mock_rule_count, sizeof(*applied));
    struct opinion  opinion = {0};
    struct facts    facts;

    facts_find(mock, arena, session, &facts);
    for (size_t i = 0; i < mock_rule_count; i++) {
        applied[i].rule = &mock_rules[i];
        applied[i].hit.amount = 1;
        applied[i].holds = mock_rules[i].holds(&facts, &applied[i].hit);
    }
    for (int i = 0; i < DIMENSIONS; i++) {
        score_dimension(arena, session, applied, (enum dimension)i, &opinion.finding[i]);
    }
    opinion.summary = summary_of(arena, &facts, applied, rubric, &opinion);
    opinion.flags = flags_of(&facts, rubric, &opinion);
    *ret_opinion = opinion;
}
