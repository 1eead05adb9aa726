// SPDX-License-Identifier: MIT
/*
 * whole.h - whole numbers as people write them behind an option. Pure.
 */
#ifndef PRT_CLI_WHOLE_H
#define PRT_CLI_WHOLE_H

#include <stdint.h>

#include "base/err.h"

/* A whole number in [least, most], all of the text. USAGE names the option, the text and both. */
WARN_UNUSED int whole_read(const char *option, const char *text, int64_t least, int64_t most,
                           int64_t *ret_whole, struct err *err);

#endif
