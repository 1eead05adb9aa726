// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "workers/qa/sandbox/job.h"

enum {
    CPU_PERIOD_US = 100000, /* as runc_config.c asks for */
    CLEAR_MS = 10000,       /* until what was killed is gone */
    MOVE_ROUNDS = 100       /* for processes that are being forked meanwhile */
};

/* What a job's group limits. */
static const char *const controllers[] = {"memory", "pids", "cpu"};

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static int small_file(struct arena *arena, const char *path, const char **ret_text, struct err *err)
{
    struct bytes bytes;

    TRY(file_read(arena, path, 64 * 1024, &bytes, err));
    *ret_text = arena_text(arena, bytes);
    return 0;
}

static bool swap_in_use(struct arena *arena)
{
    const char *swaps;
    struct err  err = {0};

    /* Its first line is a heading. No file: a kernel without swap. */
    if (small_file(arena, "/proc/swaps", &swaps, &err) < 0) {
        return false;
    }
    swaps = strchr(swaps, '\n');
    return swaps != NULL && swaps[1] != '\0';
}

static bool has_word(const char *text, const char *word)
{
    size_t size = strlen(word);

    for (const char *at = text; (at = strstr(at, word)) != NULL; at += size) {
        if ((at == text || at[-1] == ' ') &&
            (at[size] == ' ' || at[size] == '\n' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

int cgroups_find(const char *root, struct cgroups *ret_cgroups, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *unified = "";
    const char                  *list = arena_format(arena, "%s/cgroup.controllers", root);
    struct cgroups               found = {.root = root, .v2 = is_there(list)};

    if (found.v2) {
        TRY(small_file(arena, list, &unified, err));
    }
    for (size_t i = 0; i < COUNT_OF(controllers); i++) {
        if (found.v2 ? !has_word(unified, controllers[i])
                     : !is_there(arena_format(arena, "%s/%s/tasks", root, controllers[i]))) {
            return err_set(err, ERR_SANDBOX_UNFIT,
                           "the kernel's cgroups (%s) give no %s limit here%s", root,
                           controllers[i], found.v2 ? "; it is not in cgroup.controllers" : "");
        }
    }
    if (!found.v2 && !is_there(arena_format(arena, "%s/cpu/cpu.cfs_quota_us", root))) {
        return err_set(err, ERR_SANDBOX_UNFIT, "the kernel's cgroups give no CPU quota");
    }
    found.swap_limit =
        found.v2 || is_there(arena_format(arena, "%s/memory/memory.memsw.limit_in_bytes", root));
    if (!found.swap_limit && swap_in_use(arena)) {
        return err_set(
            err, ERR_SANDBOX_UNFIT,
            "this machine swaps and its kernel cannot limit that; boot with swapaccount=1 or"
            " turn swap off");
    }
    *ret_cgroups = found;
    return 0;
}

/* -------------------- v2: a root that is a container's own -------------------- */

static bool controllers_given(struct arena *arena, const char *path)
{
    const char *given;
    struct err  ignored = {0};

    if (small_file(arena, path, &given, &ignored) < 0) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(controllers); i++) {
        if (!has_word(given, controllers[i])) {
            return false;
        }
    }
    return true;
}

static int text_write(const char *path, const char *text, struct err *err)
{
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd < 0 ? err_errno(err, "opening %s", path) : fd_write_all(fd, bytes_of(text), err);
}

/* Whoever is in the group, one after the other; *ret_moved: there was somebody. */
static int group_move(struct arena *arena, const char *from, const char *to, bool *ret_moved,
                      struct err *err)
{
    const char     *path = arena_format(arena, "%s/cgroup.procs", to);
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);
    const char     *pids;
    char           *end;
    long            pid;

    if (fd < 0) {
        return err_errno(err, "opening %s", path);
    }
    TRY(small_file(arena, arena_format(arena, "%s/cgroup.procs", from), &pids, err));
    *ret_moved = *pids != '\0';
    for (; (pid = strtol(pids, &end, 10)) > 0; pids = end) {
        if (dprintf(fd, "%ld\n", pid) < 0 && errno != ESRCH) { /* it ended meanwhile */
            return err_errno(err, "moving process %ld out of %s", pid, from);
        }
    }
    /* 0: no number in this pid namespace. */
    return end == pids ? 0
                       : err_set(err, ERR_SANDBOX_UNFIT,
                                 "%s holds a process of another pid namespace", from);
}

int cgroups_make_room(const struct cgroups *cgroups, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char *given = arena_format(arena, "%s/cgroup.subtree_control", cgroups->root);
    const char *leaf = arena_format(arena, "%s" CGROUP_WORKERS, cgroups->root);
    bool        moved = true;

    if (!cgroups->v2 || !is_there(arena_format(arena, "%s/cgroup.type", cgroups->root)) ||
        controllers_given(arena, given)) {
        return 0;
    }
    TRY(dir_make(leaf, 0755, err));
    for (int i = 0; moved && i < MOVE_ROUNDS; i++) {
        TRY(group_move(arena, cgroups->root, leaf, &moved, err));
    }
    return text_write(given, "+memory +pids +cpu", err);
}

const char *cgroup_of(struct arena *arena, const char *groups, const char *controller)
{
    char *rest = NULL;

    for (char *line = strtok_r(arena_text(arena, bytes_of(groups)), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *list = strchr(line, ':');
        char *path = list == NULL ? NULL : strchr(list + 1, ':');

        if (path == NULL) {
            continue;
        }
        *list++ = *path++ = '\0';
        if (strstr(arena_format(arena, ",%s,", list), arena_format(arena, ",%s,", controller)) !=
            NULL) {
            return path;
        }
    }
    return NULL;
}

int cgroup_door(const struct cgroups *cgroups)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *groups;
    const char                  *own;
    struct err                   ignored = {0};

    if (small_file(arena, "/proc/self/cgroup", &groups, &ignored) < 0 ||
        (own = cgroup_of(arena, groups, cgroups->v2 ? "" : "pids")) == NULL) {
        return -1;
    }
    return open(
        arena_format(arena, "%s%s%s/cgroup.procs", cgroups->root, cgroups->v2 ? "" : "/pids", own),
        O_WRONLY | O_CLOEXEC);
}

const char *cgroup_path(struct arena *arena, const char *id)
{
    return arena_format(arena, "/pr-telemetry/%s", id);
}

static int value_read(const struct cgroups *cgroups, struct arena *arena, const char *id,
                      const char *controller, const char *file, const char **ret_text,
                      struct err *err)
{
    const char *path = arena_format(arena, "%s%s%s%s/%s", cgroups->root, cgroups->v2 ? "" : "/",
                                    cgroups->v2 ? "" : controller, cgroup_path(arena, id), file);

    return small_file(arena, path, ret_text, err);
}

struct check {
    const char *controller, *v1, *v2;
    int64_t     most;
    const char *words;
};

static int check_one(const struct cgroups *cgroups, struct arena *arena, const char *id,
                     const struct check *check, struct err *err)
{
    const char *text;
    char       *end;
    long long   held;

    TRY(value_read(cgroups, arena, id, check->controller, cgroups->v2 ? check->v2 : check->v1,
                   &text, err));
    held = strtoll(text, &end, 10);
    if (end != text && *end == ' ') {
        held = held * CPU_PERIOD_US / strtoll(end, NULL, 10); /* cpu.max: quota and period */
    }
    if (end == text || held < 0 || held > check->most) {
        return err_set(err, ERR_SANDBOX_UNFIT, "%s: %lld was asked for, the kernel held %.40s",
                       check->words, (long long)check->most, text);
    }
    return 0;
}

/* "key N" on a line of its own. */
static int64_t keyed(const char *text, const char *key)
{
    size_t size = strlen(key);

    for (const char *at = text; at != NULL && *at != '\0';) {
        if (strncmp(at, key, size) == 0 && at[size] == ' ') {
            return strtoll(at + size, NULL, 10);
        }
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    return 0;
}

int cgroup_judge(const struct cgroups *cgroups, const char *id, const struct sandbox_limits *limits,
                 bool *ret_oom, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *events;
    const struct check           checks[] = {
                  {"memory", "memory.limit_in_bytes", "memory.max", limits->memory_bytes, "memory"},
                  {"pids", "pids.max", "pids.max", limits->pids, "pids"},
                  {"cpu", "cpu.cfs_quota_us", "cpu.max", limits->cpus * CPU_PERIOD_US, "CPU quota"},
                  {"memory", "memory.memsw.limit_in_bytes", "memory.swap.max",
         cgroups->v2 ? 0 : limits->memory_bytes, "memory and swap"},
    };
    size_t count = COUNT_OF(checks) - (cgroups->swap_limit ? 0 : 1);

    for (size_t i = 0; i < count; i++) {
        if (check_one(cgroups, arena, id, &checks[i], err) < 0) {
            /* No group at all: the container never was; whoever reads its output knows why. */
            if (err->code == ERR_NOT_FOUND && i == 0) {
                *ret_oom = false;
                return 0;
            }
            /* A kernel without swap has no file for it. */
            if (err->code == ERR_NOT_FOUND && i == 3 && !swap_in_use(arena)) {
                continue;
            }
            return -1;
        }
    }
    TRY(value_read(cgroups, arena, id, "memory",
                   cgroups->v2 ? "memory.events" : "memory.oom_control", &events, err));
    *ret_oom = keyed(events, "oom_kill") > 0;
    return 0;
}

static int group_join(const char *path, const char *pid, struct err *err)
{
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return 0; /* this hierarchy has no such group */
    }
    return fd < 0 ? err_errno(err, "opening %s", path) : fd_write_all(fd, bytes_of(pid), err);
}

/* A job's group, in each hierarchy that may have it. */
static int group_paths(const struct cgroups *cgroups, struct arena *arena, const char *id,
                       const char ***ret_paths, size_t *ret_count, struct err *err)
{
    const char *below = cgroup_path(arena, id);

    if (cgroups->v2) {
        *ret_paths = arena_get(arena, sizeof(char *));
        (*ret_paths)[0] = arena_format(arena, "%s%s", cgroups->root, below);
        *ret_count = 1;
        return 0;
    }
    TRY(dir_list(arena, cgroups->root, ret_paths, ret_count, err));
    for (size_t i = 0; i < *ret_count; i++) {
        (*ret_paths)[i] = arena_format(arena, "%s/%s%s", cgroups->root, (*ret_paths)[i], below);
    }
    return 0;
}

int cgroup_join(const struct cgroups *cgroups, const char *id, pid_t pid, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *number = arena_format(arena, "%d", (int)pid);
    const char                 **paths;
    size_t                       count;

    TRY(group_paths(cgroups, arena, id, &paths, &count, err));
    for (size_t i = 0; i < count; i++) {
        TRY(group_join(arena_format(arena, "%s/cgroup.procs", paths[i]), number, err));
    }
    return 0;
}

static bool group_gone(const char *path)
{
    return rmdir(path) == 0 || errno == ENOENT || errno == ENOTDIR;
}

bool cgroup_remove(const struct cgroups *cgroups, const char *id)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                 **paths;
    size_t                       count;
    bool                         gone = true;
    struct err                   ignored = {0};

    if (group_paths(cgroups, arena, id, &paths, &count, &ignored) < 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        gone = group_gone(paths[i]) && gone;
    }
    return gone;
}

/* cgroup.kill takes those that are being forked as well; before Linux 5.14, and with v1, they are
 * met in the next round. */
static int group_kill(struct arena *arena, const char *path, struct err *err)
{
    CLEANUP(fd)
    int         fd = open(arena_format(arena, "%s/cgroup.kill", path), O_WRONLY | O_CLOEXEC);
    const char *pids;
    char       *end;

    if (fd >= 0) {
        return fd_write_all(fd, bytes_of("1"), err);
    }
    TRY(small_file(arena, arena_format(arena, "%s/cgroup.procs", path), &pids, err));
    for (long pid; (pid = strtol(pids, &end, 10)) > 0; pids = end) {
        (void)kill((pid_t)pid, SIGKILL); /* gone already: fine */
    }
    return 0;
}

static int group_clear(struct arena *arena, const char *path, int64_t until_us, struct err *err)
{
    while (!group_gone(path)) {
        if (group_kill(arena, path, err) < 0 && err->code != ERR_NOT_FOUND) {
            return -1;
        }
        err_clear(err);
        if (clock_mono_us() > until_us) {
            return err_set(err, ERR_SANDBOX_FAILED, "processes in %s do not end when killed", path);
        }
        clock_sleep_ms(1);
    }
    return 0;
}

int cgroup_clear(const struct cgroups *cgroups, const char *id, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    int64_t                      until_us = clock_mono_us() + CLEAR_MS * 1000LL;
    const char                 **paths;
    size_t                       count;

    TRY(group_paths(cgroups, arena, id, &paths, &count, err));
    for (size_t i = 0; i < count; i++) {
        TRY(group_clear(arena, paths[i], until_us, err));
    }
    return 0;
}
