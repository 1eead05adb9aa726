// SPDX-License-Identifier: MIT
#include "value/json_token.h"

#include <endian.h>
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

int json_code_unit(struct bytes json, size_t at)
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
    unit = json_code_unit(json, at + 2);
    if (unit < 0) {
        return wrong_hex(json, at + 2);
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        return good(at + 6);
    }
    if (unit < 0xdc00 && is_one_of(json, at + 6, "\\") && is_one_of(json, at + 7, "u")) {
        int low = json_code_unit(json, at + 8);

        if (low < 0) {
            return wrong_hex(json, at + 8);
        }
        if (low >= 0xdc00 && low <= 0xdfff) {
            return good(at + 12);
        }
    }
    return wrong(json, at, "half of a surrogate pair");
}

size_t json_plain_end(struct bytes json, size_t at, uint64_t *seen)
{
    const uint64_t ones = 0x0101010101010101u;

    /* A byte less than n borrows from its highest bit when n is taken off, and so may those above
     * it, which do not matter: the lowest is what is looked for. */
    for (; json.size - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t eight;
        uint64_t found;

        memcpy(&eight, json.data + at, sizeof(eight));
        eight = le64toh(eight);
        *seen |= eight;
        found = (((eight ^ ones * '"') - ones) | ((eight ^ ones * '\\') - ones) |
                 (eight - ones * 0x20)) &
                ~eight & JSON_NOT_ASCII;
        if (found != 0) {
            return at + (size_t)__builtin_ctzll(found) / 8;
        }
    }
    for (; at < json.size; at++) {
        uint8_t c = json.data[at];

        if (c == '"' || c == '\\' || c < 0x20) {
            break;
        }
        *seen |= c;
    }
    return at;
}

struct json_token json_token_string(struct bytes json, size_t at)
{
    size_t            start = ++at;
    struct json_token token = {at, NULL};
    uint64_t          seen = 0;
    size_t            utf8;

    while (token.why == NULL) {
        at = token.end = json_plain_end(json, token.end, &seen);
        if (at == json.size || json.data[at] == '"') {
            break;
        }
        token = json.data[at] == '\\' ? escape(json, at)
                                      : wrong(json, at, "a control character must be escaped");
    }
    utf8 = utf8_wrong_at((struct bytes){json.data + start, token.end - start});
    if (utf8 < token.end - start) {
        return wrong(json, start + utf8, "not UTF-8");
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
