// SPDX-License-Identifier: MIT
#include "workers/qa/replay/diff_name.h"

#include <stdio.h>
#include <string.h>

#include "workers/qa/replay/hunk.h"

enum { NAME_MOST = 4200 }; /* with "a/" */

static struct bytes behind(struct bytes text, size_t size)
{
    return (struct bytes){text.data + size, text.size - size};
}

/* Without its first part; a name of one part is all there is. */
static struct bytes without_first(struct bytes raw)
{
    const uint8_t *slash = raw.size == 0 ? NULL : memchr(raw.data, '/', raw.size);

    return slash == NULL ? raw : behind(raw, (size_t)(slash - raw.data) + 1);
}

/* The character behind a backslash at *at, which then stands behind it; -1 if there is none such.
 */
static int escape_read(struct bytes text, size_t *at)
{
    static const char letters[] = "abfnrtv\\\"";
    static const char meant[] = "\a\b\f\n\r\t\v\\\"";
    const char       *found;
    int               octal = 0;

    if (*at >= text.size) {
        return -1;
    }
    found = text.data[*at] == '\0' ? NULL : strchr(letters, text.data[*at]);
    if (found != NULL) {
        (*at)++;
        return (uint8_t)meant[found - letters];
    }
    for (int digits = 0; digits < 3; digits++, (*at)++) {
        if (*at >= text.size || text.data[*at] < '0' || text.data[*at] > '7') {
            return -1;
        }
        octal = octal * 8 + (text.data[*at] - '0');
    }
    return octal <= 255 ? octal : -1;
}

/* "\"a/x\"" at the beginning of the text; *ret_used is its length with the quotes. */
static bool unquote(struct arena *arena, struct bytes text, struct bytes *ret_name,
                    size_t *ret_used)
{
    uint8_t *name = arena_get(arena, text.size);
    size_t   size = 0;
    size_t   at = 1;

    while (at < text.size && text.data[at] != '"') {
        int c = text.data[at++];

        c = c == '\\' ? escape_read(text, &at) : c;
        if (c < 0 || c == '\n') {
            return false;
        }
        name[size++] = (uint8_t)c;
    }
    *ret_name = (struct bytes){name, size};
    *ret_used = at + 1;
    return at < text.size;
}

/* Up to the time or the end of the line. */
static struct bytes bare_read(struct bytes rest)
{
    size_t size = 0;

    while (size < rest.size && memchr("\t\r\n", rest.data[size], 3) == NULL) {
        size++;
    }
    return (struct bytes){rest.data, size};
}

static struct bytes raw_read(struct arena *arena, struct bytes rest)
{
    struct bytes name;
    size_t       used;

    if (text_has(rest, 0, "\"") && unquote(arena, rest, &name, &used)) {
        return name;
    }
    return bare_read(rest);
}

struct diff_name diff_name_read(struct arena *arena, struct bytes rest)
{
    struct diff_name name = {.raw = raw_read(arena, rest)};

    if (bytes_is(name.raw, "/dev/null")) {
        return (struct diff_name){0};
    }
    name.path = without_first(name.raw);
    return name;
}

struct diff_name diff_name_bare(struct arena *arena, struct bytes rest)
{
    struct bytes raw = raw_read(arena, rest);

    return (struct diff_name){raw, raw};
}

static bool names_pair(struct bytes first, struct bytes second, struct diff_name *ret_first,
                       struct diff_name *ret_second)
{
    struct diff_name a = {first, without_first(first)};
    struct diff_name b = {second, without_first(second)};

    if (a.path.size == 0 || a.path.size == a.raw.size || !bytes_equal(a.path, b.path)) {
        return false;
    }
    *ret_first = a;
    *ret_second = b;
    return true;
}

void diff_names_read(struct arena *arena, struct bytes line, struct diff_name *ret_first,
                     struct diff_name *ret_second)
{
    struct bytes rest = bare_read(behind(line, strlen("diff --git ")));
    struct bytes first;
    size_t       used;

    if (text_has(rest, 0, "\"")) {
        if (unquote(arena, rest, &first, &used) && text_has(rest, used, " ")) {
            (void)names_pair(first, raw_read(arena, behind(rest, used + 1)), ret_first, ret_second);
        }
        return;
    }
    /* Names may hold blanks: the right one stands between two that are the same. */
    if (rest.size > 2 * NAME_MOST) {
        return;
    }
    for (size_t at = 0; at < rest.size; at++) {
        if (rest.data[at] == ' ' && names_pair((struct bytes){rest.data, at}, behind(rest, at + 1),
                                               ret_first, ret_second)) {
            return;
        }
    }
}

bool diff_name_is_epoch(struct bytes rest)
{
    const uint8_t *tab = memchr(rest.data, '\t', rest.size);
    char           time[64];
    struct bytes   text;
    int            day = 0;
    int            hour = 0;
    int            minute = 0;
    int            zone = 0;

    if (tab == NULL) {
        return false;
    }
    text = behind(rest, (size_t)(tab - rest.data) + 1);
    if (text.size >= sizeof(time)) {
        return false;
    }
    memcpy(time, text.data, text.size);
    time[text.size] = '\0';
    if (sscanf(time, "1970-01-%2d %2d:%2d:00.%*[0] %5d", &day, &hour, &minute, &zone) != 4 &&
        sscanf(time, "1970-01-%2d %2d:%2d:00 %5d", &day, &hour, &minute, &zone) != 4) {
        if (sscanf(time, "1969-12-%2d %2d:%2d:00.%*[0] %5d", &day, &hour, &minute, &zone) != 4 &&
            sscanf(time, "1969-12-%2d %2d:%2d:00 %5d", &day, &hour, &minute, &zone) != 4) {
            return false;
        }
        day -= 31;
    }
    return (day - 1) * 24 * 60 + hour * 60 + minute == zone / 100 * 60 + zone % 100;
}
