// SPDX-License-Identifier: MIT
#include "gateway/cli/histogram.h"

static int bucket_of(int64_t us)
{
    int shift = 0;
    int bucket;

    if (us < HISTOGRAM_SUB) {
        return us < 0 ? 0 : (int)us;
    }
    while ((us >> shift) >= 2 * HISTOGRAM_SUB) {
        shift++;
    }
    bucket = (shift + 1) * HISTOGRAM_SUB + (int)((us >> shift) - HISTOGRAM_SUB);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static int64_t value_of(int bucket)
{
    int shift = bucket / HISTOGRAM_SUB - 1;

    if (shift < 0) {
        return bucket;
    }
    return ((int64_t)(bucket % HISTOGRAM_SUB + HISTOGRAM_SUB) << shift) + ((1LL << shift) >> 1);
}

void histogram_add(struct histogram *histogram, int64_t us)
{
    histogram->bucket[bucket_of(us)]++;
    histogram->count++;
}

int64_t histogram_at(const struct histogram *histogram, double quantile)
{
    int64_t rank = (int64_t)((double)histogram->count * quantile);
    int64_t seen = 0;

    rank = rank < histogram->count ? rank : histogram->count - 1; /* quantile 1: the largest */
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->bucket[i];
        if (seen > rank) {
            return value_of(i);
        }
    }
    return 0;
}
