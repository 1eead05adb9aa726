// SPDX-License-Identifier: MIT
/* Dependency layers: built once, shared, bounded; and what is told when one cannot be had. */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "lib/server.h"
#include "lib/test.h"
#include "lib/qa/world.h"

static struct test_server *server;

static void server_stop(void)
{
    test_server_stop(server);
}

/* The index of wheels, in force for the world from here on. */
static const char *index_use(struct world *world)
{
    const char *url;

    if (server == NULL) {
        server = test_server_start("wheel-index");
        CHECK(server != NULL);
        CHECK(atexit(server_stop) == 0);
    }
    url = test_server_value(server, "index");
    world->config.qa_package_index = arena_format(world->arena, "%s/simple", url);
    return url;
}

/* How often the wheel was fetched. */
static int fetched(struct world *world, const char *package)
{
    const char *const argv[] = {
        "python3", "-c",
        "import sys, urllib.request\n"
        "print(urllib.request.build_opener(urllib.request.ProxyHandler({}))"
        ".open(sys.argv[1]).read().decode())",
        arena_format(world->arena, "%s/asked/%s", index_use(world), package), NULL};
    struct bytes out;
    struct err   err = {0};

    CHECK_WORKS(process_ask(world->arena, argv, 100, 30000, &out, &err));
    return atoi(arena_text(world->arena, out));
}

/* A workspace that needs the package, and whose test uses it. */
static const struct snapshot *user_of(struct world *world, const char *package, const char *word)
{
    char *module = arena_text(world->arena, bytes_of(package));

    for (char *at = module; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    return world_snapshot(
        world,
        FILES("requirements.txt", arena_format(world->arena, "%s==1.0\n", package), "test_a.py",
              arena_format(world->arena, "import %s as it\ndef test_%s(): assert it.NOISE\n",
                           module, word)));
}

TEST(layers, are_built_once_for_all_traces_with_the_same_requirements)
{
    WORLD();

    (void)index_use(world);
    expect_status(world_examine(world, user_of(world, "prt-demo-shared-20", "one"), NULL), "passed",
                  NULL);
    CHECK_NUMBER(fetched(world, "prt-demo-shared-20"), 1);
    expect_status(world_examine(world, user_of(world, "prt-demo-shared-20", "two"), NULL), "passed",
                  NULL);
    CHECK_NUMBER(fetched(world, "prt-demo-shared-20"), 1);
}

struct racer {
    struct world          *world;
    const struct snapshot *snapshot;
    pthread_barrier_t     *start;
    pthread_t              thread;
    enum verdict_status    status;
    struct err             err;
};

/* A worker of its own: nothing is shared but the directory. */
static void *race(void *self)
{
    struct racer                *racer = self;
    CLEANUP(arena) struct arena *arena = arena_new();
    struct blob_settings         settings = {.prefix = "test"};
    struct blob_store           *blob = NULL;
    struct examiner              examiner = {0};
    struct question              question = {.after = racer->snapshot, .last_try = true};
    struct heart                 heart = {0};
    struct finding               finding = {0};
    int                          opened;

    settings.url = arena_format(arena, "file://%s/blobs", racer->world->dir);
    opened = blob_store_open(&blob, &settings, &racer->err);
    if (opened == 0) {
        opened = examiner_open(&examiner, arena, &racer->world->config, blob, &racer->err);
    }
    (void)pthread_barrier_wait(racer->start);
    racer->status = VERDICT_NOT_RUN;
    if (opened == 0 && examine(&examiner, arena, &question, &heart, &finding, &racer->err) == 0) {
        racer->status = finding.status;
    }
    examiner_close(&examiner);
    blob_store_close(blob);
    return NULL;
}

TEST(layers, are_built_by_one_of_the_workers_that_need_them_at_once)
{
    WORLD();
    enum { RACERS = 3 };
    struct racer      racers[RACERS] = {0};
    pthread_barrier_t start;

    (void)index_use(world);
    CHECK(pthread_barrier_init(&start, NULL, RACERS) == 0);
    for (size_t i = 0; i < RACERS; i++) {
        racers[i] =
            (struct racer){.world = world,
                           .snapshot = user_of(world, "prt-demo-race-20", i == 0 ? "one" : "two"),
                           .start = &start};
        CHECK(pthread_create(&racers[i].thread, NULL, race, &racers[i]) == 0);
    }
    for (size_t i = 0; i < RACERS; i++) {
        CHECK(pthread_join(racers[i].thread, NULL) == 0);
        if (racers[i].status != VERDICT_PASSED) {
            test_failed(__FILE__, __LINE__, "worker %zu: %s %s", i, verdict_word(racers[i].status),
                        racers[i].err.story);
        }
    }
    (void)pthread_barrier_destroy(&start);
    CHECK_NUMBER(fetched(world, "prt-demo-race-20"), 1);
}

TEST(layers, give_way_when_they_were_not_used_for_longest)
{
    WORLD();
    int64_t most = world->config.qa_layer_cache;

    (void)index_use(world);
    /* Each is some 800 KiB with what was compiled of it: two fit, three do not. */
    world->config.qa_layer_cache = 2000 * 1024;
    expect_status(world_examine(world, user_of(world, "prt-demo-a-400", "a"), NULL), "passed",
                  NULL);
    expect_status(world_examine(world, user_of(world, "prt-demo-b-400", "b"), NULL), "passed",
                  NULL);
    expect_status(world_examine(world, user_of(world, "prt-demo-a-400", "again"), NULL), "passed",
                  NULL);
    CHECK_NUMBER(fetched(world, "prt-demo-a-400"), 1);
    expect_status(world_examine(world, user_of(world, "prt-demo-c-400", "c"), NULL), "passed",
                  NULL);
    expect_status(world_examine(world, user_of(world, "prt-demo-a-400", "a"), NULL), "passed",
                  NULL);
    CHECK_NUMBER(fetched(world, "prt-demo-a-400"), 1); /* used since b was */
    expect_status(world_examine(world, user_of(world, "prt-demo-b-400", "b"), NULL), "passed",
                  NULL);
    CHECK_NUMBER(fetched(world, "prt-demo-b-400"), 2);
    world->config.qa_layer_cache = most;
}

TEST(layers, are_not_built_where_the_network_is_off_and_the_log_says_so)
{
    WORLD();
    const struct value *validation;
    struct bytes        detail;

    (void)index_use(world);
    world->config.qa_build_network = false;
    validation = world_examine(world, user_of(world, "prt-demo-offline-20", "one"), NULL);
    world->config.qa_build_network = true;
    expect_status(validation, "infra_error", "image_failed");
    expect_json(validation, "/tests_passed", "null");
    detail = value_text_or(value_at(validation, "/detail"), "");
    CHECK(memmem(detail.data, detail.size, "network off", 11) != NULL);
    CHECK(memmem(detail.data, detail.size, "prt-demo-offline-20", 19) !=
          NULL); /* pip's last words */
    CHECK(strstr(world_log(world, validation), "No matching distribution") != NULL);
    CHECK_NUMBER(fetched(world, "prt-demo-offline-20"), 0);
    /* A failed build leaves nothing that would be taken for a layer. */
    expect_status(world_examine(world, user_of(world, "prt-demo-offline-20", "one"), NULL),
                  "passed", NULL);
    CHECK_NUMBER(fetched(world, "prt-demo-offline-20"), 1);
}
