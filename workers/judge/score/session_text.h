// SPDX-License-Identifier: MIT
/*
 * session_text.h - a session as text for a model: pieces with their importance. Inside of prompt.
 */
#ifndef PRT_JUDGE_SESSION_TEXT_H
#define PRT_JUDGE_SESSION_TEXT_H

#include "workers/judge/score/cut.h"
#include "workers/judge/score/session.h"

struct session_text {
    struct piece *pieces; /* task, QA, metrics, then the events in order */
    size_t        count;
};

struct session_text session_text_make(struct arena *arena, const struct session *session);

#endif
