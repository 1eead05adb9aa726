// SPDX-License-Identifier: MIT
#include "gateway/cli/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/cli/spawn.h"

enum {
    CHILDREN_MOST = 256,
    TICK_MS = 20,
    LIVED_LONG_US = 10 * 1000000,
    AGAIN_LEAST_MS = 100,
    AGAIN_MOST_MS = 5000,
    FALSE_STARTS_MOST = 3,
    STOP_MORE_MS = 5000 /* beyond the grace period before KILL */
};

struct supervisor {
    struct cli  *cli;
    int          signals;
    int          notices;
    const char  *notify_env;
    bool         stop;
    bool         was_ready; /* all of them, once */
    struct child child[CHILDREN_MOST];
    size_t       count;
};

static int open_notices(struct supervisor *supervisor, struct err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char        *path = local_path(supervisor->cli, "run/notify");
    int                on = 1;

    if (strlen(path) >= sizeof(at.sun_path)) {
        return err_set(err, ERR_USAGE,
                       "%s is too long for a socket (107 bytes); give --data a shorter directory", path);
    }
    (void)strcpy(at.sun_path, path);
    (void)unlink(path);
    supervisor->notices = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (supervisor->notices < 0 ||
        bind(supervisor->notices, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        setsockopt(supervisor->notices, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0) {
        return err_errno(err, "opening %s", path);
    }
    supervisor->notify_env = arena_format(supervisor->cli->arena, "NOTIFY_SOCKET=%s", path);
    return 0;
}

int supervisor_new(struct supervisor **ret, struct cli *cli, struct err *err)
{
    CLEANUP(supervisor) struct supervisor *supervisor = mem_zero(1, sizeof(*supervisor));
    sigset_t set;

    supervisor->cli = cli;
    supervisor->notices = -1;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor->signals < 0) {
        return err_errno(err, "taking over signals");
    }
    TRY(open_notices(supervisor, err));
    *ret = TAKE(supervisor);
    return 0;
}

static int start(struct supervisor *supervisor, struct child *child, struct err *err)
{
    const char *log = arena_format(supervisor->cli->arena, "log/%s.log", child->name);
    struct spawn what = {
        .argv = child->argv,
        .user = child->user,
        .env = child->env,
        .more_env = supervisor->notify_env,
        .log = local_path(supervisor->cli, log),
        .death_signal = child->stop_signal,
        .small_pages = child->small_pages,
        .own_group = true, /* the servers go last, and not when the terminal says so to all */
    };

    TRY(spawn_start(&what, &child->pid, err));
    child->ready = false;
    child->starts++;
    child->started_us = clock_mono_us();
    return 0;
}

/* One that can't be started, while its program is being replaced for example, is tried again later:
 * at once it would be tried, and complained of, in every round. */
static int start_again(struct supervisor *supervisor, struct child *child, struct err *err)
{
    if (start(supervisor, child, err) < 0) {
        child->start_again_us = clock_mono_us() + AGAIN_MOST_MS * 1000;
        return err_add(err, "%s, again in %d s", child->name, AGAIN_MOST_MS / 1000);
    }
    return 0;
}

static int write_state(struct supervisor *supervisor, struct err *err)
{
    struct process list[CHILDREN_MOST + 1] = {{"prt up", getpid(), process_start_ticks(getpid())}};
    size_t         count = 1;

    for (size_t i = 0; i < supervisor->count; i++) {
        const struct child *child = &supervisor->child[i];

        if (child->pid > 0) {
            list[count++] =
                (struct process){child->name, child->pid, process_start_ticks(child->pid)};
        }
    }
    return local_write_processes(supervisor->cli, list, count, err);
}

int supervisor_add(struct supervisor *supervisor, const struct child *child, struct err *err)
{
    if (supervisor->count == CHILDREN_MOST) {
        return err_set(err, ERR_USAGE, "at most %d processes run under one prt up", CHILDREN_MOST);
    }
    supervisor->child[supervisor->count] = *child;
    TRY(start(supervisor, &supervisor->child[supervisor->count], err));
    supervisor->count++;
    return write_state(supervisor, err);
}

static struct child *child_of(struct supervisor *supervisor, pid_t pid)
{
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->child[i].pid == pid) {
            return &supervisor->child[i];
        }
    }
    return NULL;
}

static void child_died(struct supervisor *supervisor, struct child *child, int status)
{
    int64_t now = clock_mono_us();
    int     late = child->starts > 10 ? 10 : child->starts - 1;
    int64_t pause_ms = 0;

    if (now - child->started_us >= LIVED_LONG_US) {
        child->starts = 1;
    } else if (late > 0) {
        pause_ms = AGAIN_LEAST_MS << (late - 1);
        pause_ms = pause_ms > AGAIN_MOST_MS ? AGAIN_MOST_MS : pause_ms;
    }
    child->pid = 0;
    child->ready = false;
    child->start_again_us = now + pause_ms * 1000;
    if (!supervisor->stop) {
        char words[64];

        spawn_status_words(words, sizeof(words), status);
        (void)fprintf(stderr, "prt up: %s %s; starting it again", child->name, words);
        if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
            (void)fprintf(stderr, " (%s/log/%s.log says why)", supervisor->cli->data, child->name);
        }
        (void)fputc('\n', stderr);
    }
}

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    int                     status;
    pid_t                   pid;

    while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            supervisor->stop = true;
        }
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = child_of(supervisor, pid);

        if (child != NULL) {
            child_died(supervisor, child, status);
        }
    }
}

static void take_notices(struct supervisor *supervisor)
{
    char         text[256];
    char         control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec piece = {text, sizeof(text) - 1};

    for (;;) {
        struct msghdr   message = {.msg_iov = &piece,
                                   .msg_iovlen = 1,
                                   .msg_control = control,
                                   .msg_controllen = sizeof(control)};
        ssize_t         size = recvmsg(supervisor->notices, &message, MSG_DONTWAIT);
        struct cmsghdr *head;

        if (size < 0) {
            return;
        }
        text[size] = '\0';
        head = CMSG_FIRSTHDR(&message);
        if (head != NULL && head->cmsg_type == SCM_CREDENTIALS && strstr(text, "READY=1") != NULL) {
            struct ucred  who;
            struct child *child;

            memcpy(&who, CMSG_DATA(head), sizeof(who));
            child = child_of(supervisor, who.pid);
            if (child != NULL) {
                child->ready = true;
            }
        }
    }
}

/* One round: signals, notices, probes, starts that are due. */
static int tick(struct supervisor *supervisor, struct err *err)
{
    struct pollfd wait[] = {{supervisor->signals, POLLIN, 0}, {supervisor->notices, POLLIN, 0}};
    bool          changed = false;

    (void)poll(wait, COUNT_OF(wait), TICK_MS);
    take_signals(supervisor);
    take_notices(supervisor);
    for (size_t i = 0; i < supervisor->count && !supervisor->stop; i++) {
        struct child *child = &supervisor->child[i];

        if (child->pid == 0 && clock_mono_us() >= child->start_again_us) {
            TRY(start_again(supervisor, child, err));
            changed = true;
        }
        if (child->pid > 0 && !child->ready && child->probe != NULL) {
            child->ready = child->probe(supervisor->cli);
        }
    }
    return changed ? write_state(supervisor, err) : 0;
}

int supervisor_wait_ready(struct supervisor *supervisor, int64_t timeout_ms, struct err *err)
{
    int64_t deadline = clock_mono_us() + timeout_ms * 1000;

    for (;;) {
        const struct child *late = NULL;

        TRY(tick(supervisor, err));
        if (supervisor->stop) {
            return err_set(err, ERR_STOPPING, "stopped before the farm was ready");
        }
        for (size_t i = 0; i < supervisor->count && late == NULL; i++) {
            late = supervisor->child[i].ready ? NULL : &supervisor->child[i];
        }
        if (late == NULL) {
            return 0;
        }
        if (late->starts > FALSE_STARTS_MOST || clock_mono_us() > deadline) {
            const char *log = local_path(
                supervisor->cli, arena_format(supervisor->cli->arena, "log/%s.log", late->name));

            return err_set(err, ERR_SYSTEM, "%s does not come up; its log (%s) ends in: %s", late->name,
                           log, spawn_last_line(supervisor->cli->arena, log));
        }
    }
}

void supervisor_run(struct supervisor *supervisor)
{
    while (!supervisor->stop) {
        struct err err = {0};

        if (tick(supervisor, &err) < 0) {
            (void)fprintf(stderr, "prt up: %s\n", err.story);
        }
    }
}

static bool any_lives(struct supervisor *supervisor, int order)
{
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->child[i].pid > 0 && supervisor->child[i].stop_order == order) {
            return true;
        }
    }
    return false;
}

static void signal_order(struct supervisor *supervisor, int order, int signal)
{
    for (size_t i = 0; i < supervisor->count; i++) {
        struct child *child = &supervisor->child[i];

        if (child->pid > 0 && child->stop_order == order) {
            (void)kill(child->pid, signal == 0 ? child->stop_signal : signal);
        }
    }
}

static void stop_order(struct supervisor *supervisor, int order)
{
    int64_t deadline = clock_mono_us() + (supervisor->cli->config.stop_grace + STOP_MORE_MS) * 1000;
    bool    killed = false;

    signal_order(supervisor, order, 0);
    while (any_lives(supervisor, order)) {
        struct pollfd wait = {supervisor->signals, POLLIN, 0};

        (void)poll(&wait, 1, TICK_MS);
        take_signals(supervisor);
        if (!killed && clock_mono_us() > deadline) {
            (void)fprintf(stderr, "prt up: not gone within the grace period, killed\n");
            signal_order(supervisor, order, SIGKILL);
            killed = true;
        }
    }
}

void supervisor_free(struct supervisor *supervisor)
{
    if (supervisor == NULL) {
        return;
    }
    supervisor->stop = true;
    for (int order = 0; order < 4; order++) {
        stop_order(supervisor, order);
    }
    if (supervisor->notices >= 0) {
        (void)unlink(local_path(supervisor->cli, "run/notify"));
        (void)unlink(local_path(supervisor->cli, "up.json"));
    }
    fd_close(supervisor->notices);
    fd_close(supervisor->signals);
    free(supervisor);
}
