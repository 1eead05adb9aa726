// SPDX-License-Identifier: MIT
/*
 * utf8.h - is it UTF-8, and what to do if not.
 *
 * As RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. Pure.
 */
#ifndef PRT_BASE_UTF8_H
#define PRT_BASE_UTF8_H

#include <stddef.h>

#include "base/bytes.h"

/* Index of the first byte of the first character that is none; text.size if there is no such. */
size_t utf8_wrong_at(struct bytes text);

/* The first `most` bytes or fewer, so that no character is cut in two. */
struct bytes utf8_cut(struct bytes text, size_t most);

/* Appends what stands between the quotes of a JSON string. Control characters are escaped, and each
 * byte that is no UTF-8 becomes U+FFFD: foreign text may go into a line of ours. */
void utf8_put_escaped(struct buf *out, struct bytes text);

#endif
