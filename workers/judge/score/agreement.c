// SPDX-License-Identifier: MIT
#include "workers/judge/score/agreement.h"

#include <math.h>
#include <stdlib.h>

enum { CLASSES = 6 };

static int class_of(double score)
{
    long rounded = lround(score);

    return rounded < 0 ? 0 : rounded >= CLASSES ? CLASSES - 1 : (int)rounded;
}

double agreement_kappa(const double *a, const double *b, size_t count)
{
    double of_a[CLASSES] = {0};
    double of_b[CLASSES] = {0};
    double seen = 0;
    double by_chance = 0;

    for (size_t i = 0; i < count; i++) {
        int left = class_of(a[i]);
        int right = class_of(b[i]);

        of_a[left]++;
        of_b[right]++;
        seen += (left - right) * (left - right);
    }
    for (int i = 0; i < CLASSES; i++) {
        for (int j = 0; j < CLASSES; j++) {
            by_chance += (i - j) * (i - j) * of_a[i] * of_b[j] / (double)count;
        }
    }
    return count == 0 || by_chance == 0 ? NAN : 1 - seen / by_chance;
}

double agreement_error(const double *a, const double *b, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += fabs(a[i] - b[i]);
    }
    return count == 0 ? NAN : sum / (double)count;
}

/* The rank of each value: one more than how many are smaller, equal ones sharing the mean. */
static void rank(const double *values, size_t count, double *ret_ranks)
{
    for (size_t i = 0; i < count; i++) {
        double smaller = 0;
        double equal = 0;

        for (size_t j = 0; j < count; j++) {
            smaller += values[j] < values[i];
            equal += values[j] == values[i];
        }
        ret_ranks[i] = smaller + (equal + 1) / 2;
    }
}

double agreement_ranks(const double *a, const double *b, size_t count)
{
    static _Thread_local double of_a[AGREEMENT_MOST], of_b[AGREEMENT_MOST];
    double mean = ((double)count + 1) / 2;
    double together = 0, alone_a = 0, alone_b = 0;

    if (count < 2 || count > AGREEMENT_MOST) {
        return NAN;
    }
    rank(a, count, of_a);
    rank(b, count, of_b);
    for (size_t i = 0; i < count; i++) {
        together += (of_a[i] - mean) * (of_b[i] - mean);
        alone_a += (of_a[i] - mean) * (of_a[i] - mean);
        alone_b += (of_b[i] - mean) * (of_b[i] - mean);
    }
    return alone_a == 0 || alone_b == 0 ? NAN : together / sqrt(alone_a * alone_b);
}
