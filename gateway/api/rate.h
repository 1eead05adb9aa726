// SPDX-License-Identifier: MIT
/*
 * rate.h - how many requests a second a key, or a trace's upload tokens, may make.
 *
 * A bucket that holds one second's worth, filled evenly (GCRA): one atomic number each. Safe from
 * any thread.
 */
#ifndef PRT_GATEWAY_API_RATE_H
#define PRT_GATEWAY_API_RATE_H

#include <stdint.h>

#include "base/err.h"

struct rates;

struct rates *rates_new(int64_t per_second); /* 0: any number */
void          rates_free(struct rates *rates);

/* Who a trace's upload tokens are: a client that sends too much takes nothing from others of its
 * tenant. An API key is the beginning of its hash. */
uint64_t rate_of_tokens(const char *tenant, const char *trace);
/* Who all of a tenant's upload tokens are together, where they have a bound of their own. */
uint64_t rate_of_tenant(const char *tenant);
/* RATE_LIMITED, with the time to wait, when there is nothing left for this caller. */
WARN_UNUSED int rate_take(struct rates *rates, uint64_t who, struct err *err);

#endif
