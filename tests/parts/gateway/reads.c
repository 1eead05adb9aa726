// SPDX-License-Identifier: MIT
/* What the database and the object store hold is shown as it is, to those it belongs to. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/test.h"
#include "world.h"

enum { EVENTS = 25 };

static const char *line_of(struct world *world, int seq)
{
    return arena_format(world->arena, "{\"id\":\"e%02d\",\"n\":1%02d}", seq, seq); /* 20 bytes */
}

/* Trace 1 (tenant dev): 25 events in three chunks of one segment, of alternating types, between
 * other traces' bytes. */
static void put_trace(struct world *world, const char *trace, const char *status)
{
    CLEANUP(buf) struct buf segment = {0};
    CLEANUP(buf) struct buf kept = {0};
    struct err err = {0};

    buf_put_text(&segment, "somebody else's bytes");
    for (int i = 0; i < EVENTS; i++) {
        buf_format(&segment, "%s\n", line_of(world, i));
    }
    CHECK_WORKS(blob_put(world->blob, BUCKET_CHUNKS, "segments/20261121/a", buf_bytes(&segment),
                         NULL, &err));
    world_sql(
        world,
        arena_format(world->arena,
                     "INSERT INTO traces (trace_id, tenant, status, num_events, opened_us, task_id,"
                     " task_title, participant_id) VALUES ('%s', 'dev', '%s', 25, 1700000000000000,"
                     " 'task-a', 'A task', 'p1')",
                     trace, status));
    world_sql(
        world,
        "INSERT INTO segments (key, bytes, created_us) VALUES ('segments/20261121/a', 600, 1)");
    world_sql(
        world,
        "INSERT INTO trace_chunks (trace_no, chunk_seq, segment_no, seg_offset, seg_length,"
        " received_us, stream_seq, num_events, http, status, chunk_id, content_hash, verdict)"
        " SELECT 1, c, 1, 21 + c * 10 * 21, least(10, 25 - c * 10) * 21, 1, c, 10, 200, 'chained',"
        " 'c' || c, '', '{\"status\":\"success\",\"chunk_id\":\"c' || c || '\"}'"
        " FROM generate_series(0, 2) c");
    buf_put_text(&kept, "UPDATE trace_chunks SET segment_no = NULL, seg_offset = 0, kept_lines = '");
    for (int i = 10; i < 20; i++) {
        buf_format(&kept, "%s\\012", line_of(world, i));
    }
    buf_put_text(&kept, "' WHERE chunk_seq = 1");
    world_sql(world, buf_text(&kept));
    /* Seqs one above the other, 20 bytes each, of two types in turn: see store/line_index.h. */
    world_sql(world,
              "UPDATE trace_chunks SET first_seq = chunk_seq * 10, lines ="
              " (SELECT decode(string_agg(CASE i % 10 WHEN 0 THEN '00' ELSE '01' END || '14'"
              "  || lpad(to_hex(i % 2), 2, '0'), '' ORDER BY i), 'hex')"
              "  FROM generate_series(chunk_seq * 10, least(chunk_seq * 10 + 9, 24)) i)");
}

static void add_key(struct world *world, const char *key, const char *tenant)
{
    char hash[HASH_HEX];

    sha256_hex(bytes_of(key), hash);
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO api_keys (key_hash, tenant, role, created_us)"
                                  " VALUES (decode('%s', 'hex'), '%s', 'read', 1)", hash, tenant));
}

TEST(reads, events_come_in_pages_that_follow_each_other)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct value       page;
    int64_t            next = 0;
    int                seen = 0;

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "open");
    do {
        answer =
            world_get(world,
                      arena_format(world->arena, "/v1/traces/trace-1/events?limit=10&from_seq=%lld",
                                   (long long)next),
                      DEV_KEY);
        CHECK_NUMBER(answer.status, 200);
        page = world_json(world, &answer);
        const struct value *events = value_get(&page, "events");

        for (uint32_t i = 0; i < events->count; i++, seen++) {
            CHECK_NUMBER(value_whole_or(value_get(&events->as.items[i], "n"), -1), 100 + seen);
        }
        next = value_whole_or(value_get(&page, "next"), -1);
    } while (next >= 0 && seen < 1000);
    CHECK_NUMBER(seen, EVENTS);

    answer = world_get(world, "/v1/traces/trace-1/events?type=cmd_run&limit=3", DEV_KEY);
    page = world_json(world, &answer);
    CHECK_NUMBER(value_whole_or(value_at(&page, "/events/2/n"), -1), 105);
    CHECK_NUMBER(value_whole_or(value_get(&page, "next"), -1), 7);
    answer = world_get(world, "/v1/traces/trace-1/events?type=nonsense", DEV_KEY);
    CHECK_PROBLEM(&answer, 422, "schema");
}

TEST(reads, lines_come_byte_for_byte)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    CLEANUP(buf) struct buf      want = {0};
    struct http_answer           answer;

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "open");
    for (int i = 0; i < EVENTS; i++) {
        buf_format(&want, "%s\n", line_of(world, i));
    }
    answer = world_get(world, "/v1/traces/trace-1/events.ndjson", DEV_KEY);
    CHECK_NUMBER(answer.status, 200);
    CHECK_TEXT(http_answer_header(&answer, "content-type"), "application/x-ndjson");
    CHECK(bytes_equal(answer.body, buf_bytes(&want)));
}

TEST(reads, a_segment_that_is_gone_is_said_to_be)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct err         err = {0};

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "open");
    CHECK_WORKS(blob_delete(world->blob, BUCKET_CHUNKS, "segments/20261121/a", &err));
    answer = world_get(world, "/v1/traces/trace-1/events", DEV_KEY);
    CHECK_PROBLEM(&answer, 404, "blob_missing");
}

TEST(reads, a_chunks_verdict_stays_to_be_asked_for)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "open");
    answer = world_get(world, "/v1/traces/trace-1/chunks/c1", DEV_KEY);
    CHECK_NUMBER(answer.status, 200);
    CHECK(bytes_is(answer.body, "{\"status\":\"success\",\"chunk_id\":\"c1\"}"));
    answer = world_get(world, "/v1/traces/trace-1/chunks/c9", DEV_KEY);
    CHECK_PROBLEM(&answer, 404, "not_found");
    world_sql(world,
              "UPDATE trace_chunks SET http = 422, verdict = '{\"status\":422,\"code\":\"schema\"}'"
              " WHERE chunk_id = 'c1'");
    answer = world_get(world, "/v1/traces/trace-1/chunks/c1", DEV_KEY);
    CHECK_PROBLEM(&answer, 422, "schema");
}

static void put_document(struct world *world)
{
    struct err err = {0};

    CHECK_WORKS(blob_put(world->blob, BUCKET_TRACES, "trace-1/trace.json",
                         BYTES("{\"events\":[],\"integrity\":{}}"), NULL, &err));
    world_sql(world, "UPDATE traces SET status = 'finalized', document_key = 'trace-1/trace.json',"
                     " document_bytes = 28, qa_splice = 13, document_sha256 = '\\x00'");
}

TEST(reads, a_trace_is_202_until_finalized_and_then_its_document)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct value       json;

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "open");
    answer = world_get(world, "/v1/traces/trace-1", DEV_KEY);
    CHECK_NUMBER(answer.status, 202);
    json = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &json, "/status"), "open");
    CHECK_NUMBER(value_whole_or(value_get(&json, "num_events"), -1), 25);
    CHECK(value_get(&json, "message") != NULL);

    put_document(world);
    answer = world_get(world, "/v1/traces/trace-1", DEV_KEY);
    CHECK_NUMBER(answer.status, 200);
    CHECK(bytes_is(answer.body, "{\"events\":[],\"integrity\":{}}"));
}

TEST(reads, results_are_put_into_the_document_as_they_come_the_newest_first)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    const char        *tag;

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "open");
    put_document(world);
    world_sql(world,
              "INSERT INTO qa_results (trace_no, version, job_id, created_us, status, validation)"
              " VALUES (1, 1, 'a', 1, 's', '{\"v\":1}'), (1, 2, 'b', 2, 's', '{\"v\":2}')");
    answer = world_get(world, "/v1/traces/trace-1", DEV_KEY);
    CHECK(bytes_is(answer.body,
                   "{\"events\":[],\"qa\":{\"validation\":{\"v\":2}},\"integrity\":{}}"));
    tag = arena_text(world->arena, bytes_of(http_answer_header(&answer, "etag")));
    world_sql(
        world,
        "INSERT INTO judge_results (trace_no, version, job_id, created_us, model, rubric_version,"
        " prompt_version, document_sha256, result) VALUES (1, 1, 'a', 1, 'm', 'r', 'p', '', "
        "'{\"j\":1}')");
    answer = world_get(world, "/v1/traces/trace-1", DEV_KEY);
    CHECK(bytes_is(
        answer.body,
        "{\"events\":[],\"qa\":{\"judge\":{\"j\":1},\"validation\":{\"v\":2}},\"integrity\":{}}"));
    CHECK(strcmp(tag, http_answer_header(&answer, "etag")) != 0);
    answer = world_ask(
        world, &(struct ask){.method = "GET",
                             .path = "/v1/traces/trace-1",
                             .token = DEV_KEY,
                             .more = {{"If-None-Match",
                                       arena_format(world->arena, "W/%s",
                                                    http_answer_header(&answer, "etag"))}},
                             .more_count = 1});
    CHECK_NUMBER(answer.status, 304);
    answer = world_ask(world, &(struct ask){.method = "GET",
                                            .path = "/v1/traces/trace-1",
                                            .token = DEV_KEY,
                                            .more = {{"If-Match", tag}},
                                            .more_count = 1});
    CHECK_PROBLEM(&answer, 412, "tag_wrong");
}

TEST(reads, every_version_of_the_judge_comes_when_asked_for)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    const char        *tag;

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "open");
    put_document(world);
    answer = world_get(world, "/v1/traces/trace-1?judge=all", DEV_KEY);
    CHECK(bytes_is(answer.body, "{\"events\":[],\"qa\":{\"judge_all\":[]},\"integrity\":{}}"));
    world_sql(
        world,
        "INSERT INTO judge_results (trace_no, version, job_id, created_us, model, rubric_version,"
        " prompt_version, document_sha256, result) VALUES"
        " (1, 1, 'a', 1, 'm', 'r', 'p', '', '{\"j\":1}'),"
        " (1, 2, 'b', 2, 'm', 'r', 'p', '', '{\"j\":2}')");
    answer = world_get(world, "/v1/traces/trace-1?judge=newest", DEV_KEY);
    CHECK(bytes_is(answer.body, "{\"events\":[],\"qa\":{\"judge\":{\"j\":2}},\"integrity\":{}}"));
    tag = arena_text(world->arena, bytes_of(http_answer_header(&answer, "etag")));
    answer = world_get(world, "/v1/traces/trace-1?judge=all", DEV_KEY);
    CHECK(bytes_is(answer.body,
                   "{\"events\":[],\"qa\":{\"judge\":{\"j\":2},\"judge_all\":["
                   "{\"judge\":{\"j\":2},\"version\":2},{\"judge\":{\"j\":1},\"version\":1}]},"
                   "\"integrity\":{}}"));
    CHECK(strcmp(tag, http_answer_header(&answer, "etag")) != 0);
    answer = world_get(world, "/v1/traces/trace-1?judge=best", DEV_KEY);
    CHECK_NUMBER(answer.status, 422);
}

TEST(reads, a_large_document_comes_whole_with_its_results)
{
    enum { SIZE = 3000000, AT = 1234567 };
    CLEANUP(world) struct world *world = world_open(NULL);
    CLEANUP(buf) struct buf      want = {0};
    struct http_answer           answer;
    struct err                   err = {0};
    uint8_t                     *noise;

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "finalized");
    noise = arena_get(world->arena, SIZE);
    random_bytes(noise, SIZE);
    CHECK_WORKS(blob_put(world->blob, BUCKET_TRACES, "k", (struct bytes){noise, SIZE}, NULL, &err));
    world_sql(world,
              "UPDATE traces SET document_key = 'k', document_bytes = 3000000, qa_splice = 1234567,"
              " document_sha256 = '\\x00'");
    world_sql(world,
              "INSERT INTO qa_results (trace_no, version, job_id, created_us, status, validation)"
              " VALUES (1, 1, 'a', 1, 's', '\"' || repeat('x', 100000) || '\"')");
    buf_put(&want, (struct bytes){noise, AT});
    buf_put_text(&want, "\"qa\":{\"validation\":\"");
    for (int i = 0; i < 100000; i++) {
        buf_put_byte(&want, 'x');
    }
    buf_put_text(&want, "\"},");
    buf_put(&want, (struct bytes){noise + AT, SIZE - AT});
    answer = world_get(world, "/v1/traces/trace-1", DEV_KEY);
    CHECK(bytes_equal(answer.body, buf_bytes(&want)));
}

TEST(reads, another_tenants_traces_are_unknown)
{
    static const char *const paths[] = {"", "/events", "/events.ndjson"};
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct value       json;

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "open");
    add_key(world, "prt_read_other", "other");
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        answer = world_get(world, path_of(world, "trace-1", paths[i]), "prt_read_other");
        CHECK_PROBLEM(&answer, 404, "trace_unknown");
    }
    answer = world_get(world, "/v1/traces/trace-1/chunks/c1", "prt_read_other");
    CHECK_PROBLEM(&answer, 404, "not_found");
    answer = world_get(world, "/v1/traces", "prt_read_other");
    json = world_json(world, &answer);
    CHECK_NUMBER(value_get(&json, "traces")->count, 0);
    world_sql(world, "UPDATE traces SET status = 'erased'");
    answer = world_get(world, "/v1/traces/trace-1", DEV_KEY);
    CHECK_PROBLEM(&answer, 410, "trace_erased");
}

TEST(reads, the_listing_is_filtered_and_paged_by_cursor)
{
    static const struct {
        const char *query;
        int         count;
    } filters[] = {
        {"", 50},
        {"?limit=500", 120},
        {"?limit=500&status=finalized", 60},
        {"?limit=500&task_id=t3", 12},
        {"?limit=500&participant_id=p1&status=finalized", 0},
        {"?limit=500&repo=https%3A%2F%2Fr%2F0", 40},
        {"?limit=500&tests_passed=true", 40},
        {"?limit=500&tests_passed=null", 40},
        {"?limit=500&min_score=4", 30},
        {"?limit=500&since=1700000060", 60},
        {"?limit=500&since=1700000060&until=1700000070", 10},
        {"?limit=500&since=2023-11-14T22:14:20Z", 60},
        {"?limit=500&experiment_id=x", 2},
        {"?trace_id=trace-7", 1},
    };
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct value       json;
    const char        *path = "/v1/traces?limit=50";
    int                seen = 0;

    if (world == NULL) {
        return;
    }
    world_sql(
        world,
        "INSERT INTO traces (trace_id, tenant, status, opened_us, task_id, participant_id,"
        " repo_origin, tests_passed, judge_overall, experiment_id)"
        " SELECT 'trace-' || i, 'dev', CASE WHEN i % 2 = 0 THEN 'finalized' ELSE 'open' END,"
        " (1700000000 + i) * 1000000::bigint, 't' || i % 10, 'p' || i % 2, 'https://r/' || i % 3,"
        " CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END, i % 4 + 1,"
        " CASE WHEN i > 117 THEN 'x' END FROM generate_series(0, 119) i");
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        answer =
            world_get(world, arena_format(world->arena, "/v1/traces%s", filters[i].query), DEV_KEY);
        CHECK_NUMBER(answer.status, 200);
        json = world_json(world, &answer);
        if (value_get(&json, "traces")->count != (uint32_t)filters[i].count) {
            test_failed(__FILE__, __LINE__, "%s gives %u, not %d", filters[i].query,
                        value_get(&json, "traces")->count, filters[i].count);
        }
    }
    while (path != NULL && seen < 1000) {
        answer = world_get(world, path, DEV_KEY);
        json = world_json(world, &answer);
        const struct value *traces = value_get(&json, "traces");

        for (uint32_t i = 0; i < traces->count; i++, seen++) { /* newest first, each once */
            CHECK_TEXT(json_text(world, &traces->as.items[i], "/trace_id"),
                       arena_format(world->arena, "trace-%d", 119 - seen));
        }
        path = value_get(&json, "next")->kind == VALUE_TEXT
                   ? arena_format(world->arena, "/v1/traces?limit=50&cursor=%s",
                                  json_text(world, &json, "/next"))
                   : NULL;
    }
    CHECK_NUMBER(seen, 120);
    answer = world_get(world, "/v1/traces?status=finalised", DEV_KEY);
    CHECK_PROBLEM(&answer, 422, "schema");
    answer = world_get(world, "/v1/traces?cursor=nonsense", DEV_KEY);
    CHECK_PROBLEM(&answer, 422, "schema");
}

static void put_log(struct world *world, const char *key, struct bytes text)
{
    struct err err = {0};

    CHECK_WORKS(blob_put(world->blob, BUCKET_ARTIFACTS, key, text, NULL, &err));
}

static void expect_log(struct world *world, const char *query, int status, const char *text)
{
    struct http_answer answer = world_get(
        world, arena_format(world->arena, "/v1/traces/trace-1/qa/log%s", query), DEV_KEY);

    CHECK_NUMBER(answer.status, status);
    CHECK_TEXT(arena_text(world->arena, answer.body), text);
    CHECK_TEXT(http_answer_header(&answer, "content-type"), "text/plain; charset=utf-8");
}

/* The query of a client that has this text. */
static const char *after_text(struct world *world, const char *text)
{
    char hex[HASH_HEX];

    sha256_hex(bytes_of(text), hex);
    return arena_format(world->arena, "?from=%zu&seen=%s", strlen(text), hex);
}

static void expect_other_run(struct world *world, const char *text)
{
    struct http_answer answer = world_get(
        world,
        arena_format(world->arena, "/v1/traces/trace-1/qa/log%s", after_text(world, text)),
        DEV_KEY);

    CHECK_PROBLEM(&answer, 416, "range_wrong");
}

TEST(reads, the_log_of_a_test_run_is_there_in_pieces_while_it_runs_and_whole_afterwards)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct err         err = {0};

    if (world == NULL) {
        return;
    }
    put_trace(world, "trace-1", "finalized");
    add_key(world, "another-tenants-key", "other");
    expect_log(world, "", 202, "");
    put_log(world, "qa/trace-1/log/0000000000000001-7/000001", BYTES("of a dead worker"));
    put_log(world, "qa/trace-1/log/0000000000000002-7/000001", BYTES("one "));
    put_log(world, "qa/trace-1/log/0000000000000002-7/000002", BYTES("two"));
    put_log(world, "qa/trace-12/log/0000000000000003-8/000001", BYTES("of another trace"));
    expect_log(world, "", 202, "one two");
    expect_log(world, "?from=2", 202, "e two");
    answer = world_get(world, "/v1/traces/trace-1/qa/log?from=8", DEV_KEY);
    CHECK_PROBLEM(&answer, 416, "range_wrong");
    /* Longer than what the client has of another run: only its hash tells. */
    expect_log(world, after_text(world, "one "), 202, "two");
    expect_other_run(world, "of a");
    answer = world_get(world, "/v1/traces/trace-1/qa/log?from=0&seen=abc", DEV_KEY);
    CHECK_PROBLEM(&answer, 422, "schema");
    answer = world_get(world, "/v1/traces/trace-1/qa/log?from=x", DEV_KEY);
    CHECK_PROBLEM(&answer, 422, "schema");
    answer = world_get(world, "/v1/traces/trace-1/qa/log", "another-tenants-key");
    CHECK_PROBLEM(&answer, 404, "trace_unknown");

    put_log(world, "sha256/ab/log", BYTES("one two three"));
    world_sql(world, "INSERT INTO qa_results (trace_no, version, job_id, created_us, status, "
                     "validation) VALUES (1, 1, 'a', 1, 's', '{}'), (1, 2, 'b', 2, 's', '{}')");
    world_sql(world, "INSERT INTO artifacts VALUES (1, 'b.log', '\\xabcd', 13, 'text/plain',"
                     " 'sha256/ab/log', 1)");
    CHECK_WORKS(blob_delete(world->blob, BUCKET_ARTIFACTS,
                            "qa/trace-1/log/0000000000000001-7/000001", &err));
    for (int i = 1; i < 3; i++) {
        CHECK_WORKS(blob_delete(
            world->blob, BUCKET_ARTIFACTS,
            arena_format(world->arena, "qa/trace-1/log/0000000000000002-7/00000%d", i), &err));
    }
    expect_log(world, "", 200, "one two three");
    expect_log(world, "?from=7", 200, " three");
    expect_log(world, after_text(world, "one two"), 200, " three");
    expect_other_run(world, "of a de");
    expect_log(world, "?from=13", 200, "");
}

TEST(reads, the_page_and_what_it_needs_are_there)
{
    static const char *const     paths[] = {"/",          "/farm.css", "/farm.js",
                                            "/v1/limits", "/healthz",  "/metrics"};
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;

    if (world == NULL) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        answer = world_get(world, paths[i], NULL);
        CHECK_NUMBER(answer.status, 200);
        CHECK(answer.body.size > 10);
    }
    answer = world_get(world, "/", NULL);
    CHECK(strstr(arena_text(world->arena, answer.body), "content=\"" DEV_KEY "\"") != NULL);
    CHECK(strstr(http_answer_header(&answer, "content-security-policy"), "default-src 'none'") !=
          NULL);
}

/* A trace whose lines are `size` bytes of the segment "much". */
static void put_much(struct world *world, const char *trace, const char *tenant, int64_t size)
{
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO traces (trace_id, tenant, status, opened_us)"
                                  " VALUES ('%s', '%s', 'open', 1)",
                                  trace, tenant));
    world_sql(world,
              arena_format(world->arena,
                           "INSERT INTO trace_chunks (trace_no, chunk_seq, segment_no, seg_offset,"
                           " seg_length, received_us, stream_seq, num_events, http, status,"
                           " chunk_id, content_hash, verdict) SELECT trace_no, 0, 1, 0, %lld, 1, 1,"
                           " 1, 200, 'chained', 'c', '', '{}' FROM traces WHERE trace_id = '%s'",
                           (long long)size, trace));
}

static int ask_and_read_nothing(struct world *world, const char *trace)
{
    int fd = raw_open(world);

    raw_say(fd, arena_format(world->arena,
                             "GET /v1/traces/%s/events.ndjson HTTP/1.1\r\nHost: localhost\r\n"
                             "Authorization: Bearer " DEV_KEY "\r\n\r\n",
                             trace));
    CHECK(strncmp(raw_hear(world, fd, "\r\n\r\n"), "HTTP/1.1 200", 12) == 0);
    return fd;
}

/* Each keeps a copy of all lines on the disk that uploads need, until it has read them. */
TEST(reads, of_who_is_slow_leave_room_for_other_tenants_and_for_uploads)
{
    enum { MIB = 1024 * 1024 };
    static const char *const     settings[] = {"PRT_HTTP_COPIES=24M", NULL};
    static const char            lines[] = "/v1/traces/a/events.ndjson";
    CLEANUP(world) struct world *world = world_open(settings);
    CLEANUP(buf) struct buf      much = {0};
    struct http_answer           answer;
    struct err                   err = {0};
    int                          slow;

    if (world == NULL) {
        return;
    }
    buf_reserve(&much, 25 * MIB);
    memset(much.data, 'x', 25 * MIB);
    much.size = 25 * MIB;
    CHECK_WORKS(blob_put(world->blob, BUCKET_CHUNKS, "much", buf_bytes(&much), NULL, &err));
    world_sql(world, "INSERT INTO segments (key, bytes, created_us) VALUES ('much', 26214400, 1)");
    put_much(world, "a", "dev", 9 * MIB);
    put_much(world, "b", "acme", 9 * MIB);
    put_much(world, "c", "dev", 25 * MIB);
    add_key(world, "prt_read_acme", "acme");
    slow = ask_and_read_nothing(world, "a");
    answer = world_get(world, lines, DEV_KEY);
    CHECK_PROBLEM(&answer, 503, "overloaded");
    CHECK_NUMBER(world_get(world, "/v1/traces/b/events.ndjson", "prt_read_acme").status, 200);
    fd_close(slow);
    for (int i = 0; i < 1000 && (answer = world_get(world, lines, DEV_KEY)).status == 503; i++) {
        clock_sleep_ms(10);
    }
    CHECK_NUMBER(answer.status, 200);
    answer = world_get(world, "/v1/traces/c/events.ndjson", DEV_KEY);
    CHECK_PROBLEM(&answer, 413, "too_large");
}
