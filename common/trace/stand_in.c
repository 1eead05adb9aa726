// SPDX-License-Identifier: MIT
/* What stands where a secret would, and is none: a variable, a template, the name of a field. */
#include "trace/secret.h"

#include <string.h>

static bool same_letters(struct bytes value, const char *word)
{
    for (size_t i = 0; i < value.size; i++) {
        if ((value.data[i] | 0x20) != (uint8_t)(word[i] | 0x20)) {
            return false;
        }
    }
    return true;
}

static bool has_word(struct bytes value, const char *word)
{
    size_t size = strlen(word);

    for (size_t i = 0; i + size <= value.size; i++) {
        if (same_letters((struct bytes){value.data + i, size}, word)) {
            return true;
        }
    }
    return false;
}

static bool holds(struct bytes value, const char *mark)
{
    return memmem(value.data, value.size, mark, strlen(mark)) != NULL;
}

static bool is_one_of(struct bytes value, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (value.size == strlen(words[i]) && same_letters(value, words[i])) {
            return true;
        }
    }
    return false;
}

static bool begins_with_one_of(struct bytes value, const char *const *starts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(starts[i]);

        if (value.size >= size && same_letters((struct bytes){value.data, size}, starts[i])) {
            return true;
        }
    }
    return false;
}

/* Each character `step` behind the one before. */
static bool is_run(struct bytes value, int step)
{
    for (size_t i = 1; i < value.size; i++) {
        if (value.data[i] - value.data[i - 1] != step) {
            return false;
        }
    }
    return true;
}

bool secret_is_sequence(struct bytes value)
{
    if (value.size > 1 && value.data[value.size - 1] == '0' && value.data[value.size - 2] == '9') {
        value.size--;
    }
    return is_run(value, 1) || is_run(value, -1);
}

static bool is_name_mark(uint8_t c)
{
    return c != 0 && strchr("_-.:\\", c) != NULL;
}

/* "AUTH_AD_B2C_CLIENT_SECRET": a variable of the environment may have digits anywhere. */
static bool is_variable(struct bytes value)
{
    for (size_t i = 0; i < value.size; i++) {
        if (!char_is_word(value.data[i]) || (value.data[i] >= 'a' && value.data[i] <= 'z')) {
            return false;
        }
    }
    return memchr(value.data, '_', value.size) != NULL;
}

/* "new_password", "user.apiKey", "access-token-2", "Auth\\PasswordController". A number belongs to
 * such a name only behind a mark: "secret2" is a weak password. */
static bool is_name(struct bytes value)
{
    size_t end = value.size;

    while (end > 0 && char_is_digit(value.data[end - 1])) {
        end--;
    }
    if (end == 0 || (end < value.size && !is_name_mark(value.data[end - 1]))) {
        return false;
    }
    for (size_t i = 0; i < end; i++) {
        if (!char_is_letter(value.data[i]) && !is_name_mark(value.data[i])) {
            return false;
        }
    }
    return true;
}

/* A part says what it is. */
static bool is_field_name(struct bytes value)
{
    static const char *const parts[] = {"passw", "secret", "token",  "apikey",
                                        "_key",  "-key",   "phrase", "credential"};

    if (!is_name(value) && !is_variable(value)) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (has_word(value, parts[i])) {
            return true;
        }
    }
    return false;
}

/* "^1.0.0": of the package that has such a name. */
static bool is_version(struct bytes value)
{
    size_t at = 0;
    bool   dot = false;

    while (at < value.size && value.data[at] != 0 && strchr("^~=<>v", value.data[at]) != NULL) {
        at++;
    }
    for (; at < value.size; at++) {
        dot = dot || value.data[at] == '.';
        if (!char_is_digit(value.data[at]) && value.data[at] != '.') {
            return false;
        }
    }
    return dot;
}

/* "required|min:8|confirmed", as the rules of a form are written. */
static struct bytes first_word(struct bytes value)
{
    const uint8_t *bar = memchr(value.data, '|', value.size);

    return bar == NULL ? value : (struct bytes){value.data, (size_t)(bar - value.data)};
}

bool secret_is_placeholder(struct bytes value)
{
    static const char *const words[] = {
        "pass",     "pw",        "changeme", "change-me", "change_me", "example", "none",
        "null",     "true",      "false",    "undefined", "required",  "string",  "optional",
        "invalid",  "default",   "dummy",    "redacted",  "hidden",    "missing", "hashed",
        "nullable", "confirmed", "encoded",  "unused",    "notused"};
    static const char *const starts[] = {
        "your", "[redacted", "env:", "vault:", "file:", "secretref", "arn:"};

    return value.size == 0 || value.data[0] == 0 || strchr("$%{<*/@.", value.data[0]) != NULL ||
           is_run(value, 0) || is_field_name(value) || is_version(value) ||
           is_one_of(first_word(value), words, COUNT_OF(words)) ||
           begins_with_one_of(value, starts, COUNT_OF(starts)) || holds(value, "${") ||
           holds(value, "#{") || holds(value, "{{") || holds(value, "%(") || holds(value, "...");
}
