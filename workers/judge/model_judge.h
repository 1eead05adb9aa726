// SPDX-License-Identifier: MIT
/*
 * model_judge.h - judging by models: cache, budget, panel.
 *
 * Before a model is asked, the cache is: the same document, prompt, model and parameters give the
 * same opinion without a call. Then the day's budget is: BUDGET_SPENT pauses judging, not the farm.
 * What was asked is written down at once, so that a job that is put back pays nothing twice.
 */
#ifndef PRT_JUDGE_MODEL_JUDGE_H
#define PRT_JUDGE_MODEL_JUDGE_H

#include "store/judge_store.h"
#include "workers/judge/score/verdict.h"
#include "workers/stage.h"

struct model_judge;

/* CONFIG_WRONG names the setting. */
WARN_UNUSED int model_judge_open(struct model_judge **ret_judge, const struct config *config,
                                 struct err *err);
void            model_judge_close(struct model_judge *judge);
DEFINE_CLEANUP(model_judge, struct model_judge *, model_judge_close)

/* Every few seconds: what waited for a new day may have gone to other workers. */
void model_judge_tend(struct model_judge *judge);

struct model_job {
    const char *models; /* names with commas between; NULL: the configured ones */
    const char *id;
    bool        fresh; /* take no answer that another job was given */
};

/* JUDGE_BUSY or JUDGE_SLOW when the quorum is not there and somebody may answer later; JUDGE_REFUSED when every
 * model refused the call; BUDGET_SPENT; what delivery_extend says. An answer that can't be used is
 * no failure: the verdict is then unscored. *ret_verdict lives until the next call. */
WARN_UNUSED int model_judge_ask(struct model_judge *judge, struct store *store,
                                struct delivery *in, const struct model_job *job,
                                const struct judge_subject *subject, const struct rubric *rubric,
                                const struct session *session, struct verdict *ret_verdict,
                                struct err *err);

#endif
