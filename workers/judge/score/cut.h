// SPDX-License-Identifier: MIT
/*
 * cut.h - fits pieces of text of different importance into a number of bytes.
 *
 * Pure but for the arena.
 */
#ifndef PRT_JUDGE_CUT_H
#define PRT_JUDGE_CUT_H

#include "base/arena.h"
#include "base/bytes.h"

struct piece {
    struct bytes head;   /* one line; shown whole or the piece is left out */
    struct bytes body;   /* lines; may be shortened in the middle */
    double       weight; /* above 0 */
    bool         shown;
    size_t       room; /* bytes of the body that may be shown */
};

/* Sets shown and room. When even the heads do not fit, the pieces with the least weight are left
 * out; the bodies of the others share what is left by weight, and what one does not need the others
 * get. */
void cut_fit(struct arena *arena, struct piece *pieces, size_t count, size_t budget);

/* Writes the pieces in their order with every cut marked; returns how many cuts there are.
 * `what` names the pieces in the mark ("events"). */
size_t cut_write(struct buf *out, const struct piece *pieces, size_t count, const char *what);

/* The text as lines that each begin with "| " and end in a newline, in the arena. Control
 * characters other than newline and tab become spaces. */
struct bytes cut_lines(struct arena *arena, struct bytes text);

#endif
