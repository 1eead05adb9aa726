// SPDX-License-Identifier: MIT
/* A literal behind a name: `DB_PASSWORD=...`, `"password": "..."`, `password: str = '...'`. */
#include <string.h>

#include "trace/secret.h"

/* A value without quotes may hold more names and equals signs, and is read again for each of them:
 * these two keep "pwd=pwd=pwd=..." cheap. */
enum { SPACES_MOST = 8, BARE_MOST = 128 };

static bool value_chars[256];

__attribute__((constructor)) static void make_value_chars(void)
{
    for (unsigned c = 0; c < COUNT_OF(value_chars); c++) {
        value_chars[c] = char_is_value((uint8_t)c);
    }
}

struct value_seen {
    struct bytes text;
    size_t       at;
    bool         quoted;
    bool         colon; /* name: value, not name = value */
    bool         tight; /* name=value */
};

static uint8_t at_or_0(struct bytes text, size_t at)
{
    return at < text.size ? text.data[at] : 0;
}

static bool is_quote(uint8_t c)
{
    return c == '"' || c == '\'' || c == '`';
}

static size_t skip_spaces(struct bytes text, size_t at)
{
    for (int i = 0; i < SPACES_MOST && (at_or_0(text, at) == ' ' || at_or_0(text, at) == '\t');
         i++) {
        at++;
    }
    return at;
}

/* -------- from the name to the value -------- */

/* Behind the name: the rest of `"name"`, `['name']`, then = or : with spaces around. 0: no such. */
static size_t find_separator(struct bytes text, size_t at, struct value_seen *seen)
{
    size_t begin;

    if (at_or_0(text, at) == '\\' && is_quote(at_or_0(text, at + 1))) {
        at++;
    }
    if (is_quote(at_or_0(text, at))) {
        at++;
        at += at_or_0(text, at) == ']';
    } else if (char_is_word(at_or_0(text, at)) || at_or_0(text, at) == '-') {
        return 0; /* the name goes on */
    }
    begin = at;
    at = skip_spaces(text, at);
    if (at_or_0(text, at) == '=') {
        at += at_or_0(text, at + 1) == '>' ? 2 : 1;
        seen->tight = at == begin + 1;
        return at_or_0(text, at) == '=' ? 0 : at; /* == compares */
    }
    if (at_or_0(text, at) == ':' && at_or_0(text, at + 1) != ':') {
        seen->colon = at_or_0(text, at + 1) != '=';
        return at + (seen->colon ? 1 : 2);
    }
    return 0;
}

/* `password: str = "..."`: behind a colon, a type and an equals sign. */
static size_t skip_type(struct bytes text, size_t at, struct value_seen *seen)
{
    size_t end = at;

    while (end - at < 40 &&
           (char_is_word(at_or_0(text, end)) ||
            (at_or_0(text, end) != 0 && strchr(".[]", at_or_0(text, end)) != NULL))) {
        end++;
    }
    end = skip_spaces(text, end);
    if (end == at || at_or_0(text, end) != '=' || at_or_0(text, end + 1) == '=') {
        return at;
    }
    seen->colon = false;
    return skip_spaces(text, end + 1);
}

static bool read_quoted(const struct secret_place *place, size_t at, struct value_seen *seen)
{
    struct bytes text = place->text;
    uint8_t      quote;
    size_t       end;

    if (at_or_0(text, at) == 'b' || at_or_0(text, at) == 'r' || at_or_0(text, at) == 'u') {
        at += is_quote(at_or_0(text, at + 1));
    }
    at += at_or_0(text, at) == '\\' && is_quote(at_or_0(text, at + 1));
    quote = at_or_0(text, at);
    if (!is_quote(quote)) {
        return false;
    }
    at++;
    for (end = at; end < text.size && end - at <= place->rule->most; end++) {
        uint8_t c = text.data[end];

        if (c == quote || (c == '\\' && at_or_0(text, end + 1) == quote)) {
            *seen = (struct value_seen){{text.data + at, end - at}, at, true, seen->colon, false};
            return true;
        }
        if (c <= ' ' || c >= 0x7f) {
            return false; /* prose, or another language's word for it */
        }
    }
    return false;
}

static void read_bare(const struct secret_place *place, size_t at, struct value_seen *seen)
{
    size_t end = at;

    while (end < place->text.size && end - at <= BARE_MOST && value_chars[place->text.data[end]]) {
        end++;
    }
    seen->text = (struct bytes){place->text.data + at, end - at};
    seen->at = at;
}

/* -------- is it a literal? -------- */

struct letters {
    bool letter, lower, digit, mark; /* mark: neither, nor _ */
};

static struct letters letters_of(struct bytes value)
{
    struct letters has = {0};

    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];

        has.letter = has.letter || char_is_letter(c);
        has.lower = has.lower || (c >= 'a' && c <= 'z');
        has.digit = has.digit || char_is_digit(c);
        has.mark = has.mark || !char_is_word(c);
    }
    return has;
}

/* Where the name begins that the anchor is the end of. */
static size_t name_begin(const struct secret_place *place)
{
    struct bytes text = place->text;
    size_t       at = place->at;

    while (at > place->floor && (char_is_word(text.data[at - 1]) || text.data[at - 1] == '-')) {
        at--;
    }
    return at;
}

/* "ivan:pwd:4222", "AWS::MSK::ScramSecret": what follows another colon is no value. */
static bool name_is_qualified(const struct secret_place *place)
{
    size_t at = name_begin(place);

    return at > 0 && place->text.data[at - 1] == ':';
}

/* A line of a settings file begins with the name (behind a diff's mark and "export "); an argument
 * of a command or of a URL has one of these in front. Code has its names anywhere else. */
static bool stands_like_a_setting(const struct secret_place *place)
{
    struct bytes text = place->text;
    size_t       at = name_begin(place);

    if (at < text.size && text.data[at] == '-') {
        return true;
    }
    if (at >= 7 && memcmp(text.data + at - 7, "export ", 7) == 0) {
        at -= 7;
    }
    return at == 0 || strchr("\n?&;", text.data[at - 1]) != NULL ||
           (strchr("+- ", text.data[at - 1]) != NULL && (at == 1 || text.data[at - 2] == '\n'));
}

/* What code looks like behind a name without quotes: a call, an index, an attribute, an argument.
 */
static bool goes_on_like_code(const struct secret_place *place, const struct value_seen *seen)
{
    uint8_t next = at_or_0(place->text, seen->at + seen->text.size);

    if (next != 0 && strchr("([{<>,)", next) != NULL) {
        return true;
    }
    if (next == ';') { /* a connection string is tight and has no quotes */
        return !seen->tight;
    }
    return seen->colon && next > ' ' && !is_quote(next) && next != '\\';
}

static bool is_expression(struct bytes value)
{
    bool dot = false;

    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '.' && i > 0 && i + 1 < value.size) {
            dot = true;
        } else if (!char_is_word(value.data[i])) {
            return value.data[i] == '-' && i + 1 < value.size && value.data[i + 1] == '>';
        }
    }
    return dot && char_is_letter(value.data[0]);
}

static bool is_number(struct bytes value)
{
    for (size_t i = value.data[0] == '-'; i < value.size; i++) {
        if (!char_is_digit(value.data[i])) {
            return false;
        }
    }
    return true;
}

static bool bare_is_literal(const struct secret_place *place, const struct value_seen *seen)
{
    struct letters has = letters_of(seen->text);

    if (goes_on_like_code(place, seen) || is_expression(seen->text)) {
        return false;
    }
    if (is_number(seen->text)) { /* in code, one of an enumeration */
        return seen->colon || (seen->tight && stands_like_a_setting(place));
    }
    if (!has.letter || (has.digit && has.mark)) {
        return true;
    }
    if (has.digit) { /* hunter2: a password, or the name of a variable */
        return seen->tight || seen->colon || stands_like_a_setting(place);
    }
    return seen->tight && (has.lower || has.mark) && stands_like_a_setting(place);
}

static bool find(const struct secret_place *place, bool mixed, struct secret_span *ret_span)
{
    struct value_seen seen = {0};
    size_t            at = find_separator(place->text, place->after, &seen);
    struct letters    has;

    if (at == 0) {
        return false;
    }
    if (seen.colon && name_is_qualified(place)) {
        return false;
    }
    seen.tight = seen.tight && skip_spaces(place->text, at) == at;
    at = skip_spaces(place->text, at);
    if (seen.colon) {
        at = skip_type(place->text, at, &seen);
    }
    if (!read_quoted(place, at, &seen)) {
        read_bare(place, at, &seen);
    }
    if (seen.text.size < place->rule->least ||
        seen.text.size > (seen.quoted ? place->rule->most : BARE_MOST) ||
        secret_is_placeholder(seen.text) || secret_token_begins(place->text, seen.at)) {
        return false;
    }
    if (seen.quoted && secret_is_sequence(seen.text)) {
        return false; /* what tests of a login are written with */
    }
    has = letters_of(seen.text);
    if (mixed && !(has.letter && has.digit)) {
        return false;
    }
    if (seen.quoted && seen.colon && !has.digit && !has.mark) {
        return false; /* "password": "Kennwort" is a label */
    }
    if (!seen.quoted && !bare_is_literal(place, &seen)) {
        return false;
    }
    *ret_span = (struct secret_span){seen.at, seen.at + seen.text.size};
    return true;
}

bool secret_assigned(const struct secret_place *place, struct secret_span *ret_span)
{
    return find(place, false, ret_span);
}

bool secret_mixed(const struct secret_place *place, struct secret_span *ret_span)
{
    return find(place, true, ret_span);
}
