// SPDX-License-Identifier: MIT
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_is(struct bytes bytes, const char *text)
{
    return bytes_equal(bytes, bytes_of(text));
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int    order = least == 0 ? 0 : memcmp(a.data, b.data, least);

    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_reserve(struct buf *buf, size_t more)
{
    size_t want;
    size_t room;

    if (__builtin_add_overflow(buf->size, more, &want)) {
        mem_gone(SIZE_MAX);
    }
    if (want <= buf->room) {
        return;
    }
    room = buf->room < 256 ? 256 : buf->room + buf->room / 2;
    if (room < want) {
        room = want;
    }
    buf->data = mem_more(buf->data, room);
    buf->room = room;
}

void buf_put(struct buf *buf, struct bytes bytes)
{
    if (bytes.size == 0) {
        return;
    }
    if (bytes.size > buf->room - buf->size) {
        buf_reserve(buf, bytes.size);
    }
    memcpy(buf->data + buf->size, bytes.data, bytes.size);
    buf->size += bytes.size;
}

void buf_put_text(struct buf *buf, const char *text)
{
    buf_put(buf, bytes_of(text));
}

void buf_put_byte(struct buf *buf, uint8_t byte)
{
    if (buf->size == buf->room) {
        buf_reserve(buf, 1);
    }
    buf->data[buf->size++] = byte;
}

void buf_format(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    va_list again;
    int     size;

    va_start(args, fmt);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    buf_reserve(buf, (size_t)size + 1);
    (void)vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, fmt, again);
    va_end(again);
    buf->size += (size_t)size;
}

const char *buf_text(struct buf *buf)
{
    buf_reserve(buf, 1);
    buf->data[buf->size] = '\0';
    return (const char *)buf->data;
}

void hex_write(char *ret_text, struct bytes bytes)
{
    static const char digit[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.size; i++) {
        ret_text[2 * i] = digit[bytes.data[i] >> 4];
        ret_text[2 * i + 1] = digit[bytes.data[i] & 15];
    }
    ret_text[2 * bytes.size] = '\0';
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool hex_read(uint8_t *ret, size_t size, struct bytes text)
{
    if (text.size != 2 * size) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (hex_digit(text.data[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < size; i++) {
        ret[i] = (uint8_t)(hex_digit(text.data[2 * i]) << 4 | hex_digit(text.data[2 * i + 1]));
    }
    return true;
}

_Noreturn void mem_gone(size_t size)
{
    (void)fprintf(stderr,
                  "out of memory asking for %zu bytes; give the process more memory or lower its"
                  " batch and body limits (prt config)\n",
                  size);
    abort();
}

void *mem_get(size_t size)
{
    void *at = malloc(size == 0 ? 1 : size);

    if (at == NULL) {
        mem_gone(size);
    }
    return at;
}

void *mem_zero(size_t count, size_t size)
{
    void *at = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (at == NULL) {
        mem_gone(size);
    }
    return at;
}

void *mem_more(void *old, size_t size)
{
    void *at = realloc(old, size == 0 ? 1 : size);

    if (at == NULL) {
        mem_gone(size);
    }
    return at;
}

char *mem_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char  *copy = mem_get(size);

    memcpy(copy, text, size);
    return copy;
}

void mem_free(void *ptr)
{
    free(ptr);
}
