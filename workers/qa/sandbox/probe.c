// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One "key value" per line; only sh and coreutils are there for sure. */
const char probe_script[] =
    "how=$1\n"
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
    "set -- $(df -P -i /workspace | tail -n 1); echo \"inodes $2\"\n"
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
    /* A kernel without that line in a process's status may know the answer. */
    "set -- $(setpriv -d 2>/dev/null | grep no_new_privs) && [ -n \"$2\" ] && echo \"privileges "
    "$2\"\n"
    "printf '" PROBE_DONE "'\n"
    "case $how in wait) until [ -e " SANDBOX_INPUTS "/" PROBE_GO " ]; do sleep 0.02; done;; esac\n";

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

static void note(struct probe_rows *rows, const char *what, const char *value, bool held)
{
    if (rows->count < PROBE_ROWS) {
        struct probe_row *row = &rows->row[rows->count++];

        row->what = what;
        row->held = held;
        (void)snprintf(row->value, sizeof(row->value), "%.*s",
                       value == NULL ? 5 : (int)strcspn(value, "\n"),
                       value == NULL ? "unset" : value);
    }
}

/* A number from 0 to most. */
static void within(struct probe_rows *rows, const char *seen, const char *key, int64_t most,
                   const char *what)
{
    const char *value = find(seen, key);
    char       *end = NULL;
    long long   number = value == NULL ? -1 : strtoll(value, &end, 10);

    note(rows, what, value, value != NULL && end != value && number >= 0 && number <= most);
}

static void rights_look(struct probe_rows *rows, const char *seen, const struct probe_wants *wants)
{
    static const char *const sets[] = {"CapPrm:", "CapEff:", "CapBnd:", "CapInh:", "CapAmb:"};
    const char              *uid = find(seen, "Uid:");
    const char              *left = "none";
    const char              *privileges = find(seen, "NoNewPrivs:");

    note(rows, "a uid of its own", uid,
         uid != NULL && !value_is(uid, "0") && strtoul(uid, NULL, 10) != wants->worker_uid);
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        const char *value = find(seen, sets[i]);
        bool        unknown = value == NULL && wants->own_kernel && strcmp(sets[i], "CapAmb:") == 0;

        left = !unknown && (value == NULL || strtoull(value, NULL, 16) != 0) ? value : left;
    }
    note(rows, "dropping all capabilities", left, left != NULL && value_is(left, "none"));
    privileges = privileges == NULL ? find(seen, "privileges") : privileges;
    note(rows, "no-new-privileges", privileges, value_is(privileges, "1"));
    note(rows, "seccomp", find(seen, "Seccomp:"), value_is(find(seen, "Seccomp:"), "2"));
    if (wants->own_kernel) {
        note(rows, "seccomp around gVisor's own kernel", find(seen, "host-Seccomp:"),
             value_is(find(seen, "host-Seccomp:"), "2"));
    }
}

static void walls_look(struct probe_rows *rows, const char *seen)
{
    static const char *const keys[] = {"writable", "readonly", "socket"};
    static const char *const words[] = {"the read-only root", "a writable workspace",
                                        "keeping the engine's own socket out"};
    const char              *other = NULL;

    for (const char *at = seen; (at = find(at, "interface")) != NULL;) {
        other = value_is(at, "lo") ? other : at;
    }
    note(rows, "no network", other == NULL ? "only lo" : other, other == NULL);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const char *broken = find(seen, keys[i]);

        note(rows, words[i], broken == NULL ? "yes" : broken, broken == NULL);
    }
}

struct group_keys {
    const char *memory, *pids, *cpu, *swap, *swap2;
};

static void cgroup_look(struct probe_rows *rows, const char *seen, const struct probe_wants *wants)
{
    static const struct group_keys inside = {"cgroup-memory", "cgroup-pids", "cgroup-cpu",
                                             "cgroup-swap", "cgroup-swap2"};
    static const struct group_keys host = {"host-memory", "host-pids", "host-cpu", "host-swap",
                                           "host-swap2"};
    const struct group_keys       *keys = wants->own_kernel ? &host : &inside;
    const struct sandbox_limits   *limits = wants->limits;

    within(rows, seen, keys->memory, limits->memory_bytes, "the memory limit");
    within(rows, seen, keys->pids, host_pids(limits, wants->own_kernel),
           wants->own_kernel ? "the limit of gVisor's own threads" : "the pids limit");
    within(rows, seen, keys->cpu, limits->cpus * 100000, "the CPU limit");
    /* A kernel without swap shows no file for it: sandbox engines refuse where there is swap. */
    if (find(seen, keys->swap) != NULL) {
        within(rows, seen, keys->swap, limits->memory_bytes, "the swap limit");
    }
    if (find(seen, keys->swap2) != NULL) {
        within(rows, seen, keys->swap2, 0, "the swap limit");
    }
}

void probe_look(const char *seen, const struct probe_wants *wants, struct probe_rows *ret_rows)
{
    const struct sandbox_limits *limits = wants->limits;
    struct probe_rows            rows = {0};

    rights_look(&rows, seen, wants);
    walls_look(&rows, seen);
    within(&rows, seen, "fsize", limits->file_bytes, "the file size limit");
    within(&rows, seen, "nofile", limits->open_files, "the open files limit");
    within(&rows, seen, "nproc", limits->pids * (wants->own_kernel ? 1 : 64), "the process limit");
    within(&rows, seen, "kib:/workspace", limits->disk_bytes / 1024, "the workspace's size limit");
    within(&rows, seen, "kib:/tmp", limits->disk_bytes / 1024, "the size limit of /tmp");
    within(&rows, seen, "kib:/dev/shm", limits->disk_bytes / 1024, "the size limit of /dev/shm");
    if (wants->counts_files) {
        within(&rows, seen, "inodes", limits->disk_entries, "the limit of files and directories");
    } else {
        note(&rows, "the limit of files and directories", "only by the memory they take", true);
    }
    if (wants->cgroup_inside || wants->own_kernel) {
        cgroup_look(&rows, seen, wants);
    } else {
        note(&rows, "memory, swap, pids and CPU limits", "read in the cgroup after the run", true);
    }
    *ret_rows = rows;
}

int probe_check(const char *seen, const struct probe_wants *wants, struct err *err)
{
    struct probe_rows rows;

    if (find(seen, "probe") == NULL) {
        return err_set(err, ERR_SANDBOX_UNFIT, "the probe inside did not end; it said: %.200s",
                       seen);
    }
    probe_look(seen, wants, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        if (!rows.row[i].held) {
            return err_set(err, ERR_SANDBOX_UNFIT, "%s is not enforced (inside it is %s)",
                           rows.row[i].what, rows.row[i].value);
        }
    }
    return 0;
}
