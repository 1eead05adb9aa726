// SPDX-License-Identifier: MIT
#include "workers/judge/score/facts.h"

#include <string.h>

#include "workers/judge/score/vocabulary.h"

enum {
    NOTE_LEAST = 20,   /* bytes of a note that says something */
    REPEAT_WINDOW = 32 /* steps looked back for the same act; keeps the cost linear */
};

static const double reckless_least = 1.0; /* DANGER weight */

static bool note_says(const struct facts *facts, size_t at, enum note_part part)
{
    return (facts->marks[at] & MARK_SPEAKS) != 0 &&
           facts->session->steps[at].note[part].size >= NOTE_LEAST;
}

/* -------- marks: which notes speak of the session -------- */

static void learn_session(struct vocabulary *vocabulary, const struct session *session)
{
    vocabulary_learn(vocabulary, session->title);
    vocabulary_learn(vocabulary, session->description);
    for (size_t i = 0; i < session->known_failing_count; i++) {
        vocabulary_learn(vocabulary, session->known_failing[i]);
    }
    for (size_t at = 0; at < session->count; at++) {
        const struct step *step = &session->steps[at];

        if (step->kind == STEP_EDIT || step->kind == STEP_TEST) {
            vocabulary_learn(vocabulary, step->subject);
        }
        if (step->kind == STEP_EDIT || step->kind == STEP_COMMAND) {
            vocabulary_learn(vocabulary, step->text);
        }
        for (size_t i = 0; i < step->failed_count; i++) {
            vocabulary_learn(vocabulary, step->failed_tests[i]);
        }
    }
}

static bool is_same_note(const struct step *a, const struct step *b)
{
    for (int part = 0; part < NOTE_PARTS; part++) {
        if (!bytes_equal(a->note[part], b->note[part])) {
            return false;
        }
    }
    return a->kind == STEP_NOTE && b->kind == STEP_NOTE;
}

static bool was_said_before(const struct session *session, size_t at)
{
    for (size_t back = 1; back <= REPEAT_WINDOW && back <= at; back++) {
        if (is_same_note(&session->steps[at - back], &session->steps[at])) {
            return true;
        }
    }
    return false;
}

/* What a note that speaks of the session says may be taken up by later ones. */
static void mark_notes(struct arena *arena, struct facts *facts)
{
    const struct session *session = facts->session;
    struct vocabulary    *vocabulary = vocabulary_new(arena);

    learn_session(vocabulary, session);
    for (size_t at = 0; at < session->count; at++) {
        const struct step *step = &session->steps[at];
        bool               speaks = false;

        if (step->kind != STEP_NOTE || was_said_before(session, at)) {
            continue;
        }
        for (int part = 0; part < NOTE_PARTS; part++) {
            speaks = speaks || vocabulary_knows(vocabulary, step->note[part]);
        }
        for (int part = 0; part < NOTE_PARTS && speaks; part++) {
            vocabulary_learn(vocabulary, step->note[part]);
        }
        facts->marks[at] |= speaks ? MARK_SPEAKS : 0;
    }
}

static bool note_says_something(const struct facts *facts, size_t at)
{
    for (int part = 0; part < NOTE_PARTS; part++) {
        if (note_says(facts, at, (enum note_part)part)) {
            return true;
        }
    }
    return false;
}

static bool is_test_file(struct bytes path)
{
    const char *const marks[] = {"test_", "tests/", "_test.", ".test.", ".spec.", "/test/"};

    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        if (path.size > 0 &&
            memmem(path.data, path.size, marks[i], strlen(marks[i])) != NULL) {
            return true;
        }
    }
    return false;
}

static bool has_body(struct bytes message)
{
    const uint8_t *end = message.size == 0 ? NULL : memchr(message.data, '\n', message.size);

    if (end == NULL) {
        return false;
    }
    for (; end < message.data + message.size; end++) {
        if (*end != '\n' && *end != ' ' && *end != '\r') {
            return true;
        }
    }
    return false;
}

/* -------- the places of things: first, last, before, after -------- */

static void see_edit(struct facts *facts, const struct step *step, size_t at)
{
    if (facts->first_edit == NOWHERE) {
        facts->first_edit = at;
    }
    facts->last_edit = at;
    facts->edits++;
    facts->hashed_edits += step->hashed;
    if (is_test_file(step->subject)) {
        facts->test_lines += step->added - step->removed;
        facts->test_edit = at;
    }
    facts->last_suite = NOWHERE;
    facts->conclusion = NOWHERE;
    facts->last_commit = NOWHERE;
}

static void see_test(struct facts *facts, const struct step *step, size_t at)
{
    bool red = step->failed > 0;

    if (facts->first_test == NOWHERE) {
        facts->first_test = at;
    }
    facts->last_test = at;
    facts->conclusion = NOWHERE;
    facts->any_red |= red;
    if (red && step->failed_count == 0) {
        facts->reds_named = false;
    }
    if (red && facts->first_edit == NOWHERE) {
        facts->red_before_edit = at;
    }
    if (step->subject.size == 0) {
        facts->last_suite = at;
    } else {
        facts->experiment = at;
    }
}

static void see_command(struct facts *facts, struct mock *mock, const struct step *step, size_t at)
{
    struct command_view view = mock_view_command(mock, step->text);
    bool                reckless = view.danger >= reckless_least;

    facts->marks[at] |= reckless ? MARK_RECKLESS : 0;
    if (!reckless && facts->first_edit == NOWHERE) {
        facts->command_before = at;
    }
    if (!reckless && !view.look && facts->experiment == NOWHERE) {
        facts->experiment = at;
    }
    if (view.danger > 0 && facts->danger_count < FACTS_MOST) {
        facts->dangers[facts->danger_count++] = (struct danger){at, view.danger};
    }
}

static void see_commit(struct facts *facts, const struct step *step, size_t at)
{
    const struct session *session = facts->session;

    facts->last_commit = at;
    if (has_body(step->text)) {
        facts->commit_with_why = at;
    }
    if (facts->edits > 0 &&
        (facts->last_test == NOWHERE || session->steps[facts->last_test].failed > 0)) {
        facts->commit_red = at;
    }
}

static void see_note(struct facts *facts, size_t at)
{
    if (facts->first_edit == NOWHERE) {
        if (note_says(facts, at, NOTE_OBSERVATION) || note_says(facts, at, NOTE_HYPOTHESIS) ||
            note_says(facts, at, NOTE_FREEFORM)) {
            facts->note_before = at;
        }
        if (note_says(facts, at, NOTE_PLAN)) {
            facts->plan_before = at;
        }
    }
    if (note_says(facts, at, NOTE_OBSERVATION) || note_says(facts, at, NOTE_DECISION) ||
        note_says(facts, at, NOTE_FREEFORM)) {
        facts->conclusion = at;
    }
}

static void find_places(struct mock *mock, struct facts *facts)
{
    const struct session *session = facts->session;

    for (size_t at = 0; at < session->count; at++) {
        const struct step *step = &session->steps[at];

        switch (step->kind) {
        case STEP_EDIT:
            see_edit(facts, step, at);
            break;
        case STEP_TEST:
            see_test(facts, step, at);
            break;
        case STEP_COMMAND:
            see_command(facts, mock, step, at);
            break;
        case STEP_COMMIT:
            see_commit(facts, step, at);
            break;
        case STEP_NOTE:
            see_note(facts, at);
            break;
        case STEP_OTHER:
            break;
        }
        if (step->redacted) {
            if (facts->secret_count < FACTS_MOST) {
                facts->secrets[facts->secret_count] = at;
            }
            facts->secret_count++;
        }
    }
}

/* -------- groups of edits -------- */

static bool starts_with(struct bytes text, struct bytes start)
{
    return text.size >= start.size && memcmp(text.data, start.data, start.size) == 0;
}

/* How many of the tests that `after` selects failed in `before`; -1 when that can't be said. */
static int64_t failures_in_selection(const struct step *before, const struct step *after)
{
    int64_t count = 0;

    if (bytes_equal(before->subject, after->subject)) {
        return before->failed;
    }
    if (before->subject.size > 0 || (int64_t)before->failed_count != before->failed) {
        return -1;
    }
    for (size_t i = 0; i < before->failed_count; i++) {
        count += starts_with(before->failed_tests[i], after->subject);
    }
    return count;
}

static void end_group(struct facts *facts, struct edit_group *group, size_t test)
{
    const struct session *session = facts->session;
    int64_t               before = -1;

    if (test == NOWHERE || group->test_after != NOWHERE) {
        return;
    }
    group->test_after = test;
    for (size_t at = group->first; at > 0 && before < 0; at--) {
        const struct step *step = &session->steps[at - 1];

        if (step->kind == STEP_TEST) {
            before = failures_in_selection(step, &session->steps[test]);
        }
        if (group->first - at > 200) {
            break;
        }
    }
    group->fruitless = before > 0 && session->steps[test].failed >= before;
}

static void find_groups(struct arena *arena, struct facts *facts)
{
    const struct session *session = facts->session;
    struct edit_group    *group = NULL; /* the newest */
    bool                  open = false;
    size_t                note = NOWHERE;

    facts->groups = arena_zero(arena, facts->edits, sizeof(*facts->groups));
    for (size_t at = 0; at < session->count; at++) {
        const struct step *step = &session->steps[at];

        if (step->kind == STEP_EDIT && !open) {
            group = &facts->groups[facts->group_count++];
            *group = (struct edit_group){at, at, 1, note, NOWHERE, true, false};
            open = true;
        } else if (step->kind == STEP_EDIT) {
            const struct step *first = &session->steps[group->first];

            group->last = at;
            group->edits++;
            group->note = note;
            group->one_file &= bytes_equal(first->subject, step->subject);
        } else if (step->kind == STEP_NOTE && note_says_something(facts, at)) {
            note = at;
        } else if (step->kind == STEP_COMMAND || step->kind == STEP_TEST) {
            if (open) {
                note = note != NOWHERE && note < group->last ? NOWHERE : note;
            }
            open = false;
            if (group != NULL && step->kind == STEP_TEST) {
                end_group(facts, group, at);
            }
        }
    }
}

/* -------- hypotheses -------- */

static void find_hypotheses(struct arena *arena, struct facts *facts)
{
    const struct session *session = facts->session;
    struct hypothesis    *newest = NULL;
    bool                  edited = false;

    facts->hypotheses = arena_zero(arena, session->count, sizeof(*facts->hypotheses));
    for (size_t at = 0; at < session->count; at++) {
        const struct step *step = &session->steps[at];

        if (step->kind == STEP_NOTE && note_says(facts, at, NOTE_HYPOTHESIS)) {
            if (newest != NULL) {
                newest->dropped = !edited && newest->probe != NOWHERE;
            }
            newest = &facts->hypotheses[facts->hypothesis_count++];
            *newest = (struct hypothesis){at, NOWHERE, false};
            edited = false;
            if (facts->last_edit != NOWHERE && at < facts->last_edit) {
                facts->hypothesis_before = at;
            }
        } else if (step->kind == STEP_EDIT) {
            edited = true;
        } else if ((step->kind == STEP_COMMAND || step->kind == STEP_TEST) && newest != NULL &&
                   newest->probe == NOWHERE && (facts->marks[at] & MARK_RECKLESS) == 0) {
            newest->probe = at;
        }
    }
}

/* -------- repetition -------- */

static bool same_act(const struct step *a, const struct step *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    if (a->kind == STEP_COMMAND) {
        return bytes_equal(a->text, b->text);
    }
    return a->kind == STEP_TEST && bytes_equal(a->subject, b->subject);
}

static void find_repeats(struct facts *facts)
{
    const struct session *session = facts->session;

    for (size_t at = 1; at < session->count; at++) {
        const struct step *step = &session->steps[at];

        for (size_t back = 1; back <= REPEAT_WINDOW && back <= at; back++) {
            const struct step *before = &session->steps[at - back];

            if (before->kind == STEP_EDIT || before->kind == STEP_OTHER) {
                break;
            }
            if (same_act(before, step)) {
                if (facts->repeat_count < FACTS_MOST) {
                    facts->repeats[facts->repeat_count] = at;
                }
                facts->repeat_count++;
                break;
            }
        }
    }
}

void facts_find(struct mock *mock, struct arena *arena, const struct session *session,
                struct facts *ret_facts)
{
    size_t *const places[] = {
        &ret_facts->first_edit,     &ret_facts->last_edit,   &ret_facts->first_test,
        &ret_facts->last_test,      &ret_facts->last_suite,  &ret_facts->red_before_edit,
        &ret_facts->note_before,    &ret_facts->plan_before, &ret_facts->command_before,
        &ret_facts->conclusion,     &ret_facts->last_commit, &ret_facts->commit_with_why,
        &ret_facts->commit_red,     &ret_facts->experiment,  &ret_facts->hypothesis_before,
        &ret_facts->test_edit,      &ret_facts->outcome_at,
    };

    *ret_facts = (struct facts){.session = session, .qa = session->validation, .reds_named = true};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        *places[i] = NOWHERE;
    }
    ret_facts->marks = arena_zero(arena, session->count, sizeof(*ret_facts->marks));
    mark_notes(arena, ret_facts);
    find_places(mock, ret_facts);
    find_groups(arena, ret_facts);
    find_hypotheses(arena, ret_facts);
    find_repeats(ret_facts);
    facts_find_outcome(arena, ret_facts);
}
