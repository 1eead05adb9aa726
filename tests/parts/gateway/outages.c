// SPDX-License-Identifier: MIT
/* What the gateway needs goes away, and comes back. */
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/jetstream.h"
#include "lib/postgres.h"
#include "lib/test.h"
#include "world.h"

static struct http_answer open_trace(struct world *world, const char *key)
{
    return world_post(world, "/v1/traces", key,
                      "{\"participant_id\":\"p\",\"task_id\":\"t\",\"task_title\":\"x\"}");
}

/* Asks until the answer has this status, for up to twenty seconds. */
static struct http_answer until(struct world *world, struct http_answer (*ask)(struct world *world),
                                int status)
{
    int64_t            deadline = clock_mono_us() + 20000000;
    struct http_answer answer = ask(world);

    while (answer.status != status && clock_mono_us() < deadline) {
        answer = ask(world);
    }
    return answer;
}

static struct http_answer ask_open(struct world *world)
{
    return open_trace(world, DEV_KEY);
}

static struct http_answer ask_ready(struct world *world)
{
    return world_get(world, "/readyz", NULL);
}

static struct http_answer ask_list(struct world *world)
{
    return world_get(world, "/v1/traces", DEV_KEY);
}

#define SECRET_NAME                                                                                \
    "AKIA"                                                                                         \
    "Z7Q2MNOPRSTUVWX3"

/* A path is logged with a refusal that is the farm's fault (one a second), without what must not be. */
static void check_log_of_refusals(struct world *world)
{
    const char *path = "/v1/traces/trace-x/artifacts/" SECRET_NAME ".stdout";
    int64_t     deadline = clock_mono_us() + 20000000;
    const char *log = "";

    while (strstr(log, "/v1/traces/trace-x/artifacts/") == NULL && clock_mono_us() < deadline) {
        CHECK_NUMBER(world_get(world, path, DEV_KEY).status, 503);
        log = world_log(world);
    }
    CHECK(strstr(log, "/v1/traces/trace-x/artifacts/[REDACTED:cloud_token].stdout") != NULL);
    CHECK(strstr(log, SECRET_NAME) == NULL);
}

/* Who calls is told what to do and where in the log the names are; a thousand refusals are one line. */
static void check_names_are_in_the_log_alone(struct world *world)
{
    struct http_answer answer = ask_list(world);
    struct value       json = world_json(world, &answer);
    const char        *detail = json_text(world, &json, "/detail");
    const char        *incident = strstr(detail, "incident ");
    const char        *log = "";
    int64_t            deadline = clock_mono_us() + 20000000;

    CHECK(strstr(detail, "send it again later") != NULL);
    CHECK(strstr(detail, "socket") == NULL && strchr(detail, '/') == NULL);
    CHECK(incident != NULL);
    incident = arena_format(world->arena, "\"incident\":\"%s\"",
                            incident == NULL ? "none" : incident + strlen("incident "));
    while (strstr(log, incident) == NULL && clock_mono_us() < deadline) {
        clock_sleep_ms(10);
        log = world_log(world);
    }
    CHECK(strstr(log, incident) != NULL);
    CHECK(strstr(log, "connecting to PostgreSQL") != NULL || strstr(log, "PostgreSQL broke") != NULL);
}

TEST(outages, without_jetstream_nothing_is_accepted_until_it_is_back)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    struct value       json;

    if (world == NULL) {
        return;
    }
    CHECK_NUMBER(open_trace(world, DEV_KEY).status, 201);
    jetstream_kill();
    answer = until(world, ask_open, 503);
    CHECK_PROBLEM(&answer, 503, "stream_down");
    CHECK(http_answer_header(&answer, "retry-after") != NULL);
    answer = world_get(world, "/readyz", NULL);
    CHECK_NUMBER(answer.status, 503);
    json = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &json, "/stream"), "stream_down");
    CHECK_TEXT(json_text(world, &json, "/store"), "ok");
    CHECK_TEXT(json_text(world, &json, "/blob"), "ok");
    CHECK(jetstream_start_again());
    CHECK_NUMBER(until(world, ask_open, 201).status, 201);
    CHECK_NUMBER(until(world, ask_ready, 200).status, 200);
}

TEST(outages, a_stream_that_does_not_answer_is_503_and_holds_no_thread)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;

    if (world == NULL) {
        return;
    }
    CHECK_NUMBER(open_trace(world, DEV_KEY).status, 201);
    jetstream_freeze();
    answer = open_trace(world, DEV_KEY);
    CHECK_PROBLEM(&answer, 503, "stream_down");
    CHECK_NUMBER(world_get(world, "/healthz", NULL).status, 200);
    jetstream_thaw();
    CHECK_NUMBER(until(world, ask_open, 201).status, 201);
}

TEST(outages, without_the_database_uploads_go_on_with_the_keys_that_are_known)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;
    char               hash[HASH_HEX];
    const char        *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    sha256_hex(BYTES("prt_ingest_known"), hash);
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO api_keys (key_hash, tenant, role, created_us)"
                                  " VALUES (decode('%s', 'hex'), 'acme', 'ingest', 1)",
                                  hash));
    CHECK_NUMBER(open_trace(world, "prt_ingest_known").status, 201);
    postgres_kill();
    CHECK_NUMBER(open_trace(world, "prt_ingest_known").status, 201);
    answer = world_post(world, path_of(world, trace, "/events:ingest"), token,
                        world_chunk(world, "c", 0));
    CHECK_NUMBER(answer.status, 200);
    answer = open_trace(world, "prt_ingest_unknown"); /* it might be a new one */
    CHECK_PROBLEM(&answer, 503, "store_down");
    answer = ask_list(world);
    CHECK_PROBLEM(&answer, 503, "store_down");
    check_log_of_refusals(world);
    check_names_are_in_the_log_alone(world);
    CHECK(postgres_start_again());
    CHECK_NUMBER(until(world, ask_list, 200).status, 200);
}

enum { READS = 12 }; /* three times as many as there are readers */

/* Reads wait for the database as long as it may take; what needs none must not wait with them. */
TEST(outages, a_database_that_hangs_is_named_and_keeps_no_upload_waiting)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    int                          reads[READS];
    struct http_answer           answer;
    struct value                 json;
    const char                  *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    CHECK_NUMBER(ask_ready(world).status, 200);
    CHECK_NUMBER(ask_list(world).status, 200);
    postgres_freeze();
    for (size_t i = 0; i < READS; i++) {
        reads[i] = raw_open(world);
        raw_say(reads[i], "GET /v1/traces HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer " DEV_KEY
                          "\r\nConnection: close\r\n\r\n");
    }
    answer = ask_ready(world);
    CHECK_NUMBER(answer.status, 503);
    json = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &json, "/store"), "store_down");
    CHECK_TEXT(json_text(world, &json, "/stream"), "ok");
    CHECK_TEXT(json_text(world, &json, "/blob"), "ok");
    answer = world_ask(world, &(struct ask){.method = "PUT",
                                            .path = path_of(world, trace, "/artifacts/e.stdout"),
                                            .token = token,
                                            .body = BYTES("what a reader stores")});
    CHECK_NUMBER(answer.status, 201);
    for (size_t i = 0; i < READS; i++) {
        CHECK(strstr(raw_hear(world, reads[i], "\"store_down\"}"), "Retry-After: 1") != NULL);
        fd_close(reads[i]);
    }
    postgres_thaw();
    CHECK_NUMBER(until(world, ask_list, 200).status, 200);
    CHECK_NUMBER(until(world, ask_ready, 200).status, 200);
}
