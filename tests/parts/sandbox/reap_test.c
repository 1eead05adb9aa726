// SPDX-License-Identifier: MIT
/* What a worker that died leaves running, and how the next one knows it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/sandbox/process.h"
#include "world.h"

/* A worker that starts a sandbox and dies in the middle, as kill -9 would have it. */
static void die_in_the_middle(struct world *world, int ready)
{
    static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
    static const char *const argv[] = {"sh", "-c", "echo up; tail -f /dev/null", NULL};
    struct job              *job;
    struct err               err = {0};
    struct sandbox_end       end;
    struct keep              keep = {.most = 100};

    if (job_open(&job, world->settings.dir, &err) == 0) {
        struct sandbox_job run = {.id = arena_format(world->arena, "%s-t", job->id),
                                  .image = sandbox_base(world->sandbox),
                                  .argv = argv,
                                  .env = env,
                                  .cwd = SANDBOX_WORKSPACE,
                                  .limits = &world->limits,
                                  .result = {keep_take, &keep}};

        (void)!write(ready, job->id, strlen(job->id));
        (void)!sandbox_run(world->sandbox, &run, &end, &err);
    }
    _exit(1);
}

/* Those that run a job: not the ones that wait. */
static size_t containers(struct world *world)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *words =
        strcmp(sandbox_engine(world->sandbox), "runc") == 0
                             ? arena_format(arena, "ls %s/runc | grep -c -- -t$ || true", world->settings.dir)
                             : arena_format(arena, "%s ps -q --filter label=pr-telemetry.qa=%s | wc -l",
                                            sandbox_engine(world->sandbox), world->settings.dir);
    const char *const argv[] = {"sh", "-c", words, NULL};
    struct bytes      out;
    struct err        err = {0};

    CHECK_WORKS(process_ask(arena, argv, 100, 30000, &out, &err));
    return (size_t)atoi(arena_text(arena, out));
}

/* What an operator finds at a container: whose it is, and from when on nobody can want it any more.
 * Those of runc have neither names nor labels beyond their id. */
static void labels_check(struct world *world, const char *job, int64_t from_us)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *engine = sandbox_engine(world->sandbox);
    const char                  *format = "{{index .Config.Labels \"pr-telemetry.qa\"}} {{index "
                                          ".Config.Labels \"pr-telemetry.job\"}} {{index "
                                          ".Config.Labels \"pr-telemetry.deadline\"}}";
    const char *const            argv[] = {engine,
                                           "inspect",
                                           "--type",
                                           "container",
                                           "--format",
                                           format,
                                           arena_format(arena, "%s-t", job),
                                           NULL};
    char                         qa[64];
    char                         name[64];
    long long                    deadline_s;
    struct bytes                 out;
    struct err                   err = {0};

    if (strcmp(engine, "runc") == 0) {
        return;
    }
    CHECK_WORKS(process_ask(arena, argv, 4096, 30000, &out, &err));
    CHECK_NUMBER(sscanf(arena_text(arena, out), "%63s %63s %lld", qa, name, &deadline_s), 3);
    CHECK_TEXT(qa, world->settings.dir);
    CHECK_TEXT(name, arena_format(arena, "%s-t", job));
    CHECK(deadline_s >= from_us / 1000000 + world->limits.wall_ms / 1000);
    CHECK(deadline_s <= clock_us() / 1000000 + world->limits.wall_ms / 1000 + 1);
}

EACH_ENGINE(reaps_what_a_dead_worker_left_and_nothing_of_the_living)
{
    CLEANUP(job) struct job *mine = NULL;
    struct err               err = {0};
    int                      ready[2];
    char                     id[64] = {0};
    pid_t                    worker;
    int                      reaped = -1;
    int64_t                  from_us = clock_us();

    CHECK_WORKS(job_open(&mine, world->settings.dir, &err));
    CHECK(pipe(ready) == 0);
    worlds_settle();
    worker = fork();
    if (worker == 0) {
        die_in_the_middle(world, ready[1]);
    }
    CHECK(read(ready[0], id, sizeof(id) - 1) > 0);
    for (int i = 0; i < 300 && containers(world) == 0; i++) {
        clock_sleep_ms(20); /* until it is up: the state waited for is in the condition */
    }
    CHECK_NUMBER(containers(world), 1);
    labels_check(world, id, from_us);
    CHECK(job_alive(world->settings.dir, id));
    CHECK_WORKS(sandbox_reap(world->sandbox, &reaped, &err));
    CHECK_NUMBER(reaped, 0);
    CHECK(kill(worker, SIGKILL) == 0 && waitpid(worker, NULL, 0) == worker);
    CHECK(!job_alive(world->settings.dir, id));
    CHECK_WORKS(sandbox_reap(world->sandbox, &reaped, &err));
    CHECK_NUMBER(reaped, 1);
    CHECK_NUMBER(containers(world), 0);
    CHECK(access(mine->dir, F_OK) == 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* A worker with containers that wait, until it is killed. All of them: what makes one lives a
 * little longer than the worker, and the job with it. */
static void wait_with_a_warm_one(struct world *world, int ready)
{
    struct sandbox_settings settings = world->settings;
    struct sandbox         *sandbox;
    struct err              err = {0};

    if (sandbox_open(&sandbox, &settings, &err) == 0 &&
        sandbox_warm_wait(sandbox, settings.warm, WARM_WAIT_MS, &err) == 0) {
        (void)!write(ready, "up", 2);
        for (;;) {
            (void)pause();
        }
    }
    _exit(1);
}

static size_t warm_ones(struct world *world)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                 **ids;
    size_t                       count;
    size_t                       warm = 0;
    struct err                   err = {0};

    CHECK_WORKS(
        dir_list(arena, arena_format(arena, "%s/runc", world->settings.dir), &ids, &count, &err));
    for (size_t i = 0; i < count; i++) {
        warm += strstr(ids[i], "-w") != NULL && !job_alive(world->settings.dir, ids[i]);
    }
    return warm;
}

TEST(warm, is_reaped_when_its_worker_dies)
{
    const char   *why;
    struct world *world = world_of("warm", &why);
    struct err    err = {0};
    int           ready[2];
    char          up[2] = {0};
    pid_t         worker;
    int           reaped = 0;

    if (world == NULL) {
        SKIP(why);
    }
    CHECK(pipe(ready) == 0);
    worlds_settle();
    worker = fork();
    if (worker == 0) {
        wait_with_a_warm_one(world, ready[1]);
    }
    (void)close(ready[1]);
    CHECK(read(ready[0], up, sizeof(up)) == 2);
    CHECK_NUMBER(warm_ones(world), 0); /* of nobody */
    CHECK(kill(worker, SIGKILL) == 0 && waitpid(worker, NULL, 0) == worker);
    CHECK(warm_ones(world) > 0);
    CHECK_WORKS(sandbox_reap(world->sandbox, &reaped, &err));
    CHECK(reaped > 0);
    CHECK_NUMBER(warm_ones(world), 0);
    (void)close(ready[0]);
}
