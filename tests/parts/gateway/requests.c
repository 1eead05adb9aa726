// SPDX-License-Identifier: MIT
/* What is asked for wrongly is refused with the code that says what to change. */
#include <unistd.h>

#include "base/clock.h"
#include "gateway/api/token.h"
#include "lib/test.h"
#include "world.h"

TEST(requests, a_broken_body_is_400_with_the_byte_where_it_breaks)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    struct value                 problem;
    const char                  *token;

    if (world == NULL) {
        return;
    }
    answer = world_post(world, "/v1/traces", DEV_KEY, "{\"participant_id\":\"p\",}");
    CHECK_PROBLEM(&answer, 400, "malformed");
    problem = world_json(world, &answer);
    CHECK(strstr(json_text(world, &problem, "/detail"), "byte 22") != NULL);

    const char *trace = world_trace(world, &token);

    answer = world_post(world, path_of(world, trace, "/events:ingest"), token,
                        "{\"chunk_id\":\"c\",\"chunk_id\":\"c\"}");
    CHECK_PROBLEM(&answer, 400, "malformed");
    answer = world_post(world, path_of(world, trace, "/events:ingest"), token, "{} x");
    CHECK_PROBLEM(&answer, 400, "malformed");
    answer = world_ask(world, &(struct ask){.method = "POST",
                                            .path = path_of(world, trace, "/events:ingest"),
                                            .token = token,
                                            .type = "application/msgpack",
                                            .body = BYTES("\x82\xa1x")});
    CHECK_PROBLEM(&answer, 400, "malformed");
}

TEST(requests, a_wrong_field_is_422_with_a_pointer_to_it)
{
    static const struct {
        const char *body, *pointer;
    } wrong[] = {
        {"{\"participant_id\":\"p\",\"task_id\":7,\"task_title\":\"t\"}", "/task_id"},
        {"{\"participant_id\":\"p\",\"task_title\":\"t\"}", "/task_id"},
        {"{\"participant_id\":\"p\",\"task_id\":\"t\",\"task_title\":\"t\",\"colour\":1}",
         "/colour"},
        {"{\"session\":{\"participant_id\":\"p\",\"consent\":{\"rationales\":1,\"commands\":true,"
         "\"snapshots\":true}},\"task\":{\"id\":\"t\",\"title\":\"t\"},\"repo\":{\"origin\":\"o\","
         "\"start_commit\":\"c\"}}",
         "/session/consent/rationales"},
        {"[]", ""},
    };
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    struct value                 problem;
    const char                  *token;

    if (world == NULL) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        answer = world_post(world, "/v1/traces", DEV_KEY, wrong[i].body);
        CHECK_PROBLEM(&answer, 422, "schema");
        problem = world_json(world, &answer);
        CHECK_TEXT(json_text(world, &problem, "/errors/0/pointer"), wrong[i].pointer);
    }
    const char *trace = world_trace(world, &token);

    answer = world_post(world, path_of(world, trace, "/events:ingest"), token, "{\"chunk_seq\":0}");
    CHECK_PROBLEM(&answer, 422, "schema");
    problem = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &problem, "/errors/0/pointer"), "/chunk_id");
    answer = world_post(world, path_of(world, trace, "/complete"), token, "{\"num_chunks\":-1}");
    CHECK_PROBLEM(&answer, 422, "schema");
    answer = world_post(world, path_of(world, trace, "/complete"), token, "{\"num/chunk\":1}");
    CHECK_PROBLEM(&answer, 422, "schema");
    problem = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &problem, "/errors/0/pointer"), "/num~1chunk");
}

static const char *told(struct world *world, const char *body)
{
    struct http_answer answer = world_post(world, "/v1/traces", DEV_KEY, body);
    struct value       problem;
    const char        *all = "";

    CHECK_PROBLEM(&answer, 422, "schema");
    problem = world_json(world, &answer);
    for (int i = 0; value_at(&problem, arena_format(world->arena, "/errors/%d", i)) != NULL; i++) {
        const char *pointer = arena_format(world->arena, "/errors/%d/pointer", i);

        all = arena_format(world->arena, "%s%s ", all, json_text(world, &problem, pointer));
    }
    return arena_format(world->arena, "%s+%lld", all,
                        (long long)value_whole_or(value_get(&problem, "problems_omitted"), 0));
}

TEST(requests, a_new_trace_is_told_everything_that_is_wrong_with_it)
{
    static const struct {
        const char *body, *told;
    } wrong[] = {
        {"{\"session\":{\"participant_id\":7,\"role\":\"king\",\"consent\":{\"rationales\":1,"
         "\"commands\":true}},\"task\":{\"id\":\"\"},\"repo\":[]}",
         "/session/participant_id /session/role /session/consent/rationales"
         " /session/consent/snapshots /task/id /task/title /repo +0"},
        {"{\"session\":1,\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1}",
         "/session /a /b /c /d /e /f /g +3"},
        {"{\"participant_id\":\"p\",\"colour\":1,\"sh/ape\":2,\"task_title\":7}",
         "/colour /sh~1ape /task_id /task_title +0"},
        /* What the head does not take is told by the name that was sent. */
        {"{\"participant_id\":\"\",\"task_id\":\"\",\"task_title\":\"t\"}",
         "/participant_id /task_id +0"},
    };
    CLEANUP(world) struct world *world = world_open(NULL);

    if (world == NULL) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        CHECK_TEXT(told(world, wrong[i].body), wrong[i].told);
    }
}

TEST(requests, unknown_routes_methods_and_media_have_their_codes)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;

    if (world == NULL) {
        return;
    }
    answer = world_get(world, "/v1/nothing", DEV_KEY);
    CHECK_PROBLEM(&answer, 404, "route_unknown");
    answer =
        world_ask(world, &(struct ask){.method = "PATCH", .path = "/v1/traces", .token = DEV_KEY});
    CHECK_PROBLEM(&answer, 405, "method_wrong");
    CHECK_TEXT(http_answer_header(&answer, "allow"), "POST, GET, HEAD");
    answer = world_ask(world, &(struct ask){.method = "POST",
                                            .path = "/v1/traces",
                                            .token = DEV_KEY,
                                            .type = "text/plain",
                                            .body = BYTES("{}")});
    CHECK_PROBLEM(&answer, 415, "media_unknown");
    answer = world_ask(world, &(struct ask){.method = "POST",
                                            .path = "/v1/traces",
                                            .token = DEV_KEY,
                                            .body = BYTES("{}"),
                                            .more = {{"Content-Encoding", "gzip"}},
                                            .more_count = 1});
    CHECK_PROBLEM(&answer, 415, "media_unknown");
    answer = world_get(world, "/v1/traces?limit=x", DEV_KEY);
    CHECK_PROBLEM(&answer, 422, "schema");
    answer = world_get(world, "/v1/traces/%ff", DEV_KEY);
    CHECK_PROBLEM(&answer, 400, "malformed");
}

TEST(requests, a_query_parameter_that_nobody_reads_is_refused_with_those_that_are)
{
    static const struct {
        const char *path, *told;
    } wrong[] = {
        {"/v1/traces?limt=10", "\\\"limt\\\" is none of this route's; it takes status, "},
        {"/v1/traces?%6cimit=10", "\\\"%6cimit\\\" is none"},
        {"/v1/traces?limit=1&status=open&limit=2", "\\\"limit\\\" comes twice"},
        {"/v1/traces?limit", "\\\"limit\\\" has no value"},
        {"/v1/prs/o/r/1?task_id=o/r%232", "\\\"task_id\\\" is none"},
        {"/v1/traces/t/events?from=3", "it takes from_seq, limit, type\""},
        {"/v1/traces/t/artifacts/e.stdout?raw=1", "it takes none\""},
    };
    static const char *const     good[] = {"/v1/traces?", "/v1/traces?&limit=1&", "/healthz?x=1",
                                           "/v1/prs/o/r/1?limit=1"};
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;

    if (world == NULL) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        answer = world_get(world, wrong[i].path, DEV_KEY);
        CHECK_PROBLEM(&answer, 422, "schema");
        CHECK(strstr(arena_text(world->arena, answer.body), wrong[i].told) != NULL);
    }
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        CHECK_NUMBER(world_get(world, good[i], DEV_KEY).status, 200);
    }
    answer = world_ask(world, &(struct ask){.method = "DELETE",
                                            .path = "/v1/traces/t?dry_run=true",
                                            .token = DEV_KEY});
    CHECK_PROBLEM(&answer, 422, "schema");
    answer = world_get(world, "/v1/traces?limt=10", NULL);
    CHECK_PROBLEM(&answer, 401, "unauthorized");
}

TEST(requests, a_body_over_the_limit_is_413_however_it_is_sent)
{
    static const char *const     settings[] = {"PRT_BODY_MAX=16K", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    CLEANUP(buf) struct buf      large = {0};
    struct http_answer           answer;
    const char                  *token;
    int                          fd;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    buf_format(&large, "{\"chunk_id\":\"%020000d\"}", 1);
    answer = world_ask(world, &(struct ask){.method = "POST",
                                            .path = path_of(world, trace, "/events:ingest"),
                                            .token = token,
                                            .body = buf_bytes(&large)});
    CHECK_PROBLEM(&answer, 413, "too_large");

    fd = raw_open(world); /* no Content-Length: it shows only as it comes */
    raw_say(fd, arena_format(world->arena,
                             "POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n4e20\r\n",
                             path_of(world, trace, "/events:ingest"), token));
    raw_say(fd, arena_format(world->arena, "%020000d\r\n0\r\n\r\n", 1));
    CHECK(strstr(raw_hear(world, fd, "too_large"), " 413 ") != NULL);
    (void)close(fd);

    fd = raw_open(world); /* one that asks first learns it before it sends a byte */
    raw_say(fd, arena_format(world->arena,
                             "POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                             "Content-Length: 999999\r\nExpect: 100-continue\r\n\r\n",
                             path_of(world, trace, "/events:ingest"), token));
    CHECK(strncmp(raw_hear(world, fd, "too_large"), "HTTP/1.1 413 ", 13) == 0);
    (void)close(fd);
    CHECK(world_metric_becomes(world, "prt_http_memory_bytes", 0));
}

static const char *token_with(struct world *world, const char *key_hex, const char *trace,
                              int64_t expires_s)
{
    CLEANUP(buf) struct buf out = {0};
    uint8_t                 key[KEY_BYTES];

    CHECK(hex_read(key, sizeof(key), bytes_of(key_hex)));
    CLEANUP(tokens) struct tokens *tokens = tokens_new(key, NULL);

    upload_token_write(tokens, &out, &(struct upload){"dev", trace, CONSENT_ALL, expires_s});
    return arena_text(world->arena, buf_bytes(&out));
}

TEST(requests, a_token_that_does_not_fit_is_401_or_403)
{
    static const char ours[] = "1111111111111111111111111111111111111111111111111111111111111111";
    static const char theirs[] = "2222222222222222222222222222222222222222222222222222222222222222";
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    const char                  *token, *other;
    const char                  *ingest;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);
    const char *chunk = world_chunk(world, "c", 0);

    (void)world_trace(world, &other);
    ingest = path_of(world, trace, "/events:ingest");
    answer = world_post(world, ingest, NULL, chunk);
    CHECK_PROBLEM(&answer, 401, "unauthorized");
    CHECK_TEXT(http_answer_header(&answer, "www-authenticate"), "Bearer");
    answer = world_post(world, ingest, "prtu1.nonsense", chunk);
    CHECK_PROBLEM(&answer, 401, "unauthorized");
    answer = world_post(world, ingest, "prt_ingest_nobody_has_this", chunk);
    CHECK_PROBLEM(&answer, 401, "unauthorized");
    answer = world_post(world, ingest, token_with(world, theirs, trace, 4000000000), chunk);
    CHECK_PROBLEM(&answer, 401, "unauthorized");
    answer = world_post(world, ingest, token_with(world, ours, trace, 1000000000), chunk);
    CHECK_PROBLEM(&answer, 403, "forbidden");
    answer = world_post(world, ingest, other, chunk); /* another trace's */
    CHECK_PROBLEM(&answer, 403, "forbidden");
    answer = world_post(world, ingest, DEV_KEY, chunk); /* no upload token at all */
    CHECK_PROBLEM(&answer, 403, "forbidden");
    answer = world_post(world, "/v1/traces", token, "{}"); /* it opens nothing */
    CHECK_PROBLEM(&answer, 403, "forbidden");
    answer = world_post(world, ingest, token_with(world, ours, trace, 4000000000), chunk);
    CHECK_NUMBER(answer.status, 200);
}

/* The paths' traces stand beside an API key, not in a token: nothing of them may become a command
 * to NATS. */
TEST(requests, a_trace_in_the_path_that_is_no_name_reaches_no_subject)
{
    static const char *const traces[] = {
        "a%20b",
        "a.b",
        "%3E",
        "*",
        "a%0D%0A",
        "a%C3%BC",
        "x%200%0D%0A%0D%0APUB%20prt.ingest.dev.trace-victim.erase%200%0D%0A%0D%0APUB%20y",
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
        "1234567890123456789012345678901234567890123456789",
    };
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    const char                  *token;
    int                          seen;

    if (world == NULL) {
        return;
    }
    seen = world_seen(world);
    for (size_t i = 0; i < COUNT_OF(traces); i++) {
        answer = world_post(world, path_of(world, traces[i], "/complete"), DEV_KEY, "{}");
        CHECK_PROBLEM(&answer, 404, "trace_unknown");
    }
    CHECK_NUMBER(world_seen(world), seen);
    CHECK(world_trace(world, &token) != NULL); /* the connection to NATS is unharmed */
}

TEST(requests, an_idempotency_key_that_is_no_text_is_refused_before_it_travels)
{
    static const char *const     keys[] = {"k\xff", "\xc0\xaf", "k\xe9 y"};
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    const char                  *token;
    int                          seen;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    CHECK(world_message(world, "open", &(struct message){0}) != NULL);
    seen = world_seen(world);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        answer = world_ask(world, &(struct ask){.method = "POST",
                                                .path = path_of(world, trace, "/events:ingest"),
                                                .token = token,
                                                .body = bytes_of(world_chunk(world, "c", 0)),
                                                .more = {{"Idempotency-Key", keys[i]}},
                                                .more_count = 1});
        CHECK_PROBLEM(&answer, 400, "malformed");
    }
    CHECK_NUMBER(world_seen(world), seen);
}

TEST(requests, too_many_a_second_are_429_with_the_time_to_wait)
{
    static const char *const     settings[] = {"PRT_KEY_RATE=5", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    struct http_answer           answer = {0};

    if (world == NULL) {
        return;
    }
    for (int i = 0; i < 200 && answer.status != 429; i++) {
        answer = world_get(world, "/v1/traces", DEV_KEY);
    }
    CHECK_PROBLEM(&answer, 429, "rate_limited");
    CHECK_TEXT(http_answer_header(&answer, "retry-after"), "1");
}

TEST(requests, every_answer_has_a_request_id_the_clients_own_if_it_is_sane)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;

    if (world == NULL) {
        return;
    }
    answer = world_ask(world, &(struct ask){.method = "GET",
                                            .path = "/healthz",
                                            .more = {{"X-Request-Id", "mine-1.2_3"}},
                                            .more_count = 1});
    CHECK_TEXT(http_answer_header(&answer, "x-request-id"), "mine-1.2_3");
    answer = world_ask(world, &(struct ask){.method = "GET",
                                            .path = "/healthz",
                                            .more = {{"X-Request-Id", "not \"mine\""}},
                                            .more_count = 1});
    CHECK_NUMBER(strlen(http_answer_header(&answer, "x-request-id")), 16);
}

TEST(requests, head_answers_without_a_body_and_a_connection_takes_many)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    const char                  *heard;
    int                          fd;

    if (world == NULL) {
        return;
    }
    fd = raw_open(world);
    for (int i = 0; i < 3; i++) {
        raw_say(fd, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
        heard = raw_hear(world, fd, "\"ok\"}");
        CHECK(strstr(heard, "HTTP/1.1 200 ") == heard);
    }
    raw_say(fd, "HEAD /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    heard = raw_hear(world, fd, NULL);
    CHECK(strstr(heard, "Content-Length: 15") != NULL && strstr(heard, "\"ok\"") == NULL);
    (void)close(fd);
}

TEST(requests, a_body_whose_end_is_said_twice_is_refused_and_nothing_behind_it_is_read)
{
    static const char *const framings[] = {
        "Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}",
        "Content-Length: 0\r\nContent-Length: 2\r\n\r\n{}",
        "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\ncontent-length: 0\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    };
    CLEANUP(world) struct world *world = world_open(NULL);

    for (size_t i = 0; world != NULL && i < COUNT_OF(framings); i++) {
        int         fd = raw_open(world);
        const char *answer;

        raw_say(fd, arena_format(world->arena,
                                 "POST /v1/traces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                                 "%s\r\n%sGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
                                 DEV_KEY, framings[i]));
        answer = raw_hear(world, fd, "{\"status\":\"ok\"}");
        if ((strncmp(answer, "HTTP/1.1 400 ", 13) != 0 &&
             strncmp(answer, "HTTP/1.1 501 ", 13) != 0) ||
            strstr(answer, "close") == NULL || strstr(answer, "200 OK") != NULL) {
            test_failed(__FILE__, __LINE__, "%s is answered %s", framings[i], answer);
        }
        (void)close(fd);
    }
}

TEST(requests, nonsense_on_the_wire_does_no_harm)
{
    static const char *const nonsense[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET /healthz HTTP/9.9\r\nHost: h\r\n\r\n",
        "POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /v1/traces HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /v1/traces HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer\r\nContent-Length: "
        "2\r\n\r\n{}",
        "GET /%%%%%%%% HTTP/1.1\r\nHost: h\r\n\r\n",
    };
    /* What breaks off together with its connection is given up as silent. */
    static const char *const     settings[] = {"PRT_HTTP_IDLE=1s", NULL};
    CLEANUP(world) struct world *world = world_open(settings);

    if (world == NULL) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
        int fd = raw_open(world);

        raw_say(fd, nonsense[i]);
        (void)close(fd);
    }
    CHECK_NUMBER(world_get(world, "/healthz", NULL).status, 200);
    CHECK(world_metric_becomes(world, "prt_http_connections", 1)); /* the question's own */
    CHECK(world_metric_becomes(world, "prt_http_requests_open", 1));
}
