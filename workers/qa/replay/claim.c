// SPDX-License-Identifier: MIT
#include "workers/qa/replay/claim.h"

bool claim_is_sampled(int64_t index, int64_t total, int64_t most)
{
    int64_t nearest;

    if (total <= most) {
        return true;
    }
    if (most <= 1) {
        return most == 1 && index == total - 1;
    }
    /* Sample k is run (k * (total - 1)) / (most - 1), rounded; is index one of them? */
    nearest = (index * (most - 1) + (total - 1) / 2) / (total - 1);
    return (nearest * (total - 1) + (most - 1) / 2) / (most - 1) == index;
}

bool claim_agrees(const struct claim *claim)
{
    int64_t errors = claim->errors_here;

    if (claim->passed == claim->passed_here &&
        (claim->failed == claim->failed_here || claim->failed == claim->failed_here + errors)) {
        return true;
    }
    return errors > 0 && claim->passed == 0 && (claim->failed == 0 || claim->failed == errors);
}

static struct value counts(struct arena *arena, int64_t passed, int64_t failed)
{
    struct value map = value_map();

    value_put(arena, &map, "passed", value_whole(passed));
    value_put(arena, &map, "failed", value_whole(failed));
    return map;
}

struct value claim_value(struct arena *arena, const struct claim *claim)
{
    struct value map = value_map();

    value_put(arena, &map, "seq", value_whole(claim->seq));
    value_put(arena, &map, "claimed", counts(arena, claim->passed, claim->failed));
    if (claim->observed) {
        value_put(arena, &map, "observed",
                  counts(arena, claim->passed_here, claim->failed_here + claim->errors_here));
    }
    value_put(arena, &map, "agrees",
              claim->observed ? value_flag(claim_agrees(claim)) : value_null());
    if (claim->reason != NULL) {
        value_put(arena, &map, "reason", value_text(claim->reason));
    }
    return map;
}
