// SPDX-License-Identifier: MIT
/*
 * msgpack.h - msgpack in, strictly; msgpack out.
 *
 * The reader takes what JSON can say and refuses the rest: bin, ext, map keys that are not strings,
 * duplicate keys, strings that are not UTF-8, integers above 2^63 - 1, non-finite floats, trailing
 * bytes. Integers beyond 2^53 - 1 are let in (our own messages hold microseconds); jcs_write
 * refuses them where a number is hashed. Stories begin with "byte N: ".
 */
#ifndef PRT_VALUE_MSGPACK_H
#define PRT_VALUE_MSGPACK_H

#include "base/err.h"
#include "value/value.h"

/* Text points into `msgpack`, which must live as long as the tree. bin is read as text without the
 * UTF-8 check when `allow_bin` (our own messages carry hashes and JSON lines). */
WARN_UNUSED int msgpack_read(struct arena *arena, struct bytes msgpack,
                             const struct value_limits *limits, bool allow_bin,
                             struct value *ret_value, struct err *err);

/* Appended. The smallest form of each integer; reals as float 64. */
void msgpack_write(struct buf *out, const struct value *value);

/* Piece by piece, for messages on the hot path. */
void msgpack_put_map(struct buf *out, uint32_t members);
void msgpack_put_list(struct buf *out, uint32_t items);
void msgpack_put_text(struct buf *out, struct bytes text);
void msgpack_put_bin(struct buf *out, struct bytes bin);
void msgpack_put_whole(struct buf *out, int64_t whole);
void msgpack_put_real(struct buf *out, double real);
void msgpack_put_flag(struct buf *out, bool flag);
void msgpack_put_null(struct buf *out);

/* Where the value of member `name` of the top-level map lies inside `msgpack`, as raw bytes;
 * false if it is not there. Lets a reader hash or pass on a part without decoding it. */
bool msgpack_find(struct bytes msgpack, const char *name, struct bytes *ret_raw);

#endif
