// SPDX-License-Identifier: MIT
/*
 * step.h - one event of a document becomes one step. Inside of the session reader.
 */
#ifndef PRT_JUDGE_STEP_H
#define PRT_JUDGE_STEP_H

#include "workers/judge/score/session.h"

/* What is kept of texts: copied, so that a document's line can go. */
struct step_keeper {
    struct arena   *arena;
    struct session *session; /* gets the line changes */
    size_t          line_room;
    size_t          step_room;
    size_t          text_left; /* bytes all texts together may still take */
};

void step_keeper_init(struct step_keeper *keeper, struct arena *arena, struct session *session);

/* A copy, shortened at a character's border when it is long. */
struct bytes step_keep_text(struct step_keeper *keeper, struct bytes text);
struct bytes *step_keep_names(struct step_keeper *keeper, const struct value *list,
                              size_t *ret_count);

/* MALFORMED when the event has no type or no seq. */
WARN_UNUSED int step_of_event(struct step_keeper *keeper, const struct value *event,
                              struct step *ret_step, struct err *err);

#endif
