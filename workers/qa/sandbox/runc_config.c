// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/runc_config.h"

#include <string.h>

#include "workers/qa/sandbox/seccomp.h"
#include "workers/qa/sandbox/users.h"

enum {
    CPU_PERIOD_US = 100000,
    /* RLIMIT_NPROC counts a uid's processes over all sandboxes that share the uid; the exact limit
     * is the cgroup's. */
    NPROC_SHARE = 64
};

static struct value texts(struct arena *arena, const char *const *items)
{
    struct value list = value_list();

    for (size_t i = 0; items[i] != NULL; i++) {
        value_append(arena, &list, value_text(items[i]));
    }
    return list;
}

struct mount_row {
    const char *at, *type, *source;
    const char *options[8];
};

/* No sysfs and no cgroup file system at all: no test needs them, and each is a door. */
static const struct mount_row kernel_mounts[] = {
    {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
    {"/dev", "tmpfs", "tmpfs", {"nosuid", "noexec", "mode=755", "size=64k", "nr_inodes=64"}},
    {"/dev/pts",
     "devpts",
     "devpts",
     {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
};

static void mount_put(struct arena *arena, struct value *list, const struct mount_row *row)
{
    struct value map = value_map();

    value_put(arena, &map, "destination", value_text(row->at));
    value_put(arena, &map, "type", value_text(row->type));
    value_put(arena, &map, "source", value_text(row->source));
    value_put(arena, &map, "options", texts(arena, row->options));
    value_append(arena, list, map);
}

/* runc wants a /proc, and a new one is not to be had in a pid namespace that is not one's own. */
static const struct mount_row foreign_proc = {
    "/proc", "bind", "/proc", {"rbind", "ro", "nosuid", "noexec", "nodev"}};

static struct value mounts(struct arena *arena, const struct runc_config *spec)
{
    struct value           list = value_list();
    const struct mount_row binds[] = {
        {"/dev/shm", "bind", spec->shm, {"bind", "rw", "nosuid", "nodev", "noexec"}},
        {"/tmp", "bind", spec->tmp, {"bind", "rw", "nosuid", "nodev"}},
        {SANDBOX_WORKSPACE, "bind", spec->workspace, {"bind", "rw", "nosuid", "nodev"}},
        {SANDBOX_INPUTS, "bind", spec->inputs, {"bind", "ro", "nosuid", "nodev", "noexec"}},
        {SANDBOX_DEPS, "bind", spec->deps, {"bind", "ro", "nosuid", "nodev"}},
        {"/etc/resolv.conf",
         "bind",
         spec->job->network ? "/etc/resolv.conf" : NULL,
         {"bind", "ro", "nosuid", "nodev", "noexec"}},
    };

    for (size_t i = 0; i < COUNT_OF(kernel_mounts); i++) {
        bool foreign = spec->kind == BOX_ZYGOTE && strcmp(kernel_mounts[i].type, "proc") == 0;

        mount_put(arena, &list, foreign ? &foreign_proc : &kernel_mounts[i]);
    }
    for (size_t i = 0; i < COUNT_OF(binds); i++) {
        if (binds[i].source != NULL) {
            mount_put(arena, &list, &binds[i]);
        }
    }
    return list;
}

static void rlimit_put(struct arena *arena, struct value *list, const char *type, int64_t most)
{
    struct value map = value_map();

    value_put(arena, &map, "type", value_text(type));
    value_put(arena, &map, "soft", value_whole(most));
    value_put(arena, &map, "hard", value_whole(most));
    value_append(arena, list, map);
}

static struct value capabilities_of(struct arena *arena, enum box_kind kind)
{
    static const char *const sets[] = {"bounding", "effective", "permitted", "inheritable",
                                       "ambient"};
    static const char *const none[] = {NULL};
    static const char *const enter[] = {"CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SETUID",
                                        "CAP_SETGID",    "CAP_SETPCAP",    NULL};
    struct value             map = value_map();

    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        value_put(arena, &map, sets[i], texts(arena, kind == BOX_ZYGOTE && i < 3 ? enter : none));
    }
    return map;
}

static struct value process(struct arena *arena, const struct runc_config *spec)
{
    static const int64_t uids[] = {
        [BOX_JOB] = SANDBOX_UID, [BOX_KEEPER] = KEEPER_UID, [BOX_ZYGOTE] = 0};
    const struct sandbox_limits *limits = spec->limits;
    struct value                 map = value_map();
    struct value                 user = value_map();
    struct value                 rlimits = value_list();

    value_put(arena, &user, "uid", value_whole(uids[spec->kind]));
    value_put(arena, &user, "gid", value_whole(uids[spec->kind]));
    value_put(arena, &user, "umask", value_whole(0022));
    rlimit_put(arena, &rlimits, "RLIMIT_FSIZE", limits->file_bytes);
    rlimit_put(arena, &rlimits, "RLIMIT_NOFILE", limits->open_files);
    rlimit_put(arena, &rlimits, "RLIMIT_NPROC", limits->pids * NPROC_SHARE);
    rlimit_put(arena, &rlimits, "RLIMIT_CORE", 0);
    value_put(arena, &map, "terminal", value_flag(false));
    value_put(arena, &map, "user", user);
    value_put(arena, &map, "args", texts(arena, spec->argv));
    value_put(arena, &map, "env", texts(arena, spec->job->env));
    value_put(arena, &map, "cwd", value_text("/"));
    value_put(arena, &map, "capabilities", capabilities_of(arena, spec->kind));
    value_put(arena, &map, "rlimits", rlimits);
    value_put(arena, &map, "noNewPrivileges", value_flag(true));
    return map;
}

static struct value resources(struct arena *arena, const struct runc_config *spec)
{
    const struct sandbox_limits *limits = spec->limits;
    struct value                 map = value_map();
    struct value                 memory = value_map();
    struct value                 cpu = value_map();
    struct value                 pids = value_map();
    struct value                 devices = value_list();
    struct value                 none = value_map();

    value_put(arena, &none, "allow", value_flag(false));
    value_put(arena, &none, "access", value_text("rwm"));
    value_append(arena, &devices, none);
    value_put(arena, &memory, "limit", value_whole(limits->memory_bytes));
    if (spec->swap_limit) {
        /* memory and swap together: equal means no swap. */
        value_put(arena, &memory, "swap", value_whole(limits->memory_bytes));
    }
    value_put(arena, &cpu, "period", value_whole(CPU_PERIOD_US));
    value_put(arena, &cpu, "quota", value_whole(CPU_PERIOD_US * limits->cpus));
    value_put(arena, &pids, "limit", value_whole(limits->pids));
    value_put(arena, &map, "devices", devices);
    value_put(arena, &map, "memory", memory);
    value_put(arena, &map, "cpu", cpu);
    value_put(arena, &map, "pids", pids);
    return map;
}

static struct value namespaces(struct arena *arena, const struct runc_config *spec)
{
    const char *const kinds[] = {spec->kind == BOX_ZYGOTE ? NULL : "pid",
                                 "ipc",
                                 "uts",
                                 "mount",
                                 "cgroup",
                                 spec->job->network ? NULL : "network",
                                 spec->users == NULL ? NULL : "user"};
    struct value list = value_list();

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct value map = value_map();

        if (kinds[i] != NULL) {
            value_put(arena, &map, "type", value_text(kinds[i]));
            if (strcmp(kinds[i], "user") == 0) {
                value_put(arena, &map, "path", value_text(spec->users));
            }
            value_append(arena, &list, map);
        }
    }
    return list;
}

static struct value id_mapping(struct arena *arena, int64_t map_from)
{
    struct value list = value_list();
    struct value map = value_map();

    value_put(arena, &map, "containerID", value_whole(0));
    value_put(arena, &map, "hostID", value_whole(map_from));
    value_put(arena, &map, "size", value_whole(USERS_RANGE));
    value_append(arena, &list, map);
    return list;
}

static struct value linux_part(struct arena *arena, const struct runc_config *spec)
{
    static const char *const masked[] = {"/proc/acpi",
                                         "/proc/asound",
                                         "/proc/interrupts",
                                         "/proc/kcore",
                                         "/proc/keys",
                                         "/proc/latency_stats",
                                         "/proc/scsi",
                                         "/proc/sched_debug",
                                         "/proc/timer_list",
                                         "/proc/timer_stats",
                                         "/proc/sysrq-trigger",
                                         "/proc/key-users",
                                         "/proc/kallsyms",
                                         "/proc/kmsg",
                                         "/proc/config.gz",
                                         "/proc/vmallocinfo",
                                         "/proc/slabinfo",
                                         "/proc/modules",
                                         NULL};
    static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", NULL};
    struct value             map = value_map();

    if (spec->users != NULL) {
        value_put(arena, &map, "uidMappings", id_mapping(arena, spec->map_from));
        value_put(arena, &map, "gidMappings", id_mapping(arena, spec->map_from));
    }
    value_put(arena, &map, "namespaces", namespaces(arena, spec));
    value_put(arena, &map, "resources", resources(arena, spec));
    value_put(arena, &map, "cgroupsPath", value_text(spec->cgroup));
    value_put(arena, &map, "seccomp",
              spec->kind == BOX_ZYGOTE ? seccomp_zygote(arena)
                                       : seccomp_profile(arena, spec->users != NULL));
    value_put(arena, &map, "maskedPaths", texts(arena, masked));
    value_put(arena, &map, "readonlyPaths", texts(arena, readonly));
    return map;
}

struct value runc_config(struct arena *arena, const struct runc_config *spec)
{
    struct value map = value_map();
    struct value root = value_map();

    value_put(arena, &root, "path", value_text(spec->rootfs));
    value_put(arena, &root, "readonly", value_flag(true));
    value_put(arena, &map, "ociVersion", value_text("1.0.2"));
    value_put(arena, &map, "hostname", value_text("sandbox"));
    value_put(arena, &map, "root", root);
    value_put(arena, &map, "process", process(arena, spec));
    value_put(arena, &map, "mounts", mounts(arena, spec));
    value_put(arena, &map, "linux", linux_part(arena, spec));
    return map;
}
