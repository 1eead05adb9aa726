// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "gateway/cli/bench.h"
#include "gateway/cli/local.h"

enum { STAT_MOST = 4096 };

struct stat_line {
    int64_t ppid, ticks, rss_pages;
};

static bool read_stat(struct arena *arena, pid_t pid, struct stat_line *ret)
{
    struct err   err = {0};
    struct bytes text;
    char        *at;
    long long    ppid, utime, stime, cutime, cstime, rss;

    if (file_read(arena, arena_format(arena, "/proc/%d/stat", (int)pid), STAT_MOST, &text, &err) < 0) {
        return false;
    }
    at = strrchr(arena_text(arena, text), ')');
    if (at == NULL ||
        sscanf(at + 2, "%*c %lld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld %*d %*d %*d %*d %*u %*u %lld",
               &ppid, &utime, &stime, &cutime, &cstime, &rss) != 6) {
        return false;
    }
    *ret = (struct stat_line){ppid, utime + stime + cutime + cstime, rss};
    return true;
}

double bench_machine_busy_s(void)
{
    CLEANUP(file) FILE *file = fopen("/proc/stat", "re");
    long long           user = 0, nice = 0, system = 0, irq = 0, softirq = 0, stolen = 0;

    if (file == NULL || fscanf(file, "cpu %lld %lld %lld %*d %*d %lld %lld %lld", &user, &nice,
                               &system, &irq, &softirq, &stolen) != 6) {
        return 0;
    }
    return (double)(user + nice + system + irq + softirq + stolen) /
           (double)sysconf(_SC_CLK_TCK);
}

/* Processes whose parent is one of ours (Postgres backends, a worker's sandboxes) count with it. Their
 * shared pages would count many times: memory is of the process itself. */
static void add_children(struct arena *arena, struct bench_usage *list, size_t count, double tick)
{
    DIR           *proc = opendir("/proc");
    struct dirent *entry;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        struct stat_line line;
        pid_t            pid = (pid_t)atoi(entry->d_name);

        if (pid <= 0 || !read_stat(arena, pid, &line)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            if (list[i].pid == (pid_t)line.ppid && strcmp(list[i].name, "prt up") != 0) {
                list[i].cpu_s += (double)line.ticks * tick;
            }
        }
    }
    if (proc != NULL) {
        (void)closedir(proc);
    }
}

int bench_usage_read(struct cli *cli, struct bench_usage **ret_list, size_t *ret_count,
                     struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    double          tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    struct process *processes;
    struct bench_usage *list;
    size_t          count;

    TRY(local_read_processes(cli, &processes, &count, err));
    list = arena_zero(cli->arena, count, sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        struct stat_line line = {0};

        (void)read_stat(arena, processes[i].pid, &line);
        list[i] = (struct bench_usage){processes[i].name, processes[i].pid,
                                       (double)line.ticks * tick,
                                       line.rss_pages * sysconf(_SC_PAGESIZE)};
    }
    add_children(arena, list, count, tick);
    *ret_list = list;
    *ret_count = count;
    return 0;
}
