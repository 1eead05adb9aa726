// SPDX-License-Identifier: MIT
/*
 * line_index.h - where the lines of a chunk lie, as its row holds it (trace_chunks.lines): four
 * bytes a line where a row and an index entry of each event would be 130.
 *
 * Of each line: how far its seq lies above that of the line before (the first: 0), its length
 * without its newline, and its type; whole numbers of seven bits a byte, the lowest first.
 *
 * Pure.
 */
#ifndef PRT_STORE_LINE_INDEX_H
#define PRT_STORE_LINE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct line_place {
    int64_t seq;
    int64_t offset, length; /* of the segment; without its newline */
    int     type;
};

/* Lines are put in order; `before` is the seq of the last one, or the line's own for the first. */
void line_index_put(struct buf *index, int64_t before, int64_t seq, size_t length, int type);

struct line_index {
    struct bytes      left;
    struct line_place next; /* where the next one begins, were it `above` 0 */
};

struct line_index line_index_start(struct bytes index, int64_t first_seq, int64_t seg_offset);

/* 1, 0 at the end, -1 where the index is broken. */
int line_index_next(struct line_index *index, struct line_place *ret_line);

#endif
