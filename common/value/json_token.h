// SPDX-License-Identifier: MIT
/*
 * json_token.h - single tokens of JSON: where do they end, or where is the first wrong byte? Pure.
 */
#ifndef PRT_VALUE_JSON_TOKEN_H
#define PRT_VALUE_JSON_TOKEN_H

#include "base/bytes.h"

/* What was found at json[at ...]. */
struct json_token {
    size_t      end; /* behind the token if why is NULL, else the first wrong byte */
    const char *why; /* words for people */
};

/* First byte from `at` on that is no white space, or json.size. */
static inline size_t json_token_start(struct bytes json, size_t at)
{
    while (at < json.size && (json.data[at] == ' ' || json.data[at] == '\n' ||
                              json.data[at] == '\r' || json.data[at] == '\t')) {
        at++;
    }
    return at;
}

/* First byte from `at` on that is a quote, a backslash or a control character, or json.size. What
 * it passed over, and perhaps some bytes behind, is added to *seen. */
#define JSON_NOT_ASCII 0x8080808080808080u
size_t json_plain_end(struct bytes json, size_t at, uint64_t *seen);

/* The four digits behind \u, or -1. */
int json_code_unit(struct bytes json, size_t at);

/* json[at] is the opening quote. UTF-8, escapes and surrogate pairs are checked. */
struct json_token json_token_string(struct bytes json, size_t at);

/* Any token but brackets and punctuation; what starts no token is itself the wrong byte. */
struct json_token json_token_any(struct bytes json, size_t at);

#endif
