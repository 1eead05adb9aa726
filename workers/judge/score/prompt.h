// SPDX-License-Identifier: MIT
/*
 * prompt.h - what a model is asked: the rubric and the rules, then the session between two fences.
 *
 * The session's text was written by those who are judged. It stands between two lines with a random
 * nonce that did not exist when it was written, and each of its lines begins with "| ", so that
 * neither the fence nor an event's first line can be forged. A second random word, the canary, must
 * never come back.
 *
 * A session that does not fit the token budget is shortened by importance: what was thought, tested
 * and changed stays, long outputs and routine go first. Every cut is marked.
 *
 * Pure but for the arena and the two random words.
 */
#ifndef PRT_JUDGE_PROMPT_H
#define PRT_JUDGE_PROMPT_H

#include "workers/judge/score/rubric.h"
#include "workers/judge/score/session.h"

#define PROMPT_VERSION "1.0"

struct prompt {
    const char  *version;
    struct bytes system, user;
    size_t       tokens;   /* estimated, of both */
    size_t       cuts;     /* texts shortened and runs of events left out */
    char         nonce[33], canary[25];
    uint8_t      hash[HASH_BYTES]; /* of all but the two random words: for the cache */
};

/* schemas/judge/prompt-<version>.txt. CONFIG_WRONG: no such version, or the budget is too small for
 * the rules alone. `planted`: NULL, or a text that is put at the end of the session's data to see
 * whether it moves the scores. */
WARN_UNUSED int prompt_build(struct arena *arena, const char *version, const struct rubric *rubric,
                             const struct session *session, size_t budget_tokens,
                             const char *planted, struct prompt *ret_prompt, struct err *err);

/* About how many tokens a text has, rather too many than too few. */
size_t prompt_tokens(struct bytes text);

/* The injection that a probe plants. */
extern const char *const prompt_probe;

#endif
