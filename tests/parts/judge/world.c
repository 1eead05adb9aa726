// SPDX-License-Identifier: MIT
#include "world.h"

#include <signal.h>
#include <stdlib.h>

#include "lib/server.h"
#include "lib/test.h"
#include "value/json.h"

static struct test_server *server;

static const char document[] =
    "{\"trace_id\":\"trace-1\",\"task\":{\"id\":\"t\",\"title\":\"one short\"},\"events\":["
    "{\"seq\":10,\"type\":\"test_run\",\"num_passed\":3,\"num_failed\":1,\"failed_tests\":[\"a\"]},"
    "{\"seq\":20,\"type\":\"file_edit\",\"file_path\":\"a.py\",\"diff_unified\":\"@@ -1 +1 @@\\n-a"
    "\\n+b\\n\",\"buffer_hash_after\":\"x\"},"
    "{\"seq\":30,\"type\":\"test_run\",\"num_passed\":4,\"num_failed\":0}]}";

static void stop_server(void)
{
    test_server_stop(server);
}

static void start_server(void)
{
    if (server == NULL) {
        (void)signal(SIGPIPE, SIG_IGN);
        (void)unsetenv("http_proxy");
        (void)setenv("no_proxy", "127.0.0.1,localhost", 1);
        server = test_server_start("judge-server");
        if (server == NULL) {
            exit(1);
        }
        (void)atexit(stop_server);
    }
}

const char *server_url(void)
{
    static char url[64];

    start_server();
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%s/v1", test_server_value(server, "port"));
    return url;
}

const char *server_key(void)
{
    start_server();
    return test_server_value(server, "key");
}

const char *server_value(const char *name)
{
    start_server();
    return test_server_value(server, name);
}

struct world world_new(void)
{
    const struct value_limits limits = {1 << 20, 32, 10000};
    struct world              world = {.arena = arena_new()};
    struct value             *value = arena_zero(world.arena, 1, sizeof(*value));
    struct err                err = {0};

    start_server();
    CHECK_WORKS(crypto_setup(&err));
    CHECK_WORKS(json_read(world.arena, bytes_of(document), &limits, value, &err));
    CHECK_WORKS(session_of_value(world.arena, value, &world.session, &err));
    CHECK_WORKS(rubric_load(world.arena, RUBRIC_VERSION, &world.rubric, &err));
    CHECK_WORKS(prompt_build(world.arena, PROMPT_VERSION, &world.rubric, &world.session, 8000, NULL,
                             &world.prompt, &err));
    CHECK_WORKS(prompt_build(world.arena, PROMPT_VERSION, &world.rubric, &world.session, 8000,
                             prompt_probe, &world.probe, &err));
    world.settings = (struct chat_settings){
        .base_url = server_url(),
        .api_key = server_key(),
        .timeout_ms = 10000,
        .answer_tokens = 1000,
        .seed = 7,
        .ca_file = "",
        .proxy = "",
    };
    return world;
}

void world_done(struct world *world)
{
    arena_free(world->arena);
}

static const char *get(struct arena *arena, const char *what, const char *model)
{
    CLEANUP(http_client) struct http_client *client = http_client_new(NULL, NULL);
    struct http_answer                       answer = {0};
    struct err                               err = {0};
    struct http_request                      request = {
                             .method = "GET",
                             .url = arena_format(arena, "http://127.0.0.1:%s/%s/%s", test_server_value(server, "port"),
                                                 what, model),
                             .answer_most = 1 << 24,
                             .timeout_ms = 10000,
    };

    CHECK_WORKS(http_send(client, arena, &request, &answer, &err));
    return arena_text(arena, answer.body);
}

int server_asked(const char *model)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    return atoi(get(arena, "asked", model));
}

int server_connected(const char *host)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    return atoi(get(arena, "connected", host));
}

const char *server_last(struct arena *arena, const char *model)
{
    return get(arena, "last", model);
}

static struct ask ask_with(struct world *world, struct chat_model *model, bool probe,
                           const char *ca_file)
{
    struct chat_settings                     settings = world->settings;
    CLEANUP(http_client) struct http_client *client = NULL;
    static const atomic_bool                 never;
    struct chat                              chat = {NULL, &settings, &never};
    struct ask                               ask = {
                                      .arena = world->arena,
                                      .model = model,
                                      .prompt = &world->prompt,
                                      .probe = probe ? &world->probe : NULL,
                                      .rubric = &world->rubric,
                                      .session = &world->session,
    };

    settings.ca_file = ca_file == NULL ? "" : ca_file;
    client = chat_client_new(&settings);
    chat.http = client;
    ask_run(&ask, &chat, &never);
    return ask;
}

struct ask ask_model(struct world *world, struct chat_model *model, bool probe)
{
    return ask_with(world, model, probe, NULL);
}

struct ask ask_trusting(struct world *world, struct chat_model *model, const char *ca_file)
{
    return ask_with(world, model, false, ca_file);
}
