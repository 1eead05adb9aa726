// SPDX-License-Identifier: MIT
#include "gateway/http/field.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

/* ----------------------------------- decoding ----------------------------------- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *field_decode(struct arena *arena, struct bytes raw, bool plus)
{
    uint8_t *text = arena_get(arena, raw.size + 1);
    size_t   size = 0;

    for (size_t i = 0; i < raw.size; i++) {
        uint8_t c = raw.data[i];

        if (c == '%') {
            int high = i + 2 < raw.size ? hex_value(raw.data[i + 1]) : -1;
            int low = i + 2 < raw.size ? hex_value(raw.data[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return NULL;
            }
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0') {
            return NULL;
        }
        text[size++] = c;
    }
    text[size] = '\0';
    return utf8_wrong_at((struct bytes){text, size}) < size ? NULL : (const char *)text;
}

/* ------------------------------------ fields ------------------------------------ */

/* The next element of a comma-separated list, trimmed; false at the end. */
static bool list_next(const char **at, struct bytes *ret_item)
{
    const char *from = *at;
    size_t      size;

    from += strspn(from, " \t,");
    if (*from == '\0') {
        return false;
    }
    size = strcspn(from, ",");
    *at = from + size;
    while (size > 0 && (from[size - 1] == ' ' || from[size - 1] == '\t')) {
        size--;
    }
    *ret_item = (struct bytes){(const uint8_t *)from, size};
    return true;
}

static bool starts_with(struct bytes text, const char *start)
{
    return text.size >= strlen(start) &&
           strncasecmp((const char *)text.data, start, strlen(start)) == 0;
}

static bool same_text(struct bytes text, const char *other)
{
    return text.size == strlen(other) && starts_with(text, other);
}

/* Decimal digits only; -1 otherwise, or where they are more than an int64_t holds. */
static int64_t digits(const char *text, size_t size)
{
    int64_t value = 0;

    if (size == 0) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text[i] - '0', &value)) {
            return -1;
        }
    }
    return value;
}

/* The seconds of "= 10 ;more" or "=\"10\"" as milliseconds: what stands behind "wait". -1: none. */
static int64_t wait_of(struct bytes rest)
{
    const char *at = (const char *)rest.data;
    const char *end = at + rest.size;
    const char *from;
    int64_t     seconds;
    bool        quoted;

    at += strspn(at, " \t");
    if (at >= end || *at++ != '=') {
        return -1;
    }
    at += strspn(at, " \t");
    quoted = at < end && *at == '"';
    from = at += quoted ? 1 : 0;
    while (at < end && isdigit((unsigned char)*at)) {
        at++;
    }
    seconds = digits(from, at > from ? (size_t)(at - from) : 0);
    if (quoted && (at >= end || *at++ != '"')) {
        return -1;
    }
    at += strspn(at, " \t");
    return seconds < 0 || seconds > 86400 || (at < end && *at != ';') ? -1 : seconds * 1000;
}

struct prefer field_prefer(const char *value)
{
    struct prefer prefer = {false, -1};
    struct bytes  item;

    while (value != NULL && list_next(&value, &item)) {
        const char *text = (const char *)item.data;
        size_t      name = 0;

        while (name < item.size && strchr("=; \t", text[name]) == NULL) {
            name++;
        }
        if (same_text((struct bytes){item.data, name}, "respond-async")) {
            prefer.respond_async = true;
        } else if (same_text((struct bytes){item.data, name}, "wait") && prefer.wait_ms < 0) {
            prefer.wait_ms = wait_of((struct bytes){item.data + name, item.size - name});
        }
    }
    return prefer;
}

struct range field_range(const char *value, int64_t size)
{
    struct range whole = {RANGE_WHOLE, 0, size};
    const char  *dash;
    int64_t      first;
    int64_t      last;
    size_t       length;

    if (value == NULL || strncasecmp(value, "bytes=", 6) != 0) {
        return whole;
    }
    value += 6;
    value += strspn(value, " \t");
    length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) {
        length--;
    }
    dash = memchr(value, '-', length);
    if (dash == NULL || memchr(value, ',', length) != NULL) {
        return whole; /* several ranges: a server may answer with the whole */
    }
    first = digits(value, (size_t)(dash - value));
    last = digits(dash + 1, length - (size_t)(dash + 1 - value));
    if (dash == value) { /* the last N bytes */
        if (last < 0) {
            return whole;
        }
        if (last == 0 || size == 0) {
            return (struct range){RANGE_OUTSIDE, 0, 0};
        }
        first = last < size ? size - last : 0;
        return (struct range){RANGE_PART, first, size - first};
    }
    if (first < 0 || (last < 0 && dash + 1 < value + length) || (last >= 0 && last < first)) {
        return whole;
    }
    if (first >= size) {
        return (struct range){RANGE_OUTSIDE, 0, 0};
    }
    if (last < 0 || last >= size) {
        last = size - 1;
    }
    return (struct range){RANGE_PART, first, last - first + 1};
}

bool field_type_is(const char *value, const char *type)
{
    size_t size;

    if (value == NULL) {
        return false;
    }
    size = strcspn(value, "; \t");
    return size == strlen(type) && strncasecmp(value, type, size) == 0;
}

/* The quality that an Accept field gives to a name in it, which may be a wildcard; -1: it is not
 * there. */
static double accept_quality(const char *value, const char *name)
{
    struct bytes item;
    double       best = -1;

    while (list_next(&value, &item)) {
        const char *text = (const char *)item.data;
        size_t      size = 0;
        double      quality = 1;

        while (size < item.size && strchr("; \t", text[size]) == NULL) {
            size++;
        }
        for (size_t i = size; i + 2 < item.size; i++) {
            if ((text[i] == 'q' || text[i] == 'Q') && text[i + 1] == '=') {
                quality = strtod(text + i + 2, NULL);
            }
        }
        if (same_text((struct bytes){item.data, size}, name)) {
            best = quality > best ? quality : best;
        }
    }
    return best;
}

bool field_accepts(const char *value, const char *type)
{
    static const char *const jsons[] = {"application/json", "application/*", "*/*"};
    double                   json = -1;
    double                   own;

    if (value == NULL) {
        return false;
    }
    own = accept_quality(value, type);
    for (size_t i = 0; i < COUNT_OF(jsons) && json < 0; i++) {
        json = accept_quality(value, jsons[i]); /* the closest name counts (RFC 9110, 12.5.1) */
    }
    return own > 0 && own >= json;
}

static bool holds_tag(const char *value, const char *tag, bool weakly)
{
    struct bytes item;

    while (value != NULL && list_next(&value, &item)) {
        if (weakly && item.size > 2 && memcmp(item.data, "W/", 2) == 0) {
            item = (struct bytes){item.data + 2, item.size - 2};
        }
        if (bytes_is(item, tag) || bytes_is(item, "*")) {
            return true;
        }
    }
    return false;
}

bool field_holds_tag(const char *value, const char *tag)
{
    return holds_tag(value, tag, true);
}

bool field_holds_strong_tag(const char *value, const char *tag)
{
    return holds_tag(value, tag, false);
}

bool field_host_is_own(const char *value)
{
    static const char here[] = "localhost";
    const size_t      own = sizeof(here) - 1;
    size_t            size = strcspn(value, ":");

    if (value[0] == '[') {
        return true; /* an address, or no name at all */
    }
    if (size >= own && strncasecmp(value + size - own, here, own) == 0) {
        return size == own || value[size - own - 1] == '.';
    }
    return strspn(value, "0123456789.") == size;
}

bool field_request_id_ok(const char *value)
{
    size_t size =
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return size >= 1 && size <= 64 && value[size] == '\0';
}

bool field_traceparent_ok(const char *value)
{
    static const char form[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";

    if (strlen(value) != sizeof(form) - 1) {
        return false;
    }
    for (size_t i = 0; form[i] != '\0'; i++) {
        bool hex = (value[i] >= '0' && value[i] <= '9') || (value[i] >= 'a' && value[i] <= 'f');

        if (form[i] == 'h' ? !hex : value[i] != form[i]) {
            return false;
        }
    }
    return strspn(value + 3, "0") < 32 && strspn(value + 36, "0") < 16;
}

int field_whole(const char *name, const char *text, int64_t least, int64_t most, int64_t *ret_whole,
                struct err *err)
{
    int64_t whole = digits(text, strlen(text));

    if (whole < least || whole > most) {
        return err_set(err, ERR_SCHEMA,
                       "%s is \"%.40s\"; a whole number from %lld to %lld is wanted", name, text,
                       (long long)least, (long long)most);
    }
    *ret_whole = whole;
    return 0;
}
