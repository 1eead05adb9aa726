// SPDX-License-Identifier: MIT
/*
 * json.h - JSON in, strictly (RFC 8259); canonical JSON out (RFC 8785, JCS).
 *
 * The reader refuses what others let pass: invalid UTF-8, duplicate keys, lone surrogates, a byte
 * order mark, form feeds, anything behind the value, integers outside +-(2^53 - 1), numbers that
 * overflow a double. NUL in a string (\u0000) is kept. MALFORMED stories begin with
 * "byte N: " (0-based offset of the first wrong byte).
 */
#ifndef PRT_VALUE_JSON_H
#define PRT_VALUE_JSON_H

#include "base/err.h"
#include "value/value.h"

/* Into a tree. Text without escapes points into `json`, which must live as long as the tree. */
WARN_UNUSED int json_read(struct arena *arena, struct bytes json, const struct value_limits *limits,
                          struct value *ret_value, struct err *err);

/* Straight into msgpack, appended to `out`, without a tree; the same strictness. On failure `out`
 * is as long as before. The hot path of the gateway. */
WARN_UNUSED int json_to_msgpack(struct bytes json, const struct value_limits *limits,
                                struct buf *out, struct err *err);

/* RFC 8785, appended: members sorted by UTF-16 code units, ECMAScript numbers, no white space.
 * SCHEMA for non-finite reals and whole numbers outside +-(2^53 - 1). */
WARN_UNUSED int jcs_write(struct buf *out, const struct value *value, struct err *err);

/* One canonical string or number, appended; for those who write a document piece by piece. */
void jcs_write_text(struct buf *out, struct bytes text);
void jcs_write_real(struct buf *out, double real); /* finite */

/* Indented by two, members in their own order; for people. */
void json_pretty(struct buf *out, const struct value *value);

#endif
