// SPDX-License-Identifier: MIT
/* A job's lease is kept while an engine takes its time. */
#include "lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/sandbox/engine.h"

/* Does everything at once, but removes a container only when somebody writes into the pipe. What it
 * runs is killed: it is asked to remove what may not have gone by itself. */
#define SLOW_PODMAN                                                                                \
    "#!/bin/sh\ncase $1 in run) exit 137;; rm) read -r go <\"${0%/*}/pipe\";; esac\n"

struct beats {
    const char *pipe;
    int         count;
};

/* The second one lets the engine go on. */
static int beat(void *self, struct err *err)
{
    struct beats   *beats = self;
    CLEANUP(fd) int fd = -1;

    if (++beats->count < 2) {
        return 0;
    }
    fd = open(beats->pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENXIO ? 0 : err_errno(err, "opening %s", beats->pipe); /* not yet read */
    }
    (void)!write(fd, "go\n", 3);
    return err_set(err, ERR_LEASE_LOST, "a lost lease is no reason to leave a container");
}

static void slow_podman_put(struct arena *arena, const char *dir)
{
    struct err  err = {0};
    const char *path = arena_format(arena, "%s:%s", dir, getenv("PATH"));

    CHECK_WORKS(
        file_replace(arena_format(arena, "%s/podman", dir), bytes_of(SLOW_PODMAN), 0755, &err));
    CHECK_WORKS(
        file_replace(arena_format(arena, "%s/digest", dir), bytes_of("sha256:aa\n"), 0644, &err));
    CHECK_WORKS(
        file_replace(arena_format(arena, "%s/origin", dir), bytes_of("none\n"), 0644, &err));
    CHECK(mkfifo(arena_format(arena, "%s/pipe", dir), 0600) == 0);
    (void)setenv("PATH", path, 1);
}

TEST(beats, go_on_while_a_container_is_removed)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    char                         dir[] = "/tmp/prt-beats-XXXXXX";
    const char                  *before = arena_text(arena, bytes_of(getenv("PATH")));
    const char *const            argv[] = {"true", NULL};
    const char *const            env[] = {NULL};
    struct sandbox_limits        limits = {.wall_ms = 60000};
    struct image                 base = {0};
    struct process_end           end;
    struct beats                 beats = {0};
    bool                         started = false;
    bool                         warm;
    bool                         oom;
    struct err                   err = {0};
    void                        *engine = NULL;

    CHECK(mkdtemp(dir) != NULL);
    slow_podman_put(arena, dir);
    beats.pipe = arena_format(arena, "%s/pipe", dir);
    {
        struct sandbox_settings settings = {.runtime = "", .dir = dir, .base = dir};
        struct sandbox_job      job = {.id = "job",
                                       .image = &base,
                                       .argv = argv,
                                       .env = env,
                                       .limits = &limits,
                                       .tick = {beat, &beats}};
        struct engine_run run = {.job = &job, .argv = argv, .started = &started, .warm = &warm};

        CHECK_WORKS(engine_podman.open(&settings, &engine, &base, &err));
        CHECK_WORKS(engine_podman.run(engine, &run, &end, &oom, &err));
    }
    CHECK(beats.count >= 2);
    engine_podman.close(engine);
    (void)setenv("PATH", before, 1);
    CHECK_WORKS(dir_remove(dir, &err));
}
