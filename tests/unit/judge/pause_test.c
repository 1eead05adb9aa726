// SPDX-License-Identifier: MIT
#include "workers/judge/pause.h"

#include "lib/test.h"
#include "metric/metric.h"

#define DAY_US 86400000000LL
#define NOON   (20000 * DAY_US + DAY_US / 2)

static int64_t paused(void)
{
    return metric_value(METRIC_judge_budget_paused, 0);
}

TEST(pause, ends_with_the_day_although_nobody_asks_any_more)
{
    struct pause pause = {0};
    struct err   err = {0};

    CHECK_NUMBER(pause_begin(&pause, NOON, &err), -1);
    CHECK_NUMBER(paused(), 1);
    pause_tend(&pause, NOON + DAY_US / 2 - 1);
    CHECK_NUMBER(paused(), 1);
    pause_tend(&pause, NOON + DAY_US / 2);
    CHECK_NUMBER(paused(), 0);
}

TEST(pause, ends_when_there_is_budget_left)
{
    struct pause pause = {0};
    struct err   err = {0};

    CHECK_NUMBER(pause_begin(&pause, NOON, &err), -1);
    pause_end(&pause);
    CHECK_NUMBER(paused(), 0);
}

TEST(pause, is_looked_at_again_at_midnight_or_sooner)
{
    struct pause pause = {0};
    struct err   err = {0};

    (void)pause_begin(&pause, NOON, &err);
    CHECK_NUMBER(err.retry_after_ms, PAUSE_LOOK_MS);
    (void)pause_begin(&pause, NOON + DAY_US / 2 - 2000000, &err);
    CHECK_NUMBER(err.retry_after_ms, 2000);
}
