// SPDX-License-Identifier: MIT
/*
 * json_token.h - single tokens of JSON, byte by byte: where is the first wrong one?
 *
 * The parser says that something is wrong; these say where, and look at strings more closely than
 * it does. Pure.
 */
#ifndef PRT_VALUE_JSON_TOKEN_H
#define PRT_VALUE_JSON_TOKEN_H

#include "base/bytes.h"

/* What was found at json[at ...]. */
struct json_token {
    size_t      end; /* behind the token if why is NULL, else the first wrong byte */
    const char *why; /* words for people */
};

/* First byte from `at` on that is neither white space nor comma nor colon, or json.size. */
static inline size_t json_token_start(struct bytes json, size_t at)
{
    while (at < json.size) {
        switch (json.data[at]) {
        case ' ':
        case '\t':
        case '\n':
        case '\r':
        case ',':
        case ':':
            at++;
            continue;
        default:
            return at;
        }
    }
    return at;
}

/* json[at] is the opening quote. UTF-8, escapes and surrogate pairs are checked. */
struct json_token json_token_string(struct bytes json, size_t at);

/* Any token but brackets and punctuation; what starts no token is itself the wrong byte. */
struct json_token json_token_any(struct bytes json, size_t at);

#endif
