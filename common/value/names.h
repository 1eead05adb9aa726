// SPDX-License-Identifier: MIT
/*
 * names.h - does a map name a member twice? In n log n, whatever the names are.
 */
#ifndef PRT_VALUE_NAMES_H
#define PRT_VALUE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* A member's name and where in the input it stands. */
struct name {
    struct bytes text;
    size_t       at;
};

/* True if a name comes twice; *ret_repeat is then the first one that was there before. */
bool names_repeat(const struct name *names, size_t count, struct name *ret_repeat);

#endif
