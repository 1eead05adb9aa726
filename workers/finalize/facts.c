// SPDX-License-Identifier: MIT
#include "workers/finalize/facts.h"

#include <string.h>

#include "trace/event.h"
#include "value/json_token.h"
#include "value/number.h"

enum { DIFF, FILE_PATH, ID, SEQ, TS_CLIENT, TYPE, WANTED };

#define NAME(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
static const struct bytes wanted[WANTED] = {
    [DIFF] = NAME("diff_unified"), [FILE_PATH] = NAME("file_path"),   [ID] = NAME("id"),
    [SEQ] = NAME("seq"),           [TS_CLIENT] = NAME("ts_client_s"), [TYPE] = NAME("type"),
};

/* -------- where things end: the index behind them, or 0 -------- */

/* line[at] is the first byte of a text's inside. */
static size_t text_end(struct bytes line, size_t at)
{
    const uint8_t *quote;

    while ((quote = memchr(line.data + at, '"', line.size - at)) != NULL) {
        size_t end = (size_t)(quote - line.data);
        size_t inside = end;

        while (inside > at && line.data[inside - 1] == '\\') {
            inside--;
        }
        if ((end - inside) % 2 == 0) {
            return end + 1;
        }
        at = end + 1; /* the quote was escaped */
    }
    return 0;
}

/* Brackets are only counted. */
static size_t value_end(struct bytes line, size_t at)
{
    size_t start = at;
    size_t depth = 0;

    if (at < line.size && line.data[at] == '"') {
        return text_end(line, at + 1);
    }
    while (at < line.size) {
        switch (line.data[at]) {
        case '"':
            at = text_end(line, at + 1);
            if (at == 0) {
                return 0;
            }
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth == 0) {
                return at > start ? at : 0;
            }
            depth--;
            break;
        case ',':
            if (depth == 0) {
                return at > start ? at : 0;
            }
            break;
        default:
            break;
        }
        at++;
    }
    return 0;
}

/* -------- members -------- */

static bool keep_member(struct bytes name, struct bytes value, struct bytes *found)
{
    for (size_t i = 0; i < WANTED; i++) {
        if (bytes_equal(name, wanted[i])) {
            if (found[i].size > 0) {
                return false; /* a second one of this name */
            }
            found[i] = value;
            break;
        }
    }
    return true;
}

static bool find_members(struct bytes line, struct bytes *found)
{
    size_t at = 1;

    if (line.size < 2 || line.data[0] != '{') {
        return false;
    }
    if (line.data[1] == '}') {
        return line.size == 2;
    }
    for (;;) {
        size_t name = at + 1;
        size_t colon;
        size_t end;

        if (at >= line.size || line.data[at] != '"') {
            return false;
        }
        colon = text_end(line, name);
        if (colon == 0 || colon == line.size || line.data[colon] != ':') {
            return false;
        }
        end = value_end(line, colon + 1);
        if (end == 0 || end == line.size ||
            !keep_member((struct bytes){line.data + name, colon - 1 - name},
                         (struct bytes){line.data + colon + 1, end - colon - 1}, found)) {
            return false;
        }
        if (line.data[end] != ',') {
            return line.data[end] == '}' && end + 1 == line.size;
        }
        at = end + 1;
    }
}

/* -------- what they say -------- */

static int hex_of(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\u0000" to "\u001f": only control characters are written like this. -1: another. */
static int unescape_code(struct bytes text, size_t at)
{
    int high;
    int low;

    if (text.size - at < 5 || text.data[at + 1] != '0' || text.data[at + 2] != '0') {
        return -1;
    }
    high = hex_of(text.data[at + 3]);
    low = hex_of(text.data[at + 4]);
    return high < 0 || high > 1 || low < 0 ? -1 : high << 4 | low;
}

/* The byte that a canonical escape stands for; *at moves behind it. -1: no such escape. */
static int unescape(struct bytes text, size_t *at)
{
    size_t i = *at + 1;

    if (i >= text.size) {
        return -1;
    }
    *at = text.data[i] == 'u' ? i + 5 : i + 1;
    switch (text.data[i]) {
    case '"':
    case '\\':
        return text.data[i];
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        return unescape_code(text, i);
    default:
        return -1;
    }
}

/* The text of a member, which may be of any kind: then empty. `texts` has room for it. One that
 * begins with a quote ends with its other one: find_members has seen to it. */
static bool read_text(struct bytes value, struct buf *texts, struct bytes *ret_text)
{
    const uint8_t *begin = texts->data + texts->size;
    struct bytes   rest;
    size_t         at = 0;

    *ret_text = (struct bytes){value.data, 0};
    if (value.size < 2 || value.data[0] != '"') {
        return true;
    }
    rest = (struct bytes){value.data + 1, value.size - 2};
    if (memchr(rest.data, '\\', rest.size) == NULL) {
        *ret_text = rest;
        return true;
    }
    while (at < rest.size) {
        const uint8_t *slash = memchr(rest.data + at, '\\', rest.size - at);
        size_t         until = slash == NULL ? rest.size : (size_t)(slash - rest.data);
        int            byte;

        buf_put(texts, (struct bytes){rest.data + at, until - at});
        at = until;
        if (slash != NULL) {
            byte = unescape(rest, &at);
            if (byte < 0) {
                return false;
            }
            buf_put_byte(texts, (uint8_t)byte);
        }
    }
    *ret_text = (struct bytes){begin, (size_t)(texts->data + texts->size - begin)};
    return true;
}

/* Null for what is no number. */
static bool read_number(struct bytes value, struct value *ret_number)
{
    struct json_token token;

    *ret_number = value_null();
    if (value.size == 0 || (value.data[0] != '-' && (value.data[0] < '0' || value.data[0] > '9'))) {
        return true;
    }
    token = json_token_any(value, 0);
    return token.why == NULL && token.end == value.size &&
           number_read(value, ret_number) == NUMBER_FITS;
}

bool facts_read(struct bytes line, struct buf *texts, struct facts *ret_facts)
{
    struct bytes found[WANTED] = {0};
    struct facts facts;
    struct bytes id;
    struct bytes type;
    struct value seq;
    struct value at_s;

    if (!find_members(line, found)) {
        return false;
    }
    texts->size = 0; /* room for all first: what was handed out must not move */
    buf_reserve(texts, found[DIFF].size + found[FILE_PATH].size + found[ID].size +
                           found[TYPE].size + 1);
    if (!read_number(found[SEQ], &seq) || !read_number(found[TS_CLIENT], &at_s) ||
        !read_text(found[ID], texts, &id) || !read_text(found[TYPE], texts, &type)) {
        return false;
    }
    facts = (struct facts){.seq = value_whole_or(&seq, -1),
                           .id = id,
                           .type = event_type_by_name(type),
                           .at_s = value_real_or(&at_s, 0)};
    if (facts.type == EVENT_file_edit && (!read_text(found[FILE_PATH], texts, &facts.file_path) ||
                                          !read_text(found[DIFF], texts, &facts.diff))) {
        return false;
    }
    *ret_facts = facts;
    return true;
}
