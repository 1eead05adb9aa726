// SPDX-License-Identifier: MIT
#include <math.h>

#include "value/json.h"
#include "value/number.h"

static void put_line(struct buf *out, unsigned depth)
{
    buf_put_byte(out, '\n');
    for (unsigned i = 0; i < 2 * depth; i++) {
        buf_put_byte(out, ' ');
    }
}

/* Canonical, but for U+007F to U+009F: terminals obey some of them. */
static void put_text(struct buf *out, struct bytes text)
{
    CLEANUP(buf) struct buf plain = {0};

    jcs_write_text(&plain, text);
    for (size_t i = 0; i < plain.size; i++) {
        uint8_t c = plain.data[i];

        if (c == 0x7f) {
            buf_put_text(out, "\\u007f");
        } else if (c == 0xc2 && i + 1 < plain.size && plain.data[i + 1] < 0xa0) {
            buf_format(out, "\\u%04x", plain.data[++i]);
        } else {
            buf_put_byte(out, c);
        }
    }
}

static void put(struct buf *out, const struct value *value, unsigned depth)
{
    bool is_map = value->kind == VALUE_MAP;

    switch (value->kind) {
    case VALUE_NULL:
        buf_put_text(out, "null");
        return;
    case VALUE_FLAG:
        buf_put_text(out, value->as.flag ? "true" : "false");
        return;
    case VALUE_WHOLE:
        number_put_whole(out, value->as.whole);
        return;
    case VALUE_REAL:
        if (isfinite(value->as.real)) {
            number_put_real(out, value->as.real);
        } else {
            buf_put_text(out, "null");
        }
        return;
    case VALUE_TEXT:
        put_text(out, value->as.text);
        return;
    case VALUE_LIST:
    case VALUE_MAP:
        break;
    }
    buf_put_byte(out, is_map ? '{' : '[');
    for (uint32_t i = 0; i < value->count; i++) {
        if (i > 0) {
            buf_put_byte(out, ',');
        }
        put_line(out, depth + 1);
        if (is_map) {
            put_text(out, value->as.members[i].name);
            buf_put_text(out, ": ");
        }
        put(out, is_map ? &value->as.members[i].value : &value->as.items[i], depth + 1);
    }
    if (value->count > 0) {
        put_line(out, depth);
    }
    buf_put_byte(out, is_map ? '}' : ']');
}

void json_pretty(struct buf *out, const struct value *value)
{
    put(out, value, 0);
}
