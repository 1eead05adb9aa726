// SPDX-License-Identifier: MIT
#include "workers/qa/heart.h"

#include "base/clock.h"

/* A stop is noticed as late as this; the lease is far longer. */
enum { EVERY_US = 2 * 1000 * 1000 };

int heart_beat(void *self, struct err *err)
{
    struct heart *heart = self;
    int64_t       now_us = clock_mono_us();

    if (heart->in == NULL || now_us - heart->last_us < EVERY_US) {
        return 0;
    }
    heart->last_us = now_us;
    return delivery_extend(heart->in, err);
}
