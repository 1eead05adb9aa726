// SPDX-License-Identifier: MIT
/*
 * facts.h - what the mock judge knows of a session before it applies a rule. Inside of mock.
 */
#ifndef PRT_JUDGE_FACTS_H
#define PRT_JUDGE_FACTS_H

#include "workers/judge/score/mock.h"

#define NOWHERE SIZE_MAX /* of an index into session->steps */

/* Edits with neither a command nor a test run between them; all are indexes of steps. */
struct edit_group {
    size_t first, last;
    size_t edits;
    size_t note;       /* explains it, or NOWHERE */
    size_t test_after; /* before the next group, or NOWHERE */
    bool   one_file;
    bool   fruitless;
};

struct hypothesis {
    size_t at;
    size_t probe;   /* first command or test run before the next hypothesis, or NOWHERE */
    bool   dropped; /* the next hypothesis came without an edit between */
};

struct danger {
    size_t at;
    double weight;
};

/* MARK_SPEAKS: a note that names something of the session and is no repetition. MARK_RECKLESS: a
 * command of DANGER weight 1 or more; it is no look at the code and no experiment. */
enum { MARK_SPEAKS = 1, MARK_RECKLESS = 2 };

enum outcome { OUTCOME_UNKNOWN, OUTCOME_FIXED, OUTCOME_FAILING };

enum { FACTS_MOST = 64 }; /* single findings kept for citing */

struct facts {
    const struct session *session;
    const struct value   *qa; /* qa.validation, or NULL */
    uint8_t              *marks; /* of each step, MARK_... */
    bool                  qa_ran;

    size_t first_edit, last_edit, edits, hashed_edits;
    size_t first_test, last_test;
    size_t red_before_edit; /* last red run before the first edit */
    size_t last_suite;      /* last run of the whole suite after the last edit */
    size_t note_before, plan_before, command_before; /* before the first edit */
    size_t hypothesis_before;                        /* before the last edit */
    size_t conclusion, last_commit, commit_with_why, commit_red;
    size_t experiment; /* a selection or a command that does more than look */
    bool   reds_named, any_red;
    int64_t test_lines; /* added minus removed in test files */
    size_t  test_edit;  /* the last edit of a test file */

    struct edit_group *groups;
    size_t             group_count;
    struct hypothesis *hypotheses;
    size_t             hypothesis_count;
    struct danger      dangers[FACTS_MOST];
    size_t             danger_count;
    size_t             secrets[FACTS_MOST];
    size_t             secret_count; /* may be above FACTS_MOST */
    size_t             repeats[FACTS_MOST];
    size_t             repeat_count; /* may be above FACTS_MOST */

    enum outcome outcome;
    size_t       outcome_at;     /* the test run that shows it, or NOWHERE */
    int64_t      start_failing;  /* tests of the start; 0: not known */
    int64_t      start_mended;   /* of these, pass in the end */
    int64_t      newly_failing;  /* passed at the start, fail in the end */
    int64_t      lines_edited, lines_left; /* 0: not known */
};

/* What command_rule.def makes of a command line. */
struct command_view {
    bool   look;
    double danger; /* weight, 0: none */
};
struct command_view mock_view_command(struct mock *mock, struct bytes command);

void facts_find(struct mock *mock, struct arena *arena, const struct session *session,
                struct facts *ret_facts);

/* What QA says and what the tests of start and end say; the second half of facts_find. */
void facts_find_outcome(struct arena *arena, struct facts *facts);

#endif
