// SPDX-License-Identifier: MIT
#include "store/line_index.h"

#include "lib/test.h"

TEST(line_index, gives_back_what_was_put)
{
    static const struct line_place lines[] = {
        {.seq = 0, .offset = 70, .length = 0, .type = 0},
        {.seq = 1, .offset = 71, .length = 127, .type = 4},
        {.seq = 129, .offset = 199, .length = 128, .type = 1},
        {.seq = INT64_C(1) << 53, .offset = 328, .length = 1 << 20, .type = 300},
    };
    CLEANUP(buf) struct buf packed = {0};
    struct line_index       index;
    struct line_place       line;

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        line_index_put(&packed, i == 0 ? lines[0].seq : lines[i - 1].seq, lines[i].seq,
                       (size_t)lines[i].length, lines[i].type);
    }
    index = line_index_start(buf_bytes(&packed), lines[0].seq, lines[0].offset);
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        CHECK(line_index_next(&index, &line) == 1);
        CHECK_NUMBER(line.seq, lines[i].seq);
        CHECK_NUMBER(line.offset, lines[i].offset);
        CHECK_NUMBER(line.length, lines[i].length);
        CHECK_NUMBER(line.type, lines[i].type);
    }
    CHECK(line_index_next(&index, &line) == 0);
}

TEST(line_index, takes_four_bytes_a_line_of_a_usual_chunk)
{
    CLEANUP(buf) struct buf packed = {0};

    for (int i = 0; i < 100; i++) {
        line_index_put(&packed, 1000 + i - (i > 0), 1000 + i, 480, 1);
    }
    CHECK_NUMBER(packed.size, 400);
}

TEST(line_index, says_where_it_is_cut_or_too_large)
{
    static const uint8_t    endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                         0x80, 0x80, 0x80, 0x80, 0};
    static const uint8_t    beyond[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 1};
    CLEANUP(buf) struct buf packed = {0};
    struct line_index       index;
    struct line_place       line;

    line_index_put(&packed, 5, 5, 300, 1);
    for (size_t size = 1; size < packed.size; size++) {
        index = line_index_start((struct bytes){packed.data, size}, 5, 0);
        CHECK(line_index_next(&index, &line) == -1);
    }
    index = line_index_start((struct bytes){endless, sizeof(endless)}, 5, 0);
    CHECK(line_index_next(&index, &line) == -1);
    index = line_index_start((struct bytes){beyond, sizeof(beyond)}, 5, 0);
    CHECK(line_index_next(&index, &line) == -1);
}
