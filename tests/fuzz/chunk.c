// SPDX-License-Identifier: MIT
/* Any bytes as a chunk, as JSON when they begin with {: every event is taken or refused, lines are
 * canonical and in order, and nothing that is refused leaves a trace. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "crypto/crypto.h"
#include "trace/chunk.h"
#include "value/json.h"
#include "value/msgpack.h"

static const struct value_limits limits = {1 << 20, 100, 100000};

static void check_line(const struct chunk_event *event)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      again = {0};
    struct err                   err = {0};
    struct value                 value;

    MUST(json_read(arena, event->line, &limits, &value, &err) == 0);
    MUST(jcs_write(&again, &value, &err) == 0);
    MUST(bytes_equal(event->line, buf_bytes(&again)));
    MUST(bytes_equal(value_text_or(value_get(&value, "id"), ""), event->id));
    MUST(value_whole_or(value_get(&value, "seq"), -1) == event->seq);
    MUST(value_is_text(value_get(&value, "type"), event_type_name(event->type)));
    MUST(value_real_or(value_get(&value, "ts_server_s"), 0) == 1763668800.123456);
}

static void check_answers(const struct chunk *chunk)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      out = {0};
    struct chunk_verdict         verdict = {.status = "partial",
                                            .chunk_id = chunk->id,
                                            .refusals = chunk->refusals,
                                            .refusal_count = chunk->refusal_count};
    struct err                   err = {0};
    struct value                 value;

    chunk_verdict_write(&out, &verdict);
    MUST(json_read(arena, buf_bytes(&out), &(struct value_limits){16 << 20, 100, 1 << 20}, &value,
                   &err) == 0);
}

static void check_problem(const struct chunk *chunk, const struct err *failed)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      out = {0};
    struct err                   err = {0};
    struct value                 value;

    MUST(failed->code == ERR_MALFORMED || failed->code == ERR_SCHEMA ||
         failed->code == ERR_TOO_LARGE);
    problem_write(&out, failed, chunk->refusals, chunk->refusal_count);
    MUST(json_read(arena, buf_bytes(&out), &limits, &value, &err) == 0);
}

static void check_chunk(struct bytes msgpack, const struct chunk *chunk)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    size_t                       refused = 0;
    struct value                 sent;

    MUST(msgpack_read(arena, msgpack, &limits, false, &sent, &err) == 0);
    for (size_t i = 0; i < chunk->event_count; i++) {
        check_line(&chunk->events[i]);
        MUST(i == 0 || chunk->events[i - 1].seq < chunk->events[i].seq);
    }
    for (size_t i = 0; i < chunk->refusal_count; i++) {
        MUST(chunk->refusals[i].message != NULL && chunk->refusals[i].pointer != NULL);
        refused += chunk->refusals[i].index != (size_t)CHUNK_NO_INDEX;
    }
    MUST(chunk->event_count + refused == value_get(&sent, "events")->count);
    check_answers(chunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      packed = {0};
    struct chunk_rules           rules = {.limits = {10, 4096, 16, 32},
                                          .consent = size % 8,
                                          .redact = size % 3 != 0,
                                          .at_us = 1763668800123456,
                                          .artifacts_uri = "s3://artifacts"};
    struct bytes                 msgpack = {data, size};
    struct err                   err = {0};
    struct chunk                 chunk;

    MUST(crypto_setup(&err) == 0);
    if (size > 0 && data[0] == '{') {
        if (json_to_msgpack(msgpack, &limits, &packed, &err) < 0) {
            return 0;
        }
        msgpack = buf_bytes(&packed);
    }
    if (chunk_read(arena, msgpack, &rules, &chunk, &err) < 0) {
        check_problem(&chunk, &err);
        return 0;
    }
    check_chunk(msgpack, &chunk);
    return 0;
}
