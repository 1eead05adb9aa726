// SPDX-License-Identifier: MIT
#include "base/utf8.h"

#include <string.h>

static bool follows(uint8_t byte, uint8_t least, uint8_t most)
{
    return byte >= least && byte <= most;
}

/* Length of the character of two or more bytes at `at`, 0 if it is none. The second byte's range
 * depends on the first: that is what keeps out overlong forms, surrogates and what is too high. */
static size_t character(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    size_t  size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;

    if (size == 0 || left < size || !follows(at[1], least, most)) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if (!follows(at[i], 0x80, 0xbf)) {
            return 0;
        }
    }
    return size;
}

static uint64_t load_eight(const uint8_t *at)
{
    uint64_t eight;

    memcpy(&eight, at, sizeof(eight));
    return eight;
}

/* Nearly all text is: eight bytes at a time, the last eight overlapping. */
static bool is_ascii(struct bytes text)
{
    uint64_t seen = 0;
    size_t   at = 0;

    for (; at + 8 <= text.size; at += 8) {
        seen |= load_eight(text.data + at);
    }
    if (text.size >= 8) {
        seen |= load_eight(text.data + text.size - 8);
    } else {
        for (; at < text.size; at++) {
            seen |= text.data[at];
        }
    }
    return (seen & 0x8080808080808080u) == 0;
}

size_t utf8_wrong_at(struct bytes text)
{
    size_t at = 0;

    if (is_ascii(text)) {
        return text.size;
    }
    while (at < text.size) {
        size_t size = text.data[at] < 0x80 ? 1 : character(text.data + at, text.size - at);

        if (size == 0) {
            return at;
        }
        at += size;
    }
    return at;
}

struct bytes utf8_cut(struct bytes text, size_t most)
{
    size_t lead;

    if (text.size <= most) {
        return text;
    }
    /* A character has at most four bytes: its first is the last that is no continuation. */
    for (lead = most; lead > 0 && most - lead < 4 && (text.data[lead] & 0xc0) == 0x80; lead--) {
    }
    return (struct bytes){text.data, (text.data[lead] & 0xc0) == 0x80 ? most : lead};
}

void utf8_put_escaped(struct buf *out, struct bytes text)
{
    size_t wrong = utf8_wrong_at(text);

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (i == wrong) {
            buf_put_text(out, "\xef\xbf\xbd");
            wrong = i + 1 + utf8_wrong_at((struct bytes){text.data + i + 1, text.size - i - 1});
        } else if (c == '"' || c == '\\') {
            buf_put_byte(out, '\\');
            buf_put_byte(out, c);
        } else if (c < 0x20 || c == 0x7f) {
            buf_format(out, "\\u%04x", c);
        } else {
            buf_put_byte(out, c);
        }
    }
}
