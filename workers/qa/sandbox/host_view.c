// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/host_view.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/sandbox/cgroup.h"

enum { FILE_MOST = 64 * 1024, CPU_PERIOD_US = 100000 };

/* The first line of a file; NULL: it cannot be read. */
static char *line_of(struct arena *arena, const char *path)
{
    struct bytes bytes;
    struct err   ignored = {0};
    char        *text;

    if (file_read(arena, path, FILE_MOST, &bytes, &ignored) < 0) {
        return NULL;
    }
    text = arena_text(arena, bytes);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

struct group_row {
    const char *key, *controller, *v1, *v2;
};

/* clang-format off */
static const struct group_row group_rows[] = {
/*    key            controller  v1                             v2                 */
    { "host-memory", "memory",   "memory.limit_in_bytes",       "memory.max"      },
    { "host-swap",   "memory",   "memory.memsw.limit_in_bytes", NULL              },
    { "host-swap2",  "memory",   NULL,                          "memory.swap.max" },
    { "host-pids",   "pids",     "pids.max",                    "pids.max"        },
    { "host-cpu",    "cpu",      "cpu.cfs_quota_us",            "cpu.max"         },
};
/* clang-format on */

/* A quota of another period than ours, in ours. v1 keeps the period in a file of its own. */
static const char *quota_of(struct arena *arena, const char *quota, const char *period)
{
    const char *behind = strchr(quota, ' ');
    long long   whole = strtoll(behind != NULL ? behind : period == NULL ? "0" : period, NULL, 10);
    char       *end;
    long long   given = strtoll(quota, &end, 10);

    if (end == quota || given < 0 || whole <= 0) {
        return quota; /* "max", or -1 */
    }
    return arena_format(arena, "%lld", given * CPU_PERIOD_US / whole);
}

static const char *group_line(struct arena *arena, const struct host_roots *roots,
                              const char *groups, const struct group_row *row)
{
    const char *own = cgroup_of(arena, groups, row->controller);
    const char *file = own != NULL ? row->v1 : row->v2;
    const char *below = own != NULL ? own : cgroup_of(arena, groups, "");
    const char *dir;
    const char *value;

    if (file == NULL || below == NULL) {
        return "";
    }
    dir = arena_format(arena, "%s/%s%s", roots->cgroup, own != NULL ? row->controller : "", below);
    value = line_of(arena, arena_format(arena, "%s/%s", dir, file));
    if (value == NULL) {
        return "";
    }
    if (strcmp(row->controller, "cpu") == 0) {
        value = quota_of(arena, value,
                         line_of(arena, arena_format(arena, "%s/cpu.cfs_period_us", dir)));
    }
    return arena_format(arena, "%s %s\n", row->key, value);
}

int host_view(struct arena *arena, const struct host_roots *roots, pid_t pid,
              const char **ret_lines, struct err *err)
{
    static const char *const keys[] = {"Seccomp:", "NoNewPrivs:"};
    const char              *at = arena_format(arena, "%s/%d", roots->proc, (int)pid);
    const char              *lines = "";
    struct bytes             status, groups;

    if (file_read(arena, arena_format(arena, "%s/status", at), FILE_MOST, &status, err) < 0 ||
        file_read(arena, arena_format(arena, "%s/cgroup", at), FILE_MOST, &groups, err) < 0) {
        return err_set(err, ERR_SANDBOX_UNFIT,
                       "the sandbox's process %d is not to be seen from here, and its limits"
                       " neither: run the worker on the engine's machine, in its pid namespace",
                       (int)pid);
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const char *line = strstr(arena_text(arena, status), arena_format(arena, "\n%s", keys[i]));

        if (line != NULL) {
            long long value = strtoll(line + 1 + strlen(keys[i]), NULL, 10);

            lines = arena_format(arena, "%shost-%s %lld\n", lines, keys[i], value);
        }
    }
    for (size_t i = 0; i < COUNT_OF(group_rows); i++) {
        lines = arena_format(arena, "%s%s", lines,
                             group_line(arena, roots, arena_text(arena, groups), &group_rows[i]));
    }
    *ret_lines = lines;
    return 0;
}
