// SPDX-License-Identifier: MIT
/*
 * histogram.h - counts of microseconds in buckets that are 1/16 wide: any quantile within 6 %.
 */
#ifndef PRT_CLI_HISTOGRAM_H
#define PRT_CLI_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB = 16, HISTOGRAM_BUCKETS = 40 * HISTOGRAM_SUB };

struct histogram {
    int64_t count;
    int64_t bucket[HISTOGRAM_BUCKETS];
};

void    histogram_add(struct histogram *histogram, int64_t us);
int64_t histogram_at(const struct histogram *histogram, double quantile); /* 0 when empty */

#endif
