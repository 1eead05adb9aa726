// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16, BLOCK_LEAST = 16 * 1024, BLOCK_MOST = 1024 * 1024 };

struct block {
    struct block *next;
    size_t        room;
    size_t        used;
    size_t        pad_; /* keeps data aligned */
    uint8_t       data[];
};

struct arena {
    struct block *blocks; /* newest first: the one that is filled */
    size_t        total;
};

static struct block *block_new(size_t room)
{
    struct block *block = mem_get(sizeof(*block) + room);

    block->next = NULL;
    block->room = room;
    block->used = 0;
    return block;
}

struct arena *arena_new(void)
{
    struct arena *arena = mem_get(sizeof(*arena));

    arena->blocks = NULL;
    arena->total = 0;
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
}

void arena_free(struct arena *arena)
{
    if (arena != NULL) {
        free_blocks(arena->blocks);
        free(arena);
    }
}

void arena_reset(struct arena *arena)
{
    struct block *keep = arena->blocks;

    if (keep == NULL) {
        return;
    }
    free_blocks(keep->next);
    keep->next = NULL;
    if (keep->room > BLOCK_MOST) {
        free(keep);
        arena->blocks = NULL;
        arena->total = 0;
        return;
    }
    keep->used = 0;
    arena->total = keep->room;
}

void *arena_get(struct arena *arena, size_t size)
{
    struct block *block = arena->blocks;
    size_t        want = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    void         *at;

    if (want < size) {
        mem_gone(size);
    }
    if (block == NULL || block->room - block->used < want) {
        size_t room = block == NULL ? BLOCK_LEAST : block->room * 2;

        if (room > BLOCK_MOST) {
            room = BLOCK_MOST;
        }
        if (room < want) {
            room = want;
        }
        block = block_new(room);
        block->next = arena->blocks;
        arena->blocks = block;
        arena->total += room;
    }
    at = block->data + block->used;
    block->used += want;
    return at;
}

void *arena_zero(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    void  *at;

    if (__builtin_mul_overflow(count, size, &total)) {
        mem_gone(SIZE_MAX);
    }
    at = arena_get(arena, total);
    memset(at, 0, total);
    return at;
}

char *arena_text(struct arena *arena, struct bytes bytes)
{
    char *text = arena_get(arena, bytes.size + 1);

    if (bytes.size > 0) {
        memcpy(text, bytes.data, bytes.size);
    }
    text[bytes.size] = '\0';
    return text;
}

struct bytes arena_bytes(struct arena *arena, struct bytes bytes)
{
    return (struct bytes){(const uint8_t *)arena_text(arena, bytes), bytes.size};
}

char *arena_format(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_list again;
    int     size;
    char   *text;

    va_start(args, fmt);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    text = arena_get(arena, (size_t)size + 1);
    (void)vsnprintf(text, (size_t)size + 1, fmt, again);
    va_end(again);
    return text;
}

size_t arena_size(const struct arena *arena)
{
    return arena->total;
}
