// SPDX-License-Identifier: MIT
/*
 * bytes.h - a run of bytes that somebody else owns, and a buffer that grows.
 *
 * Both may hold NULs; neither ends in one. Running out of memory ends the process with a message:
 * whatever may grow is bounded by the caller, so it means the machine is too small for its
 * settings.
 */
#ifndef PRT_BASE_BYTES_H
#define PRT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct err;

struct bytes {
    const uint8_t *data;
    size_t         size;
};

/* A string literal as bytes, without its NUL. */
#define BYTES(literal) ((struct bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})

struct bytes bytes_of(const char *text);
bool         bytes_equal(struct bytes a, struct bytes b);
bool         bytes_is(struct bytes bytes, const char *text);
int          bytes_compare(struct bytes a, struct bytes b); /* as memcmp, then the shorter first */

struct buf {
    uint8_t *data;
    size_t   size;
    size_t   room;
};

/* An all-zero struct buf is an empty one. buf_done frees and leaves it empty. */
void buf_done(struct buf *buf);
static inline void buf_cleanup(struct buf *slot)
{
    buf_done(slot);
}

void buf_reserve(struct buf *buf, size_t more);
void buf_put(struct buf *buf, struct bytes bytes);
void buf_put_text(struct buf *buf, const char *text);
void buf_put_byte(struct buf *buf, uint8_t byte);
void buf_format(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);

static inline struct bytes buf_bytes(const struct buf *buf)
{
    return (struct bytes){buf->data, buf->size};
}

/* The buffer as a C string: puts a NUL behind the bytes without counting it. */
const char *buf_text(struct buf *buf);

/* Lower hex. ret_text has room for 2 * size + 1. hex_read wants exactly `size` bytes; false if the
 * text is not that. */
void hex_write(char *ret_text, struct bytes bytes);
bool hex_read(uint8_t *ret, size_t size, struct bytes text);

/* malloc that ends the process instead of failing. */
void *mem_get(size_t size);
void *mem_zero(size_t count, size_t size);
void *mem_more(void *old, size_t size);
char *mem_text(const char *text);
_Noreturn void mem_gone(size_t size);

/* A plain char * on the heap. */
void mem_free(void *ptr);
DEFINE_CLEANUP(text, char *, mem_free)

#endif
