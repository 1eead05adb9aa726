// SPDX-License-Identifier: MIT
/*
 * hot - each hot loop of an ingest and of a document on fixed input, for counting its instructions
 * (tests/bench/count).
 *
 * usage: hot CASE        without: the cases, one a line
 *
 * A case runs in a function hot_CASE of which the counter takes what lies in code of ours: what the
 * libraries execute depends on the machine's CPU, what the compiler made of these sources does not.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "crypto/crypto.h"
#include "gateway/api/token.h"
#include "gateway/cli/bench.h"
#include "gateway/http/route.h"
#include "trace/chain.h"
#include "trace/chunk.h"
#include "trace/message.h"
#include "value/json.h"
#include "workers/finalize/measure.h"

enum { EVENTS = 10, ROUNDS = 20, LEAVES = 1000, VERDICTS = 256 };

static const char trace_id[] = "trace-0123456789abcdef0123456789abcdef";

struct hot {
    struct arena      *arena;
    struct bytes       json;    /* a chunk as clients send it */
    struct bytes       msgpack; /* the same as the gateway sends it on */
    struct bytes       message; /* in its envelope */
    struct chunk_rules rules;
    struct chunk       chunk; /* read */
    struct hmac       *hmac;
    struct sha256     *sha;
    struct tokens     *tokens;
    struct bytes       token;
    struct buf         out;
    bool               failed;
};

static void must(struct hot *hot, int result, const struct err *err)
{
    if (result < 0) {
        (void)fprintf(stderr, "hot: %s\n", err->story);
        hot->failed = true;
    }
}

static struct message message_of(struct bytes body)
{
    return (struct message){.kind = MESSAGE_CHUNK,
                            .at_us = 1770000000000000,
                            .consent = CONSENT_ALL,
                            .idempotency_key = BYTES(""),
                            .body = body};
}

/* -------------------------------- the cases -------------------------------- */

static const struct value_limits json_limits = {.bytes = 8 << 20, .depth = 64, .values = 4 << 20};

__attribute__((noinline)) static void hot_to_msgpack(struct hot *hot)
{
    struct err err = {0};

    hot->out.size = 0;
    must(hot, json_to_msgpack(hot->json, &json_limits, &hot->out, &err), &err);
}

__attribute__((noinline)) static void hot_message(struct hot *hot)
{
    const struct message message = message_of(hot->msgpack);
    struct message       back;
    struct err           err = {0};

    hot->out.size = 0;
    message_write(&hot->out, &message);
    must(hot, message_read(buf_bytes(&hot->out), &back, &err), &err);
}

__attribute__((noinline)) static void hot_chunk(struct hot *hot)
{
    struct chunk chunk;
    struct err   err = {0};

    must(hot, chunk_read(hot->arena, hot->msgpack, &hot->rules, &chunk, &err), &err);
    hot->failed = hot->failed || chunk.event_count != EVENTS;
}

__attribute__((noinline)) static void hot_chain(struct hot *hot)
{
    struct chain_head head;

    chain_start(&head, hot->hmac, trace_id);
    hot->out.size = 0;
    for (size_t i = 0; i < hot->chunk.event_count; i++) {
        chain_append(&head, hot->hmac, hot->chunk.events[i].line);
        buf_put(&hot->out, hot->chunk.events[i].line); /* the segment */
        buf_put_byte(&hot->out, '\n');
    }
}

__attribute__((noinline)) static void hot_verdicts(struct hot *hot)
{
    static struct ticket_verdict verdicts[VERDICTS];
    struct ticket_verdict       *back = NULL;
    size_t                       count = 0;
    struct err                   err = {0};

    for (size_t i = 0; i < VERDICTS; i++) {
        CLEANUP(buf) struct buf json = {0};

        chunk_verdict_write(&json, &(struct chunk_verdict){.status = "success",
                                                           .chunk_id = BYTES("000000000042"),
                                                           .events_added = EVENTS,
                                                           .total_events = 4200});
        verdicts[i] = (struct ticket_verdict){BYTES("1f00ff"),
                                              {200, arena_bytes(hot->arena, buf_bytes(&json))}};
    }
    hot->out.size = 0;
    verdicts_write(&hot->out, verdicts, VERDICTS);
    must(hot, verdicts_read(hot->arena, buf_bytes(&hot->out), &back, &count, &err), &err);
    hot->failed = hot->failed || count != VERDICTS;
}

static const struct route routes[] = {
    {.method = "POST", .path = "/v1/traces"},
    {.method = "GET", .path = "/v1/traces/{trace}"},
    {.method = "POST", .path = "/v1/traces/{trace}/events:ingest"},
    {.method = "GET", .path = "/v1/traces/{trace}/chunks/{chunk}"},
};

__attribute__((noinline)) static void hot_admit(struct hot *hot)
{
    struct route_match match;
    struct upload      upload;
    struct err         err = {0};

    must(hot,
         route_find(routes, COUNT_OF(routes), hot->arena, "POST",
                    "/v1/traces/trace-0123456789abcdef0123456789abcdef/events:ingest", &match,
                    &err),
         &err);
    must(hot,
         upload_token_read(hot->tokens, hot->arena, hot->token, 1770000000000000, &upload, &err),
         &err);
}

__attribute__((noinline)) static void hot_merkle(struct hot *hot)
{
    struct merkle merkle;
    uint8_t       leaf[HASH_BYTES];
    uint8_t       root[HASH_BYTES];

    merkle_start(&merkle);
    for (int i = 0; i < LEAVES; i++) {
        merkle_leaf(hot->sha, hot->chunk.events[i % EVENTS].line, leaf);
        merkle_append(&merkle, hot->sha, leaf);
    }
    merkle_root(&merkle, hot->sha, root);
}

/* What a document's numbers need of each line. */
__attribute__((noinline)) static void hot_facts(struct hot *hot)
{
    CLEANUP(measure) struct measure measure = {0};

    for (size_t i = 0; i < hot->chunk.event_count; i++) {
        struct facts facts;

        hot->failed = hot->failed || !facts_read(hot->chunk.events[i].line, &hot->out, &facts);
        measure_event(&measure, &facts);
    }
    hot->failed = hot->failed || measure.churn == 0;
}

static const struct {
    const char *name;
    void (*run)(struct hot *hot);
} cases[] = {
    {"to_msgpack", hot_to_msgpack}, {"message", hot_message},   {"chunk", hot_chunk},
    {"chain", hot_chain},           {"verdicts", hot_verdicts}, {"admit", hot_admit},
    {"merkle", hot_merkle},         {"facts", hot_facts},
};

/* -------------------------------- the input -------------------------------- */

static void prepare(struct hot *hot)
{
    static const struct bench_plan plan = {.events = EVENTS, .event_bytes = 480};
    static const uint8_t           key[KEY_BYTES] = "a key of the benchmark, 32 bytes";
    struct bench_body              body;
    struct buf                     msgpack = {0};
    struct buf                     token = {0};
    struct err                     err = {0};

    bench_body_make(hot->arena, &plan, &body);
    bench_body_set(&body, trace_id, 42, 42 * EVENTS);
    hot->json = arena_bytes(hot->arena, buf_bytes(&body.bytes));
    must(hot, json_to_msgpack(hot->json, &json_limits, &msgpack, &err), &err);
    hot->msgpack = arena_bytes(hot->arena, buf_bytes(&msgpack));
    hot->rules = (struct chunk_rules){
        .limits = {.events = 1000, .event_bytes = 1 << 20, .id_chars = 128, .path_chars = 4096},
        .consent = CONSENT_ALL,
        .redact = true,
        .at_us = 1770000000000000,
        .artifacts_uri = "s3://a"};
    hot->hmac = hmac_new((struct bytes){key, KEY_BYTES});
    hot->sha = sha256_new();
    hot->tokens = tokens_new(key, NULL);
    upload_token_write(hot->tokens, &token,
                       &(struct upload){"acme", trace_id, CONSENT_ALL, 4000000000});
    hot->token = arena_bytes(hot->arena, buf_bytes(&token));
    must(hot, chunk_read(hot->arena, hot->msgpack, &hot->rules, &hot->chunk, &err), &err);
    buf_reserve(&hot->out, 1 << 20);
    buf_done(&body.bytes);
    buf_done(&msgpack);
    buf_done(&token);
}

static void done(struct hot *hot)
{
    hmac_free(hot->hmac);
    sha256_free(hot->sha);
    tokens_free(hot->tokens);
    buf_done(&hot->out);
    arena_free(hot->arena);
}

int main(int argc, char **argv)
{
    struct hot hot = {.arena = arena_new()};
    struct err err = {0};
    bool       ran = argc < 2;

    for (size_t i = 0; argc < 2 && i < COUNT_OF(cases); i++) {
        (void)printf("%s\n", cases[i].name);
    }
    must(&hot, crypto_setup(&err), &err);
    prepare(&hot);
    for (size_t i = 0; argc > 1 && !hot.failed && i < COUNT_OF(cases); i++) {
        if (strcmp(cases[i].name, argv[1]) == 0) {
            for (int round = 0; round < ROUNDS; round++) {
                cases[i].run(&hot);
            }
            ran = true;
        }
    }
    done(&hot);
    return ran && !hot.failed ? 0 : 1;
}
