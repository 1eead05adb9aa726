// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "value/json.h"
#include "value/number.h"

/* -------- text, canonical and pretty -------- */

/* The letter behind the backslash, 'u' for \u00xx, 0 if the byte stands for itself. */
static const uint8_t escapes[256] = {
    [0x00 ... 0x07] = 'u', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [0x0b] = 'u', ['\f'] = 'f',
    ['\r'] = 'r', [0x0e ... 0x1f] = 'u', ['"'] = '"', ['\\'] = '\\',
};

static void put_escape(struct buf *out, uint8_t letter, uint8_t c)
{
    static const char digit[] = "0123456789abcdef";

    buf_reserve(out, 6);
    buf_put_byte(out, '\\');
    buf_put_byte(out, letter);
    if (letter == 'u') {
        buf_put_text(out, "00");
        buf_put_byte(out, (uint8_t)digit[c >> 4]);
        buf_put_byte(out, (uint8_t)digit[c & 15]);
    }
}

/* Does any of these bytes need an escape? A byte of `it` is zero, or below what is taken off, where
 * taking off borrows from its highest bit. */
static bool any_escape(uint64_t eight)
{
    const uint64_t ones = 0x0101010101010101;
    const uint64_t quote = eight ^ ones * '"';
    const uint64_t backslash = eight ^ ones * '\\';

    return (((eight - ones * ' ') & ~eight) | ((quote - ones) & ~quote) |
            ((backslash - ones) & ~backslash)) &
           ones * 0x80;
}

/* Eight bytes at a time where none needs an escape: that is how most text of an event is, and one at a
 * time took a fifth of our part of a chunk's reading. */
static size_t plain_until(struct bytes text, size_t at)
{
    uint64_t eight;

    for (; at + sizeof(eight) <= text.size; at += sizeof(eight)) {
        memcpy(&eight, text.data + at, sizeof(eight));
        if (any_escape(eight)) {
            break;
        }
    }
    while (at < text.size && escapes[text.data[at]] == 0) {
        at++;
    }
    return at;
}

void jcs_write_text(struct buf *out, struct bytes text)
{
    size_t done = 0;

    buf_reserve(out, text.size + 2);
    buf_put_byte(out, '"');
    for (size_t i = plain_until(text, 0); i < text.size; i = plain_until(text, i + 1)) {
        buf_put(out, (struct bytes){text.data + done, i - done});
        put_escape(out, escapes[text.data[i]], text.data[i]);
        done = i + 1;
    }
    if (done < text.size) {
        buf_put(out, (struct bytes){text.data + done, text.size - done});
    }
    buf_put_byte(out, '"');
}

void jcs_write_real(struct buf *out, double real)
{
    number_put_real(out, real);
}

/* -------- members in order of their UTF-16 code units -------- */

enum { SORTED_IN_PLACE = 32 };

/* UTF-8 sorts like code points, and so does UTF-16 but for one thing: characters above U+FFFF are
 * written with surrogates, which come before U+E000 to U+FFFF. Lead bytes tell which is which. */
static int compare_utf16(struct bytes a, struct bytes b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    size_t at = 0;

    while (at < least && a.data[at] == b.data[at]) {
        at++;
    }
    if (at == least) {
        return (a.size > b.size) - (a.size < b.size);
    }
    if (a.data[at] >= 0xee && b.data[at] >= 0xee && (a.data[at] >= 0xf0) != (b.data[at] >= 0xf0)) {
        return a.data[at] >= 0xf0 ? -1 : 1;
    }
    return a.data[at] < b.data[at] ? -1 : 1;
}

static int compare_members(const void *left, const void *right)
{
    const struct value_member *const *a = left;
    const struct value_member *const *b = right;

    return compare_utf16((*a)->name, (*b)->name);
}

static void sort_members(const struct value *map, const struct value_member **sorted)
{
    if (map->count > SORTED_IN_PLACE) {
        for (uint32_t i = 0; i < map->count; i++) {
            sorted[i] = &map->as.members[i];
        }
        qsort(sorted, map->count, sizeof(const struct value_member *), compare_members);
        return;
    }
    for (uint32_t i = 0; i < map->count; i++) {
        const struct value_member *next = &map->as.members[i];
        uint32_t                   at = i;

        for (; at > 0 && compare_utf16(sorted[at - 1]->name, next->name) > 0; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = next;
    }
}

/* -------- the canonical form -------- */

static int write_map(struct buf *out, const struct value *map, struct err *err)
{
    const struct value_member  *few[SORTED_IN_PLACE];
    const struct value_member **sorted = few;
    int                         result = 0;

    if (map->count > SORTED_IN_PLACE) {
        sorted = mem_get(map->count * sizeof(const struct value_member *));
    }
    sort_members(map, sorted);
    buf_put_byte(out, '{');
    for (uint32_t i = 0; result == 0 && i < map->count; i++) {
        if (i > 0) {
            if (bytes_equal(sorted[i - 1]->name, sorted[i]->name)) {
                result = err_set(err, ERR_SCHEMA, "an object has two members of the same name");
                break;
            }
            buf_put_byte(out, ',');
        }
        jcs_write_text(out, sorted[i]->name);
        buf_put_byte(out, ':');
        result = jcs_write(out, &sorted[i]->value, err);
    }
    buf_put_byte(out, '}');
    if (sorted != few) {
        mem_free(sorted);
    }
    return result;
}

static int write_list(struct buf *out, const struct value *list, struct err *err)
{
    buf_put_byte(out, '[');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i > 0) {
            buf_put_byte(out, ',');
        }
        TRY(jcs_write(out, &list->as.items[i], err));
    }
    buf_put_byte(out, ']');
    return 0;
}

/* A real is refused too where ECMAScript would write it as an integer that readers of exact
 * integers (json_read is one) don't take: what is hashed must read back. */
static int write_real(struct buf *out, double real, struct err *err)
{
    double size = fabs(real);

    if (!isfinite(real)) {
        return err_set(err, ERR_SCHEMA, "a number is not finite");
    }
    if (size > (double)NUMBER_EXACT && size < 1e21) {
        return err_set(err, ERR_SCHEMA, "%.17g has no fraction and lies outside +-(2^53 - 1)",
                       real);
    }
    number_put_real(out, real);
    return 0;
}

int jcs_write(struct buf *out, const struct value *value, struct err *err)
{
    switch (value->kind) {
    case VALUE_NULL:
        buf_put_text(out, "null");
        return 0;
    case VALUE_FLAG:
        buf_put_text(out, value->as.flag ? "true" : "false");
        return 0;
    case VALUE_WHOLE:
        if (value->as.whole > NUMBER_EXACT || value->as.whole < -NUMBER_EXACT) {
            return err_set(err, ERR_SCHEMA, "%lld lies outside +-(2^53 - 1)",
                           (long long)value->as.whole);
        }
        number_put_whole(out, value->as.whole);
        return 0;
    case VALUE_REAL:
        return write_real(out, value->as.real, err);
    case VALUE_TEXT:
        jcs_write_text(out, value->as.text);
        return 0;
    case VALUE_LIST:
        return write_list(out, value, err);
    case VALUE_MAP:
        return write_map(out, value, err);
    }
    return err_set(err, ERR_BUG, "a value of no kind");
}
