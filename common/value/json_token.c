// SPDX-License-Identifier: MIT
#include "value/json_token.h"

#include <string.h>

#include "base/utf8.h"

static const char ends_early[] = "the text ends too early";

static struct json_token good(size_t end)
{
    return (struct json_token){end, NULL};
}

static struct json_token wrong(struct bytes json, size_t at, const char *why)
{
    if (at >= json.size) {
        return (struct json_token){json.size, ends_early};
    }
    return (struct json_token){at, why};
}

static bool is_digit(struct bytes json, size_t at)
{
    return at < json.size && json.data[at] >= '0' && json.data[at] <= '9';
}

static bool is_one_of(struct bytes json, size_t at, const char *set)
{
    return at < json.size && json.data[at] != '\0' && strchr(set, json.data[at]) != NULL;
}

/* The four digits behind \u, or -1. */
static int code_unit(struct bytes json, size_t at)
{
    int unit = 0;

    for (size_t i = at; i < at + 4; i++) {
        int c = i < json.size ? json.data[i] | 0x20 : 0;

        if (is_digit(json, i)) {
            unit = unit << 4 | (json.data[i] - '0');
        } else if (c >= 'a' && c <= 'f') {
            unit = unit << 4 | (c - 'a' + 10);
        } else {
            return -1;
        }
    }
    return unit;
}

static struct json_token wrong_hex(struct bytes json, size_t at)
{
    while (is_one_of(json, at, "0123456789abcdefABCDEF")) {
        at++;
    }
    return wrong(json, at, "\\u is not followed by four hex digits");
}

/* json[at] is a backslash; the end is behind the escape, or behind both of a pair. */
static struct json_token escape(struct bytes json, size_t at)
{
    int unit;

    switch (at + 1 < json.size ? json.data[at + 1] : 0) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return good(at + 2);
    case 'u':
        break;
    default:
        return wrong(json, at + 1, "no such escape");
    }
    unit = code_unit(json, at + 2);
    if (unit < 0) {
        return wrong_hex(json, at + 2);
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        return good(at + 6);
    }
    if (unit < 0xdc00 && is_one_of(json, at + 6, "\\") && is_one_of(json, at + 7, "u")) {
        int low = code_unit(json, at + 8);

        if (low < 0) {
            return wrong_hex(json, at + 8);
        }
        if (low >= 0xdc00 && low <= 0xdfff) {
            return good(at + 12);
        }
    }
    return wrong(json, at, "half of a surrogate pair");
}

/* Eight bytes at once: is one of them a quote, a backslash or a control character? Bytes of 0x80
 * and above may be taken for one, which only costs a closer look. */
static bool is_plain(uint64_t eight)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t       quote = eight ^ (ones * '"');
    uint64_t       backslash = eight ^ (ones * '\\');

    return (((quote - ones) | (backslash - ones) | (eight - ones * 0x20) | eight) &
            (ones * 0x80)) == 0;
}

struct json_token json_token_string(struct bytes json, size_t at)
{
    size_t            start = ++at;
    struct json_token token = {at, NULL};
    uint8_t           seen = 0;
    size_t            utf8;

    while (at < json.size && json.data[at] != '"') {
        uint8_t  c = json.data[at];
        uint64_t eight;

        seen |= c;
        if (c == '\\') {
            token = escape(json, at);
        } else if (c < 0x20) {
            token = wrong(json, at, "a control character must be escaped");
        } else {
            token.end = at + 1;
        }
        if (token.why != NULL) {
            break;
        }
        at = token.end;
        while (json.size - at >= sizeof(eight)) {
            memcpy(&eight, json.data + at, sizeof(eight));
            if (!is_plain(eight)) {
                break;
            }
            at = token.end = at + sizeof(eight);
        }
    }
    if (seen >= 0x80) {
        utf8 = utf8_wrong_at((struct bytes){json.data + start, token.end - start});
        if (utf8 < token.end - start) {
            return wrong(json, start + utf8, "not UTF-8");
        }
    }
    if (token.why != NULL) {
        return token;
    }
    return at < json.size ? good(at + 1) : wrong(json, at, ends_early);
}

static struct json_token number(struct bytes json, size_t at)
{
    static const char digit_wanted[] = "a digit is missing";

    at += json.data[at] == '-';
    if (!is_digit(json, at)) {
        return wrong(json, at, digit_wanted);
    }
    if (json.data[at] == '0') {
        at++;
    } else {
        for (; is_digit(json, at); at++) {
        }
    }
    if (is_one_of(json, at, ".")) {
        if (!is_digit(json, ++at)) {
            return wrong(json, at, digit_wanted);
        }
        for (; is_digit(json, at); at++) {
        }
    }
    if (is_one_of(json, at, "eE")) {
        at++;
        at += is_one_of(json, at, "+-");
        if (!is_digit(json, at)) {
            return wrong(json, at, digit_wanted);
        }
        for (; is_digit(json, at); at++) {
        }
    }
    return good(at);
}

static struct json_token literal(struct bytes json, size_t at, const char *word)
{
    for (; *word != '\0'; word++, at++) {
        if (at >= json.size || json.data[at] != (uint8_t)*word) {
            return wrong(json, at, "neither true nor false nor null");
        }
    }
    return good(at);
}

struct json_token json_token_any(struct bytes json, size_t at)
{
    if (at >= json.size) {
        return wrong(json, at, ends_early);
    }
    switch (json.data[at]) {
    case '"':
        return json_token_string(json, at);
    case 't':
        return literal(json, at, "true");
    case 'f':
        return literal(json, at, "false");
    case 'n':
        return literal(json, at, "null");
    default:
        if (json.data[at] == '-' || is_digit(json, at)) {
            return number(json, at);
        }
        return wrong(json, at, "no value starts like this");
    }
}
