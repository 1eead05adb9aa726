// SPDX-License-Identifier: MIT
/* A request becomes a message, and what comes of the message becomes the answer. */
#include <stdlib.h>

#include "crypto/crypto.h"
#include "lib/test.h"
#include "trace/claim.h"
#include "value/msgpack.h"
#include "world.h"

static struct http_answer post_chunk(struct world *world, const char *trace, const char *token,
                                     const char *json, const char *prefer)
{
    return world_ask(world, &(struct ask){.method = "POST",
                                          .path = path_of(world, trace, "/events:ingest"),
                                          .token = token,
                                          .body = bytes_of(json),
                                          .prefer = prefer});
}

TEST(verdicts, come_back_to_the_request_that_waits_for_them)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct message     message;
    const struct seen *seen;
    const char        *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    answer = world_ask(
        world,
        &(struct ask){
            .method = "POST",
            .path = path_of(world, trace, "/events:ingest"),
            .token = token,
            .body = bytes_of(world_chunk(world, "c", 0)),
            .more = {{"X-Request-Id", "asked"},
                     {"Idempotency-Key", "once"},
                     {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
            .more_count = 3,
        });
    CHECK_NUMBER(answer.status, 200);
    CHECK(bytes_is(answer.body, "{\"status\":\"success\",\"judged\":true}"));
    seen = world_message(world, "chunk", &message);
    CHECK(seen != NULL);
    CHECK_TEXT(seen->subject, arena_format(world->arena, "prt.ingest.dev.%s.chunk", trace));
    CHECK_TEXT(seen->request, "asked");
    CHECK_TEXT(seen->parent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    CHECK_NUMBER(message.kind, MESSAGE_CHUNK);
    CHECK_NUMBER(message.consent, CONSENT_ALL);
    CHECK(bytes_is(message.idempotency_key, "once"));
    CHECK(message.at_us > 1600000000000000);
    CHECK_NUMBER(world_metric(world, "prt_http_requests_waiting"), 0);
}

TEST(verdicts, in_one_message_reach_each_its_own_request_whatever_lies_beside_them)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    const char                  *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    world_judge(world, JUDGE_BUNDLES, 0);
    for (int i = 0; i < 3; i++) {
        answer = post_chunk(world, trace, token, world_chunk(world, "c", i), NULL);
        CHECK_NUMBER(answer.status, 200);
        CHECK(world_metric_becomes(world, "prt_gateway_verdicts_total{how=\"stray\"}", 3 * (i + 1)));
    }
}

TEST(verdicts, that_refuse_are_relayed_as_they_are)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    const char        *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    world_judge(world, JUDGE_REFUSES, 409);
    answer = post_chunk(world, trace, token, world_chunk(world, "c", 0), NULL);
    CHECK_PROBLEM(&answer, 409, "key_conflict");
}

TEST(verdicts, that_do_not_come_in_time_leave_202_and_where_to_look)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct value       json;
    const char        *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    world_judge(world, JUDGE_SILENT, 0);
    answer = post_chunk(world, trace, token, world_chunk(world, "c/1", 0), "wait=1");
    CHECK_NUMBER(answer.status, 202);
    json = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &json, "/status"), "accepted");
    CHECK_TEXT(json_text(world, &json, "/chunk_id"), "c/1");
    CHECK_TEXT(json_text(world, &json, "/status_url"), path_of(world, trace, "/chunks/c%2F1"));
    world_answer_all(world); /* too late, and no harm */
    CHECK(world_metric_becomes(world, "prt_gateway_verdicts_total{how=\"stray\"}", 1));
}

TEST(verdicts, are_not_waited_for_when_the_client_prefers_not_to)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct message     message;
    const char        *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    answer = post_chunk(world, trace, token, world_chunk(world, "c", 0), "respond-async");
    CHECK_NUMBER(answer.status, 202);
    const struct seen *seen = world_message(world, "chunk", &message);

    CHECK(seen != NULL && seen->reply[0] == '\0');
}

TEST(verdicts, are_not_waited_for_whichever_line_says_so)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    const char                  *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    answer = world_ask(world, &(struct ask){.method = "POST",
                                            .path = path_of(world, trace, "/events:ingest"),
                                            .token = token,
                                            .body = bytes_of(world_chunk(world, "c", 0)),
                                            .prefer = "handling=strict",
                                            .more = {{"Prefer", "respond-async"}},
                                            .more_count = 1});
    CHECK_NUMBER(answer.status, 202);
}

TEST(verdicts, msgpack_goes_in_and_comes_out)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    CLEANUP(buf) struct buf      body = {0};
    const struct value_limits    limits = {.bytes = 4096, .depth = 8, .values = 100};
    struct http_answer           answer;
    struct message               message;
    struct value                 value;
    struct err                   err = {0};
    const char                  *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    msgpack_put_map(&body, 3);
    msgpack_put_text(&body, BYTES("chunk_id"));
    msgpack_put_text(&body, BYTES("c"));
    msgpack_put_text(&body, BYTES("chunk_seq"));
    msgpack_put_whole(&body, 0);
    msgpack_put_text(&body, BYTES("events"));
    msgpack_put_list(&body, 0);
    answer = world_ask(world, &(struct ask){.method = "POST",
                                            .path = path_of(world, trace, "/events:ingest"),
                                            .token = token,
                                            .type = "application/msgpack",
                                            .body = buf_bytes(&body),
                                            .more = {{"Accept", "application/msgpack"}},
                                            .more_count = 1});
    CHECK_NUMBER(answer.status, 200);
    CHECK_TEXT(http_answer_header(&answer, "content-type"), "application/msgpack");
    CHECK_WORKS(msgpack_read(world->arena, answer.body, &limits, false, &value, &err));
    CHECK_TEXT(json_text(world, &value, "/status"), "success");
    CHECK(world_message(world, "chunk", &message) != NULL);
    CHECK(bytes_equal(message.body, buf_bytes(&body))); /* passed on as it came */
}

TEST(verdicts, a_large_chunk_travels_as_a_claim_check)
{
    static const char *const     settings[] = {"PRT_CLAIM_CHECK_FROM=8K", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    struct http_answer           answer;
    struct message               message;
    struct message               real;
    struct claim                 claim;
    struct bytes                 object;
    struct err                   err = {0};
    char                         hash[HASH_HEX];
    const char                  *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    answer = post_chunk(world, trace, token,
                        arena_format(world->arena,
                                     "{\"chunk_id\":\"c\",\"chunk_seq\":0,\"events\":[],"
                                     "\"extra\":\"%09000d\"}",
                                     1),
                        NULL);
    CHECK_NUMBER(answer.status, 200);
    CHECK(world_message(world, "chunk", &message) != NULL);
    CHECK_NUMBER(message.kind, MESSAGE_CLAIM);
    CHECK_WORKS(claim_read(world->arena, message.body, &claim, &err));
    CHECK_WORKS(
        blob_get(world->blob, world->arena, BUCKET_CHUNKS, claim.key, 1 << 20, &object, &err));
    sha256_hex(object, hash);
    CHECK_TEXT(hash, claim.sha256);
    CHECK_NUMBER(object.size, claim.size_bytes);
    CHECK_WORKS(message_read(object, &real, &err));
    CHECK_NUMBER(real.kind, MESSAGE_CHUNK);
    CHECK(real.body.size > 9000);
    CHECK_NUMBER(world_metric(world, "prt_http_memory_bytes"), 0);
}

static struct http_answer open_preferring(struct world *world, const char *key, const char *prefer)
{
    return world_ask(
        world,
        &(struct ask){
            .method = "POST",
            .path = "/v1/traces",
            .token = DEV_KEY,
            .body = BYTES("{\"participant_id\":\"p\",\"task_id\":\"t\",\"task_title\":\"x\"}"),
            .more = {{"Idempotency-Key", key}},
            .more_count = 1,
            .prefer = prefer,
        });
}

static struct http_answer open_with_key(struct world *world, const char *key)
{
    return open_preferring(world, key, "wait=1");
}

TEST(verdicts, the_same_idempotency_key_opens_the_same_trace)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer first, again, other;
    struct value       first_json, again_json, other_json;

    if (world == NULL) {
        return;
    }
    first = open_with_key(world, "k1");
    again = open_with_key(world, "k1");
    other = open_with_key(world, "k2");
    CHECK_NUMBER(first.status, 201);
    CHECK_NUMBER(again.status, 201);
    first_json = world_json(world, &first);
    again_json = world_json(world, &again);
    other_json = world_json(world, &other);
    CHECK_TEXT(json_text(world, &again_json, "/trace_id"),
               json_text(world, &first_json, "/trace_id"));
    CHECK(strcmp(json_text(world, &other_json, "/trace_id"),
                 json_text(world, &first_json, "/trace_id")) != 0);
    CHECK_TEXT(http_answer_header(&first, "location"),
               path_of(world, json_text(world, &first_json, "/trace_id"), ""));
    world_judge(world, JUDGE_REFUSES, 409); /* other content */
    again = open_with_key(world, "k1");
    CHECK_PROBLEM(&again, 409, "key_conflict");
    again = open_preferring(world, "k1", "respond-async");
    CHECK_PROBLEM(&again, 409, "key_conflict");
    again = open_preferring(world, "k1", "wait=0");
    CHECK_PROBLEM(&again, 409, "key_conflict");
    world_judge(world, JUDGE_SILENT, 0); /* validate is away: the trace is open all the same */
    again = open_with_key(world, "k1");
    CHECK_NUMBER(again.status, 201);
}

TEST(verdicts, the_open_message_is_nested_whatever_the_client_sent)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    const struct value_limits    limits = {.bytes = 65536, .depth = 8, .values = 100};
    struct http_answer           answer;
    struct message               message;
    struct value                 head;
    struct err                   err = {0};

    if (world == NULL) {
        return;
    }
    answer = world_post(
        world, "/v1/traces", DEV_KEY,
        "{\"participant_id\":\"p\",\"task_id\":\"t\",\"task_title\":\"x\",\"repo_origin\":\"o\"}");
    CHECK_NUMBER(answer.status, 201);
    CHECK(world_message(world, "open", &message) != NULL);
    CHECK_WORKS(msgpack_read(world->arena, message.body, &limits, false, &head, &err));
    CHECK_TEXT(json_text(world, &head, "/session/participant_id"), "p");
    CHECK_TEXT(json_text(world, &head, "/task/title"), "x");
    CHECK_TEXT(json_text(world, &head, "/repo/origin"), "o");
    CHECK_TEXT(json_text(world, &head, "/repo/start_commit"), "");
    CHECK_NUMBER(message.consent, CONSENT_ALL);

    answer = world_post(
        world, "/v1/traces", DEV_KEY,
        "{\"session\":{\"participant_id\":\"q\",\"consent\":{\"rationales\":false,"
        "\"commands\":true,\"snapshots\":false}},\"task\":{\"id\":\"t\",\"title\":\"x\"},"
        "\"repo\":{\"origin\":\"o\",\"start_commit\":\"c\"}}");
    CHECK_NUMBER(answer.status, 201);
    for (int i = 0; i < 1000 && message.consent != CONSENT_COMMANDS; i++) {
        CHECK(world_message(world, "open", &message) != NULL);
    }
    CHECK_NUMBER(message.consent, CONSENT_COMMANDS);
}

TEST(verdicts, completion_answers_with_every_key_old_clients_read)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct value       json;
    const char        *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    answer = world_ask(world, &(struct ask){.method = "POST",
                                            .path = path_of(world, trace, "/complete"),
                                            .token = token}); /* no body at all */
    CHECK_NUMBER(answer.status, 200);
    world_judge(world, JUDGE_SILENT, 0);
    answer = world_ask(world, &(struct ask){.method = "POST",
                                            .path = path_of(world, trace, "/complete"),
                                            .token = token,
                                            .body = BYTES("{\"num_chunks\":3}"),
                                            .prefer = "wait=1"});
    CHECK_NUMBER(answer.status, 202);
    json = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &json, "/status"), "completing");
    CHECK_TEXT(json_text(world, &json, "/trace_id"), trace);
    CHECK(value_get(&json, "num_events") != NULL);
    CHECK(value_get(&json, "qa_job_id") != NULL);
}
