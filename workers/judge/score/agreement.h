// SPDX-License-Identifier: MIT
/*
 * agreement.h - how well two rows of scores agree. Pure.
 *
 * NAN where a measure is not defined: nothing to compare, or no variation to explain.
 */
#ifndef PRT_JUDGE_AGREEMENT_H
#define PRT_JUDGE_AGREEMENT_H

#include <stddef.h>

/* Cohen's kappa with quadratic weights over the scores rounded to 0..5: 1 is full agreement, 0 what
 * chance gives with the same distributions, below 0 worse than that. */
double agreement_kappa(const double *a, const double *b, size_t count);

double agreement_error(const double *a, const double *b, size_t count); /* mean absolute */

/* Spearman's rank correlation, ties sharing their mean rank. At most AGREEMENT_MOST pairs. */
enum { AGREEMENT_MOST = 4096 };
double agreement_ranks(const double *a, const double *b, size_t count);

#endif
