// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/probe.h"

#include <stdlib.h>
#include <string.h>

/* One "key value" per line; only sh and coreutils are there for sure. */
const char probe_script[] =
    "while read -r key a b c d; do case $key in"
    " Uid:|CapInh:|CapPrm:|CapEff:|CapBnd:|CapAmb:|NoNewPrivs:|Seccomp:) echo \"$key $a\";;"
    " esac; done </proc/self/status\n"
    "while read -r line; do case $line in"
    " 'Max file size'*) set -- $line; echo \"fsize $5\";;"
    " 'Max open files'*) set -- $line; echo \"nofile $5\";;"
    " 'Max processes'*) set -- $line; echo \"nproc $4\";;"
    " esac; done </proc/self/limits\n"
    "while read -r line; do case $line in *:*) echo \"interface ${line%%:*}\";; esac; done"
    " </proc/net/dev\n"
    "for at in / /workspace /tmp /dev/shm; do set -- $(df -P -k $at | tail -n 1); echo \"kib:$at "
    "$2\";"
    " done\n"
    "(: >/probe) 2>/dev/null && echo 'writable /'\n"
    "(: >/usr/probe) 2>/dev/null && echo 'writable /usr'\n"
    "(: >/workspace/probe) 2>/dev/null || echo 'readonly /workspace'\n"
    "[ -S /var/run/docker.sock ] && echo 'socket docker'\n"
    "[ -S /run/podman/podman.sock ] && echo 'socket podman'\n"
    "at=/sys/fs/cgroup\n"
    "for pair in memory:$at/memory/memory.limit_in_bytes memory:$at/memory.max"
    " swap:$at/memory/memory.memsw.limit_in_bytes swap2:$at/memory.swap.max"
    " pids:$at/pids/pids.max pids:$at/pids.max cpu:$at/cpu/cpu.cfs_quota_us"
    " cpu:$at/cpu,cpuacct/cpu.cfs_quota_us cpu:$at/cpu.max; do"
    " read -r a b <${pair#*:} && echo \"cgroup-${pair%%:*} $a\"; done 2>/dev/null\n"
    "echo 'probe done'\n";

/* The value of the first line with this key, or NULL. */
static const char *find(const char *seen, const char *key)
{
    size_t size = strlen(key);

    for (const char *at = seen; at != NULL && *at != '\0';) {
        if (strncmp(at, key, size) == 0 && at[size] == ' ') {
            return at + size + 1;
        }
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    return NULL;
}

static bool value_is(const char *value, const char *text)
{
    size_t size = strlen(text);

    return value != NULL && strncmp(value, text, size) == 0 &&
           (value[size] == '\n' || value[size] == '\0' || value[size] == ' ');
}

static int unfit(struct err *err, const char *what, const char *value)
{
    return err_set(err, ERR_SANDBOX_UNFIT, "%s is not enforced (inside it is %.*s)", what,
                   value == NULL ? 5 : (int)strcspn(value, "\n"), value == NULL ? "unset" : value);
}

/* A number from 0 to most. */
static int within(const char *seen, const char *key, int64_t most, const char *what,
                  struct err *err)
{
    const char *value = find(seen, key);
    char       *end;
    long long   number;

    if (value == NULL) {
        return unfit(err, what, value);
    }
    number = strtoll(value, &end, 10);
    if (end == value || number < 0 || number > most) {
        return unfit(err, what, value);
    }
    return 0;
}

static int rights_check(const char *seen, const struct probe_wants *wants, struct err *err)
{
    static const char *const sets[] = {"CapPrm:", "CapEff:", "CapBnd:", "CapInh:", "CapAmb:"};
    const char              *uid = find(seen, "Uid:");

    if (uid == NULL || value_is(uid, "0") || strtoul(uid, NULL, 10) == wants->worker_uid) {
        return unfit(err, "a uid of its own", uid);
    }
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        const char *value = find(seen, sets[i]);

        if (value == NULL || strtoull(value, NULL, 16) != 0) {
            return unfit(err, "dropping all capabilities", value);
        }
    }
    if (!value_is(find(seen, "NoNewPrivs:"), "1")) {
        return unfit(err, "no-new-privileges", find(seen, "NoNewPrivs:"));
    }
    if (wants->seccomp_inside && !value_is(find(seen, "Seccomp:"), "2")) {
        return unfit(err, "seccomp", find(seen, "Seccomp:"));
    }
    return 0;
}

static int walls_check(const char *seen, struct err *err)
{
    static const char *const keys[] = {"writable", "readonly", "socket"};
    static const char *const words[] = {"the read-only root", "a writable workspace",
                                        "keeping the engine's own socket out"};

    for (const char *at = seen; (at = find(at, "interface")) != NULL;) {
        if (!value_is(at, "lo")) {
            return unfit(err, "no network", at);
        }
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (find(seen, keys[i]) != NULL) {
            return unfit(err, words[i], find(seen, keys[i]));
        }
    }
    return 0;
}

static int cgroup_check(const char *seen, const struct sandbox_limits *limits, struct err *err)
{
    TRY(within(seen, "cgroup-memory", limits->memory_bytes, "the memory limit", err));
    TRY(within(seen, "cgroup-pids", limits->pids, "the pids limit", err));
    TRY(within(seen, "cgroup-cpu", limits->cpus * 100000, "the CPU limit", err));
    /* A kernel without swap shows no file for it: sandbox engines refuse where there is swap. */
    if (find(seen, "cgroup-swap") != NULL) {
        TRY(within(seen, "cgroup-swap", limits->memory_bytes, "the swap limit", err));
    }
    if (find(seen, "cgroup-swap2") != NULL) {
        TRY(within(seen, "cgroup-swap2", 0, "the swap limit", err));
    }
    return 0;
}

int probe_check(const char *seen, const struct probe_wants *wants, struct err *err)
{
    const struct sandbox_limits *limits = wants->limits;

    if (find(seen, "probe") == NULL) {
        return err_set(err, ERR_SANDBOX_UNFIT, "the probe inside did not end; it said: %.200s",
                       seen);
    }
    TRY(rights_check(seen, wants, err));
    TRY(walls_check(seen, err));
    TRY(within(seen, "fsize", limits->file_bytes, "the file size limit", err));
    TRY(within(seen, "nofile", limits->open_files, "the open files limit", err));
    TRY(within(seen, "nproc", limits->pids * 64, "the process limit", err));
    TRY(within(seen, "kib:/workspace", limits->disk_bytes / 1024, "the workspace's size limit",
               err));
    TRY(within(seen, "kib:/tmp", limits->disk_bytes / 1024, "the size limit of /tmp", err));
    TRY(within(seen, "kib:/dev/shm", limits->disk_bytes / 1024, "the size limit of /dev/shm", err));
    if (wants->cgroup_inside) {
        TRY(cgroup_check(seen, limits, err));
    }
    return 0;
}
