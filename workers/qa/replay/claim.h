// SPDX-License-Identifier: MIT
/*
 * claim.h - what a client said that a test run came to, against what the same run comes to here.
 *
 * Pure.
 */
#ifndef PRT_WORKERS_QA_REPLAY_CLAIM_H
#define PRT_WORKERS_QA_REPLAY_CLAIM_H

#include <stdbool.h>

#include "value/value.h"

struct runner;

struct claim {
    int64_t     seq;
    int64_t     passed, failed; /* as the client said */
    bool        observed;
    int64_t     passed_here, failed_here, errors_here;
    const char *reason; /* why it was not observed; NULL when it was */

    const struct runner *waits_for; /* of the after arm, which may answer it; NULL: nothing */
};

/* Is run `index` of `total` among the `most` that are run again? The first, the last and what lies
 * evenly between; of one, the last. */
bool claim_is_sampled(int64_t index, int64_t total, int64_t most);

/* The same counts. Tests that could not be run are failures to one client and errors to another;
 * and a pytest that cannot collect a file runs nothing at all unless it is told to, as it is here.
 */
bool claim_agrees(const struct claim *claim);

/* {seq, claimed{passed,failed}, observed{passed,failed}, agrees}; where it was not observed there
 * is a reason instead, and agrees is null. */
struct value claim_value(struct arena *arena, const struct claim *claim);

#endif
