// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/sandbox/job.h"

enum { CPU_PERIOD_US = 100000 }; /* as runc_config.c asks for */

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
    static const char *const     names[] = {"memory", "pids", "cpu"};
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *unified = "";
    const char                  *list = arena_format(arena, "%s/cgroup.controllers", root);
    struct cgroups               found = {.root = root, .v2 = is_there(list)};

    if (found.v2) {
        TRY(small_file(arena, list, &unified, err));
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (found.v2 ? !has_word(unified, names[i])
                     : !is_there(arena_format(arena, "%s/%s/tasks", root, names[i]))) {
            return err_set(err, ERR_SANDBOX_UNFIT,
                           "the kernel's cgroups (%s) give no %s limit here%s", root, names[i],
                           found.v2 ? "; it is not in cgroup.controllers" : "");
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

int cgroup_join(const struct cgroups *cgroups, const char *id, pid_t pid, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *below = cgroup_path(arena, id);
    const char                  *number = arena_format(arena, "%d", (int)pid);
    const char                 **names;
    size_t                       count;

    if (cgroups->v2) {
        return group_join(arena_format(arena, "%s%s/cgroup.procs", cgroups->root, below), number,
                          err);
    }
    TRY(dir_list(arena, cgroups->root, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        TRY(group_join(arena_format(arena, "%s/%s%s/cgroup.procs", cgroups->root, names[i], below),
                       number, err));
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
    const char                  *below = cgroup_path(arena, id);
    const char                 **names;
    size_t                       count;
    bool                         gone = true;
    struct err                   ignored = {0};

    if (cgroups->v2) {
        return group_gone(arena_format(arena, "%s%s", cgroups->root, below));
    }
    if (dir_list(arena, cgroups->root, &names, &count, &ignored) < 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        gone = group_gone(arena_format(arena, "%s/%s%s", cgroups->root, names[i], below)) && gone;
    }
    return gone;
}
