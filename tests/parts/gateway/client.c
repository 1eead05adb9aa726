// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/test.h"
#include "value/json.h"
#include "world.h"

enum { ANSWER_MOST = 64 * 1024 * 1024, TIMEOUT_MS = 30000, PATIENCE_MS = 20000, LOOK_MS = 10 };

struct http_answer world_ask(struct world *world, const struct ask *ask)
{
    struct http_header headers[10];
    size_t             count = 0;
    struct http_answer answer = {0};
    struct err         err = {0};

    if (ask->token != NULL) {
        headers[count++] = (struct http_header){
            "Authorization", arena_format(world->arena, "Bearer %s", ask->token)};
    }
    if (ask->type != NULL || ask->body.size > 0) {
        headers[count++] = (struct http_header){
            "Content-Type", ask->type == NULL ? "application/json" : ask->type};
    }
    if (ask->prefer != NULL) {
        headers[count++] = (struct http_header){"Prefer", ask->prefer};
    }
    for (size_t i = 0; i < ask->more_count; i++) {
        headers[count++] = ask->more[i];
    }
    CHECK_WORKS(http_send(
        world->client, world->arena,
        &(struct http_request){
            .method = ask->method,
            .url = arena_format(world->arena, "http://127.0.0.1:%d%s", world->port, ask->path),
            .headers = headers,
            .header_count = count,
            .body = ask->body,
            .answer_most = ANSWER_MOST,
            .timeout_ms = TIMEOUT_MS,
        },
        &answer, &err));
    return answer;
}

struct http_answer world_get(struct world *world, const char *path, const char *token)
{
    return world_ask(world, &(struct ask){.method = "GET", .path = path, .token = token});
}

struct http_answer world_post(struct world *world, const char *path, const char *token,
                              const char *json)
{
    return world_ask(world, &(struct ask){.method = "POST", .path = path, .token = token,
                                          .body = bytes_of(json)});
}

struct value world_json(struct world *world, const struct http_answer *answer)
{
    const struct value_limits limits = {.bytes = ANSWER_MOST, .depth = 64, .values = 1000000};
    struct value              value = value_null();
    struct err                err = {0};

    CHECK_WORKS(json_read(world->arena, answer->body, &limits, &value, &err));
    return value;
}

const char *json_text(struct world *world, const struct value *value, const char *pointer)
{
    return arena_text(world->arena, value_text_or(value_at(value, pointer), "(none)"));
}

void check_problem_at(const char *file, int line, struct world *world,
                      const struct http_answer *answer, int status, const char *code)
{
    struct value problem;
    const char  *type = answer->status == 0 ? NULL : http_answer_header(answer, "content-type");

    if (answer->status != status) {
        test_failed(file, line, "status %d, not %d: %.*s", answer->status, status,
                    (int)answer->body.size, (const char *)answer->body.data);
        return;
    }
    if (type == NULL || strcmp(type, "application/problem+json") != 0 ||
        http_answer_header(answer, "x-request-id") == NULL) {
        test_failed(file, line, "no problem+json with a request id");
        return;
    }
    problem = world_json(world, answer);
    if (strcmp(json_text(world, &problem, "/code"), code) != 0 ||
        value_whole_or(value_get(&problem, "status"), 0) != status) {
        test_failed(file, line, "not %s: %.*s", code, (int)answer->body.size,
                    (const char *)answer->body.data);
    }
}

const char *path_of(struct world *world, const char *trace, const char *rest)
{
    return arena_format(world->arena, "/v1/traces/%s%s", trace, rest);
}

const char *world_trace(struct world *world, const char **ret_token)
{
    struct http_answer answer =
        world_post(world, "/v1/traces", DEV_KEY,
                   "{\"participant_id\":\"p\",\"task_id\":\"t\",\"task_title\":\"a task\"}");
    struct value json;

    CHECK_NUMBER(answer.status, 201);
    json = world_json(world, &answer);
    *ret_token = json_text(world, &json, "/upload_token");
    return json_text(world, &json, "/trace_id");
}

const char *world_chunk(struct world *world, const char *id, int64_t seq)
{
    return arena_format(
        world->arena,
        "{\"chunk_id\":\"%s\",\"chunk_seq\":%lld,\"events\":[{\"id\":\"e%lld\","
        "\"seq\":%lld,\"ts_client_s\":1.5,\"type\":\"commit\",\"sha\":\"s\",\"message\":\"m\"}]}",
        id, (long long)seq, (long long)seq, (long long)seq);
}

/* ------------------------------------ bare sockets ------------------------------------ */

int raw_open(struct world *world)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)world->port)};
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

void raw_say(int fd, const char *text)
{
    size_t size = strlen(text);

    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

        if (sent <= 0) {
            return; /* the other side has closed: what it said is what the test looks at */
        }
        text += sent;
        size -= (size_t)sent;
    }
}

const char *raw_hear(struct world *world, int fd, const char *end)
{
    CLEANUP(buf) struct buf heard = {0};
    char          block[4096];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t       size;

    while (poll(&ready, 1, PATIENCE_MS) == 1 && (size = recv(fd, block, sizeof(block), 0)) > 0) {
        buf_put(&heard, (struct bytes){(uint8_t *)block, (size_t)size});
        if (end != NULL && strstr(buf_text(&heard), end) != NULL) {
            break;
        }
    }
    return arena_text(world->arena, buf_bytes(&heard));
}

/* ------------------------------------ metrics ------------------------------------ */

double world_metric(struct world *world, const char *series)
{
    struct http_answer answer = world_get(world, "/metrics", NULL);
    const char        *text = arena_text(world->arena, answer.body);
    const char        *line = arena_format(world->arena, "\n%s ", series);
    const char        *at = strstr(text, line);

    CHECK_NUMBER(answer.status, 200);
    if (at == NULL) {
        test_failed(__FILE__, __LINE__, "no series %s", series);
        return -1;
    }
    return strtod(at + strlen(line), NULL);
}

bool world_metric_becomes(struct world *world, const char *series, double value)
{
    int64_t deadline = clock_mono_us() + PATIENCE_MS * 1000LL;

    while (clock_mono_us() < deadline) {
        if (world_metric(world, series) == value) {
            return true;
        }
        clock_sleep_ms(LOOK_MS);
    }
    return false;
}
