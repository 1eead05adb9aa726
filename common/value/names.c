// SPDX-License-Identifier: MIT
#include "value/names.h"

#include <stdlib.h>
#include <string.h>

/* Up to here comparing all pairs is cheaper than sorting; nearly every map is below. */
enum { PAIRS_MOST = 16 };

static bool is_same(struct bytes a, struct bytes b)
{
    return a.size == b.size &&
           (a.size == 0 || (a.data[0] == b.data[0] && memcmp(a.data, b.data, a.size) == 0));
}

static bool repeat_in_pairs(const struct name *names, size_t count, struct name *ret_repeat)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (is_same(names[i].text, names[k].text)) {
                *ret_repeat = names[i];
                return true;
            }
        }
    }
    return false;
}

/* Any order does, so the cheap comparison comes first. */
static int compare(const void *left, const void *right)
{
    const struct name *a = left;
    const struct name *b = right;
    int                order;

    if (a->text.size != b->text.size) {
        return a->text.size < b->text.size ? -1 : 1;
    }
    order = a->text.size == 0 ? 0 : memcmp(a->text.data, b->text.data, a->text.size);
    if (order != 0) {
        return order;
    }
    return a->at < b->at ? -1 : a->at > b->at;
}

static bool repeat_when_sorted(const struct name *names, size_t count, struct name *ret_repeat)
{
    struct name *sorted = mem_get(count * sizeof(*sorted));
    bool         found = false;

    memcpy(sorted, names, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare);
    for (size_t i = 1; i < count; i++) {
        if (is_same(sorted[i].text, sorted[i - 1].text) &&
            (!found || sorted[i].at < ret_repeat->at)) {
            *ret_repeat = sorted[i];
            found = true;
        }
    }
    mem_free(sorted);
    return found;
}

bool names_repeat(const struct name *names, size_t count, struct name *ret_repeat)
{
    if (count <= PAIRS_MOST) {
        return repeat_in_pairs(names, count, ret_repeat);
    }
    return repeat_when_sorted(names, count, ret_repeat);
}
