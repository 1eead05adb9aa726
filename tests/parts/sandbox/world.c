// SPDX-License-Identifier: MIT
#include "world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/test.h"
#include "workers/qa/sandbox/job.h"

enum { KEEP = 256 * 1024, MAKE_MS = 900000 };

enum { WARM = 2 };

static struct world worlds[] = {{.name = "runc"},   {.name = "warm"},  {.name = "podman"},
                                {.name = "docker"}, {.name = "runsc"}, {.name = "podman_runsc"},
                                {.name = "auto"}};
static char         state[] = "/tmp/prt-sandbox-XXXXXX";

static void worlds_close(void)
{
    struct err err = {0};

    for (size_t i = 0; i < COUNT_OF(worlds); i++) {
        sandbox_close(worlds[i].sandbox);
        arena_free(worlds[i].arena);
    }
    if (dir_remove(state, &err) < 0) {
        printf("%s is left: %s\n", state, err.story);
    }
}

static const char *base_path(struct arena *arena, struct err *err)
{
    const char *const  argv[] = {SOURCE_DIR "/deploy/images/make-base", NULL};
    struct keep        path = {.most = 4096};
    struct process     make = {.argv = argv, .out = {keep_take, &path}, .wall_ms = MAKE_MS};
    struct process_end end;
    const char        *text = NULL;

    printf("(making the base root file system, if it is not there yet)\n");
    if (process_run(&make, &end, err) == 0 && end.exit_status == 0 && path.buf.size > 1) {
        path.buf.size--; /* the newline */
        text = arena_text(arena, buf_bytes(&path.buf));
    }
    buf_done(&path.buf);
    return text;
}

static const struct sandbox_limits small = {.memory_bytes = 256 << 20,
                                            .cpus = 2,
                                            .pids = 40,
                                            .disk_bytes = 64 << 20,
                                            .disk_entries = 4000,
                                            .file_bytes = 16 << 20,
                                            .open_files = 128,
                                            .log_bytes = 100000,
                                            .result_bytes = 200000,
                                            .wall_ms = 60000};

static void world_open(struct world *world)
{
    bool               warm = strcmp(world->name, "warm") == 0;
    bool               gvisor = strstr(world->name, "runsc") != NULL;
    static const char *base;
    static bool        ready;
    struct err         err = {0};

    world->arena = arena_new();
    if (!ready) {
        ready = true;
        CHECK_WORKS(crypto_setup(&err));
        CHECK(mkdtemp(state) != NULL);
        CHECK(atexit(worlds_close) == 0);
        base = base_path(world->arena, &err);
    }
    if (base == NULL) {
        (void)err_set(&world->err, ERR_IMAGE_FAILED, "deploy/images/make-base failed");
        return;
    }
    if (gvisor && system("command -v runsc >/dev/null") != 0) {
        (void)err_set(&world->err, ERR_SANDBOX_UNFIT,
                      "no runsc on this machine, and Debian has none (README.md: gVisor)");
        return;
    }
    world->settings =
        (struct sandbox_settings){.engine = warm                                ? "runc"
                                            : strcmp(world->name, "runsc") == 0 ? "docker"
                                            : gvisor                            ? "podman"
                                                                                : world->name,
                                  .runtime = gvisor ? "runsc" : "",
                                  .dir = state,
                                  .base = base,
                                  .base_image = "",
                                  .warm = warm ? WARM : 0,
                                  .limits = small};
    if (sandbox_open(&world->sandbox, &world->settings, &world->err) < 0) {
        world->sandbox = NULL;
    }
}

struct world *world_of(const char *engine, const char **ret_why)
{
    for (size_t i = 0; i < COUNT_OF(worlds); i++) {
        struct world *world = &worlds[i];

        if (strcmp(world->name, engine) != 0) {
            continue;
        }
        if (world->arena == NULL) {
            world_open(world);
        }
        world->limits = small;
        *ret_why = world->err.story;
        return world->sandbox == NULL ? NULL : world;
    }
    return NULL;
}

void worlds_settle(void)
{
    struct err err = {0};

    for (size_t i = 0; i < COUNT_OF(worlds); i++) {
        if (worlds[i].sandbox != NULL && worlds[i].settings.warm > 0) {
            CHECK_WORKS(sandbox_warm_wait(worlds[i].sandbox, WARM, WARM_WAIT_MS, &err));
        }
    }
}

/* A script of Python, which is what a warm container can become, that becomes our shell. */
static void inputs_put(struct world *world, const struct job *job, const char *script,
                       struct sandbox_job *run)
{
    static const char *const argv[] = {"python3", "-s", SANDBOX_INPUTS "/run.py", NULL};
    const char              *dir = arena_format(world->arena, "%s/in", job->dir);
    struct err               err = {0};

    CHECK_WORKS(dir_make(dir, 0755, &err));
    CHECK_WORKS(
        file_replace(arena_format(world->arena, "%s/script", dir), bytes_of(script), 0644, &err));
    CHECK_WORKS(file_replace(
        arena_format(world->arena, "%s/run.py", dir),
        bytes_of("import os\nos.execv('/bin/sh', ['sh', '" SANDBOX_INPUTS "/script'])\n"), 0644,
        &err));
    run->inputs = dir;
    run->argv = argv;
}

struct ran world_run(struct world *world, const char *workspace, const char *script)
{
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                      "HOME=/tmp",
                                      "LANG=C.UTF-8",
                                      "PYTHONDONTWRITEBYTECODE=1",
                                      "PYTHONUNBUFFERED=1",
                                      "PYTHONHASHSEED=0",
                                      NULL};
    const char *const        argv[] = {"sh", "-c", script, NULL};
    CLEANUP(job) struct job *job = NULL;
    struct keep              result = {.most = KEEP};
    struct keep              log = {.most = KEEP};
    struct ran               ran = {.worked = -1};
    struct err               err = {0};

    CHECK_WORKS(job_open(&job, world->settings.dir, &err));
    {
        struct sandbox_job run = {.id = arena_format(world->arena, "%s-t", job->id),
                                  .image = sandbox_base(world->sandbox),
                                  .workspace = workspace,
                                  .argv = argv,
                                  .env = env,
                                  .cwd = SANDBOX_WORKSPACE,
                                  .limits = &world->limits,
                                  .log = {keep_take, &log},
                                  .result = {keep_take, &result}};

        if (world->settings.warm > 0) {
            inputs_put(world, job, script, &run);
            CHECK_WORKS(sandbox_warm_wait(world->sandbox, 1, WARM_WAIT_MS, &err));
        }
        ran.id = run.id;
        ran.worked = sandbox_run(world->sandbox, &run, &ran.end, &ran.err);
        CHECK(ran.worked < 0 || ran.end.warm == (world->settings.warm > 0));
    }
    ran.result = arena_text(world->arena, buf_bytes(&result.buf));
    ran.log = arena_text(world->arena, buf_bytes(&log.buf));
    buf_done(&result.buf);
    buf_done(&log.buf);
    return ran;
}

void told(const struct ran *ran)
{
    if (ran->worked < 0) {
        test_failed(__FILE__, __LINE__, "the sandbox failed: %s: %s", err_name(ran->err.code),
                    ran->err.story);
    }
}
