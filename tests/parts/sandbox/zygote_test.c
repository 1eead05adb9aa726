// SPDX-License-Identifier: MIT
/* What is forked into a warm container is walled in as what runc starts there. */
#include "lib/test.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers/qa/sandbox/job.h"
#include "workers/qa/sandbox/zygote.h"
#include "world.h"

static struct world *warm_world(const char **ret_why)
{
    return world_of("warm", ret_why);
}

TEST(warm, lets_no_job_end_its_container_in_the_name_of_the_keeper)
{
    const char   *why;
    struct world *world = warm_world(&why);
    struct ran    ran;

    if (world == NULL) {
        SKIP(why);
    }
    /* 1 and 2 are the keeper's; what it waits for is the exit status on its standard input. */
    ran = world_run(world, NULL,
                    "for pid in 1 2; do\n"
                    "  kill -KILL $pid 2>/dev/null && [ $pid != 1 ] && echo killed $pid\n"
                    "  kill -TERM $pid 2>/dev/null && echo stopped $pid\n"
                    "  (echo 0 >/proc/$pid/fd/0) 2>/dev/null && echo wrote to $pid\n"
                    "  ls /proc/$pid/fd >/dev/null 2>&1 && echo saw the files of $pid\n"
                    "  cat /proc/$pid/environ >/dev/null 2>&1 && echo read $pid\n"
                    "done\n"
                    "echo on; exit 7");
    told(&ran);
    CHECK_TEXT(ran.result, "on\n");
    CHECK_NUMBER(ran.end.exit_status, 7);
}

TEST(warm, holds_a_job_that_a_signal_ended_apart_from_one_that_exits)
{
    const char   *why;
    struct world *world = warm_world(&why);
    struct ran    ran;

    if (world == NULL) {
        SKIP(why);
    }
    ran = world_run(world, NULL, "kill -KILL $$");
    told(&ran);
    CHECK_NUMBER(ran.end.exit_status, 128 + SIGKILL);
}

/* The names of the living worker's zygotes. */
static const char *zygotes(struct world *world, struct arena *arena)
{
    const char **ids;
    size_t       count;
    const char  *found = "";
    struct err   err = {0};

    CHECK_WORKS(
        dir_list(arena, arena_format(arena, "%s/runc", world->settings.dir), &ids, &count, &err));
    for (size_t i = 0; i < count; i++) {
        if (strstr(ids[i], "-t") != NULL && job_alive(world->settings.dir, ids[i])) {
            found = arena_format(arena, "%s%s", found, ids[i]);
        }
    }
    return found;
}

TEST(warm, goes_on_with_another_zygote_when_the_first_one_dies)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *why;
    struct world                *world = warm_world(&why);
    const char                  *first;
    struct bytes                 out;
    struct err                   err = {0};

    if (world == NULL) {
        SKIP(why);
    }
    worlds_settle();
    first = zygotes(world, arena);
    {
        const char *const argv[] = {
            "runc", "--root", arena_format(arena, "%s/runc", world->settings.dir), "kill", first,
            "KILL", NULL};

        CHECK_WORKS(process_ask(arena, argv, 4096, 30000, &out, &err));
    }
    while (strcmp(zygotes(world, arena), first) == 0 || zygotes(world, arena)[0] == '\0') {
        (void)poll(NULL, 0, 20);
    }
    worlds_settle();
    {
        struct ran ran = world_run(world, NULL, "exit 5"); /* says itself that it was warm */

        told(&ran);
        CHECK_NUMBER(ran.end.exit_status, 5);
    }
}

/* A process that waits to be looked at; `apart` is a namespace it goes into. */
static pid_t waiter(int apart)
{
    int   ready[2];
    char  byte;
    pid_t pid;

    CHECK(pipe(ready) == 0);
    pid = fork();
    if (pid == 0) {
        (void)!(apart == 0 ? 0 : unshare(apart));
        (void)!write(ready[1], "+", 1);
        for (;;) {
            (void)pause();
        }
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void expect_open(int apart, const char *what)
{
    pid_t      guest = waiter(apart);
    struct err err = {0};

    CHECK_FAILS(zygote_check(getpid(), guest, getuid(), &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, what) != NULL);
    CHECK(kill(guest, SIGKILL) == 0 && waitpid(guest, NULL, 0) == guest);
}

TEST(zygote, refuses_a_process_that_kept_a_namespace_or_a_right)
{
    const char *why;

    if (warm_world(&why) == NULL) {
        SKIP(why);
    }
    worlds_settle();
    expect_open(CLONE_NEWUTS, "uts is");
    expect_open(CLONE_NEWNS, "mnt is");
    expect_open(0, "not walled in"); /* same namespaces, and every capability */
}
