// SPDX-License-Identifier: MIT
/*
 * dead_letter.h - a message the farm gave up on, as it is kept in PRT_DEAD.
 *
 * Subject prt.dead.<stage>.<tenant>.<trace>; message id dead-<stream>-<seq>, so that one given up
 * twice is kept once. The body, a msgpack map, is written down in schemas/message.md.
 *
 * Pure: no I/O, no clock.
 */
#ifndef PRT_TRACE_DEAD_LETTER_H
#define PRT_TRACE_DEAD_LETTER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct dead_letter {
    const char  *stage;
    const char  *reason; /* column of schemas/error.def */
    const char  *code;
    const char  *story;
    int64_t      tries;
    const char  *stream; /* where it was: name, subject, sequence, when it was stored there */
    const char  *subject;
    int64_t      seq;
    int64_t      stored_us;
    int64_t      at_us;                         /* when it was given up */
    const char  *id, *reply, *request, *parent; /* of its headers and members; NULL: none */
    struct bytes payload;                       /* as it travelled: a claim check stays one */
};

void            dead_letter_write(struct buf *out, const struct dead_letter *letter);
WARN_UNUSED int dead_letter_read(struct arena *arena, struct bytes bytes,
                                 struct dead_letter *ret_letter, struct err *err);

#endif
