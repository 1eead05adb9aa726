// SPDX-License-Identifier: MIT
/* What QA and the recorded test runs say about start and end, and how much of the edits stayed. */
#include <stdlib.h>
#include <string.h>

#include "workers/judge/score/facts.h"

static const struct {
    const char  *status;
    enum outcome outcome;
    bool         ran;
} verdicts[] = {
    {"passed", OUTCOME_FIXED, true},      {"failed", OUTCOME_FAILING, true},
    {"timeout", OUTCOME_FAILING, true},   {"oom", OUTCOME_FAILING, true},
    {"tampered", OUTCOME_FAILING, true},  {"flaky", OUTCOME_FAILING, true},
    {"not_run", OUTCOME_UNKNOWN, false},  {"infra_error", OUTCOME_UNKNOWN, false},
};

/* Those that are listed, and those there was no room for. */
static int64_t count_of(const struct value *tests, const char *class)
{
    const struct value *list = value_get(tests, class);

    return (list != NULL && list->kind == VALUE_LIST ? list->count : 0) +
           value_whole_or(value_get(value_get(tests, "omitted"), class), 0);
}

static void ask_qa(struct facts *facts)
{
    struct bytes status = value_text_or(value_get(facts->qa, "status"), "not_run");

    for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
        if (bytes_is(status, verdicts[i].status)) {
            facts->outcome = verdicts[i].outcome;
            facts->qa_ran = verdicts[i].ran;
        }
    }
    if (facts->qa_ran) {
        const struct value *tests = value_get(facts->qa, "tests");

        facts->start_mended = count_of(tests, "fail_to_pass");
        facts->start_failing = facts->start_mended + count_of(tests, "fail_to_fail");
        facts->newly_failing = count_of(tests, "pass_to_fail");
    }
}

static bool holds(const struct bytes *names, size_t count, struct bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

/* Compares the tests of the start with the last run; both lists are short (SESSION_NAMES). */
static void ask_runs(struct facts *facts, const struct step *end)
{
    const struct session *session = facts->session;
    const struct bytes   *start = session->known_failing;
    size_t                count = session->known_failing_count;
    size_t                still = 0;

    if (facts->red_before_edit != NOWHERE &&
        session->steps[facts->red_before_edit].failed_count > count) {
        start = session->steps[facts->red_before_edit].failed_tests;
        count = session->steps[facts->red_before_edit].failed_count;
    }
    if (count == 0 || (int64_t)end->failed_count != end->failed) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        still += holds(end->failed_tests, end->failed_count, start[i]);
    }
    facts->start_failing = (int64_t)count;
    facts->start_mended = (int64_t)(count - still);
    if (facts->red_before_edit != NOWHERE) {
        facts->newly_failing = (int64_t)(end->failed_count - still);
    }
}

static int by_line(const void *a, const void *b)
{
    uint64_t left = ((const struct line_change *)a)->line;
    uint64_t right = ((const struct line_change *)b)->line;

    return left < right ? -1 : left > right;
}

/* A line that is added and removed again, or the other way round, did not remain. */
static void count_lines(struct arena *arena, struct facts *facts)
{
    const struct session *session = facts->session;
    size_t                count = session->line_count;
    struct line_change   *lines = arena_get(arena, count * sizeof(*lines));

    if (!session->lines_whole || count == 0) {
        return;
    }
    memcpy(lines, session->lines, count * sizeof(*lines));
    qsort(lines, count, sizeof(*lines), by_line);
    for (size_t i = 0; i < count;) {
        int64_t left = 0;
        size_t  from = i;

        for (; i < count && lines[i].line == lines[from].line; i++) {
            left += lines[i].sign;
        }
        facts->lines_left += left < 0 ? -left : left;
    }
    facts->lines_edited = (int64_t)count;
}

void facts_find_outcome(struct arena *arena, struct facts *facts)
{
    const struct session *session = facts->session;

    facts->outcome_at = facts->last_suite != NOWHERE ? facts->last_suite : facts->last_test;
    ask_qa(facts);
    if (facts->outcome_at != NOWHERE) {
        const struct step *end = &session->steps[facts->outcome_at];

        if (!facts->qa_ran) {
            facts->outcome = end->failed > 0   ? OUTCOME_FAILING
                             : end->passed > 0 ? OUTCOME_FIXED
                                               : OUTCOME_UNKNOWN;
        }
        if (facts->start_failing == 0) {
            ask_runs(facts, end);
        }
    }
    count_lines(arena, facts);
}
