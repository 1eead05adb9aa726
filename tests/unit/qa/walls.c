// SPDX-License-Identifier: MIT
/* The walls of a sandbox as they are asked for, and as a probe finds them. */
#include "lib/test.h"

#include "value/json.h"
#include "workers/qa/sandbox/probe.h"
#include "workers/qa/sandbox/runc_config.h"

static const struct sandbox_limits limits = {.memory_bytes = 1 << 30,
                                             .cpus = 2,
                                             .pids = 100,
                                             .disk_bytes = 1LL << 31,
                                             .disk_entries = 1000,
                                             .file_bytes = 1 << 20,
                                             .open_files = 1024,
                                             .log_bytes = 1000,
                                             .result_bytes = 1000,
                                             .wall_ms = 1000};

static struct value config_for(struct arena *arena, enum box_kind kind, bool network,
                               int64_t map_from)
{
    static const char *const argv[] = {"true", NULL};
    static const char *const env[] = {"PATH=/bin", NULL};
    static struct image      image = {.handle = "/base"};
    struct sandbox_job      *job = arena_zero(arena, 1, sizeof(*job));
    struct runc_config       spec = {.kind = kind,
                                     .users = map_from != 0 ? "/proc/9/fd/8" : NULL,
                                     .job = job,
                                     .limits = &limits,
                                     .argv = argv,
                                     .rootfs = "/place/root",
                                     .workspace = "/place/ws",
                                     .tmp = "/place/tmp",
                                     .shm = "/place/shm",
                                     .inputs = "/place/in",
                                     .cgroup = "/pr-telemetry/x",
                                     .map_from = map_from,
                                     .swap_limit = true};

    *job = (struct sandbox_job){.image = &image, .env = env, .network = network};
    return runc_config(arena, &spec);
}

static struct value config_of(struct arena *arena, bool network, int64_t map_from)
{
    return config_for(arena, BOX_JOB, network, map_from);
}

static bool has_namespace(const struct value *config, const char *type)
{
    const struct value *list = value_at(config, "/linux/namespaces");

    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        if (value_is_text(value_get(&list->as.items[i], "type"), type)) {
            return true;
        }
    }
    return false;
}

TEST(runc_config, asks_for_every_wall)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 config = config_of(arena, false, 5000000);
    static const char *const     namespaces[] = {"pid",    "ipc",     "uts", "mount",
                                                 "cgroup", "network", "user"};
    static const char *const     sets[] = {"bounding", "effective", "inheritable", "permitted",
                                           "ambient"};
    const struct value          *mounts = value_at(&config, "/mounts");

    for (size_t i = 0; i < COUNT_OF(namespaces); i++) {
        CHECK(has_namespace(&config, namespaces[i]));
    }
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        const struct value *set =
            value_at(&config, arena_format(arena, "/process/capabilities/%s", sets[i]));

        CHECK(set != NULL && set->kind == VALUE_LIST && set->count == 0);
    }
    CHECK(value_flag_or(value_at(&config, "/process/noNewPrivileges"), false));
    CHECK(value_flag_or(value_at(&config, "/root/readonly"), false));
    CHECK_NUMBER(value_whole_or(value_at(&config, "/process/user/uid"), 0), SANDBOX_UID);
    CHECK_NUMBER(value_whole_or(value_at(&config, "/linux/resources/memory/limit"), 0), 1 << 30);
    CHECK_NUMBER(value_whole_or(value_at(&config, "/linux/resources/memory/swap"), 0), 1 << 30);
    CHECK_NUMBER(value_whole_or(value_at(&config, "/linux/resources/pids/limit"), 0), 100);
    CHECK_NUMBER(value_whole_or(value_at(&config, "/linux/resources/cpu/quota"), 0), 200000);
    CHECK_NUMBER(value_whole_or(value_at(&config, "/linux/uidMappings/0/hostID"), 0), 5000000);
    CHECK(value_is_text(value_at(&config, "/linux/seccomp/defaultAction"), "SCMP_ACT_ERRNO"));
    for (uint32_t i = 0; mounts != NULL && i < mounts->count; i++) {
        const struct value *mount = &mounts->as.items[i];

        CHECK(!value_is_text(value_get(mount, "type"), "sysfs"));
        CHECK(!value_is_text(value_get(mount, "type"), "cgroup"));
    }
}

static const char *text_of(struct arena *arena, const struct value *value)
{
    CLEANUP(buf) struct buf json = {0};
    struct err              err = {0};

    CHECK_WORKS(jcs_write(&json, value, &err));
    return arena_text(arena, buf_bytes(&json));
}

static bool in_list(const struct value *list, const char *text)
{
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        if (value_is_text(&list->as.items[i], text)) {
            return true;
        }
    }
    return false;
}

static bool allows(const struct value *config, const char *syscall)
{
    const struct value *rules = value_at(config, "/linux/seccomp/syscalls");
    bool                allowed = false;

    for (uint32_t i = 0; rules != NULL && i < rules->count; i++) {
        const struct value *rule = &rules->as.items[i];

        if (in_list(value_get(rule, "names"), syscall)) {
            allowed = value_is_text(value_get(rule, "action"), "SCMP_ACT_ALLOW");
        }
    }
    return allowed;
}

/* inotify instances count with the owner of the user namespace, or with everybody of the uid. */
TEST(runc_config, limits_inotify_or_refuses_it)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 own = config_of(arena, false, 5000000);
    struct value                 shared = config_of(arena, false, 0);

    CHECK(allows(&own, "inotify_init1"));
    CHECK(!allows(&shared, "inotify_init1"));
    CHECK(!allows(&own, "mq_open"));
}

TEST(runc_config, gives_a_keeper_another_uid_and_nothing_else_that_a_job_has_not)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 job = config_of(arena, false, 5000000);
    struct value                 keeper = config_for(arena, BOX_KEEPER, false, 5000000);
    static const char *const     same[] = {"/process/capabilities", "/process/rlimits", "/mounts",
                                           "/linux/resources",      "/linux/seccomp",   "/root"};

    CHECK_NUMBER(value_whole_or(value_at(&keeper, "/process/user/uid"), 0), KEEPER_UID);
    CHECK(value_is_text(value_at(&keeper, "/linux/namespaces/6/path"), "/proc/9/fd/8"));
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        CHECK_TEXT(text_of(arena, value_at(&keeper, same[i])),
                   text_of(arena, value_at(&job, same[i])));
    }
    CHECK(!allows(&keeper, "setns"));
}

TEST(runc_config, gives_the_zygote_the_rights_to_enter_containers_and_no_other)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 config = config_for(arena, BOX_ZYGOTE, false, 5000000);
    static const char *const     sets[] = {"bounding", "effective", "permitted"};
    static const char *const     enter[] = {"CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SETUID",
                                            "CAP_SETGID", "CAP_SETPCAP"};

    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        const struct value *set =
            value_at(&config, arena_format(arena, "/process/capabilities/%s", sets[i]));

        CHECK_NUMBER(set->count, COUNT_OF(enter));
        for (size_t k = 0; k < COUNT_OF(enter); k++) {
            CHECK(in_list(set, enter[k]));
        }
    }
    CHECK_NUMBER(value_at(&config, "/process/capabilities/ambient")->count, 0);
    CHECK(has_namespace(&config, "user"));
    CHECK(has_namespace(&config, "network"));
    CHECK(!has_namespace(&config, "pid")); /* it could not enter those beside its own */
    CHECK(value_flag_or(value_at(&config, "/process/noNewPrivileges"), false));
    CHECK(allows(&config, "setns"));
    CHECK(!allows(&config, "unshare"));
    CHECK(!allows(&config, "mount"));
}

TEST(runc_config, opens_the_network_for_builds_only)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 config = config_of(arena, true, 0);

    CHECK(!has_namespace(&config, "network"));
    CHECK(!has_namespace(&config, "user"));
    CHECK(value_at(&config, "/linux/uidMappings") == NULL);
    CHECK(has_namespace(&config, "pid"));
}

static const char good[] =
    "Uid: 64537\nCapInh: 0000000000000000\nCapPrm: 0000000000000000\n"
    "CapEff: 0000000000000000\nCapBnd: 0000000000000000\n"
    "CapAmb: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\nfsize 1048576\n"
    "nofile 1024\nnproc 6400\ninterface lo\nkib:/ 100\nkib:/workspace 2097152\n"
    "kib:/tmp 2097152\nkib:/dev/shm 65536\ninodes 1000\ncgroup-memory 1073741824\n"
    "cgroup-swap 1073741824\ncgroup-pids 100\ncgroup-cpu 200000\nprobe done\n";

/* What gVisor shows of itself, behind what the host says of it. */
static const char good_gvisor[] =
    "host-Seccomp: 2\nhost-NoNewPrivs: 1\nhost-memory 1073741824\nhost-swap 1073741824\n"
    "host-pids 264\nhost-cpu 200000\n"
    "Uid: 64537\nCapInh: 0000000000000000\nCapPrm: 0000000000000000\n"
    "CapEff: 0000000000000000\nCapBnd: 0000000000000000\nprivileges 1\nSeccomp: 2\n"
    "fsize 1048576\nnofile 1024\nnproc 100\ninterface lo\nkib:/ 100\nkib:/workspace 2097152\n"
    "kib:/tmp 2097152\nkib:/dev/shm 65536\ninodes 0\ncgroup-memory 9223372036854771712\n"
    "cgroup-pids max\ncgroup-cpu -1\nprobe done\n";

static int check(const char *seen, struct err *err)
{
    struct probe_wants wants = {
        .limits = &limits, .cgroup_inside = true, .counts_files = true, .worker_uid = 1000};

    return probe_check(seen, &wants, err);
}

static int check_gvisor(const char *seen, struct err *err)
{
    struct probe_wants wants = {.limits = &limits, .own_kernel = true, .worker_uid = 1000};

    return probe_check(seen, &wants, err);
}

/* A good probe with one line in place of another. */
static const char *with(struct arena *arena, const char *whole, const char *line, const char *other)
{
    const char *at = strstr(whole, line);

    CHECK(at != NULL);
    return at == NULL ? whole
                      : arena_format(arena, "%.*s%s%s", (int)(at - whole), whole, other,
                                     at + strlen(line));
}

TEST(probe, believes_a_sandbox_in_which_every_limit_holds)
{
    struct err err = {0};

    CHECK_WORKS(check(good, &err));
    CHECK_WORKS(check_gvisor(good_gvisor, &err));
    CHECK_FAILS(check(good_gvisor, &err), ERR_SANDBOX_UNFIT);
}

struct broken {
    const char *line, *other, *words;
};

static void names(const struct broken *broken, const char *whole,
                  int (*check_it)(const char *seen, struct err *err))
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};

    CHECK_FAILS(check_it(with(arena, whole, broken->line, broken->other), &err), ERR_SANDBOX_UNFIT);
    if (strstr(err.story, broken->words) == NULL) {
        test_failed(__FILE__, __LINE__, "\"%s\" does not speak of %s", err.story, broken->words);
    }
}

TEST(probe, names_the_one_limit_that_the_host_does_not_hold_gvisor_to)
{
    static const struct broken rows[] = {
        {"host-Seccomp: 2", "host-Seccomp: 0", "seccomp around"},
        {"\nSeccomp: 2", "\nSeccomp: 0", "seccomp"},
        {"privileges 1\n", "", "no-new-privileges"},
        {"CapBnd: 0000000000000000\n", "", "capabilities"},
        {"host-memory 1073741824\n", "", "memory"},
        {"host-memory 1073741824", "host-memory max", "memory"},
        {"host-swap 1073741824", "host-swap 2147483648", "swap"},
        {"host-pids 264", "host-pids 265", "threads"},
        {"host-cpu 200000", "host-cpu -1", "CPU"},
        {"nproc 100", "nproc 6400", "process limit"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        names(&rows[i], good_gvisor, check_gvisor);
    }
}

TEST(probe, names_the_one_limit_that_does_not_hold)
{
    static const struct broken rows[] = {
        {"Uid: 64537", "Uid: 0", "uid"},
        {"Uid: 64537", "Uid: 1000", "uid"},
        {"CapBnd: 0000000000000000", "CapBnd: 00000000a80425fb", "capabilities"},
        {"NoNewPrivs: 1", "NoNewPrivs: 0", "no-new-privileges"},
        {"Seccomp: 2", "Seccomp: 0", "seccomp"},
        {"fsize 1048576", "fsize unlimited", "file size"},
        {"nofile 1024", "nofile 1048576", "open files"},
        {"nproc 6400", "nproc unlimited", "process limit"},
        {"interface lo", "interface lo\ninterface eth0", "network"},
        {"kib:/workspace 2097152", "kib:/workspace 999999999", "workspace"},
        {"kib:/tmp 2097152\n", "", "/tmp"},
        {"kib:/ 100", "kib:/ 100\nwritable /", "read-only root"},
        {"kib:/ 100", "kib:/ 100\nsocket docker", "socket"},
        {"cgroup-memory 1073741824", "cgroup-memory 9223372036854771712", "memory"},
        {"cgroup-memory 1073741824\n", "", "memory"},
        {"cgroup-swap 1073741824", "cgroup-swap 9223372036854771712", "swap"},
        {"cgroup-pids 100", "cgroup-pids max", "pids"},
        {"cgroup-cpu 200000", "cgroup-cpu -1", "CPU"},
        {"cgroup-cpu 200000", "cgroup-cpu max", "CPU"},
        {"inodes 1000", "inodes 1001", "files and directories"},
        {"probe done", "", "did not end"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        names(&rows[i], good, check);
    }
}
