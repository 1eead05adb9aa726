// SPDX-License-Identifier: MIT
#include "store/line_index.h"

enum { BITS = 7, MORE = 1 << BITS, BITS_MOST = 63 };

static void put(struct buf *index, uint64_t number)
{
    while (number >= MORE) {
        buf_put_byte(index, (uint8_t)(number | MORE));
        number >>= BITS;
    }
    buf_put_byte(index, (uint8_t)number);
}

static bool take(struct bytes *left, int64_t *ret_number)
{
    uint64_t number = 0;

    for (unsigned shift = 0; left->size > 0 && shift < BITS_MOST; shift += BITS) {
        const uint8_t byte = *left->data;

        *left = (struct bytes){left->data + 1, left->size - 1};
        number |= (uint64_t)(byte & (MORE - 1)) << shift;
        if ((byte & MORE) == 0) {
            *ret_number = (int64_t)number;
            return true;
        }
    }
    return false;
}

void line_index_put(struct buf *index, int64_t before, int64_t seq, size_t length, int type)
{
    put(index, (uint64_t)(seq - before));
    put(index, length);
    put(index, (uint64_t)type);
}

struct line_index line_index_start(struct bytes index, int64_t first_seq, int64_t seg_offset)
{
    return (struct line_index){.left = index, .next = {.seq = first_seq, .offset = seg_offset}};
}

int line_index_next(struct line_index *index, struct line_place *ret_line)
{
    struct line_place line = index->next;
    int64_t           above;
    int64_t           type;

    if (index->left.size == 0) {
        return 0;
    }
    if (!take(&index->left, &above) || !take(&index->left, &line.length) ||
        !take(&index->left, &type) || __builtin_add_overflow(line.seq, above, &line.seq) ||
        type > INT16_MAX) {
        return -1;
    }
    line.type = (int)type;
    index->next.seq = line.seq;
    if (__builtin_add_overflow(line.offset, line.length, &index->next.offset) ||
        __builtin_add_overflow(index->next.offset, 1, &index->next.offset)) {
        return -1;
    }
    *ret_line = line;
    return 1;
}
