// SPDX-License-Identifier: MIT
#include "world.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/server.h"

static char                dir[] = "/tmp/blob-test.XXXXXX";
static char                file_url[sizeof(dir) + 64];
static char                s3_url[128];
static struct test_server *server;

static void end_world(void)
{
    struct err err = {0};

    test_server_stop(server);
    (void)!dir_remove(dir, &err);
}

static void begin_world(void)
{
    static bool begun;
    struct err  err = {0};

    if (begun) {
        return;
    }
    begun = true;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setenv("no_proxy", "127.0.0.1", 1);
    if (crypto_setup(&err) < 0 || mkdtemp(dir) == NULL) {
        (void)fprintf(stderr, "no world for the tests: %s\n", err.story);
        exit(1);
    }
    (void)atexit(end_world);
    (void)snprintf(file_url, sizeof(file_url), "file://%s/deep/er", dir);
}

const char *blob_dir(void)
{
    begin_world();
    return file_url + strlen("file://");
}

struct blob_settings settings_of(enum backend backend)
{
    begin_world();
    if (backend == FILE_BACKEND) {
        return (struct blob_settings){.url = file_url, .prefix = "test"};
    }
    if (server == NULL) {
        server = test_server_start("s3-server");
        if (server == NULL) {
            exit(1);
        }
        (void)snprintf(s3_url, sizeof(s3_url), "s3://%s", test_server_value(server, "endpoint"));
    }
    return (struct blob_settings){.url = s3_url,
                                  .prefix = "test",
                                  .access_key = test_server_value(server, "access_key"),
                                  .secret_key = test_server_value(server, "secret_key"),
                                  .region = test_server_value(server, "region")};
}

struct world world_new(enum backend backend)
{
    static int           worlds;
    struct world         world = {.arena = arena_new()};
    struct blob_settings settings = settings_of(backend);
    struct err           err = {0};

    (void)snprintf(world.prefix, sizeof(world.prefix), "test%d", worlds++);
    settings.prefix = world.prefix;
    if (blob_store_open(&world.store, &settings, &err) < 0) {
        (void)fprintf(stderr, "no store for the test: %s\n", err.story);
        exit(1);
    }
    return world;
}

void world_done(struct world *world)
{
    blob_store_close(world->store);
    arena_free(world->arena);
}

struct bytes pattern(struct arena *arena, size_t size)
{
    uint8_t *data = arena_get(arena, size);
    uint32_t state = 1;

    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        data[i] = (uint8_t)(state >> 24);
    }
    return (struct bytes){data, size};
}

int pattern_file(struct bytes bytes)
{
    struct err err = {0};
    int        fd = memfd_create("pattern", MFD_CLOEXEC);

    CHECK(fd >= 0);
    CHECK_WORKS(fd_write_all(fd, bytes, &err));
    return fd;
}
