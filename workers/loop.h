// SPDX-License-Identifier: MIT
/*
 * loop.h - fetch, work, settle: what every worker does, whatever its stage.
 *
 *            +------------------------------------------------------+
 *            v                                                      |
 *     pull a batch -> open (claim checks, tries) -> work -> publish the outbox -> settle
 *            ^                                                      |
 *            +---- pause, then one at a time, while there is an outage
 *
 * A loop is one thread's; loop_stop, loop_hand_back and loop_is_well may be called from others.
 */
#ifndef PRT_WORKERS_LOOP_H
#define PRT_WORKERS_LOOP_H

#include "workers/delivery.h"
#include "workers/stage.h"

struct loop;

/* Opens the stage. farm must live as long as the loop and be used by nobody else. */
WARN_UNUSED int loop_open(struct loop **ret_loop, struct farm *farm, const struct stage_row *row,
                          const struct stage *stage, struct err *err);
void            loop_close(struct loop *loop);
DEFINE_CLEANUP(loop, struct loop *, loop_close)

/* Returns 0 after loop_stop, once what it held is settled or handed back; -1 only when no further
 * attempt can help (the connection was closed for good). */
WARN_UNUSED int loop_run(struct loop *loop, struct err *err);

/* Pulls no more. What is held may be finished within grace_ms; see delivery_extend. */
void loop_stop(struct loop *loop, int64_t grace_ms);

/* Puts back what is held, from another thread, when the grace period is over. The process must end
 * then: the stage may still be at work. */
void loop_hand_back(struct loop *loop);

/* Not in an outage, and open. */
bool loop_is_well(struct loop *loop);

#endif
