// SPDX-License-Identifier: MIT
/* Who calls with which API key, and what that is good for. */
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/crypto.h"
#include "lib/test.h"
#include "world.h"

TEST(requests, the_dev_key_is_unknown_where_it_is_not_allowed)
{
    static const char *const     settings[] = {"PRT_DEV_KEY=off", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    struct http_answer           answer;

    if (world == NULL) {
        return;
    }
    answer = world_get(world, "/v1/traces", DEV_KEY);
    CHECK_PROBLEM(&answer, 401, "unauthorized");
    answer = world_get(world, "/", NULL);
    CHECK(strstr(arena_text(world->arena, answer.body), DEV_KEY) == NULL);
}

/* A page that its reader's browser takes to be this farm's (its name was given this address) has no
 * other key than this one. */
TEST(requests, the_dev_key_is_good_at_no_name_that_others_give_out)
{
    static const struct {
        const char *host;
        int         status;
    } hosts[] = {{"evil.example:8000", 403},    {"evil.example", 403},
                 {"127.0.0.1.evil.example", 403}, {"localhost.evil.example", 403},
                 {"notlocalhost:8000", 403},
                 {"localhost:8000", 200},       {"LOCALHOST", 200},
                 {"app.localhost", 200},        {"127.0.0.1:8000", 200},
                 {"[::1]:8000", 200}};
    CLEANUP(world) struct world *world = world_open(NULL);

    for (size_t i = 0; world != NULL && i < COUNT_OF(hosts); i++) {
        int         fd = raw_open(world);
        const char *heard;

        raw_say(fd, arena_format(world->arena,
                                 "GET /v1/traces HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                                 "Authorization: Bearer " DEV_KEY "\r\n\r\n",
                                 hosts[i].host));
        heard = raw_hear(world, fd, NULL);
        if (strncmp(heard, arena_format(world->arena, "HTTP/1.1 %d ", hosts[i].status), 13) != 0) {
            test_failed(__FILE__, __LINE__, "Host: %s is answered %s", hosts[i].host, heard);
        }
        (void)close(fd);
    }
}

static void add_key(struct world *world, const char *key, const char *tenant, const char *role)
{
    char hash[HASH_HEX];

    sha256_hex(bytes_of(key), hash);
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO api_keys (key_hash, tenant, role, created_us)"
                                  " VALUES (decode('%s', 'hex'), '%s', '%s', 1)",
                                  hash, tenant, role));
}

TEST(requests, a_new_api_key_is_good_at_once_and_for_its_role_only)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;

    if (world == NULL) {
        return;
    }
    answer = world_get(world, "/v1/traces", "prt_read_abc");
    CHECK_PROBLEM(&answer, 401, "unauthorized");
    add_key(world, "prt_read_abc", "acme", "read");
    add_key(world, "prt_ingest_abc", "acme", "ingest");
    add_key(world, "prt_admin_abc", "acme", "admin");
    answer = world_get(world, "/v1/traces", "prt_read_abc");
    CHECK_NUMBER(answer.status, 200);
    answer = world_post(world, "/v1/traces", "prt_read_abc", "{}");
    CHECK_PROBLEM(&answer, 403, "forbidden");
    answer = world_get(world, "/v1/traces", "prt_ingest_abc");
    CHECK_PROBLEM(&answer, 403, "forbidden");
    answer = world_get(world, "/v1/traces", "prt_admin_abc");
    CHECK_NUMBER(answer.status, 200);
}

/* Have so many of them something to read by now, or within some patience? */
static bool are_answered(const int *fd, int count, int answers)
{
    int64_t deadline = clock_mono_us() + 60 * 1000000LL;

    while (clock_mono_us() < deadline) {
        int ready = 0;

        for (int i = 0; i < count; i++) {
            struct pollfd look = {fd[i], POLLIN, 0};

            ready += poll(&look, 1, 0) > 0;
        }
        if (ready == answers) {
            return true;
        }
        clock_sleep_ms(10);
    }
    return false;
}

/* The keys' table does not answer, so that they pile up. */
TEST(requests, with_keys_that_nobody_knows_get_little_of_the_queue)
{
    enum { REQUESTS = 200, ASKED = 64 };
    CLEANUP(world) struct world *world = world_open(NULL);
    int                          fd[REQUESTS];
    int                          later = 0, unknown = 0;
    struct err                   err = {0};

    if (world == NULL) {
        return;
    }
    CHECK_WORKS(store_begin(world->store, &err));
    world_sql(world, "LOCK TABLE api_keys");
    for (int i = 0; i < REQUESTS; i++) {
        fd[i] = raw_open(world);
        raw_say(fd[i], arena_format(world->arena,
                                    "GET /v1/traces HTTP/1.1\r\nHost: localhost\r\nAuthorization:"
                                    " Bearer prt_read_%d\r\nConnection: close\r\n\r\n",
                                    i));
    }
    CHECK(world_metric_becomes(world, "prt_http_requests_open", ASKED + 1));
    CHECK(are_answered(fd, REQUESTS, REQUESTS - ASKED));
    store_rollback(world->store);
    for (int i = 0; i < REQUESTS; i++) {
        const char *heard = raw_hear(world, fd[i], NULL);

        later += strstr(heard, "\"code\":\"key_new\"") != NULL;
        unknown += strstr(heard, "\"code\":\"unauthorized\"") != NULL;
        (void)close(fd[i]);
    }
    CHECK_NUMBER(later, REQUESTS - ASKED);
    CHECK_NUMBER(unknown, ASKED);
}

static int post_large(struct world *world, const char *key)
{
    CLEANUP(buf) struct buf body = {0};

    while (body.size < 65 * 1024) {
        buf_put_text(&body, "                                ");
    }
    buf_put_text(&body, "{}");
    return world_post(world, "/ingest", key, arena_text(world->arena, buf_bytes(&body))).status;
}

static int post_large_until(struct world *world, const char *key, int status)
{
    int64_t deadline = clock_mono_us() + 20000000;
    int     got = 0;

    while (got != status && clock_mono_us() < deadline) {
        got = post_large(world, key);
    }
    return got;
}

/* Whoever has no key could fill the memory for bodies with requests that are not refused before. */
TEST(requests, of_nobody_leave_no_large_body_in_memory)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    char                         hash[HASH_HEX];
    int                          fd;

    if (world == NULL) {
        return;
    }
    fd = raw_open(world);
    raw_say(fd, "POST /ingest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer prt_ingest_nobody\r\n"
                "Content-Type: application/json\r\nExpect: 100-continue\r\n"
                "Content-Length: 4000000\r\n\r\n");
    CHECK(strstr(raw_hear(world, fd, "\"}"), "HTTP/1.1 100") == NULL);
    (void)close(fd);
    CHECK_NUMBER(post_large_until(world, "prt_ingest_nobody", 401), 401);
    CHECK_NUMBER(post_large(world, DEV_KEY), 422); /* read, and found wanting */
    sha256_hex(BYTES("prt_ingest_new"), hash);
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO api_keys (key_hash, tenant, role, created_us)"
                                  " VALUES (decode('%s', 'hex'), 'acme', 'ingest', 1)",
                                  hash));
    CHECK_NUMBER(post_large_until(world, "prt_ingest_new", 422), 422);
}

TEST(requests, of_one_key_do_not_use_up_anothers_rate)
{
    static const char *const     settings[] = {"PRT_KEY_RATE=1", NULL};
    static const char *const     keys[] = {"prt_read_loud", "prt_read_quiet"};
    CLEANUP(world) struct world *world = world_open(settings);
    struct http_answer           answer = {0};
    char                         hash[HASH_HEX];

    if (world == NULL) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        sha256_hex(bytes_of(keys[i]), hash);
        world_sql(world, arena_format(world->arena,
                                      "INSERT INTO api_keys (key_hash, tenant, role, created_us)"
                                      " VALUES (decode('%s', 'hex'), 'acme', 'read', 1)",
                                      hash));
    }
    for (int i = 0; i < 200 && answer.status != 429; i++) {
        answer = world_get(world, "/v1/traces", keys[0]);
    }
    CHECK_NUMBER(answer.status, 429);
    CHECK_NUMBER(world_get(world, "/v1/traces", keys[1]).status, 200);
}

TEST(requests, of_one_trace_do_not_use_up_anothers_rate)
{
    static const char *const     settings[] = {"PRT_KEY_RATE=1", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    struct http_answer           answer = {0};
    const char                  *loud, *quiet, *loud_token, *quiet_token;

    if (world == NULL) {
        return;
    }
    loud = world_trace(world, &loud_token);
    quiet = world_trace(world, &quiet_token);
    for (int i = 0; i < 200 && answer.status != 429; i++) {
        answer = world_post(world, path_of(world, loud, "/complete"), loud_token, "{}");
    }
    CHECK_NUMBER(answer.status, 429);
    answer = world_post(world, path_of(world, quiet, "/complete"), quiet_token, "{}");
    CHECK_NUMBER(answer.status, 200);
}

/* However many traces they are for; keys have a rate of their own. */
TEST(requests, of_all_traces_of_a_tenant_have_a_rate_together)
{
    static const char *const     settings[] = {"PRT_TENANT_RATE=1", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    struct http_answer           answer = {0};
    const char                  *trace, *token;

    if (world == NULL) {
        return;
    }
    for (int i = 0; i < 50 && answer.status != 429; i++) {
        trace = world_trace(world, &token);
        answer = world_post(world, path_of(world, trace, "/complete"), token, "{}");
    }
    CHECK_PROBLEM(&answer, 429, "rate_limited");
    CHECK(http_answer_header(&answer, "retry-after") != NULL);
    CHECK_NUMBER(world_get(world, "/v1/traces", DEV_KEY).status, 200);
}
