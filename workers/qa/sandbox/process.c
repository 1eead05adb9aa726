// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum {
    READ_BYTES = 64 * 1024,
    THIRD = 3,
    TICK_MS = 1000,
    STOP_GRACE_MS = 15000, /* for whoever was asked to stop */
    DRAIN_MS = 2000        /* for output left in the pipes after the end */
};

struct running {
    const struct process *what;
    pid_t                 pid;
    int                   fd[2]; /* out, err */
    bool                  starting, alive, stopping, timed_out, broken;
    int                   status;
    int64_t               start_us, tick_us, kill_at_us, drain_until_us;
    char                  room[READ_BYTES];
};

static int third_give(int fd, int *report)
{
    if (*report == THIRD && (*report = fcntl(*report, F_DUPFD_CLOEXEC, THIRD + 1)) < 0) {
        return -1;
    }
    return fd == THIRD ? fcntl(fd, F_SETFD, 0) : dup2(fd, THIRD);
}

/* In the child, after vfork: only what is safe there, and nothing that the parent would miss. Does
 * not return. */
static _Noreturn void child_become(const struct process *what, int out, int err_out, int report,
                                   pid_t parent)
{
    sigset_t none;
    int      in = what->in != NULL ? *what->in : open("/dev/null", O_RDONLY);
    int      why;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); /* it died before the line above */
    }
    (void)setpgid(0, 0);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err_out, 2) >= 0 &&
        (what->third == NULL || third_give(*what->third, &report) >= 0) &&
        (what->cwd == NULL || chdir(what->cwd) == 0)) {
        (void)execvpe(what->program != NULL ? what->program : what->argv[0],
                      (char *const *)what->argv,
                      what->env != NULL ? (char *const *)what->env : environ);
    }
    why = errno;
    (void)!write(report, &why, sizeof(why));
    _exit(127);
}

static void pipe_close(int *fd)
{
    fd_close(*fd);
    *fd = -1;
}

static int child_start(struct running *run, struct err *err)
{
    int     out[2] = {-1, -1};
    int     err_out[2] = {-1, -1};
    int     report[2] = {-1, -1};
    pid_t   parent = getpid();
    int     why = 0;
    ssize_t got;

    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err_out, O_CLOEXEC) < 0 ||
        pipe2(report, O_CLOEXEC) < 0 || (run->pid = vfork()) < 0) {
        (void)err_errno(err, "starting %s", run->what->argv[0]);
        for (size_t i = 0; i < 2; i++) {
            fd_close(out[i]);
            fd_close(err_out[i]);
            fd_close(report[i]);
        }
        return -1;
    }
    if (run->pid == 0) {
        child_become(run->what, out[1], err_out[1], report[1], parent);
    }
    fd_close(report[1]);
    run->fd[0] = out[0];
    run->fd[1] = err_out[0];
    do {
        got = read(report[0], &why, sizeof(why)); /* ends when exec closes the other end */
    } while (got < 0 && errno == EINTR);
    fd_close(report[0]);
    if (got != sizeof(why) && run->what->ends != NULL) {
        run->what->ends[0] = out[1];
        run->what->ends[1] = err_out[1];
    } else {
        fd_close(out[1]);
        fd_close(err_out[1]);
    }
    if (got != sizeof(why)) {
        run->alive = true;
        return 0;
    }
    (void)waitpid(run->pid, NULL, 0);
    pipe_close(&run->fd[0]);
    pipe_close(&run->fd[1]);
    errno = why;
    if (why == ENOENT) {
        return err_set(err, ERR_NOT_FOUND, "there is no program %s on this machine",
                       run->what->argv[0]);
    }
    return err_errno(err, "starting %s", run->what->argv[0]);
}

static void stop_ask(struct running *run)
{
    if (run->stopping || !run->alive) {
        return;
    }
    run->stopping = true;
    if (run->what->stop == NULL) {
        (void)kill(-run->pid, SIGKILL);
    } else {
        run->what->stop(run->what->stop_self);
    }
    run->kill_at_us = clock_mono_us() + STOP_GRACE_MS * 1000;
}

/* One of our own failed: keep its story, end the program. */
static void break_off(struct running *run)
{
    run->broken = true;
    stop_ask(run);
}

static void output_read(struct running *run, size_t which, struct err *err)
{
    const struct sink *sink = which == 0 ? &run->what->out : &run->what->err_out;
    ssize_t            got = read(run->fd[which], run->room, sizeof(run->room));

    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (got <= 0) {
        pipe_close(&run->fd[which]);
        return;
    }
    if (sink->take != NULL && !run->broken &&
        sink->take(sink->to, (struct bytes){(uint8_t *)run->room, (size_t)got}, err) < 0) {
        break_off(run);
    }
}

static void look_for_end(struct running *run)
{
    int status;

    if (run->alive && waitpid(run->pid, &status, WNOHANG) == run->pid) {
        run->alive = false;
        run->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        run->drain_until_us = clock_mono_us() + DRAIN_MS * 1000;
    }
    if (run->alive && run->stopping && clock_mono_us() > run->kill_at_us) {
        (void)kill(-run->pid, SIGKILL);
    }
}

/* Waits for output, for a closed pipe, or for a fraction of a tick. */
static void wait_a_little(struct running *run, struct err *err)
{
    bool          open = run->fd[0] >= 0 || run->fd[1] >= 0;
    struct pollfd polls[2] = {{run->fd[0], POLLIN, 0}, {run->fd[1], POLLIN, 0}};

    /* With both pipes closed only the end is missing, and it is near. */
    if (poll(polls, 2, !open ? 1 : run->alive ? 100 : 50) <= 0) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        if (polls[i].revents != 0) {
            output_read(run, i, err);
        }
    }
}

/* Ends it when its time, or the time to start it, is up. */
static void look_at_clock(struct running *run)
{
    const struct process *what = run->what;
    int64_t               now_us = clock_mono_us();
    int64_t               most_ms;

    if (run->starting && *what->started) {
        run->starting = false;
        run->start_us = now_us;
    }
    most_ms = run->starting ? what->start_ms : what->wall_ms;
    if (run->alive && most_ms > 0 && !run->stopping && now_us - run->start_us > most_ms * 1000) {
        run->timed_out = true;
        stop_ask(run);
    }
}

static void look_at_tick(struct running *run, struct err *err)
{
    const struct tick *tick = &run->what->tick;
    int64_t            now_us = clock_mono_us();

    if (run->alive && tick->run != NULL && !run->broken && now_us > run->tick_us) {
        run->tick_us = now_us + TICK_MS * 1000;
        if (tick->run(tick->self, err) < 0) {
            break_off(run);
        }
    }
}

int process_start(const struct process *process, struct running **ret_running, struct err *err)
{
    struct running *run = mem_zero(1, sizeof(*run));

    run->what = process;
    if (child_start(run, err) < 0) {
        mem_free(run);
        return -1;
    }
    *ret_running = run;
    return 0;
}

int process_until(struct running *run, const bool *until, int64_t most_ms, struct err *err)
{
    int64_t until_us = clock_mono_us() + most_ms * 1000;

    while (!*until && run->alive && clock_mono_us() < until_us) {
        wait_a_little(run, err);
        look_for_end(run);
    }
    return *until && run->alive ? 0 : -1;
}

bool process_runs(struct running *run)
{
    look_for_end(run);
    return run->alive;
}

int process_finish(struct running *run, struct process_end *ret_end, struct err *err)
{
    bool broken;

    run->starting = run->what->started != NULL;
    run->start_us = clock_mono_us();
    run->tick_us = run->start_us + TICK_MS * 1000;
    while (run->alive ||
           ((run->fd[0] >= 0 || run->fd[1] >= 0) && clock_mono_us() < run->drain_until_us)) {
        wait_a_little(run, err);
        look_for_end(run);
        look_at_clock(run);
        look_at_tick(run, err);
    }
    pipe_close(&run->fd[0]);
    pipe_close(&run->fd[1]);
    *ret_end = (struct process_end){.exit_status = run->status,
                                    .timed_out = run->timed_out,
                                    .took_ms = (clock_mono_us() - run->start_us) / 1000};
    broken = run->broken;
    mem_free(run);
    return broken ? -1 : 0;
}

int process_run(const struct process *process, struct process_end *ret_end, struct err *err)
{
    struct running *run;

    TRY(process_start(process, &run, err));
    return process_finish(run, ret_end, err);
}

int keep_take(void *to, struct bytes bytes, struct err *err)
{
    struct keep *keep = to;
    size_t       left = keep->most - keep->buf.size;

    (void)err;
    buf_put(&keep->buf, (struct bytes){bytes.data, bytes.size < left ? bytes.size : left});
    return 0;
}

int word_take(void *to, struct bytes bytes, struct err *err)
{
    struct word_wait *wait = to;

    (void)err;
    for (size_t i = 0; i < bytes.size && !wait->seen; i++) {
        wait->matched = bytes.data[i] == (uint8_t)wait->word[wait->matched] ? wait->matched + 1 : 0;
        wait->seen = wait->word[wait->matched] == '\0';
    }
    return 0;
}

int tail_take(void *to, struct bytes bytes, struct err *err)
{
    struct tail *tail = to;

    (void)err;
    if (bytes.size > TAIL_BYTES) {
        bytes.data += bytes.size - TAIL_BYTES;
        bytes.size = TAIL_BYTES;
    }
    if (tail->size + bytes.size > TAIL_BYTES) {
        size_t drop = tail->size + bytes.size - TAIL_BYTES;

        memmove(tail->bytes, tail->bytes + drop, tail->size - drop);
        tail->size -= drop;
    }
    memcpy(tail->bytes + tail->size, bytes.data, bytes.size);
    tail->size += bytes.size;
    return 0;
}

const char *tail_text(struct arena *arena, const struct tail *tail)
{
    char *text = arena_text(arena, (struct bytes){(const uint8_t *)tail->bytes, tail->size});
    char *end = text + tail->size;

    while (end > text && (unsigned char)end[-1] <= ' ') {
        *--end = '\0';
    }
    for (char *at = text; at < end; at++) {
        if (*at == '\n') {
            *at = '|';
        } else if ((unsigned char)*at < ' ' || (unsigned char)*at > '~') {
            *at = '?';
        }
    }
    /* A story has 480 bytes: keep what was said last. */
    return strlen(text) > 300 ? end - 300 : text;
}

/* What a command answers, and what it says besides. */
struct asked {
    struct keep answer;
    struct tail said;
};

static int answer_take(void *self, struct bytes bytes, struct err *err)
{
    struct asked *asked = self;

    (void)tail_take(&asked->said, bytes, err);
    return keep_take(&asked->answer, bytes, err);
}

int process_ask_ticking(struct arena *arena, const struct asking *asking, struct bytes *ret_out,
                        struct err *err)
{
    CLEANUP(buf) struct buf out = {0};
    struct asked            asked = {.answer = {.most = asking->most}};
    struct process_end      end;
    struct process          process = {.argv = asking->argv,
                                       .out = {answer_take, &asked},
                                       .err_out = {tail_take, &asked.said},
                                       .tick = asking->tick,
                                       .wall_ms = asking->wall_ms};
    int                     worked = process_run(&process, &end, err);

    out = asked.answer.buf;
    TRY(worked);
    *ret_out = arena_bytes(arena, buf_bytes(&out));
    if (end.timed_out) {
        return err_set(err, ERR_SANDBOX_FAILED, "%s %s did not end within %lld ms", asking->argv[0],
                       asking->argv[1] == NULL ? "" : asking->argv[1], (long long)asking->wall_ms);
    }
    if (end.exit_status != 0) {
        return err_set(err, ERR_SANDBOX_FAILED, "%s ended with %d: %s", asking->argv[0],
                       end.exit_status, tail_text(arena, &asked.said));
    }
    return 0;
}

int process_ask(struct arena *arena, const char *const *argv, size_t most, int64_t wall_ms,
                struct bytes *ret_out, struct err *err)
{
    struct asking asking = {.argv = argv, .most = most, .wall_ms = wall_ms};

    return process_ask_ticking(arena, &asking, ret_out, err);
}

static int tick_whatever(void *self, struct err *err)
{
    const struct tick *tick = self;
    struct err         ignored = {0};

    (void)err;
    if (tick->run != NULL) {
        (void)!tick->run(tick->self, &ignored);
    }
    return 0;
}

struct tick tick_always(const struct tick *tick)
{
    return (struct tick){tick_whatever, (void *)tick};
}
