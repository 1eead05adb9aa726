// SPDX-License-Identifier: MIT
/*
 * err.h - what went wrong, as a row of schemas/error.def, and the story of how.
 *
 * A function that can fail returns 0 or -1 (or a pointer or NULL) and fills its last parameter,
 * struct err *err, which is never NULL. The row decides what a worker does with the delivery and
 * what the gateway answers; the story is for people, is UTF-8, and holds no secret and no body.
 *
 * No allocation, no I/O. Safe from any thread.
 */
#ifndef PRT_BASE_ERR_H
#define PRT_BASE_ERR_H

#include <stdint.h>

#include "base/cleanup.h"

enum err_code {
    ERR_NONE,
#define ERROR(name, fate, http, story, reason, words) ERR_##name,
#include "schemas/error.def"
#undef ERROR
    ERR_CODES
};

enum fate { FATE_RETRY, FATE_WAIT, FATE_REJECT };

struct err {
    enum err_code code;
    uint32_t      retry_after_ms; /* 0, or when a WAIT says how long */
    char          story[480];     /* outermost context first: "sealing trace 7f3a: event 12: ..." */
};

/* Both always return -1, so that a failing function can end in one line. err_set replaces what was
 * there; err_add puts words in front of the story. Long stories are cut at the end. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_add(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* From errno: ENOSPC and EDQUOT become DISK_FULL, everything else SYSTEM; the story ends in the
 * system's own words. */
int err_errno(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The compiler sees that the three always fail, so that it knows which results are set. */
static inline int err_failed(int minus_one)
{
    (void)minus_one;
    return -1;
}
#define err_set(...)   err_failed(err_set(__VA_ARGS__))
#define err_add(...)   err_failed(err_add(__VA_ARGS__))
#define err_errno(...) err_failed(err_errno(__VA_ARGS__))

void err_clear(struct err *err);

/* The same for whoever called: a story of the farm's own (the row says so) becomes what to do, and
 * `where` in the log the story is ("request 7f3a"). */
void err_for_caller(const struct err *err, const char *where, struct err *ret_told);

/* Columns of the row. err_name is the wire's code in lower case ("chunk_conflict"). */
const char *err_name(enum err_code code);
const char *err_reason(enum err_code code);
const char *err_words(enum err_code code);
enum fate   err_fate(enum err_code code);
int         err_http(enum err_code code);

/* The row whose name (lower case) or -1. */
int err_by_name(const char *name);

#endif
