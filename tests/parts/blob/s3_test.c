// SPDX-License-Identifier: MIT
/* What is S3's own: keys and buckets at the real server, failures at one that misbehaves. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "http/client.h"
#include "lib/server.h"
#include "world.h"

TEST(s3, tells_a_wrong_key_and_what_to_set)
{
    struct blob_settings settings = settings_of(S3_BACKEND);
    struct blob_store   *store = NULL;
    struct err           err = {0};

    settings.secret_key = "wrong";
    CHECK_FAILS(blob_store_open(&store, &settings, &err), ERR_BLOB_DENIED);
    CHECK(strstr(err.story, "SignatureDoesNotMatch") != NULL);
    CHECK(strstr(err.story, "set PRT_S3_SECRET_KEY") != NULL);
    settings.access_key = "nobody";
    CHECK_FAILS(blob_store_open(&store, &settings, &err), ERR_BLOB_DENIED);
    CHECK(strstr(err.story, "set PRT_S3_ACCESS_KEY") != NULL);
    settings.secret_key = "";
    CHECK_FAILS(blob_store_open(&store, &settings, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "PRT_S3_SECRET_KEY") != NULL);
}

TEST(s3, makes_its_buckets_in_a_region_the_server_does_not_know)
{
    CLEANUP(blob_store) struct blob_store *store = NULL;
    struct blob_settings                   settings = settings_of(S3_BACKEND);
    struct err                             err = {0};

    settings.region = "eu-somewhere-9";
    settings.prefix = "region";
    CHECK_WORKS(blob_store_open(&store, &settings, &err));
    CHECK_WORKS(blob_put(store, BUCKET_CHUNKS, "k", BYTES("v"), NULL, &err));
}

/* -------- a server that misbehaves: keys are NAME.TIMES.STATUS -------- */

static struct test_server *bad;

static void stop_bad(void)
{
    test_server_stop(bad);
}

static struct blob_store *bad_store(void)
{
    struct blob_settings settings = settings_of(FILE_BACKEND); /* begins the world */
    struct blob_store   *store = NULL;
    struct err           err = {0};
    char                 url[64];

    if (bad == NULL) {
        bad = test_server_start("http-server");
        if (bad == NULL) {
            exit(1);
        }
        (void)atexit(stop_bad);
    }
    (void)snprintf(url, sizeof(url), "s3://127.0.0.1:%s", test_server_value(bad, "port"));
    settings = (struct blob_settings){
        .url = url, .prefix = "bad", .access_key = "a", .secret_key = "s", .region = "us-east-1"};
    CHECK_WORKS(blob_store_open(&store, &settings, &err));
    return store;
}

static int asked(const char *name)
{
    CLEANUP(http_client) struct http_client *client = http_client_new(NULL, NULL);
    CLEANUP(arena) struct arena             *arena = arena_new();
    struct http_request                      request = {.method = "GET", .answer_most = 100};
    struct http_answer                       answer = {0};
    struct err                               err = {0};

    request.url =
        arena_format(arena, "http://127.0.0.1:%s/asked/%s", test_server_value(bad, "port"), name);
    CHECK_WORKS(http_send(client, arena, &request, &answer, &err));
    return atoi(arena_text(arena, answer.body));
}

TEST(s3, tries_again_when_the_server_is_slow_down_broken_or_gone)
{
    CLEANUP(blob_store) struct blob_store *store = bad_store();
    struct err                             err = {0};

    CHECK_WORKS(blob_put(store, BUCKET_CHUNKS, "slow.2.503", BYTES("v"), NULL, &err));
    CHECK_NUMBER(asked("slow"), 3);
    CHECK_WORKS(blob_put(store, BUCKET_CHUNKS, "broken.2.500", BYTES("v"), NULL, &err));
    CHECK_NUMBER(asked("broken"), 3);
    CHECK_WORKS(blob_put(store, BUCKET_CHUNKS, "closed.1.0", BYTES("v"), NULL, &err));
    CHECK_NUMBER(err.code, ERR_NONE);
}

TEST(s3, sends_a_file_from_its_beginning_when_it_tries_again)
{
    CLEANUP(blob_store) struct blob_store *store = bad_store();
    CLEANUP(fd) int                        fd = pattern_file(BYTES("the whole file"));
    struct err                             err = {0};

    CHECK_WORKS(blob_put_file(store, BUCKET_CHUNKS, "file.2.503", fd, 14, NULL, &err));
    CHECK_NUMBER(asked("file"), 3);
}

TEST(s3, gives_up_after_three_tries_and_says_that_the_store_is_down)
{
    CLEANUP(blob_store) struct blob_store *store = bad_store();
    struct err                             err = {0};

    CHECK_FAILS(blob_put(store, BUCKET_CHUNKS, "ever.9.503", BYTES("v"), NULL, &err),
                ERR_BLOB_DOWN);
    CHECK_NUMBER(asked("ever"), 3);
    CHECK_TEXT(err.story, "putting bad-chunks/ever.9.503: try 3: the server answers 503 SlowDown:"
                          " as the test wants it");
}

TEST(s3, does_not_try_again_what_was_refused)
{
    CLEANUP(blob_store) struct blob_store *store = bad_store();
    struct err                             err = {0};
    int64_t                                size;

    CHECK_FAILS(blob_put(store, BUCKET_CHUNKS, "no.9.403", BYTES("v"), NULL, &err),
                ERR_BLOB_DENIED);
    CHECK_NUMBER(asked("no"), 1);
    CHECK_FAILS(blob_size(store, BUCKET_CHUNKS, "none.9.404", &size, &err), ERR_BLOB_MISSING);
    CHECK_NUMBER(asked("none"), 1);
    CHECK_FAILS(blob_put(store, BUCKET_CHUNKS, "full.9.507", BYTES("v"), NULL, &err),
                ERR_DISK_FULL);
}

TEST(s3, believes_no_upload_that_fails_behind_a_200)
{
    CLEANUP(blob_store) struct blob_store *store = bad_store();
    CLEANUP(arena) struct arena           *arena = arena_new();
    static const struct {
        const char   *key;
        const char   *name;
        enum err_code want;
    } cases[] = {{"late.1.200", "late", ERR_NONE}, {"never.9.200", "never", ERR_BLOB_DOWN}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(blob_writer) struct blob_writer *writer = NULL;
        struct err                               err = {0};

        CHECK_WORKS(blob_writer_open(&writer, store, BUCKET_CHUNKS, cases[i].key, NULL, &err));
        CHECK_WORKS(blob_writer_put(writer, pattern(arena, 9 * 1024 * 1024), &err));
        err_clear(&err);
        (void)!blob_writer_commit(writer, &err);
        CHECK_NUMBER(err.code, cases[i].want);
        CHECK(asked(cases[i].name) >= 2);
    }
}

TEST(s3, aborts_an_upload_that_is_not_committed)
{
    CLEANUP(blob_store) struct blob_store *store = bad_store();
    CLEANUP(arena) struct arena           *arena = arena_new();
    struct blob_writer                    *writer = NULL;
    struct err                             err = {0};

    CHECK_WORKS(blob_writer_open(&writer, store, BUCKET_CHUNKS, "abort.0.0", NULL, &err));
    CHECK_WORKS(blob_writer_put(writer, pattern(arena, 9 * 1024 * 1024), &err));
    CHECK_NUMBER(asked("abort"), 0);
    blob_writer_close(writer);
    CHECK_NUMBER(asked("abort"), 1);
}

/* Removed, or not there yet behind an address that was taken over: with it the object would come back. */
TEST(s3, does_not_take_a_bucket_that_is_gone_for_an_object_that_was_deleted)
{
    CLEANUP(blob_store) struct blob_store *store = bad_store();
    struct err                             err = {0};

    CHECK_WORKS(blob_delete(store, BUCKET_CHUNKS, "gone.9.404", &err));
    CHECK_FAILS(blob_delete(store, BUCKET_CHUNKS, "nobucket.9.404", &err), ERR_BLOB_DENIED);
}

TEST(s3, is_down_when_nobody_listens)
{
    struct blob_settings settings = settings_of(FILE_BACKEND);
    struct blob_store   *store = NULL;
    struct err           err = {0};

    settings = (struct blob_settings){.url = "s3://127.0.0.1:1",
                                      .prefix = "t",
                                      .access_key = "a",
                                      .secret_key = "s",
                                      .region = "us-east-1"};
    CHECK_FAILS(blob_store_open(&store, &settings, &err), ERR_BLOB_DOWN);
    CHECK(strstr(err.story, "bucket t-chunks") != NULL);
}
