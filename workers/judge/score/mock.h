// SPDX-License-Identifier: MIT
/*
 * mock.h - the judge without a model: scores computed from the session by the rules of
 * schemas/judge/mock_rule.def.
 *
 * The same session gives the same opinion, always. Pure but for the arena; one struct mock may be
 * used by one thread at a time.
 */
#ifndef PRT_JUDGE_MOCK_H
#define PRT_JUDGE_MOCK_H

#include "workers/judge/score/rubric.h"
#include "workers/judge/score/session.h"

struct mock;

/* NULL with BUG when a pattern of command_rule.def does not compile. */
struct mock *mock_new(struct err *err);
void         mock_free(struct mock *mock);
DEFINE_CLEANUP(mock, struct mock *, mock_free)

void mock_judge(struct mock *mock, struct arena *arena, const struct rubric *rubric,
                const struct session *session, struct opinion *ret_opinion);

extern const char *const mock_model;   /* "mock": no model of a server */
extern const char *const mock_version; /* "mock-1.1" */

#endif
