// SPDX-License-Identifier: MIT
/* Private keys in PEM: from the header on, or, where a diff shows only the end of one, back from
 * its footer. */
#include "trace/secret.h"

#include <string.h>

enum { LINE_LEAST = 16 }; /* a word of prose is shorter */

static bool is_header(uint8_t c)
{
    return char_is_digit(c) || (c >= 'A' && c <= 'Z') || c == ' ';
}

/* Behind "-----BEGIN ": "RSA PRIVATE KEY-----". 0 if it is something else. */
static size_t key_header_end(struct bytes text, size_t at)
{
    static const char word[] = "PRIVATE KEY";
    bool              is_private = false;

    for (size_t most = at + 48; at < text.size && at < most; at++) {
        if (secret_text_at(text, at, word)) {
            is_private = true;
        }
        if (secret_text_at(text, at, "-----")) {
            return is_private ? at + 5 : 0;
        }
        if (!is_header(text.data[at])) {
            return 0;
        }
    }
    return 0;
}

/* What may stand between a key's lines: white space, quotes, marks of a diff, of a comment or of a
 * string in source code. */
static bool stands_between(uint8_t c)
{
    return c != 0 && strchr(" \t\r\n\"'`\\+-,#*>|", c) != NULL;
}

/* "-----", and not a diff's mark in front of it. */
static bool is_rule(struct bytes text, size_t at)
{
    return secret_text_at(text, at, "-----") && !secret_text_at(text, at, "------");
}

static size_t skip_between(struct bytes text, size_t at)
{
    for (; at < text.size; at++) {
        uint8_t c = text.data[at];

        if (c == '\\' && at + 1 < text.size && strchr("nrt", text.data[at + 1]) != NULL) {
            at++;
        } else if (!stands_between(c) || is_rule(text, at)) {
            break;
        }
    }
    return at;
}

/* "Proc-Type: 4,ENCRYPTED" and the like in front of the key. */
static size_t skip_headers(struct bytes text, size_t at)
{
    for (int lines = 0; lines < 6; lines++) {
        size_t begin = skip_between(text, at);
        size_t end = begin;

        while (end < text.size && end - begin < 80 && text.data[end] != '\n' &&
               text.data[end] != '\\') {
            end++;
        }
        if (end == text.size || memchr(text.data + begin, ':', end - begin) == NULL) {
            return at;
        }
        at = end;
    }
    return at;
}

bool secret_private_key(const struct secret_place *place, struct secret_span *ret_span)
{
    struct bytes text = place->text;
    size_t       body = key_header_end(text, place->after);
    size_t       at;
    size_t       end;
    size_t       key_bytes = 0;

    if (body == 0) {
        return false;
    }
    end = at = skip_headers(text, body);
    for (;;) {
        size_t line = skip_between(text, at);

        at = line;
        while (at < text.size && char_is_base64(text.data[at])) {
            at++;
        }
        if (at == line || (key_bytes == 0 && at - line < LINE_LEAST)) {
            break; /* code that only speaks of keys goes on otherwise */
        }
        key_bytes += at - line;
        end = at;
    }
    if (key_bytes < place->rule->least) {
        return false;
    }
    if (secret_text_at(text, at, "-----END ")) {
        size_t footer = key_header_end(text, at + 9);

        end = footer == 0 ? end : footer;
    }
    *ret_span = (struct secret_span){place->at, end};
    return true;
}

/* -------- the end of a key whose header the text does not show -------- */

static bool is_escape(struct bytes text, size_t at)
{
    return at >= 2 && text.data[at - 2] == '\\' && strchr("nrt", text.data[at - 1]) != NULL;
}

static size_t skip_between_back(struct bytes text, size_t at, size_t floor)
{
    while (at > floor && !(at >= 5 && secret_text_at(text, at - 5, "-----"))) {
        if (is_escape(text, at)) {
            at -= at - floor >= 2 ? 2 : 1;
        } else if (stands_between(text.data[at - 1])) {
            at--;
        } else {
            break;
        }
    }
    return at;
}

/* Where the line of the key that ends at `end` begins. */
static size_t key_line_begin(struct bytes text, size_t end, size_t floor)
{
    size_t at = end;

    while (at > floor && char_is_base64(text.data[at - 1])) {
        at--;
    }
    if (at < end && is_escape(text, at + 1)) {
        at++; /* the n of a \n */
    } else if (at < end && text.data[at] == '+' && (at == 0 || text.data[at - 1] == '\n')) {
        at++; /* a diff's mark */
    }
    return at;
}

bool secret_key_tail(const struct secret_place *place, struct secret_span *ret_span)
{
    struct bytes text = place->text;
    size_t       footer = key_header_end(text, place->after);
    size_t       from = place->at;
    size_t       key_bytes = 0;

    if (footer == 0) {
        return false;
    }
    for (bool last = true;; last = false) {
        size_t end = skip_between_back(text, from, place->floor);
        size_t begin = key_line_begin(text, end, place->floor);

        if (begin == end || (!last && end - begin < LINE_LEAST)) {
            break; /* the last line of a key may be short */
        }
        key_bytes += end - begin;
        from = begin;
    }
    if (key_bytes < place->rule->least) {
        return false;
    }
    *ret_span = (struct secret_span){from, footer};
    return true;
}
