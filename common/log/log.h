// SPDX-License-Identifier: MIT
/*
 * log.h - one JSON object a line on standard error, or text for people.
 *
 * The event is a fixed phrase, noun first, past tense; what varies is a field. A scope carries the
 * fields that every line below it repeats. Never log a body, a key or a token.
 *
 * A line is written with one write(2): lines of several threads or processes never mix.
 */
#ifndef PRT_LOG_LOG_H
#define PRT_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *name;
    enum { LOG_TEXT, LOG_WHOLE, LOG_REAL, LOG_BOOL } kind;
    union {
        const char *text;
        int64_t     whole;
        double      real;
        bool        flag;
    } as;
};

enum { LOG_SCOPE_FIELDS = 6 };

struct log_scope {
    const struct log_scope *outer; /* NULL at the outermost */
    struct log_field        field[LOG_SCOPE_FIELDS];
    size_t                  count;
};

/* Once per process, before the first line. */
void log_setup(bool json, enum log_level least);

/* "debug" ... "error"; LOG_INFO for anything else. */
enum log_level log_level_of(const char *name);

void log_write(const struct log_scope *scope, enum log_level level, const char *event,
               const struct log_field *fields, size_t count);

static inline struct log_field log_text(const char *name, const char *text)
{
    return (struct log_field){name, LOG_TEXT, {.text = text == NULL ? "" : text}};
}
static inline struct log_field log_whole(const char *name, int64_t whole)
{
    return (struct log_field){name, LOG_WHOLE, {.whole = whole}};
}
static inline struct log_field log_real(const char *name, double real)
{
    return (struct log_field){name, LOG_REAL, {.real = real}};
}
static inline struct log_field log_flag(const char *name, bool flag)
{
    return (struct log_field){name, LOG_BOOL, {.flag = flag}};
}

#define KV(name, value)                                                                            \
    _Generic((value), char *: log_text, const char *: log_text, float: log_real,                   \
             double: log_real, _Bool: log_flag, default: log_whole)((name), (value))

/* LOG(&scope, INFO, "trace sealed", KV("events", n)); scope may be NULL. */
#define LOG(scope, level, event, ...)                                                              \
    log_write((scope), LOG_##level, (event), (struct log_field[]){{0}, ##__VA_ARGS__} + 1,         \
              sizeof((struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1)

#endif
