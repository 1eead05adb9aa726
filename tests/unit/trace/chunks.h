// SPDX-License-Identifier: MIT
/*
 * chunks.h - chunks for the tests of common/trace, written as JSON.
 */
#ifndef PRT_TESTS_TRACE_CHUNKS_H
#define PRT_TESTS_TRACE_CHUNKS_H

#include "base/arena.h"
#include "trace/chunk.h"

/* Rules that let everything through that is right: consent to all, limits as they are by default.
 */
struct chunk_rules chunk_rules_usual(void);

/* JSON with ' for ", as msgpack in the arena. Ends the program if it is no JSON. */
struct bytes chunk_msgpack(struct arena *arena, const char *json);

/* chunk_read of such JSON. */
int chunk_of(struct arena *arena, const char *json, const struct chunk_rules *rules,
             struct chunk *ret_chunk, struct err *err);

/* A chunk of one event (its members between the braces). */
int chunk_of_event(struct arena *arena, const char *event, const struct chunk_rules *rules,
                   struct chunk *ret_chunk, struct err *err);

#endif
