// SPDX-License-Identifier: MIT
#include "gateway/cli/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "gateway/cli/supervise.h"

enum { TAIL_BYTES = 4096 };

static int become(const struct passwd *user)
{
    if (user == NULL) {
        return 0;
    }
    if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
        setuid(user->pw_uid) < 0 || setenv("HOME", user->pw_dir, 1) < 0) {
        return -1;
    }
    return 0;
}

/* In the child: only what is left to do before exec. Ends with errno in the pipe. */
static _Noreturn void become_program(const struct spawn *what, const struct passwd *user, int log,
                                     pid_t parent, int tell)
{
    sigset_t none;
    int      why;

    for (int i = 1; i < NSIG; i++) {
        (void)signal(i, SIG_DFL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (log >= 0) {
        int nothing = open("/dev/null", O_RDONLY);

        (void)dup2(nothing, 0);
        (void)dup2(log, 1);
        (void)dup2(log, 2);
    }
    if (what->own_group) {
        (void)setpgid(0, 0);
    }
    if (what->small_pages) {
        (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* a kernel without them has nothing to disable */
    }
    for (const char *const *env = what->env; env != NULL && *env != NULL; env++) {
        (void)putenv((char *)(uintptr_t)*env);
    }
    if (what->more_env != NULL) {
        (void)putenv((char *)(uintptr_t)what->more_env);
    }
    /* After the change of user, which clears it; and the parent may be dead by now. */
    if (become(user) == 0 &&
        (what->death_signal == 0 || prctl(PR_SET_PDEATHSIG, what->death_signal) == 0)) {
        if (what->death_signal != 0 && getppid() != parent) {
            _exit(1);
        }
        (void)execvp(what->argv[0], (char *const *)(uintptr_t)what->argv);
    }
    why = errno;
    (void)!write(tell, &why, sizeof(why));
    _exit(127);
}

int spawn_start(const struct spawn *what, pid_t *ret_pid, struct err *err)
{
    struct passwd *user = NULL;
    CLEANUP(fd) int log = -1;
    CLEANUP(fd) int hear = -1;
    CLEANUP(fd) int tell = -1;
    int   ends[2];
    int   why = 0;
    pid_t parent = getpid();
    pid_t pid;

    if (what->user != NULL && geteuid() == 0) {
        user = getpwnam(what->user);
        if (user == NULL) {
            return err_set(err, ERR_USAGE, "there is no user \"%s\" to run %s as", what->user,
                           what->argv[0]);
        }
    }
    if (what->log != NULL) {
        log = open(what->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (log < 0) {
            return err_errno(err, "opening the log %s", what->log);
        }
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return err_errno(err, "making a pipe");
    }
    hear = ends[0];
    tell = ends[1];
    pid = fork();
    if (pid < 0) {
        return err_errno(err, "starting %s", what->argv[0]);
    }
    if (pid == 0) {
        become_program(what, user, log, parent, tell);
    }
    fd_close(tell);
    tell = -1;
    /* The pipe closes when exec worked; otherwise the reason comes through it. */
    if (read(hear, &why, sizeof(why)) == (ssize_t)sizeof(why)) {
        (void)waitpid(pid, NULL, 0);
        errno = why;
        (void)err_errno(err, "starting %s", what->argv[0]);
        return why == ENOENT ? err_add(err, "a program is not installed (deploy/install run)") : -1;
    }
    *ret_pid = pid;
    return 0;
}

void spawn_status_words(char *ret, size_t size, int status)
{
    if (WIFSIGNALED(status)) {
        (void)snprintf(ret, size, "was ended by signal %d (%s)", WTERMSIG(status),
                       sigdescr_np(WTERMSIG(status)));
    } else {
        (void)snprintf(ret, size, "exited with %d", WEXITSTATUS(status));
    }
}

const char *spawn_last_line(struct arena *arena, const char *path)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct err err = {0};
    char       tail[TAIL_BYTES + 1];
    size_t     got = 0;
    char      *line;
    off_t      size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

    if (fd < 0 || lseek(fd, size > TAIL_BYTES ? size - TAIL_BYTES : 0, SEEK_SET) < 0 ||
        fd_read_all(fd, tail, TAIL_BYTES, &got, &err) < 0) {
        return "(nothing)";
    }
    while (got > 0 && (tail[got - 1] == '\n' || tail[got - 1] == '\0')) {
        got--;
    }
    tail[got] = '\0';
    line = strrchr(tail, '\n');
    line = line == NULL ? tail : line + 1;
    return line[0] == '\0' ? "(nothing)" : arena_text(arena, bytes_of(line));
}

int run_once(struct cli *cli, const char *name, const char *user, const char *const *argv,
             struct err *err)
{
    const char  *log = local_path(cli, arena_format(cli->arena, "log/%s.log", name));
    struct spawn what = {.argv = argv, .user = user, .log = log};
    int          status;
    pid_t        pid;

    TRY(spawn_start(&what, &pid, err));
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return err_errno(err, "waiting for %s", name);
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        char words[64];

        spawn_status_words(words, sizeof(words), status);
        return err_set(err, ERR_SYSTEM, "%s %s; its log (%s) ends in: %s", name, words, log,
                       spawn_last_line(cli->arena, log));
    }
    return 0;
}
