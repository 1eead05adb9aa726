// SPDX-License-Identifier: MIT
/*
 * plain.h - text of strangers on its way to a terminal: titles, names of tests, what a model said,
 * stories that quote a client.
 *
 * Control characters would let it steer the terminal, so they become spaces, also where a file
 * reads. --json has them as they are, escaped.
 */
#ifndef PRT_CLI_PLAIN_H
#define PRT_CLI_PLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "base/bytes.h"

void plain_print(FILE *out, struct bytes text);

/* Text of several lines: newlines and tabs stay, other control characters become ?. It may come in
 * pieces; *held is false before the first of them. */
void plain_lines(FILE *out, struct bytes piece, bool *held);

/* Bytes of the text's beginning that are at most so many characters. */
size_t plain_cut(struct bytes text, size_t most);

/* At most `width` characters, and spaces up to there; on standard output. */
void plain_cell(struct bytes text, int width);

#endif
