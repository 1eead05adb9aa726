// SPDX-License-Identifier: MIT
#include "unit/trace/chunks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "value/json.h"

__attribute__((constructor)) static void set_up_crypto(void)
{
    struct err err;

    if (crypto_setup(&err) < 0) {
        (void)fprintf(stderr, "%s\n", err.story);
        exit(2);
    }
}

struct chunk_rules chunk_rules_usual(void)
{
    return (struct chunk_rules){
        .limits = {.events = 1000, .event_bytes = 1048576, .id_chars = 128, .path_chars = 4096},
        .consent = CONSENT_ALL,
        .redact = true,
        .at_us = 1763668800123456,
        .artifacts_uri = "s3://pr-telemetry-artifacts",
    };
}

struct bytes chunk_msgpack(struct arena *arena, const char *json)
{
    CLEANUP(buf) struct buf out = {0};
    struct value_limits     limits = {.bytes = 64 << 20, .depth = 128, .values = 1 << 20};
    struct err              err;
    char                   *text = arena_text(arena, bytes_of(json));

    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\'') {
            *at = '"';
        }
    }
    if (json_to_msgpack(bytes_of(text), &limits, &out, &err) < 0) {
        (void)fprintf(stderr, "the test's own JSON is wrong: %s\n%s\n", err.story, text);
        exit(2);
    }
    return arena_bytes(arena, buf_bytes(&out));
}

int chunk_of(struct arena *arena, const char *json, const struct chunk_rules *rules,
             struct chunk *ret_chunk, struct err *err)
{
    return chunk_read(arena, chunk_msgpack(arena, json), rules, ret_chunk, err);
}

int chunk_of_event(struct arena *arena, const char *event, const struct chunk_rules *rules,
                   struct chunk *ret_chunk, struct err *err)
{
    return chunk_of(arena,
                    arena_format(arena, "{'chunk_id':'c','chunk_seq':0,'events':[{%s}]}", event),
                    rules, ret_chunk, err);
}
