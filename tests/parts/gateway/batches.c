// SPDX-License-Identifier: MIT
/* POST /ingest: whose trace a batch goes to, and what is refused before it travels. */
#include <string.h>

#include "crypto/crypto.h"
#include "lib/test.h"
#include "trace/pr_batch.h"
#include "value/json.h"
#include "world.h"

static struct http_answer post_batch(struct world *world, const char *user, const char *events)
{
    return world_post(
        world, "/ingest", DEV_KEY,
        arena_format(world->arena,
                     "{\"repo\":{\"name\":\"o/r\"},\"pr\":{\"pr_id\":\"o/r#1\",\"title\":\"x\"},"
                     "\"developer\":{\"user_id\":\"%s\"},\"events\":[%s]}",
                     user, events));
}

#define EVENT                                                                                      \
    "{\"ts\":\"2024-05-01T10:00:00Z\",\"type\":\"annotation\",\"payload\":{\"text\":\"a\"}}"

/* The trace that the newest batch went to. */
static const char *newest_trace(struct world *world)
{
    struct message     message;
    const struct seen *seen = world_message(world, "batch", &message);
    struct subject     to = {0};
    struct err         err = {0};

    CHECK(seen != NULL);
    CHECK_WORKS(subject_read(world->arena, seen == NULL ? "" : seen->subject, &to, &err));
    return to.trace;
}

TEST(batches, of_one_developer_and_pull_request_go_to_one_trace_until_it_is_complete)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    const char                  *first;
    const char                  *other;

    if (world == NULL) {
        return;
    }
    CHECK_NUMBER(post_batch(world, "ann", EVENT).status, 200);
    first = newest_trace(world);
    CHECK_NUMBER(post_batch(world, "ben", EVENT).status, 200);
    other = newest_trace(world);
    CHECK(strcmp(first, other) != 0);
    CHECK_NUMBER(post_batch(world, "ann", EVENT).status, 200);
    CHECK_TEXT(newest_trace(world), first);
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO traces (trace_id, tenant, opened_us, status)"
                                  " VALUES ('%s', 'dev', 1, 'finalized')",
                                  first));
    CHECK_NUMBER(post_batch(world, "ann", EVENT).status, 200);
    CHECK(strcmp(newest_trace(world), first) != 0);
}

/* A chained chunk of the trace, as validate leaves one of a batch. */
static void put_batch(struct world *world, const char *trace, const char *name, const char *keys)
{
    world_sql(world,
              arena_format(world->arena,
                           "INSERT INTO trace_chunks (trace_no, chunk_seq, received_us, stream_seq,"
                           " num_events, http, status, chunk_id, content_hash, verdict, event_keys)"
                           " SELECT trace_no, 0, 1, trace_no, 1, 200, 'chained', '%s', '', '{}', %s"
                           " FROM traces WHERE trace_id = '%s'",
                           name, keys, trace));
}

static const char one_event[] =
    "{\"repo\":{\"name\":\"o/r\"},\"pr\":{\"pr_id\":\"o/r#1\",\"title\":\"x\"},"
    "\"developer\":{\"user_id\":\"ann\"},\"events\":[" EVENT "]}";

static struct http_answer post_keyed(struct world *world)
{
    return world_ask(
        world,
        &(struct ask){.method = "POST",
                      .path = "/ingest",
                      .token = DEV_KEY,
                      .body = bytes_of(one_event),
                      .more = {{"Idempotency-Key", "key"}},
                      .more_count = 1});
}

/* Where an earlier trace of the pull request was still being chained when it came first, that one may
 * have its events by now: validate knows what the first answer was. */
TEST(batches, sent_again_under_their_key_are_answered_by_who_answered_first)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    const char                  *first, *second, *pointer;
    const struct value_limits    limits = {4096, 16, 100};
    struct pr_batch              batch;
    char                         name[HASH_HEX], keys[HASH_HEX];
    struct value                 json;
    struct err                   err = {0};
    int                          seen;

    if (world == NULL) {
        return;
    }
    CHECK_NUMBER(post_batch(world, "ann", EVENT).status, 200);
    first = newest_trace(world);
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO traces (trace_id, tenant, opened_us, status)"
                                  " VALUES ('%s', 'dev', 1, 'finalized')",
                                  first));
    CHECK_NUMBER(post_keyed(world).status, 200);
    second = newest_trace(world);
    CHECK(strcmp(first, second) != 0);
    CHECK_WORKS(json_read(world->arena, bytes_of(one_event), &limits, &json, &err));
    CHECK_WORKS(pr_batch_read(world->arena, &json, 10, &batch, &pointer, &err));
    hex_write(keys, (struct bytes){batch.events[0].key, sizeof(batch.events[0].key)});
    sha256_hex(BYTES("key"), name);
    put_batch(world, first, "other", arena_format(world->arena, "'\\x%s'", keys));
    answer = post_batch(world, "ann", EVENT); /* without a key all of it is known */
    json = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &json, "/duplicate_event_ids/0"), batch.events[0].id);
    seen = world_seen(world);
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO traces (trace_id, tenant, opened_us, status)"
                                  " VALUES ('%s', 'dev', 1, 'open')",
                                  second));
    put_batch(world, second, arena_format(world->arena, "batch-%s", name), "NULL");
    answer = post_keyed(world);
    json = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &json, "/status"), "success"); /* the stand-in's */
    CHECK_NUMBER(world_seen(world), seen + 1);
    CHECK_TEXT(newest_trace(world), second);
}

TEST(batches, that_are_wrong_as_a_whole_do_not_travel)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    int                          before;

    if (world == NULL) {
        return;
    }
    before = world_seen(world);
    answer = post_batch(world, "", EVENT);
    CHECK_PROBLEM(&answer, 422, "schema");
    answer = post_batch(world, "ann", "{\"type\":\"edit\"},7");
    CHECK_PROBLEM(&answer, 422, "events_refused");
    answer = world_post(world, "/ingest", DEV_KEY,
                        "{\"trace_id\":\"nobodys\",\"repo\":{},\"pr\":{\"pr_id\":\"o/r#1\"},"
                        "\"developer\":{\"user_id\":\"ann\"},\"events\":[]}");
    CHECK_PROBLEM(&answer, 404, "trace_unknown");
    CHECK_NUMBER(world_seen(world), before);
}

/* Each would have become a refusal of a few hundred bytes, in memory and in the answer. */
TEST(batches, of_more_events_than_a_chunk_may_have_are_refused_unread)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    CLEANUP(buf) struct buf      events = {0};
    struct http_answer           answer;
    struct value                 problem;

    if (world == NULL) {
        return;
    }
    for (int i = 0; i < 1000000; i++) {
        buf_put_text(&events, i == 0 ? "1" : ",1");
    }
    answer = post_batch(world, "ann", buf_text(&events));
    CHECK_PROBLEM(&answer, 413, "too_large");
    problem = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &problem, "/errors/0/pointer"), "/events");
    CHECK(answer.body.size < 1000);
}

TEST(batches, count_with_what_they_become_in_memory)
{
    static const char *const     settings[] = {"PRT_HTTP_MEMORY=16M", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    CLEANUP(buf) struct buf      event = {0};
    struct http_answer           answer;

    if (world == NULL) {
        return;
    }
    buf_put_text(&event, "{\"ts\":\"2024-05-01T10:00:00Z\",\"type\":\"annotation\","
                         "\"payload\":{\"text\":\"a\",\"numbers\":[1");
    for (int i = 0; i < 1000000; i++) { /* 32 bytes each */
        buf_put_text(&event, ",1");
    }
    buf_put_text(&event, "]}}");
    answer = post_batch(world, "ann", buf_text(&event));
    CHECK_PROBLEM(&answer, 503, "overloaded");
    CHECK(world_metric_becomes(world, "prt_http_memory_bytes", 0));
    CHECK_NUMBER(post_batch(world, "ann", EVENT).status, 200);
}

/* PRT_DEPTH_MAX can be 128. */
TEST(batches, have_what_their_trace_agreed_to_however_deep_its_head_is)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    char                         deep[2 * 125 + 1] = "";
    struct message               message = {0};

    if (world == NULL) {
        return;
    }
    memset(deep, '[', 125);
    memset(deep + 125, ']', 125);
    world_sql(world, "INSERT INTO traces (trace_id, tenant, opened_us) VALUES ('deep', 'dev', 1)");
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO trace_heads (trace_no, head) SELECT trace_no, '"
                                  "{\"environment\":{\"metadata\":{\"lists\":%s}},"
                                  "\"session\":{\"consent\":{\"commands\":true}}}'"
                                  " FROM traces WHERE trace_id = 'deep'",
                                  deep));
    CHECK_NUMBER(world_post(world, "/ingest", DEV_KEY,
                            "{\"trace_id\":\"deep\",\"repo\":{\"name\":\"o/r\"},"
                            "\"pr\":{\"pr_id\":\"o/r#1\",\"title\":\"x\"},"
                            "\"developer\":{\"user_id\":\"ann\"},\"events\":[" EVENT "]}")
                     .status,
                 200);
    CHECK(world_message(world, "batch", &message) != NULL);
    CHECK_NUMBER(message.consent, CONSENT_COMMANDS);
}

TEST(batches, are_described_with_everything_else)
{
    CLEANUP(world) struct world *world = world_open(NULL);

    if (world == NULL) {
        return;
    }
    CHECK_NUMBER(world_get(world, "/openapi.json", NULL).status, 200);
    CHECK_NUMBER(world_get(world, "/v1/schemas/trace-1.0.json", NULL).status, 200);
    CHECK_NUMBER(world_get(world, "/docs", NULL).status, 200);
    CHECK_NUMBER(world_get(world, "/docs.js", NULL).status, 200);
    CHECK_NUMBER(world_get(world, "/v1/prs/o/r/1", DEV_KEY).status, 200);
    CHECK_NUMBER(world_get(world, "/v1/prs/o/r/one", DEV_KEY).status, 404);
}
