// SPDX-License-Identifier: MIT
/*
 * value.h - the one tree that JSON and msgpack are read into and written from.
 *
 * A value is plain data in an arena; text is UTF-8, may hold NULs, and points into the arena or
 * into the bytes it was read from (the reader says which). Maps keep the order they were read or
 * built in.
 *
 * Pure: no I/O, no clock. Safe from any thread.
 */
#ifndef PRT_VALUE_VALUE_H
#define PRT_VALUE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

enum value_kind {
    VALUE_NULL,
    VALUE_FLAG,
    VALUE_WHOLE, /* an integer written without fraction or exponent; -2^63 .. 2^63-1 */
    VALUE_REAL,
    VALUE_TEXT,
    VALUE_LIST,
    VALUE_MAP
};

struct value_member;

struct value {
    enum value_kind kind;
    uint32_t        count; /* of items or members */
    uint32_t        room;  /* builders only */
    union {
        bool                 flag;
        int64_t              whole;
        double               real;
        struct bytes         text;
        struct value        *items;
        struct value_member *members;
    } as;
};

struct value_member {
    struct bytes name;
    struct value value;
};

/* How much a reader accepts. Above: TOO_LARGE (bytes, values) or MALFORMED (depth). */
struct value_limits {
    size_t   bytes;
    unsigned depth;
    size_t   values; /* nodes in the tree; bounds memory to about 50 bytes each */
};

/* -------- building; names are borrowed literals, items are copied shallowly -------- */
struct value value_null(void);
struct value value_flag(bool flag);
struct value value_whole(int64_t whole);
struct value value_real(double real);
struct value value_text(const char *text);        /* borrowed */
struct value value_bytes(struct bytes text);      /* borrowed */
struct value value_list(void);
struct value value_map(void);
void         value_append(struct arena *arena, struct value *list, struct value item);
void         value_put(struct arena *arena, struct value *map, const char *name, struct value item);

/* -------- looking; all accept NULL and the wrong kind -------- */
const struct value *value_get(const struct value *map, const char *name); /* NULL if absent */
bool         value_is_text(const struct value *value, const char *text);
struct bytes value_text_or(const struct value *value, const char *otherwise);
int64_t      value_whole_or(const struct value *value, int64_t otherwise);
double       value_real_or(const struct value *value, double otherwise); /* wholes too */
bool         value_flag_or(const struct value *value, bool otherwise);
/* "/qa/validation/status" (RFC 6901) or NULL. */
const struct value *value_at(const struct value *value, const char *pointer);

#endif
