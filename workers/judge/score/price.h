// SPDX-License-Identifier: MIT
/*
 * price.h - what tokens cost, by schemas/judge/price-1.json or a file of the operator's.
 */
#ifndef PRT_JUDGE_PRICE_H
#define PRT_JUDGE_PRICE_H

#include "base/arena.h"
#include "base/err.h"

struct price_row {
    struct bytes model;          /* also for names that go on with "-": dated versions */
    double       prompt, answer; /* USD a token */
};

struct prices {
    struct price_row *rows;
    size_t            count;
};

/* path "": the table that travels in the program. CONFIG_WRONG: not a price table. */
WARN_UNUSED int prices_load(struct arena *arena, const char *path, struct prices *ret_prices,
                            struct err *err);

/* USD, or -1 when the table has no row for the model. The longest name that fits counts. */
double price_of(const struct prices *prices, const char *model, int64_t prompt_tokens,
                int64_t answer_tokens);

#endif
