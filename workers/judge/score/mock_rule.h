// SPDX-License-Identifier: MIT
/*
 * mock_rule.h - the rules of schemas/judge/mock_rule.def as code. Inside of mock.
 */
#ifndef PRT_JUDGE_MOCK_RULE_H
#define PRT_JUDGE_MOCK_RULE_H

#include "workers/judge/score/facts.h"

/* What a rule found. */
struct hit {
    double  amount; /* 1, a share, or a count */
    int64_t n, of;  /* for the words */
    size_t  at[EVIDENCE_MOST];
    size_t  count;
};

struct rule {
    enum dimension dimension;
    const char    *name;
    double         points;
    const char    *words, *advice;
    bool (*holds)(const struct facts *facts, struct hit *hit); /* *hit is zero but for amount 1 */
};

extern const struct rule mock_rules[];
extern const size_t      mock_rule_count;

#endif
