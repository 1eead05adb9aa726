// SPDX-License-Identifier: MIT
/* Artifacts of any size go to the object store by their trace and hash, without being held in memory. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/api/token.h"
#include "lib/test.h"
#include "value/msgpack.h"
#include "world.h"

static struct bytes noise(struct world *world, size_t size)
{
    uint8_t *data = arena_get(world->arena, size);

    random_bytes(data, size);
    return (struct bytes){data, size};
}

static struct http_answer put(struct world *world, const char *trace, const char *token,
                              const char *name, struct bytes body, const char *hash)
{
    return world_ask(
        world, &(struct ask){
                   .method = "PUT",
                   .path = arena_format(world->arena, "/v1/traces/%s/artifacts/%s", trace, name),
                   .token = token,
                   .type = "application/gzip",
                   .body = body,
                   .more = {{"X-Content-SHA256", hash}},
                   .more_count = hash == NULL ? 0 : 1,
               });
}

TEST(uploads, are_stored_under_their_trace_and_hash_and_told_to_validate)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    struct message               message;
    struct value                 json;
    struct bytes                 stored;
    struct bytes                 body;
    struct bytes                 raw;
    struct err                   err = {0};
    char                         hash[HASH_HEX];
    const char                  *token;
    const char                  *key;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    body = noise(world, 3 * 1000 * 1000); /* many blocks, and a rest */
    sha256_hex(body, hash);
    key = arena_format(world->arena, "uploads/%s/%s", trace, hash);
    answer = put(world, trace, token, "final_workspace_snapshot", body, hash);
    CHECK_NUMBER(answer.status, 201);
    json = world_json(world, &answer);
    CHECK_TEXT(json_text(world, &json, "/sha256"), hash);
    CHECK_TEXT(json_text(world, &json, "/content_type"), "application/gzip");
    CHECK_TEXT(json_text(world, &json, "/uri"),
               arena_format(world->arena, "s3://pr-telemetry-artifacts/%s", key));
    CHECK_NUMBER(value_whole_or(value_get(&json, "size_bytes"), 0), body.size);
    CHECK_WORKS(blob_get(world->blob, world->arena, BUCKET_ARTIFACTS, key, 1 << 24, &stored, &err));
    CHECK(bytes_equal(stored, body));
    CHECK(world_message(world, "artifact", &message) != NULL);
    CHECK(msgpack_find(message.body, "key", &raw) && raw.size > strlen(key));
    CHECK_NUMBER(world_metric(world, "prt_http_memory_bytes"), 0);

    answer = put(world, trace, token, "e1.stdout", BYTES(""), NULL); /* nothing is something too */
    CHECK_NUMBER(answer.status, 201);
}

/* Erasing the first must not delete the second's before validate has heard of it. */
TEST(uploads, of_the_same_bytes_to_two_traces_are_two_objects)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    const char                  *trace[2];
    const char                  *token[2];
    const char                  *uri[2];

    if (world == NULL) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct http_answer answer;
        struct value       json;

        trace[i] = world_trace(world, &token[i]);
        answer = put(world, trace[i], token[i], "e1.stdout", BYTES("the same"), NULL);
        CHECK_NUMBER(answer.status, 201);
        json = world_json(world, &answer);
        uri[i] = json_text(world, &json, "/uri");
    }
    CHECK(strcmp(uri[0], uri[1]) != 0);
}

/* Its volume is not mounted: what was put there would be hidden when it is back. */
TEST(uploads, go_into_no_object_store_that_is_not_the_farms)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct blob_entry           *entries = NULL;
    struct http_answer           answer;
    struct err                   err = {0};
    const char                  *token;
    size_t                       count = 0;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    world_sql(world, "INSERT INTO object_home (word) VALUES ('elsewhere')");
    answer = put(world, trace, token, "e1.stdout", BYTES("out"), NULL);
    CHECK_PROBLEM(&answer, 503, "blob_denied");
    CHECK_WORKS(blob_list(world->blob, world->arena, BUCKET_ARTIFACTS, "uploads/", "", 1000,
                          &entries, &count, &err));
    CHECK_NUMBER(count, 0);
    CHECK_WORKS(
        blob_put(world->blob, BUCKET_CHUNKS, "farm/home", BYTES("elsewhere"), NULL, &err));
    CHECK_NUMBER(put(world, trace, token, "e1.stdout", BYTES("out"), NULL).status, 201);
}

TEST(uploads, with_another_hash_than_promised_are_refused)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    char                         hash[HASH_HEX];
    const char                  *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    sha256_hex(BYTES("something else"), hash);
    answer = put(world, trace, token, "e1.stdout", BYTES("this"), hash);
    CHECK_PROBLEM(&answer, 422, "schema");
}

TEST(uploads, too_large_or_misnamed_or_without_consent_are_refused)
{
    static const char *const     settings[] = {"PRT_ARTIFACT_MAX=1M", NULL};
    CLEANUP(world) struct world *world = world_open(settings);
    CLEANUP(buf) struct buf      out = {0};
    uint8_t                      token_key[KEY_BYTES];
    struct http_answer           answer;
    const char                  *token;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    memset(token_key, 0x11, sizeof(token_key));
    CLEANUP(tokens) struct tokens *tokens = tokens_new(token_key, NULL);

    answer = put(world, trace, token, "e1.stdout", noise(world, 1200 * 1000), NULL);
    CHECK_PROBLEM(&answer, 413, "too_large");
    answer = put(world, trace, token, "notes.txt", noise(world, 900 * 1000), NULL);
    CHECK_PROBLEM(&answer, 422, "schema");
    answer = put(world, trace, token,
                 "AKIA"
                 "Z7Q2MNOPRSTUVWX3.stdout",
                 BYTES("x"), NULL);
    CHECK_PROBLEM(&answer, 422, "schema");
    CHECK(strstr(arena_text(world->arena, answer.body), "looks like a secret") != NULL);
    answer = put(world, trace, token,
                 "AKIA"
                 "Z7Q2MNOPRSTUVWX3.txt",
                 BYTES("x"), NULL);
    CHECK_PROBLEM(&answer, 422, "schema");
    CHECK(strstr(arena_text(world->arena, answer.body), "AKIA") == NULL);
    CHECK(strstr(world_log(world), "AKIA") == NULL);
    upload_token_write(tokens, &out, &(struct upload){"dev", trace, CONSENT_COMMANDS, 4000000000});
    answer = put(world, trace, buf_text(&out), "start_workspace_snapshot", BYTES("x"), NULL);
    CHECK_PROBLEM(&answer, 422, "consent_denied");
    CHECK(world_metric_becomes(world, "prt_http_memory_bytes", 0));
}

TEST(uploads, in_chunks_of_any_size_arrive_whole)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    CLEANUP(buf) struct buf      all = {0};
    const char                  *token;
    const char                  *heard;
    char                         hash[HASH_HEX];
    int                          fd;

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    fd = raw_open(world);
    raw_say(fd, arena_format(world->arena,
                             "PUT %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                             "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
                             path_of(world, trace, "/artifacts/e1.stderr"), token));
    for (int i = 0; i < 2000; i++) {
        const char *piece = arena_format(world->arena, "%0*d", 1 + i % 700, i);

        buf_put_text(&all, piece);
        raw_say(fd, arena_format(world->arena, "%zx\r\n%s\r\n", strlen(piece), piece));
    }
    raw_say(fd, "0\r\n\r\n");
    heard = raw_hear(world, fd, NULL);
    sha256_hex(buf_bytes(&all), hash);
    CHECK(strstr(heard, " 201 ") != NULL);
    CHECK(strstr(heard, hash) != NULL);
    (void)close(fd);
}

TEST(uploads, wait_behind_no_reads)
{
    enum { READS = 16 };
    CLEANUP(world) struct world *world = world_open(NULL);
    const char                  *token;
    int                          reads[READS];
    char                         byte;
    struct err                   err = {0};

    if (world == NULL) {
        return;
    }
    const char *trace = world_trace(world, &token);

    CHECK_WORKS(store_begin(world->store, &err));
    world_sql(world, "LOCK TABLE traces");
    for (int i = 0; i < READS; i++) {
        reads[i] = raw_open(world);
        raw_say(reads[i], "GET /v1/traces HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer " DEV_KEY "\r\nConnection: close\r\n\r\n");
    }
    CHECK(world_metric_becomes(world, "prt_http_requests_open", READS + 1));
    CHECK_NUMBER(put(world, trace, token, "e1.stdout", BYTES("out"), NULL).status, 201);
    for (int i = 0; i < READS; i++) {
        CHECK_NUMBER(recv(reads[i], &byte, 1, MSG_DONTWAIT), -1);
    }
    store_rollback(world->store);
    for (int i = 0; i < READS; i++) {
        CHECK(strncmp(raw_hear(world, reads[i], NULL), "HTTP/1.1 200 ", 13) == 0);
        (void)close(reads[i]);
    }
}
