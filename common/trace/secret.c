// SPDX-License-Identifier: MIT
#include "trace/secret.h"

#include <string.h>

/* -------- letters -------- */

bool char_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

bool char_is_letter(uint8_t c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

bool char_is_word(uint8_t c)
{
    return char_is_letter(c) || char_is_digit(c) || c == '_';
}

static bool is_alnum(uint8_t c)
{
    return char_is_letter(c) || char_is_digit(c);
}

static bool is_upper_or_digit(uint8_t c)
{
    return is_upper(c) || char_is_digit(c);
}

static bool is_hex(uint8_t c)
{
    return char_is_digit(c) || (c >= 'a' && c <= 'f');
}

bool char_is_base64(uint8_t c)
{
    return is_alnum(c) || c == '+' || c == '/' || c == '=';
}

static bool is_base64url(uint8_t c)
{
    return char_is_word(c) || c == '-';
}

static bool is_bearer(uint8_t c)
{
    return char_is_base64(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

static bool is_url(uint8_t c)
{
    return is_alnum(c) || (c != 0 && strchr("-._~!$&*+,;=:%@", c) != NULL);
}

/* Behind a tight = or a colon: up to white space, a quote or what ends an argument. */
bool char_is_value(uint8_t c)
{
    return c > ' ' && c < 0x7f && strchr("\"'`,;&()[]{}<>|\\", c) == NULL;
}

bool secret_text_at(struct bytes text, size_t at, const char *what)
{
    size_t size = strlen(what);

    return at <= text.size && text.size - at >= size && memcmp(text.data + at, what, size) == 0;
}

/* -------- tokens -------- */

/* A token begins a word; `\n` written as two characters, as in JSON, is no part of one. */
static bool begins_word(struct bytes text, size_t at)
{
    if (at == 0 || !char_is_word(text.data[at - 1])) {
        return true;
    }
    return at >= 2 && text.data[at - 2] == '\\' && strchr("nrt", text.data[at - 1]) != NULL;
}

static size_t run_end(const struct secret_place *place, size_t at, size_t most)
{
    size_t end = at;

    while (end < place->text.size && end - at < most &&
           place->rule->is_char(place->text.data[end])) {
        end++;
    }
    return end;
}

static bool find_token(const struct secret_place *place, struct secret_span *ret_span)
{
    const struct secret_rule *rule = place->rule;
    size_t                    end = run_end(place, place->after, rule->most + 1);
    size_t                    size = end - place->after;

    if (size < rule->least || size > rule->most || !begins_word(place->text, place->at)) {
        return false;
    }
    *ret_span = (struct secret_span){place->at, end};
    return true;
}

/* The token alone goes; prose behind "bearer" has no digits. */
static bool find_bearer(const struct secret_place *place, struct secret_span *ret_span)
{
    bool   digit = false;
    size_t end = run_end(place, place->after, place->rule->most);

    for (size_t i = place->after; i < end; i++) {
        digit = digit || char_is_digit(place->text.data[i]);
    }
    if (!digit || end - place->after < place->rule->least ||
        secret_token_begins(place->text, place->after)) {
        return false;
    }
    *ret_span = (struct secret_span){place->after, end};
    return true;
}

/* header.payload.signature, found by the payload: both begin with {" in base64, which is eyJ. */
static bool find_jwt(const struct secret_place *place, struct secret_span *ret_span)
{
    struct bytes text = place->text;
    size_t       start = place->at;
    size_t       payload = run_end(place, place->at + 1, text.size);
    size_t       end;

    while (start > place->floor && is_base64url(text.data[start - 1])) {
        start--;
    }
    while (start < place->at && memcmp(text.data + start, "eyJ", 3) != 0) {
        start++; /* "token_eyJ...", "\neyJ..." */
    }
    if (place->at - start < place->rule->least || payload - place->at <= place->rule->least ||
        payload == text.size || text.data[payload] != '.') {
        return false;
    }
    end = run_end(place, payload + 1, text.size);
    if (end - payload <= place->rule->least) {
        return false;
    }
    *ret_span = (struct secret_span){start, end};
    return true;
}

/* -------- URLs -------- */

static bool find_url(const struct secret_place *place, struct secret_span *ret_span)
{
    struct bytes text = place->text;
    size_t       end = run_end(place, place->after, text.size);
    size_t       at_sign = end;
    size_t       colon = place->after;
    struct bytes password;

    while (at_sign > place->after && text.data[at_sign - 1] != '@') {
        at_sign--;
    }
    if (at_sign == place->after || at_sign >= text.size ||
        !(is_alnum(text.data[at_sign]) || text.data[at_sign] == '[')) {
        return false;
    }
    at_sign--;
    while (colon < at_sign && text.data[colon] != ':') {
        colon++;
    }
    if (colon + 1 >= at_sign) {
        return false;
    }
    password = (struct bytes){text.data + colon + 1, at_sign - colon - 1};
    if (password.size < place->rule->least || secret_is_placeholder(password) ||
        secret_token_begins(text, colon + 1)) {
        return false;
    }
    *ret_span = (struct secret_span){colon + 1, at_sign};
    return true;
}

/* -------- the table -------- */

#define FIND_TOKEN       false, find_token
#define FIND_BEARER      true, find_bearer
#define FIND_JWT         false, find_jwt
#define FIND_PRIVATE_KEY false, secret_private_key
#define FIND_KEY_TAIL    false, secret_key_tail
#define FIND_URL         false, find_url
#define FIND_ASSIGNED    true, secret_assigned
#define FIND_MIXED       true, secret_mixed
#define CHARS_BASE64     char_is_base64
#define CHARS_BASE64URL  is_base64url
#define CHARS_UPPER      is_upper_or_digit
#define CHARS_ALNUM      is_alnum
#define CHARS_WORD       char_is_word
#define CHARS_HEX        is_hex
#define CHARS_BEARER     is_bearer
#define CHARS_URL        is_url
#define CHARS_VALUE      char_is_value

const struct secret_rule secret_rules[] = {
#define RULE(kind, anchor, at, find, chars, least, most, good, bad)                                \
    {SECRET_##kind,                                                                                \
     {(const uint8_t *)anchor, sizeof(anchor) - 1},                                                \
     at,                                                                                           \
     FIND_##find,                                                                                  \
     CHARS_##chars,                                                                                \
     least,                                                                                        \
     most,                                                                                         \
     good,                                                                                         \
     bad},
#include "schemas/redact.def"
#undef RULE
};
const size_t secret_rule_count = COUNT_OF(secret_rules);

bool secret_anchor_at(const struct secret_rule *rule, struct bytes text, size_t at)
{
    if (at > text.size || text.size - at < rule->anchor.size) {
        return false;
    }
    for (size_t i = 0; i < rule->anchor.size; i++) {
        uint8_t c = text.data[at + i];
        uint8_t want = rule->anchor.data[i];

        if (c != want && !(rule->any_case && char_is_letter(want) && (c ^ want) == 0x20)) {
            return false;
        }
    }
    return true;
}

bool secret_token_begins(struct bytes text, size_t at)
{
    struct secret_span span;

    for (size_t i = 0; i < secret_rule_count; i++) {
        struct secret_place place = {.rule = &secret_rules[i],
                                     .text = text,
                                     .floor = at,
                                     .at = at,
                                     .after = at + secret_rules[i].anchor.size};

        if (secret_rules[i].find == find_token && secret_anchor_at(&secret_rules[i], text, at) &&
            find_token(&place, &span)) {
            return true;
        }
    }
    return secret_text_at(text, at, "eyJ"); /* a JSON Web Token has its own rule */
}
