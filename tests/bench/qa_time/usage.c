// SPDX-License-Identifier: MIT
#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/sandbox/job.h"

/* Of one process and of those it has waited for; false: it is gone. */
static bool stat_read(struct arena *arena, pid_t pid, pid_t *ret_parent, double *ret_ms)
{
    struct bytes text;
    struct err   err = {0};
    long         time[4];
    int          parent;
    const char  *after;

    if (file_read(arena, arena_format(arena, "/proc/%d/stat", (int)pid), 4096, &text, &err) < 0) {
        return false;
    }
    after = strrchr(arena_text(arena, text), ')');
    if (after == NULL ||
        sscanf(after, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld", &parent,
               &time[0], &time[1], &time[2], &time[3]) != 5) {
        return false;
    }
    *ret_parent = parent;
    *ret_ms = (double)(time[0] + time[1] + time[2] + time[3]) * 1e3 / (double)sysconf(_SC_CLK_TCK);
    return true;
}

/* Is `pid` this process or below it? *ret_ms is its own. */
static bool is_below(struct arena *arena, pid_t pid, double *ret_ms)
{
    double ignored;
    pid_t  parent;

    if (!stat_read(arena, pid, &parent, ret_ms)) {
        return false;
    }
    for (; pid != getpid(); pid = parent) {
        if (pid <= 1 || !stat_read(arena, pid, &parent, &ignored)) {
            return false;
        }
    }
    return true;
}

double tree_cpu_ms(void)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    const char                 **names;
    size_t                       count;
    double                       sum = 0;

    if (dir_list(arena, "/proc", &names, &count, &err) < 0) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        pid_t  pid = (pid_t)atoi(names[i]);
        double ms;

        sum += pid > 0 && is_below(arena, pid, &ms) ? ms : 0;
    }
    return sum;
}

long own_kib(const char *key)
{
    CLEANUP(file) FILE *file = fopen("/proc/self/status", "re");
    char                line[256];
    size_t              size = strlen(key);

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, size) == 0) {
            return strtol(line + size + 1, NULL, 10);
        }
    }
    return 0;
}
