// SPDX-License-Identifier: MIT
#include "workers/judge/pause.h"

#include "metric/metric.h"

static const int64_t day_us = 24 * 3600 * (int64_t)1000000;

int pause_begin(struct pause *pause, int64_t now_us, struct err *err)
{
    int64_t left_ms = (day_us - now_us % day_us) / 1000;

    pause->day = now_us / day_us;
    metric_set(METRIC_judge_budget_paused, 0, 1);
    err->retry_after_ms = (uint32_t)(left_ms < PAUSE_LOOK_MS ? left_ms : PAUSE_LOOK_MS);
    return -1;
}

void pause_end(struct pause *pause)
{
    pause->day = 0;
    metric_set(METRIC_judge_budget_paused, 0, 0);
}

void pause_tend(struct pause *pause, int64_t now_us)
{
    if (pause->day != 0 && now_us / day_us != pause->day) {
        pause_end(pause);
    }
}
