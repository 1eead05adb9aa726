// SPDX-License-Identifier: MIT
/*
 * ask.h - asks one model for its opinion: calls, waits where it is told to, checks, asks once more.
 *
 *   call --busy--> wait (a short time, a few times) --> call
 *     |                     `--too long or too often--> ASK_FAILED, JUDGE_BUSY
 *     |--refused--> ASK_FAILED, JUDGE_REFUSED
 *     `--answer--> can it be used? --yes--> ASK_SCORED
 *                     `--no--> told why and asked once more --no--> ASK_UNSCORED
 *
 * With a probe the model is asked again with an injection planted in the session's data: when that
 * moves its scores, it can be steered by what it reads.
 */
#ifndef PRT_JUDGE_ASK_H
#define PRT_JUDGE_ASK_H

#include <stdatomic.h>

#include "workers/judge/score/chat.h"
#include "workers/judge/score/prompt.h"

enum ask_end { ASK_SCORED, ASK_UNSCORED, ASK_FAILED };

struct ask {
    /* what to ask */
    struct arena         *arena; /* everything below is in it; the caller's */
    struct chat_model    *model;
    const struct prompt  *prompt;
    const struct prompt  *probe; /* or NULL */
    const struct rubric  *rubric;
    const struct session *session;

    /* what came of it */
    enum ask_end   end;
    struct opinion opinion;                      /* ASK_SCORED; its flags always */
    bool           leaked;                       /* the canary came back */
    const char    *why;                          /* ASK_UNSCORED */
    struct err     err;                          /* ASK_FAILED */
    const char    *version;                      /* or NULL */
    int64_t        tokens_prompt, tokens_answer; /* of all calls; the most possible for one that got
                                                    no answer in time */
    int calls;                                   /* that cost something */
};

/* Returns when there is an end, or soon after *stop is set (ASK_FAILED, STOPPING). */
void ask_run(struct ask *ask, struct chat *chat, const atomic_bool *stop);

#endif
