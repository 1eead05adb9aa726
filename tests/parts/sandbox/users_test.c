// SPDX-License-Identifier: MIT
/* What stands before a container's first process does: its user namespace, and runc's own file. */
#include "lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST(users, makes_a_namespace_that_is_limited_and_leaves_no_process_behind)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(fd) int              fd = -1;
    unsigned                     inside;
    unsigned                     outside;
    unsigned                     count;
    struct err                   err = {0};

    if (geteuid() != 0) {
        SKIP("not root: it could map nobody");
    }
    CHECK_WORKS(users_make(MAP_FROM, &fd, &err));
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    CHECK_NUMBER(atoi(text_in(arena, fd, "/proc/sys/user/max_inotify_instances")), SANDBOX_INOTIFY);
    CHECK_NUMBER(
        sscanf(text_in(arena, fd, "/proc/self/uid_map"), "%u %u %u", &inside, &outside, &count), 3);
    CHECK(inside == 0 && outside == MAP_FROM && count == USERS_RANGE);
    CHECK(access(users_path(arena, fd), F_OK) == 0);
}

TEST(users, forgets_a_founder_that_nobody_waited_for)
{
    struct founder founder = FOUNDER_NONE;
    struct err     err = {0};

    founder_dismiss(&founder);
    CHECK_WORKS(founder_start(&founder, &err));
    founder_dismiss(&founder);
    CHECK(founder.pid == -1);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
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

TEST(cgroup, moves_this_process_to_where_it_is_and_nobody_else)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(tree) struct tree    one = tree_new();
    CLEANUP(tree) struct tree    two = tree_new();
    struct cgroups               v1 = {.root = one.root};
    struct cgroups               v2 = {.root = two.root, .v2 = true};
    struct bytes                 groups;
    const char                  *pids;
    const char                  *unified;
    struct bytes                 written;
    struct err                   err = {0};

    CHECK_WORKS(file_read(arena, "/proc/self/cgroup", 65536, &groups, &err));
    pids = cgroup_of(arena, arena_text(arena, groups), "pids");
    unified = cgroup_of(arena, arena_text(arena, groups), "");
    if (pids != NULL) {
        tree_put(&one, arena_format(arena, "pids%s/cgroup.procs", pids), "");
        cgroups_open_door(&v1);
        CHECK_WORKS(file_read(arena, arena_format(arena, "%s/pids%s/cgroup.procs", one.root, pids),
                              64, &written, &err));
        CHECK_TEXT(arena_text(arena, written), "0");
    }
    if (unified != NULL) {
        tree_put(&two, arena_format(arena, "%s/cgroup.procs", unified + 1), "");
        cgroups_open_door(&v2);
        CHECK_WORKS(file_read(arena, arena_format(arena, "%s%s/cgroup.procs", two.root, unified),
                              64, &written, &err));
        CHECK_TEXT(arena_text(arena, written), "0");
    }
    CHECK(pids != NULL || unified != NULL);
    cgroups_open_door(&(struct cgroups){.root = "/nowhere"}); /* nothing happens */
}
