// SPDX-License-Identifier: MIT
/* What stands before a container's first process does: its user namespace, and runc's own file. */
#include "lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tree.h"
#include "workers/qa/sandbox/cgroup.h"
#include "workers/qa/sandbox/process.h"
#include "workers/qa/sandbox/sealed.h"
#include "workers/qa/sandbox/users.h"

enum { MAP_FROM = 1879048192, ASK_MS = 30000 };

/* In the namespace, what the file says; for a child of its own, which ends with it. */
static void print_from(int users_fd, const char *path)
{
    struct arena *arena = arena_new();
    struct bytes  bytes;
    struct err    err = {0};

    if (setns(users_fd, CLONE_NEWUSER) < 0 || file_read(arena, path, 4096, &bytes, &err) < 0) {
        _exit(1);
    }
    _exit(write(1, bytes.data, bytes.size) == (ssize_t)bytes.size ? 0 : 1);
}

static const char *text_in(struct arena *arena, int users_fd, const char *path)
{
    char    text[256] = "";
    int     out[2];
    pid_t   pid;
    int     status = -1;
    ssize_t got;

    CHECK_NUMBER(pipe(out), 0);
    pid = fork();
    if (pid == 0) {
        (void)dup2(out[1], 1);
        print_from(users_fd, path);
    }
    fd_close(out[1]);
    got = read(out[0], text, sizeof(text) - 1);
    fd_close(out[0]);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    return arena_text(arena, (struct bytes){(const uint8_t *)text, got > 0 ? (size_t)got : 0});
}

/* Of this thread, dead ones that nobody waited for too; other tests of this program have some. */
static int children(void)
{
    FILE *file = fopen("/proc/thread-self/children", "re");
    int   count = 0;
    int   pid;

    CHECK(file != NULL);
    while (file != NULL && fscanf(file, "%d", &pid) == 1) {
        count++;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return count;
}

TEST(users, makes_a_namespace_that_is_limited_and_leaves_no_process_behind)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(fd) int              fd = -1;
    unsigned                     inside;
    unsigned                     outside;
    unsigned                     count;
    const int                    before = children();
    struct err                   err = {0};

    if (geteuid() != 0) {
        SKIP("not root: it could map nobody");
    }
    CHECK_WORKS(users_make(MAP_FROM, &fd, &err));
    CHECK_NUMBER(children(), before);
    CHECK_NUMBER(atoi(text_in(arena, fd, "/proc/sys/user/max_inotify_instances")), SANDBOX_INOTIFY);
    CHECK_NUMBER(
        sscanf(text_in(arena, fd, "/proc/self/uid_map"), "%u %u %u", &inside, &outside, &count), 3);
    CHECK(inside == 0 && outside == MAP_FROM && count == USERS_RANGE);
    CHECK(access(users_path(arena, fd), F_OK) == 0);
}

TEST(users, forgets_a_founder_that_nobody_waited_for)
{
    struct founder founder = FOUNDER_NONE;
    const int      before = children();
    struct err     err = {0};

    founder_dismiss(&founder);
    CHECK_WORKS(founder_start(&founder, -1, &err));
    founder_dismiss(&founder);
    CHECK(founder.pid == -1);
    CHECK_NUMBER(children(), before);
}

TEST(sealed, copies_a_program_that_runs_and_that_nobody_can_write_to)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(fd) int              fd = -1;
    CLEANUP(fd) int              again = -1;
    const char                  *path = sealed_copy(arena, "env", &fd);
    const char *const            argv[] = {"env", "echo", "on", NULL};
    struct keep                  said = {.most = 64};
    struct process_end           end;
    struct process               process = {
                      .argv = argv, .program = path, .out = {keep_take, &said}, .wall_ms = ASK_MS};
    struct err err = {0};

    CHECK(path != NULL && fd >= 0);
    CHECK_NUMBER(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    CHECK(write(fd, "x", 1) < 0 && errno == EPERM);
    CHECK_NUMBER(ftruncate(fd, 0), -1);
    CHECK_WORKS(process_run(&process, &end, &err));
    CHECK_NUMBER(end.exit_status, 0);
    CHECK_TEXT(buf_text(&said.buf), "on\n");
    buf_done(&said.buf);
    CHECK(sealed_copy(arena, "prt-no-such-program", &again) == NULL);
    CHECK_NUMBER(again, -1);
}

/* What is written by a founder that was given the door of this tree; it is waited for. */
static const char *door_used(struct arena *arena, const struct cgroups *cgroups, const char *file)
{
    CLEANUP(founder) struct founder founder = FOUNDER_NONE;
    CLEANUP(fd) int                 door = cgroup_door(cgroups);
    int64_t                         until_us = clock_mono_us() + ASK_MS * 1000LL;
    struct bytes                    written = {0};
    struct err                      err = {0};

    CHECK(door >= 0);
    CHECK_WORKS(founder_start(&founder, door, &err));
    while (written.size == 0 && clock_mono_us() < until_us) {
        CHECK_WORKS(file_read(arena, file, 64, &written, &err));
        clock_sleep_ms(1);
    }
    return arena_text(arena, written);
}

TEST(users, have_their_founder_move_itself_to_the_group_it_is_in)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(tree) struct tree    tree = tree_new();
    struct cgroups               v1 = {.root = tree.root};
    struct cgroups               v2 = {.root = tree.root, .v2 = true};
    struct bytes                 groups;
    const char                  *pids;
    const char                  *unified;
    struct err                   err = {0};

    CHECK_NUMBER(cgroup_door(&v1), -1);
    CHECK_NUMBER(cgroup_door(&v2), -1);
    CHECK_WORKS(file_read(arena, "/proc/self/cgroup", 65536, &groups, &err));
    pids = cgroup_of(arena, arena_text(arena, groups), "pids");
    unified = cgroup_of(arena, arena_text(arena, groups), "");
    CHECK(pids != NULL || unified != NULL);
    if (pids != NULL) {
        tree_put(&tree, arena_format(arena, "pids%s/cgroup.procs", pids), "");
        CHECK_TEXT(
            door_used(arena, &v1, arena_format(arena, "%s/pids%s/cgroup.procs", tree.root, pids)),
            "0");
    }
    if (unified != NULL) {
        tree_put(&tree, arena_format(arena, "%s/cgroup.procs", unified + 1), "");
        CHECK_TEXT(
            door_used(arena, &v2, arena_format(arena, "%s%s/cgroup.procs", tree.root, unified)),
            "0");
    }
}
