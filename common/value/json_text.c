// SPDX-License-Identifier: MIT
#include "value/json_text.h"

#include "base/utf8.h"
#include "value/json_token.h"

/* A character that \u escapes name. */
static void put_character(struct buf *out, uint32_t point)
{
    uint8_t utf8[4];
    size_t  size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

    for (size_t i = size - 1; i > 0; i--) {
        utf8[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    utf8[0] = (uint8_t)(size == 1 ? point : (0xf00u >> size & 0xf0) | point);
    buf_put(out, (struct bytes){utf8, size});
}

/* json[at] is the u of an escape, or the first of two that are a surrogate pair. Returns how many
 * bytes that is, 0 if it is neither. */
static size_t put_unicode(struct bytes json, size_t at, struct buf *out)
{
    int high = json_code_unit(json, at + 1);
    int low;

    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff)) {
        return 0;
    }
    if (high < 0xd800 || high > 0xdfff) {
        put_character(out, (uint32_t)high);
        return 5;
    }
    if (json.size - at < 7 || json.data[at + 5] != '\\' || json.data[at + 6] != 'u') {
        return 0;
    }
    low = json_code_unit(json, at + 7);
    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    put_character(out, 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return 11;
}

/* json[at] is a backslash. Returns how many bytes the escape has, 0 if there is no such. */
static size_t put_escaped(struct bytes json, size_t at, struct buf *out)
{
    static const uint8_t means[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    uint8_t letter = at + 1 < json.size ? json.data[at + 1] : 0;
    size_t  size;

    if (means[letter] != 0) {
        buf_put_byte(out, means[letter]);
        return 2;
    }
    size = letter == 'u' ? put_unicode(json, at + 1, out) : 0;
    return size == 0 ? 0 : 1 + size;
}

bool json_text_read(struct bytes json, size_t at, struct buf *room, struct bytes *ret_text,
                    size_t *ret_end)
{
    size_t   start = at + 1;
    size_t   from = start;
    uint64_t seen = 0;

    room->size = 0;
    for (;;) {
        size_t escape;

        at = json_plain_end(json, from, &seen);
        if (at == json.size || json.data[at] < 0x20) {
            return false;
        }
        if (json.data[at] == '"') {
            break;
        }
        buf_put(room, (struct bytes){json.data + from, at - from});
        escape = put_escaped(json, at, room);
        if (escape == 0) {
            return false;
        }
        from = at + escape;
    }
    *ret_text = (struct bytes){json.data + start, at - start};
    if ((seen & JSON_NOT_ASCII) != 0 && utf8_wrong_at(*ret_text) < ret_text->size) {
        return false;
    }
    if (from > start) {
        buf_put(room, (struct bytes){json.data + from, at - from});
        *ret_text = buf_bytes(room);
    }
    *ret_end = at + 1;
    return true;
}
