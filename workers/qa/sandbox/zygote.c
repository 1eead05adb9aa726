// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "workers/qa/sandbox/engine.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/sandbox/seccomp.h"
#include "workers/qa/sandbox/users.h"

/* zygote.py travels inside of the worker. */
__asm__(".section .rodata\n"
        ".global zygote_script\n"
        "zygote_script:\n"
        ".incbin \"" ZYGOTE_SCRIPT "\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char zygote_script[];

#define ZYGOTE_READY "prt-zygote-ready\n"

enum { ANSWER_MS = 30000, ANSWER_MOST = 512, PATH_MOST = 64 };

/* The last is entered last: with it the zygote's own files are out of reach. */
static const char *const spaces[] = {"net", "ipc", "uts", "cgroup", "pid", "mnt"};
enum { SPACES = sizeof(spaces) / sizeof(spaces[0]), PASSED = 4 + SPACES };

struct zygote {
    struct arena      *arena;
    const struct runc *runc;
    const char        *id, *users;
    struct place       place;
    const char        *argv[RUNC_ARGV_MOST];
    struct process     process;
    struct running    *running;
    struct tail        tail; /* of its errors */
    struct word_wait   ready;
    int                control, users_fd;
};

/* -------------------------------------- its start -------------------------------------- */

static int modules_put(const struct zygote_wants *wants, struct arena *arena, struct err *err)
{
    const struct sandbox_settings *settings = wants->settings;

    TRY(dir_make(wants->dir, 0755, err));
    for (size_t i = 0; i < settings->module_count; i++) {
        const char *path = arena_format(arena, "%s/%s", wants->dir, settings->modules[i].name);

        TRY(file_replace(path, settings->modules[i].bytes, 0644, err));
    }
    return 0;
}

static const char *filter_hex(struct arena *arena)
{
    CLEANUP(buf) struct buf filter = {0};
    char                   *hex;

    seccomp_without_setns(&filter);
    hex = arena_get(arena, filter.size * 2 + 1);
    hex_write(hex, buf_bytes(&filter));
    return hex;
}

static int bundle_make(struct zygote *zygote, const struct zygote_wants *wants, struct err *err)
{
    struct arena                *arena = zygote->arena;
    const struct sandbox_limits *limits = &wants->settings->limits;
    const char *const            argv[] = {"python3",
                                           "-s",
                                           "-c",
                                           zygote_script,
                                           arena_format(arena, "%d", SANDBOX_UID),
                                           filter_hex(arena),
                                           SANDBOX_INPUTS,
                                           NULL};
    struct runc_first            first = {BOX_ZYGOTE, zygote->users, argv};
    struct sandbox_job           job = {.id = wants->id,
                                        .image = wants->base,
                                        .inputs = wants->dir,
                                        .env = wants->env,
                                        .limits = limits};

    TRY(modules_put(wants, arena, err));
    TRY(place_make(&zygote->place, wants->id, wants->base->handle, limits, runc_uid(zygote->runc),
                   err));
    TRY(place_fill(&zygote->place, &job, err));
    return runc_bundle(zygote->runc, &zygote->place, &job, &first, err);
}

static int start(struct zygote *zygote, const struct zygote_wants *wants, struct err *err)
{
    int pair[2];
    int started;

    TRY(users_make(zygote->runc->map_from, &zygote->users_fd, err));
    zygote->users = users_path(zygote->arena, zygote->users_fd);
    TRY(bundle_make(zygote, wants, err));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return err_errno(err, "starting the zygote of warm containers");
    }
    zygote->control = pair[0];
    runc_argv(zygote->runc, &zygote->place, wants->id, BOX_ZYGOTE, zygote->argv);
    zygote->ready = (struct word_wait){.word = ZYGOTE_READY};
    zygote->process = (struct process){.argv = zygote->argv,
                                       .program = runc_program(zygote->runc, &zygote->place),
                                       .env = runc_env,
                                       .third = &pair[1],
                                       .out = {word_take, &zygote->ready},
                                       .err_out = {tail_take, &zygote->tail}};
    started = process_start(&zygote->process, &zygote->running, err);
    fd_close(pair[1]);
    TRY(started);
    if (process_until(zygote->running, &zygote->ready.seen, START_MS, err) < 0) {
        return err_set(err, ERR_SANDBOX_UNFIT,
                       "the zygote of warm containers did not get ready: %s",
                       tail_text(zygote->arena, &zygote->tail));
    }
    return 0;
}

void zygote_close(struct zygote *zygote)
{
    struct process_end end;
    struct err         ignored = {0};

    if (zygote == NULL) {
        return;
    }
    fd_close(zygote->control); /* it ends by itself */
    fd_close(zygote->users_fd);
    if (runc_delete(zygote->runc, zygote->id, &ignored) < 0) {
        err_clear(&ignored); /* there was none; else it is reaped */
    }
    if (zygote->running != NULL) {
        zygote->process.out = zygote->process.err_out = (struct sink){0};
        zygote->process.wall_ms = RUNC_COMMAND_MS;
        (void)!process_finish(zygote->running, &end, &ignored);
    }
    if (zygote->place.dir != NULL) {
        place_leave(&zygote->place);
    }
    arena_free(zygote->arena);
}
DEFINE_CLEANUP(zygote, struct zygote *, zygote_close)

int zygote_open(struct zygote **ret_zygote, const struct runc *runc,
                const struct zygote_wants *wants, struct err *err)
{
    struct arena                  *arena = arena_new();
    CLEANUP(zygote) struct zygote *zygote = arena_zero(arena, 1, sizeof(*zygote));

    zygote->arena = zygote->place.arena = arena;
    zygote->runc = runc;
    zygote->id = arena_text(arena, bytes_of(wants->id));
    zygote->control = zygote->users_fd = -1;
    TRY(start(zygote, wants, err));
    *ret_zygote = TAKE(zygote);
    return 0;
}

bool zygote_lives(struct zygote *zygote)
{
    return process_runs(zygote->running);
}

const char *zygote_users(const struct zygote *zygote)
{
    return zygote->users;
}

/* -------------------------------------- a guest -------------------------------------- */

static int ask(const struct zygote *zygote, const int *fds, struct err *err)
{
    char          room[CMSG_SPACE(PASSED * sizeof(int))] = {0};
    char          byte = '+';
    struct iovec  body = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &body, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(PASSED * sizeof(int));
    memcpy(CMSG_DATA(head), fds, PASSED * sizeof(int));
    if (sendmsg(zygote->control, &message, MSG_NOSIGNAL) < 0) {
        return err_errno(err, "asking the zygote for a process");
    }
    return 0;
}

/* The guest's number, or why there is none. */
static int answer(const struct zygote *zygote, pid_t *ret_guest, struct err *err)
{
    char           text[ANSWER_MOST + 1];
    struct timeval most = {.tv_sec = ANSWER_MS / 1000};
    ssize_t        got;

    if (setsockopt(zygote->control, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) < 0 ||
        (got = recv(zygote->control, text, ANSWER_MOST, 0)) < 0) {
        return err_errno(err, "waiting for a process of the zygote");
    }
    text[got] = '\0';
    if (got == 0 || text[0] < '0' || text[0] > '9') {
        return err_set(err, ERR_SANDBOX_UNFIT, "the zygote of warm containers gave no process: %s",
                       got == 0 ? "it ended" : text);
    }
    *ret_guest = (pid_t)atoi(text);
    return 0;
}

int zygote_seat(struct zygote *zygote, const struct seat *seat, pid_t *ret_guest, struct err *err)
{
    int fds[PASSED] = {seat->in, seat->out, seat->err_out, seat->status};
    int asked = 0;

    for (size_t i = 0; i < SPACES; i++) {
        char path[PATH_MOST];

        (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)seat->keeper, spaces[i]);
        fds[4 + i] = asked < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (asked == 0 && fds[4 + i] < 0) {
            asked = err_errno(err, "opening %s", path);
        }
    }
    asked = asked < 0 ? asked : ask(zygote, fds, err);
    for (size_t i = 4; i < PASSED; i++) {
        fd_close(fds[i]);
    }
    TRY(asked);
    TRY(answer(zygote, ret_guest, err));
    return cgroup_join(&zygote->runc->cgroups, seat->id, *ret_guest, err);
}

/* -------------------------------------- looked at from outside ---------------------------- */

static int proc_read(struct arena *arena, pid_t pid, const char *name, const char **ret_text,
                     struct err *err)
{
    struct bytes bytes;

    TRY(file_read(arena, arena_format(arena, "/proc/%d/%s", (int)pid, name), 64 * 1024, &bytes,
                  err));
    *ret_text = arena_text(arena, bytes);
    return 0;
}

static int open_left(struct err *err, const char *what, const char *is)
{
    return err_set(err, ERR_SANDBOX_UNFIT,
                   "a process forked into a warm container is not walled in: %s is %.100s", what,
                   is);
}

/* The same words in the same file of /proc. */
static int same_text(struct arena *arena, pid_t keeper, pid_t guest, const char *name,
                     struct err *err)
{
    const char *want;
    const char *have;

    TRY(proc_read(arena, keeper, name, &want, err));
    TRY(proc_read(arena, guest, name, &have, err));
    return strcmp(want, have) == 0 ? 0 : open_left(err, name, have);
}

static int same_space(pid_t keeper, pid_t guest, const char *name, struct err *err)
{
    char path[PATH_MOST];
    char want[PATH_MOST] = "";
    char have[PATH_MOST] = "";

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)keeper, name);
    if (readlink(path, want, sizeof(want) - 1) < 0) {
        return err_errno(err, "reading %s", path);
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)guest, name);
    if (readlink(path, have, sizeof(have) - 1) < 0) {
        return err_errno(err, "reading %s", path);
    }
    return strcmp(want, have) == 0 ? 0 : open_left(err, name, have);
}

/* The line "key:\tvalue" of a status; NULL where the kernel has none. */
static const char *status_line(struct arena *arena, const char *status, const char *key)
{
    const char *at = strstr(status, arena_format(arena, "\n%s:\t", key));

    at = at == NULL ? NULL : at + strlen(key) + 3;
    return at == NULL ? NULL : arena_format(arena, "%.*s", (int)strcspn(at, "\n"), at);
}

static int rights_check(struct arena *arena, pid_t guest, uid_t uid, struct err *err)
{
    const char       *ids = arena_format(arena, "%u\t%u\t%u\t%u", uid, uid, uid, uid);
    const char *const none = "0000000000000000";
    const struct {
        const char *key, *want;
    } rows[] = {{"Uid", ids},        {"Gid", ids},     {"Groups", " "},  {"CapInh", none},
                {"CapPrm", none},    {"CapEff", none}, {"CapBnd", none}, {"CapAmb", none},
                {"NoNewPrivs", "1"}, {"Seccomp", "2"}};
    const char *status;
    const char *filters;

    TRY(proc_read(arena, guest, "status", &status, err));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *have = status_line(arena, status, rows[i].key);

        if (have == NULL || strcmp(have, rows[i].want) != 0) {
            return open_left(err, rows[i].key, have == NULL ? "unknown" : have);
        }
    }
    /* The profile and the filter upon it. Kernels before 5.9 do not count them. */
    filters = status_line(arena, status, "Seccomp_filters");
    return filters == NULL || strcmp(filters, "2") == 0
               ? 0
               : open_left(err, "Seccomp_filters", filters);
}

int zygote_check(pid_t keeper, pid_t guest, uid_t uid, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                 **fds;
    size_t                       count;

    for (size_t i = 0; i < SPACES; i++) {
        TRY(same_space(keeper, guest, spaces[i], err));
    }
    TRY(same_space(keeper, guest, "user", err));
    TRY(same_text(arena, keeper, guest, "cgroup", err));
    TRY(same_text(arena, keeper, guest, "limits", err));
    TRY(rights_check(arena, guest, uid, err));
    TRY(dir_list(arena, arena_format(arena, "/proc/%d/fd", (int)guest), &fds, &count, err));
    return count == 3 ? 0 : open_left(err, "open files", arena_format(arena, "%zu", count));
}
