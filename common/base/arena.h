// SPDX-License-Identifier: MIT
/*
 * arena.h - memory that dies all at once.
 *
 * What one delivery or one request needs comes from its arena; nobody frees it piece by piece.
 * Running out of memory ends the process (the delivery comes back to another one): every size that
 * reaches an arena was bounded before.
 *
 * Not for two threads at once.
 */
#ifndef PRT_BASE_ARENA_H
#define PRT_BASE_ARENA_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/cleanup.h"

struct arena;

struct arena *arena_new(void);
void          arena_free(struct arena *arena);
DEFINE_CLEANUP(arena, struct arena *, arena_free)

/* Forgets everything handed out and keeps one block for the next round. */
void arena_reset(struct arena *arena);

/* Aligned for any type; arena_zero is zeroed. size 0 gives a valid pointer. */
void *arena_get(struct arena *arena, size_t size);
void *arena_zero(struct arena *arena, size_t count, size_t size);

/* Copies. arena_text adds a NUL behind the bytes (which may themselves hold NULs). */
char        *arena_text(struct arena *arena, struct bytes bytes);
struct bytes arena_bytes(struct arena *arena, struct bytes bytes);
char        *arena_format(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Bytes held by the arena's blocks. */
size_t arena_size(const struct arena *arena);

#endif
