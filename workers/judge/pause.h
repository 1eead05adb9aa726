// SPDX-License-Identifier: MIT
/*
 * pause.h - the day's budget is spent: this worker asks no models until the next day (UTC). Kept in
 * the metric judge_budget_paused, which has to end with the day also where nothing is left to ask.
 */
#ifndef PRT_JUDGE_PAUSE_H
#define PRT_JUDGE_PAUSE_H

#include <stdint.h>

#include "base/err.h"

enum { PAUSE_LOOK_MS = 5 * 60 * 1000 };

struct pause {
    int64_t day; /* since 1970; begins as {0} */
};

/* With *err set to BUDGET_SPENT: adds when to look again, at midnight or sooner, since the budget may
 * have been raised. Always -1. */
int  pause_begin(struct pause *pause, int64_t now_us, struct err *err);
/* There is budget left. */
void pause_end(struct pause *pause);
/* Every few seconds. */
void pause_tend(struct pause *pause, int64_t now_us);

#endif
