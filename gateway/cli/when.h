// SPDX-License-Identifier: MIT
/*
 * when.h - times as people type and read them. Local time, as the clock on the wall.
 */
#ifndef PRT_CLI_WHEN_H
#define PRT_CLI_WHEN_H

#include <stdint.h>

#include "base/err.h"

/* What an option --help says about its TIME. */
#define WHEN_HELP "TIME: 30m, 2h or 7d ago, 2026-11-20, 2026-11-20T23:44[:41][Z], or Unix seconds"

/* `option` is for the story: "--since". */
WARN_UNUSED int when_read(const char *option, const char *text, int64_t now_us, int64_t *ret_us,
                          struct err *err);

/* "2026-11-20 23:44:41"; "-" for 0. */
enum { WHEN_TEXT = 32 };
void when_text(char ret_text[WHEN_TEXT], int64_t at_us);

#endif
