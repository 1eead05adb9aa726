// SPDX-License-Identifier: MIT
#include "value/json.h"

#include "value/json_walk.h"
#include "value/msgpack.h"

/* How many members a map has is known at its end only: its header has room for 32 bits and is
 * filled in then. Narrower headers would mean moving what lies behind them. */
struct packer {
    struct json_sink sink;
    struct buf      *out;
};

enum { HEADER_BYTES = 5, MAP_32 = 0xdf, LIST_32 = 0xdd };

static void pack_put(struct json_sink *sink, const struct value *scalar, bool lasting)
{
    (void)lasting;
    msgpack_write(((struct packer *)sink)->out, scalar);
}

static void pack_name(struct json_sink *sink, struct bytes name, bool lasting)
{
    (void)lasting;
    msgpack_put_text(((struct packer *)sink)->out, name);
}

static size_t pack_open(struct json_sink *sink, enum value_kind kind)
{
    struct buf *out = ((struct packer *)sink)->out;
    size_t      mark = out->size;

    buf_reserve(out, HEADER_BYTES);
    out->data[mark] = kind == VALUE_MAP ? MAP_32 : LIST_32;
    out->size += HEADER_BYTES;
    return mark;
}

static void pack_close(struct json_sink *sink, enum value_kind kind, size_t mark, uint32_t count)
{
    uint8_t *header = ((struct packer *)sink)->out->data + mark;

    (void)kind;
    for (int i = 0; i < 4; i++) {
        header[1 + i] = (uint8_t)(count >> (24 - 8 * i));
    }
}

int json_to_msgpack(struct bytes json, const struct value_limits *limits, struct buf *out,
                    struct err *err)
{
    struct packer packer = {
        .sink = {pack_put, pack_name, pack_open, pack_close},
        .out = out,
    };
    size_t before = out->size;

    if (json_walk(json, limits, &packer.sink, err) < 0) {
        out->size = before;
        return -1;
    }
    return 0;
}
