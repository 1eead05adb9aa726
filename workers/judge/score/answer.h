// SPDX-License-Identifier: MIT
/*
 * answer.h - is what a model said an opinion that can be used?
 *
 * Strict: one JSON object (a single code fence around it is taken off) with the six dimensions, a
 * summary and flags, and nothing else; finite scores from 0 to 5; citations of events that exist.
 * Anything else is refused with a reason that can be told to the model.
 *
 * Pure but for the arena.
 */
#ifndef PRT_JUDGE_ANSWER_H
#define PRT_JUDGE_ANSWER_H

#include "workers/judge/score/rubric.h"
#include "workers/judge/score/session.h"

/* *ret_why in the arena when the answer can't be used (false). */
bool answer_read(struct arena *arena, struct bytes text, const struct session *session,
                 struct opinion *ret_opinion, const char **ret_why);

/* The JSON Schema of the answer for response_format, strict form. */
struct value answer_schema(struct arena *arena);

/* An opinion as JSON that answer_read takes (for the cache), appended. */
WARN_UNUSED int answer_write(struct buf *out, struct arena *arena, const struct opinion *opinion,
                             struct err *err);

#endif
