// SPDX-License-Identifier: MIT
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum story { STORY_ANY, STORY_FARM };

struct row {
    const char *name;
    const char *reason;
    const char *words;
    enum fate   fate;
    int         http;
    enum story  story;
};

static const struct row rows[] = {
    [ERR_NONE] = {"NONE", "none", "nothing went wrong", FATE_RETRY, 200, STORY_ANY},
#define ERROR(name, fate, http, story, reason, words)                                              \
    [ERR_##name] = {#name, #reason, words, FATE_##fate, http, STORY_##story},
#include "schemas/error.def"
#undef ERROR
};

enum { NAME_MOST = 32 };

/* The wire's names, lower-cased once before main: readers need no lock. */
static char lower_names[ERR_CODES][NAME_MOST];

__attribute__((constructor)) static void lower_all_names(void)
{
    for (size_t i = 0; i < ERR_CODES; i++) {
        for (size_t k = 0; rows[i].name[k] != '\0' && k + 1 < NAME_MOST; k++) {
            char c = rows[i].name[k];

            lower_names[i][k] = (c >= 'A' && c <= 'Z') ? (char)(c + 32) : c;
        }
    }
}

/* Stories go into JSON: no character is cut in two, and foreign bytes (a file's name) that are no
 * UTF-8 become question marks. */
static void tell(struct err *err, const char *words, const char *rest)
{
    char         whole[2 * sizeof(err->story) + 4];
    struct bytes cut;
    size_t       wrong;

    (void)snprintf(whole, sizeof(whole), "%s%s%s", words, rest[0] == '\0' ? "" : ": ", rest);
    cut = utf8_cut(bytes_of(whole), sizeof(err->story) - 1);
    while ((wrong = utf8_wrong_at(cut)) < cut.size) {
        whole[wrong] = '?';
    }
    memcpy(err->story, cut.data, cut.size);
    err->story[cut.size] = '\0';
}

/* `fmt` may print the old story. One byte more than a story holds: so tell sees that it was cut. */
enum { WORDS_BYTES = sizeof(((struct err *)0)->story) + 1 };

int (err_set)(struct err *err, enum err_code code, const char *fmt, ...)
{
    char    words[WORDS_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    err->code = code;
    err->retry_after_ms = 0;
    tell(err, words, "");
    return -1;
}

int (err_add)(struct err *err, const char *fmt, ...)
{
    char    words[WORDS_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    tell(err, words, err->story);
    return -1;
}

int (err_errno)(struct err *err, const char *fmt, ...)
{
    int         why = errno;
    const char *says = strerrordesc_np(why);
    char        words[WORDS_BYTES];
    va_list     args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    err->code = (why == ENOSPC || why == EDQUOT) ? ERR_DISK_FULL : ERR_SYSTEM;
    err->retry_after_ms = 0;
    tell(err, words, says == NULL ? "unknown error" : says);
    errno = why;
    return -1;
}

void err_clear(struct err *err)
{
    err->code = ERR_NONE;
    err->retry_after_ms = 0;
    err->story[0] = '\0';
}

void err_for_caller(const struct err *err, const char *where, struct err *ret_told)
{
    *ret_told = *err;
    if (rows[err->code].story == STORY_FARM) {
        (void)err_set(ret_told, err->code, "%s; the farm's log tells why: %s",
                      rows[err->code].fate == FATE_REJECT ? "tell whoever runs this farm"
                                                          : "send it again later",
                      where);
        ret_told->retry_after_ms = err->retry_after_ms;
    }
}

const char *err_name(enum err_code code)
{
    return lower_names[code];
}

const char *err_reason(enum err_code code)
{
    return rows[code].reason;
}

const char *err_words(enum err_code code)
{
    return rows[code].words;
}

enum fate err_fate(enum err_code code)
{
    return rows[code].fate;
}

int err_http(enum err_code code)
{
    return rows[code].http;
}

int err_by_name(const char *name)
{
    for (int i = 0; i < ERR_CODES; i++) {
        if (strcmp(err_name((enum err_code)i), name) == 0) {
            return i;
        }
    }
    return -1;
}
