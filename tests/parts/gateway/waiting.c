// SPDX-License-Identifier: MIT
/* Slow, vanished and very many clients; and the end. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "lib/test.h"
#include "value/json.h"
#include "value/msgpack.h"
#include "world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PRT_SANITIZED /* and so is the gateway: its memory is mostly the sanitizer's */
#endif

static const char *chunk_request(struct world *world, const char *trace, const char *token,
                                 int number, const char *prefer)
{
    const char *chunk = world_chunk(world, arena_format(world->arena, "c%d", number), number);

    return arena_format(
        world->arena,
        "POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/json\r\nPrefer: %s\r\nContent-Length: %zu\r\n\r\n%s",
        path_of(world, trace, "/events:ingest"), token, prefer, strlen(chunk), chunk);
}

/* As many descriptors as the test of a thousand connections needs on this side. */
static bool allow_files(rlim_t count)
{
    struct rlimit limit;

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < count && limit.rlim_max >= count) {
        limit.rlim_cur = count;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur >= count;
}

enum { MANY = 1000 };

TEST(waiting, a_thousand_connections_wait_on_one_thread)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    const char *token;
    int         fd[MANY];
    int         answered = 0;

    if (!allow_files(MANY + 200)) {
        SKIP("this machine does not allow 1,200 open files");
    }
    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    world_judge(world, JUDGE_SILENT, 0);
    for (int i = 0; i < MANY; i++) {
        fd[i] = raw_open(world);
        raw_say(fd[i], chunk_request(world, trace, token, i, "wait=60"));
    }
    CHECK(world_metric_becomes(world, "prt_http_requests_waiting", MANY));
    CHECK_NUMBER(world_get(world, "/healthz", NULL).status, 200); /* and others are served */
    CHECK_NUMBER(world_metric(world, "prt_http_memory_bytes"), 0);
#ifndef PRT_SANITIZED
    CHECK(world_metric(world, "prt_process_memory_bytes") < 96 * 1024 * 1024);
#endif
    while (world_seen(world) < MANY + 1) { /* their messages and the one that opened the trace */
        (void)world_metric(world, "prt_http_requests_waiting");
    }
    world_answer_all(world);
    for (int i = 0; i < MANY; i++) {
        answered += strstr(raw_hear(world, fd[i], "judged"), "HTTP/1.1 200 ") != NULL;
        (void)close(fd[i]);
    }
    CHECK_NUMBER(answered, MANY);
    CHECK(world_metric_becomes(world, "prt_http_requests_waiting", 0));
    CHECK(world_metric_becomes(world, "prt_http_requests_open", 1));
}

static void put_ones(struct buf *body, uint32_t count)
{
    msgpack_put_text(body, BYTES("ones"));
    msgpack_put_list(body, count);
    buf_reserve(body, count);
    memset(body->data + body->size, 1, count);
    body->size += count;
}

/* All of them wait, and the gateway is small. Ends them. */
static void check_small(struct world *world, const int *fd, int requests)
{
#ifdef PRT_SANITIZED
    const double most = 450.0 * 1024 * 1024; /* it keeps 256 MiB of what was given back */
#else
    const double most = 96.0 * 1024 * 1024;
#endif

    CHECK(world_metric_becomes(world, "prt_http_requests_waiting", requests));
    CHECK(world_metric(world, "prt_process_memory_bytes") < most);
    for (int i = 0; i < requests; i++) {
        (void)close(fd[i]);
    }
}

/* Nothing but tiny values: as a tree each takes 32 bytes. */
TEST(waiting, a_large_body_in_msgpack_waits_as_bytes)
{
    enum { ONES = 4 * 1000 * 1000, REQUESTS = 4 };
    CLEANUP(world) struct world *world = world_open(NULL);
    CLEANUP(buf) struct buf      body = {0};
    const char                  *token;
    int                          fd[REQUESTS];
    struct err                   err = {0};

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    world_judge(world, JUDGE_SILENT, 0);
    msgpack_put_map(&body, 2);
    msgpack_put_text(&body, BYTES("chunk_id"));
    msgpack_put_text(&body, BYTES("c"));
    put_ones(&body, ONES);
    for (int i = 0; i < REQUESTS; i++) {
        fd[i] = raw_open(world);
        raw_say(fd[i], arena_format(world->arena,
                                    "POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                                    "Content-Type: application/msgpack\r\nPrefer: wait=60\r\n"
                                    "Content-Length: %zu\r\n\r\n",
                                    path_of(world, trace, "/events:ingest"), token, body.size));
        CHECK_WORKS(fd_write_all(fd[i], buf_bytes(&body), &err));
    }
    check_small(world, fd, REQUESTS);
}

/* Of a head that holds something of the client's own, in which each byte is a value. */
TEST(waiting, an_opening_waits_without_what_its_body_was_read_into)
{
    enum { ONES = 60 * 1000, REQUESTS = 300 };
    static const struct {
        const char *name, *json;
    } parts[] = {
        {"session", "{\"participant_id\":\"p\",\"consent\":{\"rationales\":true,"
                    "\"commands\":true,\"snapshots\":true}}"},
        {"task", "{\"id\":\"t\",\"title\":\"x\"}"},
        {"repo", "{\"origin\":\"\",\"start_commit\":\"\"}"},
    };
    CLEANUP(world) struct world *world = world_open(NULL);
    CLEANUP(buf) struct buf      body = {0};
    int                          fd[REQUESTS];
    struct err                   err = {0};

    if (world == NULL) {
        return;
    }
    world_judge(world, JUDGE_SILENT, 0);
    msgpack_put_map(&body, COUNT_OF(parts) + 1);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        msgpack_put_text(&body, bytes_of(parts[i].name));
        CHECK_WORKS(json_to_msgpack(bytes_of(parts[i].json),
                                    &(struct value_limits){1000, 8, 100}, &body, &err));
    }
    msgpack_put_text(&body, BYTES("environment"));
    msgpack_put_map(&body, 1);
    msgpack_put_text(&body, BYTES("extra"));
    msgpack_put_map(&body, 1);
    put_ones(&body, ONES);
    for (int i = 0; i < REQUESTS; i++) {
        fd[i] = raw_open(world);
        raw_say(fd[i], arena_format(world->arena,
                                    "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n"
                                    "Authorization: Bearer " DEV_KEY "\r\nIdempotency-Key: k%d\r\n"
                                    "Content-Type: application/msgpack\r\nPrefer: wait=60\r\n"
                                    "Content-Length: %zu\r\n\r\n",
                                    i, body.size));
        CHECK_WORKS(fd_write_all(fd[i], buf_bytes(&body), &err));
    }
    check_small(world, fd, REQUESTS);
}

TEST(waiting, a_body_that_does_not_come_is_408)
{
    static const char *const     settings[] = {"PRT_HTTP_BODY_TIME=1s", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    const char                  *token;
    const char                  *heard;
    int                          fd;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    fd = raw_open(world);
    raw_say(fd, arena_format(world->arena,
                             "POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                             "Content-Length: 100\r\n\r\n{\"chunk_id\":",
                             path_of(world, trace, "/events:ingest"), token));
    heard = raw_hear(world, fd, NULL);
    CHECK(strstr(heard, "HTTP/1.1 408 ") == heard);
    CHECK(strstr(heard, "\"code\":\"body_slow\"") != NULL);
    CHECK(strstr(heard, "X-Request-Id: ") != NULL);
    (void)close(fd);
    CHECK(world_metric_becomes(world, "prt_http_requests_open", 1));
    CHECK_NUMBER(world_metric(world, "prt_http_memory_bytes"), 0);
    CHECK_NUMBER(world_seen(world), 1); /* nothing was made of it */
}

TEST(waiting, a_silent_connection_is_closed)
{
    static const char *const     settings[] = {"PRT_HTTP_IDLE=1s", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    int                          fd;

    if (world == NULL) {
        return;
    }
    fd = raw_open(world);
    CHECK_TEXT(raw_hear(world, fd, NULL), "");
    (void)close(fd);
}

TEST(waiting, clients_that_vanish_leave_nothing_behind)
{
    /* A head or body that breaks off together with its connection is given up as silent. */
    static const char *const     settings[] = {"PRT_HTTP_IDLE=1s", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    const char                  *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    world_judge(world, JUDGE_SILENT, 0);
    for (int i = 0; i < 60; i++) {
        const char *request = chunk_request(world, trace, token, i, "wait=60");
        int         fd = raw_open(world);

        /* In the head, in the body, and while it waits. */
        raw_say(fd, i % 3 == 0 ? "POST /v1/traces HTTP/1.1\r\nHo"
                    : i % 3 == 1
                        ? arena_format(world->arena, "%.*s", (int)strlen(request) - 20, request)
                        : request);
        (void)close(fd);
    }
    CHECK(world_metric_becomes(world, "prt_http_requests_waiting", 20));
    while (world_seen(world) < 21) {
        (void)world_metric(world, "prt_http_requests_waiting");
    }
    world_answer_all(world);
    CHECK(world_metric_becomes(world, "prt_http_requests_open", 1));
    CHECK(world_metric_becomes(world, "prt_http_connections", 1));
    CHECK_NUMBER(world_metric(world, "prt_http_memory_bytes"), 0);
}

TEST(waiting, bodies_that_fill_the_memory_set_aside_are_503)
{
    static const char *const     settings[] = {"PRT_HTTP_MEMORY=16M", "PRT_BODY_MAX=8M", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    struct http_answer           answer;
    const char                  *token;
    const char                  *part;
    int                          fd[2];

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    part = arena_format(world->arena, "%0*d", 7990000, 1);
    for (int i = 0; i < 2; i++) { /* two that stop short of their last byte */
        fd[i] = raw_open(world);
        raw_say(fd[i], arena_format(world->arena,
                                    "POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                                    "Content-Length: 8000000\r\n\r\n",
                                    path_of(world, trace, "/events:ingest"), token));
        raw_say(fd[i], part);
    }
    CHECK(world_metric_becomes(world, "prt_http_memory_bytes", 2 * 7990000));
    answer = world_ask(world, &(struct ask){.method = "POST",
                                            .path = path_of(world, trace, "/events:ingest"),
                                            .token = token,
                                            .body = {(const uint8_t *)part, 2000000}});
    CHECK_PROBLEM(&answer, 503, "overloaded");
    CHECK_TEXT(http_answer_header(&answer, "retry-after"), "1");
    for (int i = 0; i < 2; i++) {
        (void)close(fd[i]);
    }
    CHECK(world_metric_becomes(world, "prt_http_memory_bytes", 0));
}

TEST(waiting, told_to_stop_it_ends_what_is_open_and_takes_no_more)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    const char *token;
    const char *heard;
    int         fd;
    int         late;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    world_judge(world, JUDGE_SILENT, 0);
    fd = raw_open(world);
    raw_say(fd, chunk_request(world, trace, token, 0, "wait=60"));
    while (world_seen(world) < 2) {
        (void)world_metric(world, "prt_http_requests_waiting");
    }
    world_tell_to_stop(world);
    do { /* until it has heard */
        late = raw_open(world);
        if (late >= 0) {
            (void)close(late);
        }
    } while (late >= 0);
    world_answer_all(world);
    heard = raw_hear(world, fd, NULL);
    CHECK(strstr(heard, "HTTP/1.1 200 ") == heard);
    CHECK(strstr(heard, "Connection: close") != NULL);
    (void)close(fd);
    CHECK_NUMBER(world_wait_stopped(world), 0);
}

TEST(waiting, a_wait_that_outlasts_the_grace_ends_as_at_its_deadline)
{
    static const char *const     settings[] = {"PRT_STOP_GRACE=1s", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    const char                  *token;
    int                          fd;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    world_judge(world, JUDGE_SILENT, 0);
    fd = raw_open(world);
    raw_say(fd, chunk_request(world, trace, token, 0, "wait=60"));
    while (world_seen(world) < 2) {
        (void)world_metric(world, "prt_http_requests_waiting");
    }
    world_tell_to_stop(world);
    CHECK(strstr(raw_hear(world, fd, NULL), "HTTP/1.1 202 ") != NULL); /* it is stored */
    (void)close(fd);
    CHECK_NUMBER(world_wait_stopped(world), 0);
}
