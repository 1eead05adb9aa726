// SPDX-License-Identifier: MIT
/*
 * seen.h - a set of texts: which traces were met already. 16 bytes and a bit for each.
 */
#ifndef PRT_CLI_SEEN_H
#define PRT_CLI_SEEN_H

#include "base/bytes.h"

/* An all-zero struct seen is an empty one. */
struct seen {
    uint8_t (*slots)[16]; /* of SHA-256; all zero: free */
    size_t room;          /* a power of two, or 0 */
    size_t count;
};

/* True the first time. */
bool seen_add(struct seen *seen, struct bytes text);
void seen_done(struct seen *seen);

#endif
