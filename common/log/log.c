// SPDX-License-Identifier: MIT
#include "log/log.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/utf8.h"

static bool           as_json = true;
static enum log_level least_level = LOG_INFO;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(bool json, enum log_level least)
{
    as_json = json;
    least_level = least;
}

enum log_level log_level_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            return (enum log_level)i;
        }
    }
    return LOG_INFO;
}

static void put_value(struct buf *line, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_TEXT:
        buf_put_byte(line, '"');
        utf8_put_escaped(line, bytes_of(field->as.text));
        buf_put_byte(line, '"');
        return;
    case LOG_WHOLE:
        buf_format(line, "%lld", (long long)field->as.whole);
        return;
    case LOG_REAL:
        if (isfinite(field->as.real)) {
            buf_format(line, "%.6g", field->as.real);
        } else {
            buf_put_text(line, "null");
        }
        return;
    case LOG_BOOL:
        buf_put_text(line, field->as.flag ? "true" : "false");
        return;
    }
}

static void put_field(struct buf *line, const struct log_field *field)
{
    if (as_json) {
        buf_format(line, ",\"%s\":", field->name);
    } else {
        buf_format(line, " %s=", field->name);
    }
    put_value(line, field);
}

static void put_scope(struct buf *line, const struct log_scope *scope)
{
    if (scope == NULL) {
        return;
    }
    put_scope(line, scope->outer);
    for (size_t i = 0; i < scope->count; i++) {
        put_field(line, &scope->field[i]);
    }
}

void log_write(const struct log_scope *scope, enum log_level level, const char *event,
               const struct log_field *fields, size_t count)
{
    CLEANUP(buf) struct buf line = {0};
    char now[CLOCK_TEXT];
    int  before = errno; /* a caller may log first and look at errno then */

    if (level < least_level) {
        return;
    }
    clock_text(now, clock_us());
    if (as_json) {
        buf_format(&line, "{\"at\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", now,
                   level_names[level], event);
    } else {
        buf_format(&line, "%.12s %-5s %s", now + 11, level_names[level], event);
    }
    put_scope(&line, scope);
    for (size_t i = 0; i < count; i++) {
        put_field(&line, &fields[i]);
    }
    buf_put_text(&line, as_json ? "}\n" : "\n");
    while (write(STDERR_FILENO, line.data, line.size) < 0 && errno == EINTR) {
        /* Any other failure: nobody reads our log, and there is nowhere to say so. */
    }
    errno = before;
}
