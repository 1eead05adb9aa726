// SPDX-License-Identifier: MIT
#include "workers/qa/replay/hunk.h"

#include <string.h>

enum { DIGITS_MOST = 15, NO_NEWLINE_LEAST = 12 };

struct bytes line_at(struct bytes text, size_t at)
{
    const uint8_t *from;
    const uint8_t *end;

    if (at >= text.size) {
        return (struct bytes){NULL, 0};
    }
    from = text.data + at;
    end = memchr(from, '\n', text.size - at);
    return (struct bytes){from, end == NULL ? text.size - at : (size_t)(end - from) + 1};
}

bool text_has(struct bytes text, size_t at, const char *word)
{
    size_t size = strlen(word);

    return at <= text.size && text.size - at >= size && memcmp(text.data + at, word, size) == 0;
}

static bool ends_in_newline(struct bytes line)
{
    return line.size > 0 && line.data[line.size - 1] == '\n';
}

static bool number_read(struct bytes text, size_t *at, int64_t *ret_number)
{
    size_t  from = *at;
    int64_t number = 0;

    for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++) {
        number = *at - from < DIGITS_MOST ? number * 10 + (text.data[*at] - '0') : -1;
        if (number < 0) {
            return false;
        }
    }
    *ret_number = number;
    return *at > from;
}

/* "3,7" or "3", which means "3,1". */
static bool range_read(struct bytes text, size_t *at, int64_t *ret_from, int64_t *ret_count)
{
    *ret_count = 1;
    if (!number_read(text, at, ret_from)) {
        return false;
    }
    if (text_has(text, *at, ",")) {
        (*at)++;
        return number_read(text, at, ret_count);
    }
    return true;
}

/* How many lines stand before the range: an empty one names the line it stands behind. */
static bool lines_before(int64_t from, int64_t count, int64_t *ret_before)
{
    *ret_before = count == 0 ? from : from - 1;
    return *ret_before >= 0;
}

static bool head_read(struct bytes text, size_t *at, struct hunk *hunk)
{
    struct bytes line = line_at(text, *at);
    size_t       in = 4;
    int64_t      from;

    if (!text_has(line, 0, "@@ -") || !ends_in_newline(line) ||
        !range_read(line, &in, &from, &hunk->old_count) ||
        !lines_before(from, hunk->old_count, &hunk->old_at) || !text_has(line, in, " +")) {
        return false;
    }
    in += 2;
    if (!range_read(line, &in, &from, &hunk->new_count) ||
        !lines_before(from, hunk->new_count, &hunk->new_at) || !text_has(line, in, " @@")) {
        return false;
    }
    *at += line.size;
    return true;
}

static bool is_no_newline(struct bytes line)
{
    return line.size >= NO_NEWLINE_LEAST && text_has(line, 0, "\\ ");
}

bool hunk_read(struct bytes text, size_t *at, struct hunk *ret_hunk)
{
    struct hunk hunk = {0};
    size_t      in = *at;
    int64_t     old_left;
    int64_t     new_left;
    bool        changes = false;

    if (!head_read(text, &in, &hunk)) {
        return false;
    }
    hunk.lines.data = text.data + in;
    old_left = hunk.old_count;
    new_left = hunk.new_count;
    while (old_left > 0 || new_left > 0) {
        struct bytes line = line_at(text, in);
        char         sign = line.size > 0 ? (char)line.data[0] : 0;
        bool         stays = sign == ' ' || sign == '\n';

        if (!ends_in_newline(line)) {
            return false;
        }
        in += line.size;
        if (sign == '\\') {
            if (!is_no_newline(line) || in == (size_t)(hunk.lines.data - text.data) + line.size) {
                return false;
            }
            continue;
        }
        if (!stays && sign != '-' && sign != '+') {
            return false;
        }
        old_left -= sign != '+' ? 1 : 0;
        new_left -= sign != '-' ? 1 : 0;
        if (old_left < 0 || new_left < 0) {
            return false;
        }
        changes = changes || !stays;
        hunk.has_context = hunk.has_context || stays;
        hunk.ends_open = !stays;
    }
    if (text_has(text, in, "\\")) {
        if (!is_no_newline(line_at(text, in))) {
            return false;
        }
        in += line_at(text, in).size;
    }
    hunk.lines.size = in - (size_t)(hunk.lines.data - text.data);
    *ret_hunk = hunk;
    *at = in;
    return changes;
}

bool hunk_line_next(const struct hunk *hunk, size_t *at, struct hunk_line *ret_line)
{
    struct bytes line = line_at(hunk->lines, *at);

    if (line.size == 0) {
        return false;
    }
    *at += line.size;
    /* A context line that is empty may have lost its blank on the way. */
    *ret_line = line.data[0] == '\n'
                    ? (struct hunk_line){' ', line}
                    : (struct hunk_line){(char)line.data[0], {line.data + 1, line.size - 1}};
    ret_line->text.size -= text_has(hunk->lines, *at, "\\") ? 1 : 0;
    while (text_has(hunk->lines, *at, "\\")) {
        *at += line_at(hunk->lines, *at).size;
    }
    return true;
}
