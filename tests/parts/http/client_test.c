// SPDX-License-Identifier: MIT
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/client.h"
#include "lib/server.h"
#include "lib/test.h"

/* What every test needs; the server is one for all of them. */
struct world {
    struct http_client *client;
    struct arena       *arena;
    const char         *base;
    const char         *ca_file;
    const char         *unix_socket;
};

static struct test_server *server;

static void stop_server(void)
{
    test_server_stop(server);
}

static void world_done(struct world *world)
{
    http_client_free(world->client);
    arena_free(world->arena);
}
static inline void world_cleanup(struct world *slot)
{
    world_done(slot);
}

static struct world world_new(void)
{
    struct world world = {.arena = arena_new()};

    if (server == NULL) {
        (void)signal(SIGPIPE, SIG_IGN);
        (void)unsetenv("http_proxy");
        (void)setenv("no_proxy", "127.0.0.1,localhost", 1);
        server = test_server_start("http-server");
        if (server == NULL) {
            exit(1);
        }
        (void)atexit(stop_server);
    }
    world.base =
        arena_format(world.arena, "http://127.0.0.1:%s", test_server_value(server, "port"));
    world.ca_file = test_server_value(server, "ca_file");
    world.unix_socket = test_server_value(server, "unix_socket");
    world.client = http_client_new(NULL, NULL);
    return world;
}

static struct http_request get(struct world *world, const char *path)
{
    return (struct http_request){.method = "GET",
                                 .url = arena_format(world->arena, "%s%s", world->base, path),
                                 .answer_most = 1024 * 1024};
}

static const char *text_of(struct world *world, const struct http_answer *answer)
{
    return arena_text(world->arena, answer->body);
}

TEST(http, sends_method_target_headers_and_body_as_they_are)
{
    CLEANUP(world) struct world     world = world_new();
    struct err                      err = {0};
    struct http_answer              answer = {0};
    static const struct http_header headers[] = {
        {"X-One", "1"}, {"X-Empty", ""}, {"Content-Type", "text/x"}};
    struct http_request request = get(&world, "/echo/./a/../%7Eb?c=d%2F");

    request.method = "PATCH";
    request.headers = headers;
    request.header_count = COUNT_OF(headers);
    request.body = BYTES("the\0body");
    CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
    CHECK_NUMBER(answer.status, 200);
    CHECK(strncmp(text_of(&world, &answer), "PATCH /echo/./a/../%7Eb?c=d%2F\n", 31) == 0);
    CHECK(strstr(text_of(&world, &answer), "\nx-one: 1\n") != NULL);
    CHECK(strstr(text_of(&world, &answer), "\nx-empty: \n") != NULL);
    CHECK(strstr(text_of(&world, &answer), "\ncontent-type: text/x\n") != NULL);
    CHECK(strstr(text_of(&world, &answer), "\nexpect:") == NULL);
    CHECK(answer.body.size > 8 &&
          memcmp(answer.body.data + answer.body.size - 8, "the\0body", 8) == 0);
}

TEST(http, sends_no_type_of_its_own_and_the_length_of_an_empty_body)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct http_request         request = get(&world, "/echo");

    request.method = "PUT";
    CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
    CHECK(strstr(text_of(&world, &answer), "\ncontent-type") == NULL);
    CHECK(strstr(text_of(&world, &answer), "\ncontent-length: 0\n") != NULL);
    request.method = "GET";
    CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
    CHECK(strncmp(text_of(&world, &answer), "GET /echo\n", 10) == 0);
    CHECK(strstr(text_of(&world, &answer), "\ncontent-length") == NULL);
}

TEST(http, keeps_its_connection)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct http_request         request = get(&world, "/connection");
    const char                 *first;

    CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
    first = text_of(&world, &answer);
    for (int i = 0; i < 5; i++) {
        CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
        CHECK_TEXT(text_of(&world, &answer), first);
    }
}

TEST(http, hands_every_status_to_its_caller_with_headers_in_lower_case)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    static const int            statuses[] = {204, 404, 500, 503};

    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        struct http_request request =
            get(&world, arena_format(world.arena, "/status/%d", statuses[i]));

        request.method = "HEAD";
        CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
        CHECK_NUMBER(answer.status, statuses[i]);
        CHECK_NUMBER(answer.body.size, 0);
        CHECK_TEXT(http_answer_header(&answer, "content-length"), "10");
        CHECK(http_answer_header(&answer, "Content-Length") == NULL);
    }
}

TEST(http, does_not_follow_redirects)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct http_request         request = get(&world, "/redirect");

    CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
    CHECK_NUMBER(answer.status, 302);
    CHECK_TEXT(http_answer_header(&answer, "location"), "/echo");
}

TEST(http, reads_retry_after_of_a_busy_server)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct http_request         request = get(&world, "/retry-after/7");

    CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
    CHECK_NUMBER(answer.status, 429);
    CHECK_NUMBER(http_retry_after_ms(&answer), 7000);
}

TEST(http, refuses_a_body_over_its_limit_announced_or_not)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    static const char *const    paths[] = {"/bytes/300000", "/chunked/300000"};

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct http_request request = get(&world, paths[i]);

        request.answer_most = 300000;
        CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
        CHECK_NUMBER(answer.body.size, 300000);
        request.answer_most = 299999;
        CHECK_FAILS(http_send(world.client, world.arena, &request, &answer, &err), ERR_TOO_LARGE);
        CHECK(strstr(err.story, "299999") != NULL);
    }
}

TEST(http, bounds_the_headers_of_an_answer)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct http_request         few = get(&world, "/headers/50");
    struct http_request         many = get(&world, "/headers/200");

    CHECK_WORKS(http_send(world.client, world.arena, &few, &answer, &err));
    CHECK_FAILS(http_send(world.client, world.arena, &many, &answer, &err), ERR_HTTP_REFUSED);
}

/* -------- streams -------- */

struct pipe_end {
    size_t left; /* to give */
    size_t taken;
    size_t most; /* -1 above */
};

static ssize_t give(void *from, void *room, size_t size)
{
    struct pipe_end *end = from;

    if (end->left == 13) {
        return -1;
    }
    size = size < end->left ? size : end->left;
    memset(room, 's', size);
    end->left -= size;
    return (ssize_t)size;
}

static int take(void *to, struct bytes piece)
{
    struct pipe_end *end = to;

    end->taken += piece.size;
    return end->taken > end->most ? -1 : 0;
}

TEST(http, streams_a_body_out_and_an_answer_in)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct pipe_end             end = {.left = 3000000, .most = 4000000};
    struct http_request         request = get(&world, "/echo");

    request.method = "PUT";
    request.body_read = give;
    request.body_from = &end;
    request.body_size = 3000000;
    request.answer_write = take;
    request.answer_to = &end;
    request.answer_most = 100;
    CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
    CHECK(end.taken > 3000000);
    CHECK_NUMBER(answer.body.size, 0);
}

TEST(http, keeps_the_body_of_a_failure_also_when_it_streams)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct pipe_end             end = {.most = 100};
    struct http_request         request = get(&world, "/status/503");

    request.answer_write = take;
    request.answer_to = &end;
    CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
    CHECK_NUMBER(end.taken, 0);
    CHECK_TEXT(text_of(&world, &answer), "status 503");
}

TEST(http, stops_when_its_caller_cannot_read_or_write)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct pipe_end             end = {.left = 13, .most = 10};
    struct http_request         in = get(&world, "/bytes/100");
    struct http_request         out = get(&world, "/echo");

    in.answer_write = take;
    in.answer_to = &end;
    CHECK_FAILS(http_send(world.client, world.arena, &in, &answer, &err), ERR_SYSTEM);
    out.method = "PUT";
    out.body_read = give;
    out.body_from = &end;
    out.body_size = 13;
    CHECK_FAILS(http_send(world.client, world.arena, &out, &answer, &err), ERR_SYSTEM);
}

/* -------- failures -------- */

TEST(http, is_down_when_nobody_listens)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct http_request         request = {.method = "GET",
                                           .url = "http://user:pass@127.0.0.1:1/p?secret=1"};

    CHECK_FAILS(http_send(world.client, world.arena, &request, &answer, &err), ERR_HTTP_DOWN);
    CHECK(strncmp(err.story, "GET http://127.0.0.1:1/p: ", 26) == 0);
    CHECK(strstr(err.story, "secret") == NULL && strstr(err.story, "pass") == NULL);
}

TEST(http, is_down_when_the_connection_is_cut)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct http_request         cut = get(&world, "/cut");
    struct http_request         closed = get(&world, "/flaky/closed/9/0");
    struct http_request         fine = get(&world, "/status/200");

    CHECK_FAILS(http_send(world.client, world.arena, &cut, &answer, &err), ERR_HTTP_DOWN);
    CHECK_FAILS(http_send(world.client, world.arena, &closed, &answer, &err), ERR_HTTP_DOWN);
    CHECK_WORKS(http_send(world.client, world.arena, &fine, &answer, &err));
}

TEST(http, ends_a_request_that_takes_too_long)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct http_request         request = get(&world, "/hang");

    request.timeout_ms = 200;
    CHECK_FAILS(http_send(world.client, world.arena, &request, &answer, &err), ERR_HTTP_SLOW);
}

TEST(http, ends_a_stall_before_within_and_behind_the_answer)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct pipe_end             end = {.left = 64 * 1024 * 1024};
    struct http_request         hang = get(&world, "/hang");
    struct http_request         stall = get(&world, "/stall");
    struct http_request         deaf = get(&world, "/deaf");

    hang.stall_ms = stall.stall_ms = deaf.stall_ms = 300;
    CHECK_FAILS(http_send(world.client, world.arena, &hang, &answer, &err), ERR_HTTP_DOWN);
    CHECK(strstr(err.story, "no byte moved for 300 ms") != NULL);
    CHECK_FAILS(http_send(world.client, world.arena, &stall, &answer, &err), ERR_HTTP_DOWN);
    CHECK(strstr(err.story, "no byte moved for 300 ms") != NULL);
    deaf.method = "PUT";
    deaf.body_read = give;
    deaf.body_from = &end;
    deaf.body_size = (int64_t)end.left;
    CHECK_FAILS(http_send(world.client, world.arena, &deaf, &answer, &err), ERR_HTTP_DOWN);
    CHECK(strstr(err.story, "no byte moved for 300 ms") != NULL);
}

TEST(http, refuses_headers_that_would_smuggle_others)
{
    CLEANUP(world) struct world     world = world_new();
    struct err                      err = {0};
    struct http_answer              answer = {0};
    static const struct http_header bad[] = {
        {"X-A", "1\r\nX-B: 2"}, {"X A", "1"}, {"X:A", "1"}, {"", "1"}, {"X-A\n", "1"}};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct http_request request = get(&world, "/echo");

        request.headers = &bad[i];
        request.header_count = 1;
        CHECK_FAILS(http_send(world.client, world.arena, &request, &answer, &err), ERR_USAGE);
    }
}

TEST(http, tells_a_url_it_cannot_use)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    static const char *const    urls[] = {"", "file:///etc/passwd", "ftp://127.0.0.1/", "http://"};

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct http_request request = {.method = "GET", .url = urls[i]};

        CHECK_FAILS(http_send(world.client, world.arena, &request, &answer, &err),
                    ERR_CONFIG_WRONG);
    }
}

/* -------- ways to a server -------- */

TEST(http, trusts_the_certificates_it_is_given_and_no_others)
{
    CLEANUP(world) struct world              world = world_new();
    CLEANUP(http_client) struct http_client *trusting = http_client_new(NULL, world.ca_file);
    struct err                               err = {0};
    struct http_answer                       answer = {0};
    struct http_request                      request = get(&world, "");

    request.url = arena_format(world.arena, "https://127.0.0.1:%s/status/200",
                               test_server_value(server, "tls_port"));
    CHECK_FAILS(http_send(world.client, world.arena, &request, &answer, &err), ERR_HTTP_DOWN);
    CHECK(strstr(err.story, "certificate") != NULL);
    CHECK_WORKS(http_send(trusting, world.arena, &request, &answer, &err));
    CHECK_NUMBER(answer.status, 200);
}

TEST(http, connects_to_a_unix_socket)
{
    CLEANUP(world) struct world              world = world_new();
    CLEANUP(http_client) struct http_client *local = http_client_new(world.unix_socket, NULL);
    struct err                               err = {0};
    struct http_answer                       answer = {0};
    struct http_request                      request = get(&world, "/echo");

    request.url = "http://engine/echo";
    CHECK_WORKS(http_send(local, world.arena, &request, &answer, &err));
    CHECK(strstr(text_of(&world, &answer), "\nhost: engine\n") != NULL);
}

TEST(http, takes_the_proxy_of_the_environment)
{
    CLEANUP(world) struct world world = world_new();
    struct err                  err = {0};
    struct http_answer          answer = {0};
    struct http_request         request = get(&world, "");

    request.url = "http://far.invalid/echo";
    (void)setenv("http_proxy", world.base, 1);
    CHECK_WORKS(http_send(world.client, world.arena, &request, &answer, &err));
    (void)unsetenv("http_proxy");
    CHECK(strncmp(text_of(&world, &answer), "GET http://far.invalid/echo\n", 28) == 0);
}
