// SPDX-License-Identifier: MIT
/* Dependency layers: built once, shared, bounded; and what is told when one cannot be had. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "lib/server.h"
#include "lib/test.h"
#include "lib/qa/world.h"
#include "workers/qa/sandbox/job.h"

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

static const char *layers_of(const struct world *world)
{
    return arena_format(world->arena, "%s/qa/layers", world->dir);
}

/* Of the directories that hold layers, those that have this in them. */
static size_t layers_count(struct world *world, const char *path, const char **ret_last)
{
    const char **names;
    size_t       count;
    size_t       found = 0;
    struct err   err = {0};

    CHECK_WORKS(dir_list(world->arena, layers_of(world), &names, &count, &err));
    for (size_t i = 0; i < count; i++) {
        const char *dir = arena_format(world->arena, "%s/%s", layers_of(world), names[i]);

        if (access(arena_format(world->arena, "%s/%s", dir, path), F_OK) == 0) {
            *ret_last = dir;
            found++;
        }
    }
    return found;
}

TEST(layers, are_whole_or_gone_when_their_removal_was_cut_short)
{
    WORLD();
    int64_t             most = world->config.qa_layer_cache;
    const char         *dir = NULL;
    const char         *busy;
    const struct value *next;
    struct err          err = {0};

    (void)index_use(world);
    expect_status(world_examine(world, user_of(world, "prt-demo-cut-400", "cut"), NULL), "passed",
                  NULL);
    CHECK_NUMBER(layers_count(world, "tree/prt_demo_cut_400.py", &dir), 1);
    busy = arena_format(world->arena, "%s/tree/zz-busy", dir);
    CHECK_WORKS(dir_make(busy, 0755, &err));
    CHECK(mount("test", busy, "tmpfs", 0, "size=4k") == 0);
    world->config.qa_layer_cache = 1;
    next = world_examine(world, user_of(world, "prt-demo-next-400", "next"), NULL);
    world->config.qa_layer_cache = most;
    expect_status(next, "passed", NULL);
    CHECK(strstr(world_log(world, next), "== layers: removing") != NULL);
    expect_status(world_examine(world, user_of(world, "prt-demo-cut-400", "cut"), NULL), "passed",
                  NULL);
    CHECK_NUMBER(fetched(world, "prt-demo-cut-400"), 2);

    /* What is left of it goes when it can. */
    CHECK_NUMBER(layers_count(world, "tree/zz-busy", &dir), 1);
    CHECK(umount(arena_format(world->arena, "%s/tree/zz-busy", dir)) == 0);
    expect_status(world_examine(world, user_of(world, "prt-demo-after-20", "after"), NULL),
                  "passed", NULL);
    CHECK_NUMBER(layers_count(world, "tree/zz-busy", &dir), 0);
}

TEST(layers, leave_no_directory_behind_that_nothing_counts)
{
    WORLD();
    int64_t     most = world->config.qa_layer_cache;
    const char *dir = NULL;

    (void)index_use(world);
    world->config.qa_layer_cache = 0;
    for (int i = 0; i < 3; i++) {
        expect_status(
            world_examine(world,
                          world_snapshot(world, FILES("requirements.txt",
                                                      arena_format(world->arena, "# %d\n", i),
                                                      "test_a.py", "def test_a(): pass\n")),
                          NULL),
            "passed", NULL);
    }
    CHECK_NUMBER(layers_count(world, "", &dir), 1); /* was in use when the last was built */
    expect_status(world_examine(world, user_of(world, "prt-no-such", "one"), NULL), "infra_error",
                  "image_failed");
    CHECK_NUMBER(layers_count(world, "", &dir), 1);
    world->config.qa_layer_cache = most;
}

TEST(layers, are_asked_for_by_so_many_files_and_no_more)
{
    WORLD();
    enum { NAMED = 33 };
    const char *files[2 * NAMED + 3] = {"test_a.py", "def test_a(): pass\n"};

    for (int i = 0; i < NAMED; i++) {
        files[2 + 2 * i] = arena_format(world->arena, "requirements-%d.txt", i);
        files[3 + 2 * i] = "# none\n";
    }
    expect_status(world_examine(world, world_snapshot(world, files), NULL), "infra_error",
                  "too_large");
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
