// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/users.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/sandbox/sandbox.h"

enum { TEXT_MOST = 64 };

/* inotify instances are also counted with the owner of the user namespace, who is root: without a
 * limit of the namespace's own one job could take them all from the host. */
#define INOTIFY_LIMIT "/proc/sys/user/max_inotify_instances"

/* In the child, after fork: only what is safe there. Root of the new namespace until it is killed.
 */
static _Noreturn void founder_become(const char *limit, int report, int door, pid_t parent)
{
    int why = 0;
    int fd;

    if (unshare(CLONE_NEWUSER) < 0 || (fd = open(INOTIFY_LIMIT, O_WRONLY)) < 0 ||
        write(fd, limit, strlen(limit)) < 0) {
        why = errno;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent && write(report, &why, sizeof(why)) == sizeof(why)) {
        (void)!write(door, "0", 1);
        for (;;) {
            (void)pause();
        }
    }
    _exit(1);
}

int founder_start(struct founder *ret_founder, int door, struct err *err)
{
    char           limit[TEXT_MOST];
    struct founder founder = FOUNDER_NONE;
    int            report[2];
    pid_t          parent = getpid();

    (void)snprintf(limit, sizeof(limit), "%d", SANDBOX_INOTIFY);
    if (pipe2(report, O_CLOEXEC) < 0) {
        return err_errno(err, "making a user namespace");
    }
    founder.report = report[0];
    founder.pid = fork();
    if (founder.pid == 0) {
        founder_become(limit, report[1], door, parent);
    }
    fd_close(report[1]);
    if (founder.pid < 0) {
        (void)err_errno(err, "making a user namespace");
        fd_close(report[0]);
        return -1;
    }
    *ret_founder = founder;
    return 0;
}

static int map_write(pid_t founder, const char *what, int64_t map_from, struct err *err)
{
    char            path[TEXT_MOST];
    char            map[TEXT_MOST];
    CLEANUP(fd) int fd = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s_map", (int)founder, what);
    (void)snprintf(map, sizeof(map), "0 %lld %d", (long long)map_from, USERS_RANGE);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? err_errno(err, "opening %s", path) : fd_write_all(fd, bytes_of(map), err);
}

static int users_take(const struct founder *founder, int64_t map_from, int *ret_fd, struct err *err)
{
    char path[TEXT_MOST];
    int  why = EIO; /* it died */
    int  fd;

    while (read(founder->report, &why, sizeof(why)) < 0 && errno == EINTR) {
    }
    if (why != 0) {
        errno = why;
        return err_errno(err, "making a user namespace with a limit of inotify instances");
    }
    TRY(map_write(founder->pid, "uid", map_from, err));
    TRY(map_write(founder->pid, "gid", map_from, err));
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)founder->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, "opening %s", path);
    }
    *ret_fd = fd;
    return 0;
}

int founder_take(struct founder *founder, int64_t map_from, int *ret_fd, struct err *err)
{
    int taken = users_take(founder, map_from, ret_fd, err);

    (void)kill(founder->pid, SIGKILL); /* nobody waits for its end yet */
    if (taken < 0) {
        err->code = ERR_SANDBOX_UNFIT;
    }
    return taken;
}

void founder_dismiss(struct founder *founder)
{
    if (founder->pid > 0) {
        (void)kill(founder->pid, SIGKILL);
        (void)waitpid(founder->pid, NULL, 0);
    }
    fd_close(founder->report);
    *founder = FOUNDER_NONE;
}

int users_make(int64_t map_from, int *ret_fd, struct err *err)
{
    CLEANUP(founder) struct founder founder = FOUNDER_NONE;

    TRY(founder_start(&founder, -1, err));
    return founder_take(&founder, map_from, ret_fd, err);
}

const char *users_path(struct arena *arena, int fd)
{
    return arena_format(arena, "/proc/%d/fd/%d", (int)getpid(), fd);
}
