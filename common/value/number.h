// SPDX-License-Identifier: MIT
/*
 * number.h - numbers between text and machine: read exactly, written as ECMAScript writes them.
 *
 * Whatever the process's locale is, the decimal point is a point. Pure.
 */
#ifndef PRT_VALUE_NUMBER_H
#define PRT_VALUE_NUMBER_H

#include "base/bytes.h"
#include "value/value.h"

/* Up to here every integer has a double of its own: JSON's exact range (RFC 8785, I-JSON). */
#define NUMBER_EXACT ((int64_t)9007199254740991)

enum number_fit { NUMBER_FITS, NUMBER_INEXACT, NUMBER_OVERFLOWS };

/* `text` is a number by JSON's grammar. Without fraction and exponent it becomes a whole
 * (INEXACT outside +-NUMBER_EXACT), else a real (OVERFLOWS if no finite double is near). */
enum number_fit number_read(struct bytes text, struct value *ret_number);

void number_put_whole(struct buf *out, int64_t whole);

/* The shortest digits that read back as the same double, in ECMAScript's form. Finite only. */
void number_put_real(struct buf *out, double real);

#endif
