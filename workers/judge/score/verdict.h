// SPDX-License-Identifier: MIT
/*
 * verdict.h - what the judge says in the end: the object qa.judge of the document.
 *
 * Written down for its readers in schemas/judge/result.md. Pure but for the arena.
 */
#ifndef PRT_JUDGE_VERDICT_H
#define PRT_JUDGE_VERDICT_H

#include "workers/judge/score/panel.h"
#include "workers/judge/score/rubric.h"
#include "workers/judge/score/session.h"

enum verdict_status { VERDICT_SCORED, VERDICT_UNSCORED, VERDICT_OFF };
const char *verdict_status_name(enum verdict_status status); /* "scored" */

struct verdict {
    enum verdict_status  status;
    const char          *why; /* not scored: the reason in words */
    const char          *model, *model_version;
    const char          *prompt_version;
    const struct rubric *rubric;
    const char          *document_sha256; /* hex */
    struct opinion       opinion;         /* when scored */
    double               overall;
    int64_t              tokens_prompt, tokens_answer;
    double               cost_usd; /* -1: a model has no known price */
    int64_t              at_us;

    /* by models; panelists NULL otherwise */
    const struct panelist *panelists;
    size_t                 panelist_count, quorum;
    double                 spread[DIMENSIONS];
    double                 temperature;
    int64_t                seed;
    size_t                 prompt_tokens, prompt_cuts; /* estimated; texts shortened */
};

/* By the mock: always scored. */
void verdict_by_mock(struct verdict *ret_verdict, struct arena *arena, const struct rubric *rubric,
                     const struct session *session, const struct opinion *opinion);

/* By models: scored when the quorum is there, else unscored with the reasons of those who
 * abstained. Everything it points to must live as long as the verdict. */
void verdict_by_panel(struct verdict *ret_verdict, struct arena *arena, const struct rubric *rubric,
                      const struct session *session, const struct prompt *prompt,
                      const struct panelist *panelists, size_t count, size_t quorum);

/* The object qa.judge as canonical JSON, appended. */
WARN_UNUSED int verdict_write(struct buf *out, struct arena *arena, const struct verdict *verdict,
                              struct err *err);

#endif
