// SPDX-License-Identifier: MIT
/*
 * tries.h - the count of tries used up by a message that was delivered before; settle.h says why.
 */
#ifndef PRT_WORKERS_TRIES_H
#define PRT_WORKERS_TRIES_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "stream/stream.h"

struct tries_of {
    const char *stream, *role;
    uint64_t    seq;
    int64_t     stored_us; /* tells a message from one of a stream that was made anew */
    uint64_t    used;
};

/* Fills in `used`: 0 where nothing is on record. */
WARN_UNUSED int tries_read(struct stream *stream, struct arena *arena, struct tries_of *of,
                           struct err *err);

/* Puts `used` of all of them on record; returns when it is stored. */
WARN_UNUSED int tries_write(struct stream *stream, struct arena *arena, const struct tries_of *of,
                            size_t count, struct err *err);

#endif
