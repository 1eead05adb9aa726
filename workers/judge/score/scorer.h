// SPDX-License-Identifier: MIT
/*
 * scorer.h - one judge as PRT_JUDGE sets it, for those who judge without a farm: mock or model.
 *
 * No cache, no budget, no store. For one thread.
 */
#ifndef PRT_JUDGE_SCORER_H
#define PRT_JUDGE_SCORER_H

#include "config/config.h"
#include "workers/judge/score/rubric.h"
#include "workers/judge/score/session.h"

struct scorer;

/* PRT_JUDGE=off is CONFIG_WRONG here, and so are several models. model NULL: what PRT_JUDGE and
 * PRT_JUDGE_MODEL say. */
WARN_UNUSED int scorer_open(struct scorer **ret_scorer, const struct config *config,
                            const char *model, struct err *err);
void            scorer_close(struct scorer *scorer);
DEFINE_CLEANUP(scorer, struct scorer *, scorer_close)

const char          *scorer_name(const struct scorer *scorer); /* "mock", or the model's */
const struct rubric *scorer_rubric(const struct scorer *scorer);

/* *ret_scored false and *ret_why set when the model gave no usable answer. -1 when it could not be
 * asked. All in the arena. */
WARN_UNUSED int scorer_judge(struct scorer *scorer, struct arena *arena,
                             const struct session *session, struct opinion *ret_opinion,
                             bool *ret_scored, const char **ret_why, struct err *err);

#endif
