// SPDX-License-Identifier: MIT
/* Artifacts come back as they were sent: whole, in ranges, and under conditions. */
#include <unistd.h>

#include "lib/test.h"
#include "world.h"

/* Of trace 1: "0123456789", with the tag "abcd". */
static void put_artifact(struct world *world, const char *name, const char *type)
{
    struct err err = {0};

    CHECK_WORKS(
        blob_put(world->blob, BUCKET_ARTIFACTS, "sha256/ab/abc", BYTES("0123456789"), NULL, &err));
    world_sql(world,
              "INSERT INTO traces (trace_id, tenant, opened_us) VALUES ('trace-1', 'dev', 1)");
    world_sql(world, arena_format(world->arena,
                                  "INSERT INTO artifacts VALUES (1, '%s', '\\xabcd', 10, '%s',"
                                  " 'sha256/ab/abc', 1)",
                                  name, type));
}

static struct http_answer get_range(struct world *world, const char *range)
{
    return world_ask(world,
                     &(struct ask){.method = "GET",
                                   .path = "/v1/traces/trace-1/artifacts/final_workspace_snapshot",
                                   .token = DEV_KEY,
                                   .more = {{"Range", range}},
                                   .more_count = range == NULL ? 0 : 1});
}

TEST(artifacts, come_whole_or_in_ranges_and_never_as_pages)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer answer;

    if (world == NULL) {
        return;
    }
    put_artifact(world, "final_workspace_snapshot", "text/html");
    answer = get_range(world, NULL);
    CHECK_NUMBER(answer.status, 200);
    CHECK(bytes_is(answer.body, "0123456789"));
    CHECK_TEXT(http_answer_header(&answer, "etag"), "\"abcd\"");
    CHECK_TEXT(http_answer_header(&answer, "content-disposition"), "attachment");
    CHECK_TEXT(http_answer_header(&answer, "x-content-type-options"), "nosniff");
    answer = get_range(world, "bytes=2-4");
    CHECK_NUMBER(answer.status, 206);
    CHECK(bytes_is(answer.body, "234"));
    CHECK_TEXT(http_answer_header(&answer, "content-range"), "bytes 2-4/10");
    answer = get_range(world, "bytes=-3");
    CHECK(bytes_is(answer.body, "789"));
    answer = get_range(world, "bytes=10-");
    CHECK_PROBLEM(&answer, 416, "range_wrong");
    CHECK_TEXT(http_answer_header(&answer, "content-range"), "bytes */10");
    answer = world_get(world, "/v1/traces/trace-1/artifacts/e1.stdout", DEV_KEY);
    CHECK_PROBLEM(&answer, 404, "not_found");
}

static struct http_answer get_if(struct world *world, const char *path, const char *tag)
{
    return world_ask(world, &(struct ask){.method = "GET",
                                          .path = path,
                                          .token = DEV_KEY,
                                          .more = {{"If-Match", tag}, {"Range", "bytes=2-4"}},
                                          .more_count = 2});
}

/* Or a download that goes on where it broke off would be of two artifacts. */
TEST(artifacts, that_if_match_does_not_name_are_refused)
{
    static const char            path[] = "/v1/traces/trace-1/artifacts/e1.stdout";
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;

    if (world == NULL) {
        return;
    }
    put_artifact(world, "e1.stdout", "text/plain");
    CHECK_NUMBER(get_if(world, path, "\"abcd\"").status, 206);
    CHECK_NUMBER(get_if(world, path, "*").status, 206);
    answer = get_if(world, path, "\"abce\", W/\"abcd\"");
    CHECK_PROBLEM(&answer, 412, "tag_wrong");
    CHECK(http_answer_header(&answer, "etag") == NULL);
}

/* Range is GET's alone (RFC 9110, 14.2), and no byte is fetched to be left out. */
TEST(artifacts, have_a_head_that_is_of_the_whole)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    const char                  *heard;
    int                          fd;

    if (world == NULL) {
        return;
    }
    put_artifact(world, "e1.stdout", "text/plain");
    world_sql(world, "INSERT INTO artifacts VALUES (1, 'e2.stdout', '\\xabce', 10, 'text/plain',"
                     " 'sha256/ab/abd', 1)"); /* whose object is lost */
    fd = raw_open(world);
    for (int i = 1; i <= 2; i++) {
        raw_say(fd, arena_format(world->arena,
                                 "HEAD /v1/traces/trace-1/artifacts/e%d.stdout HTTP/1.1\r\n"
                                 "Host: localhost\r\nAuthorization: Bearer " DEV_KEY "\r\n"
                                 "Range: bytes=2-4\r\n\r\n",
                                 i));
        heard = raw_hear(world, fd, "\r\n\r\n");
        CHECK(strstr(heard, i == 1 ? "HTTP/1.1 200 " : "HTTP/1.1 404 ") == heard);
        CHECK((strstr(heard, "\r\nContent-Length: 10\r\n") != NULL) == (i == 1));
        CHECK((strstr(heard, "\r\nETag: \"abcd\"\r\n") != NULL) == (i == 1));
        CHECK(strstr(heard, "Content-Range") == NULL);
    }
    (void)close(fd);
}

TEST(artifacts, whose_object_has_lost_bytes_are_said_to_have)
{
    CLEANUP(world) struct world *world = world_open(NULL);
    struct http_answer           answer;
    struct err                   err = {0};

    if (world == NULL) {
        return;
    }
    put_artifact(world, "final_workspace_snapshot", "text/plain");
    CHECK_WORKS(
        blob_put(world->blob, BUCKET_ARTIFACTS, "sha256/ab/abc", BYTES("012345678"), NULL, &err));
    answer = get_range(world, NULL);
    CHECK_PROBLEM(&answer, 500, "blob_corrupt");
    answer = get_range(world, "bytes=0-8");
    CHECK_NUMBER(answer.status, 206);
}
