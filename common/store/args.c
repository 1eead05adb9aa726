// SPDX-License-Identifier: MIT
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "store/connection.h"

struct args args_start(struct arena *arena)
{
    return (struct args){.arena = arena};
}

static void args_put(struct args *args, uint32_t type, const void *value, size_t size)
{
    assert(args->count < STORE_ARGS);
    args->value[args->count] = value;
    args->length[args->count] = (int)size;
    args->format[args->count] = 1;
    args->type[args->count] = type;
    args->count++;
}

void args_null(struct args *args)
{
    args_put(args, 0, NULL, 0);
}

void args_text(struct args *args, const char *text)
{
    args_put(args, OID_TEXT, text, text == NULL ? 0 : strlen(text));
}

/* A value of no bytes is not NULL: libpq tells them apart by the pointer. */
static const void *at_least_a_pointer(struct bytes bytes)
{
    return bytes.data == NULL ? (const void *)"" : bytes.data;
}

void args_bytes_text(struct args *args, struct bytes text)
{
    args_put(args, OID_TEXT, at_least_a_pointer(text), text.size);
}

void args_bin(struct args *args, struct bytes bin)
{
    args_put(args, OID_BYTEA, at_least_a_pointer(bin), bin.size);
}

void args_whole(struct args *args, int64_t whole)
{
    uint64_t *wire = arena_get(args->arena, sizeof(*wire));

    *wire = htobe64((uint64_t)whole);
    args_put(args, OID_INT8, wire, sizeof(*wire));
}

void args_real(struct args *args, double real)
{
    uint64_t *wire = arena_get(args->arena, sizeof(*wire));
    uint64_t  bits;

    memcpy(&bits, &real, sizeof(bits));
    *wire = htobe64(bits);
    args_put(args, OID_FLOAT8, wire, sizeof(*wire));
}

void args_flag(struct args *args, bool flag)
{
    args_put(args, OID_BOOL, flag ? "\1" : "\0", 1);
}

/* -------------------------------- arrays -------------------------------- */

/* Binary form: dimensions, has-NULL flag, element type, then size and lower bound of the dimension;
 * each element is its length (-1: NULL) and its bytes. An empty array has no dimension. */
static uint8_t *put_be32(uint8_t *at, uint32_t number)
{
    uint32_t wire = htobe32(number);

    memcpy(at, &wire, sizeof(wire));
    return at + sizeof(wire);
}

enum { ARRAY_HEAD = 20 };

static uint8_t *array_start(struct args *args, uint32_t array, uint32_t element, size_t count,
                            bool has_null, size_t body)
{
    uint8_t *start = arena_get(args->arena, ARRAY_HEAD + body);
    uint8_t *at = start;

    at = put_be32(at, count == 0 ? 0 : 1);
    at = put_be32(at, has_null ? 1 : 0);
    at = put_be32(at, element);
    if (count > 0) {
        at = put_be32(at, (uint32_t)count);
        at = put_be32(at, 1);
    }
    args_put(args, array, start, (size_t)(at - start) + body);
    return at;
}

static void bytes_array(struct args *args, uint32_t array, uint32_t element,
                        const struct bytes *items, size_t count)
{
    size_t   body = count * 4;
    bool     has_null = false;
    uint8_t *at;

    for (size_t i = 0; i < count; i++) {
        body += items[i].data == NULL ? 0 : items[i].size;
        has_null = has_null || items[i].data == NULL;
    }
    at = array_start(args, array, element, count, has_null, body);
    for (size_t i = 0; i < count; i++) {
        if (items[i].data == NULL) {
            at = put_be32(at, UINT32_MAX);
            continue;
        }
        at = put_be32(at, (uint32_t)items[i].size);
        memcpy(at, items[i].data, items[i].size);
        at += items[i].size;
    }
}

void args_text_array(struct args *args, const struct bytes *items, size_t count)
{
    bytes_array(args, OID_TEXT_ARRAY, OID_TEXT, items, count);
}

void args_bin_array(struct args *args, const struct bytes *items, size_t count)
{
    bytes_array(args, OID_BYTEA_ARRAY, OID_BYTEA, items, count);
}

void args_whole_array(struct args *args, const int64_t *items, size_t count)
{
    uint8_t *at = array_start(args, OID_INT8_ARRAY, OID_INT8, count, false, count * 12);

    for (size_t i = 0; i < count; i++) {
        uint64_t wire = htobe64((uint64_t)items[i]);

        at = put_be32(at, sizeof(wire));
        memcpy(at, &wire, sizeof(wire));
        at += sizeof(wire);
    }
}
