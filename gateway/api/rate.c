// SPDX-License-Identifier: MIT
#include "gateway/api/rate.h"

#include <stdatomic.h>

#include "base/bytes.h"
#include "base/clock.h"

/* Callers share these by their hash. Two that meet share their rate: of a thousand keys and traces at
 * work that is one in sixteen, and the limit is there for those who send far too much. */
enum { BUCKETS = 16384, SECOND_US = 1000000 };

struct rates {
    int64_t         per_second;
    _Atomic int64_t next_us[BUCKETS]; /* when the bucket would be full again */
};

struct rates *rates_new(int64_t per_second)
{
    struct rates *rates = mem_zero(1, sizeof(*rates));

    rates->per_second = per_second;
    return rates;
}

void rates_free(struct rates *rates)
{
    mem_free(rates);
}

/* FNV-1a, the NUL too. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    } while (*text++ != '\0');
    return hash;
}

uint64_t rate_of_tenant(const char *tenant)
{
    return hash_text(14695981039346656037u, tenant);
}

uint64_t rate_of_tokens(const char *tenant, const char *trace)
{
    return hash_text(rate_of_tenant(tenant), trace);
}

int rate_take(struct rates *rates, uint64_t who, struct err *err)
{
    _Atomic int64_t *next;
    int64_t          now;
    int64_t          step;
    int64_t          full;
    int64_t          after;

    if (rates->per_second == 0) {
        return 0;
    }
    next = &rates->next_us[who % BUCKETS];
    now = clock_mono_us();
    step = SECOND_US / rates->per_second;
    full = atomic_load(next);
    do {
        after = (full > now ? full : now) + step;
        if (after > now + SECOND_US + step) {
            (void)err_set(err, ERR_RATE_LIMITED, "more than %lld requests a second",
                          (long long)rates->per_second);
            err->retry_after_ms = (uint32_t)((after - now - SECOND_US) / 1000 + 1);
            return -1;
        }
    } while (!atomic_compare_exchange_weak(next, &full, after));
    return 0;
}
