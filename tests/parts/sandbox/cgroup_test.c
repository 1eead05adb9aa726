// SPDX-License-Identifier: MIT
/* Both versions of cgroups, on trees of files that look like theirs. */
#include "lib/test.h"

#include "base/fd.h"
#include "tree.h"
#include "workers/qa/sandbox/cgroup.h"

static const struct sandbox_limits limits = {.memory_bytes = 1 << 30, .cpus = 2, .pids = 100};

#define GROUP "pr-telemetry/job/"

static struct tree tree_v2(void)
{
    struct tree tree = tree_new();

    tree_put(&tree, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma\n");
    tree_put(&tree, GROUP "memory.max", "1073741824\n");
    tree_put(&tree, GROUP "memory.swap.max", "0\n");
    tree_put(&tree, GROUP "pids.max", "100\n");
    tree_put(&tree, GROUP "cpu.max", "200000 100000\n");
    tree_put(&tree, GROUP "memory.events",
        "low 0\nhigh 0\nmax 7\noom 0\noom_kill 0\noom_group_kill 0\n");
    return tree;
}

static struct tree tree_v1(void)
{
    struct tree tree = tree_new();

    tree_put(&tree, "memory/tasks", "");
    tree_put(&tree, "pids/tasks", "");
    tree_put(&tree, "cpu/tasks", "");
    tree_put(&tree, "cpu/cpu.cfs_quota_us", "-1\n");
    tree_put(&tree, "memory/memory.memsw.limit_in_bytes", "9223372036854771712\n");
    tree_put(&tree, "memory/" GROUP "memory.limit_in_bytes", "1073741824\n");
    tree_put(&tree, "memory/" GROUP "memory.memsw.limit_in_bytes", "1073741824\n");
    tree_put(&tree, "memory/" GROUP "memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    tree_put(&tree, "pids/" GROUP "pids.max", "100\n");
    tree_put(&tree, "cpu/" GROUP "cpu.cfs_quota_us", "200000\n");
    return tree;
}

static int judge(const struct tree *tree, bool *ret_oom, struct err *err)
{
    struct cgroups cgroups;

    TRY(cgroups_find(tree->root, &cgroups, err));
    return cgroup_judge(&cgroups, "job", &limits, ret_oom, err);
}

/* One file of the group other than it should be. */
static void refuses(struct tree tree, const char *file, const char *text, const char *word)
{
    bool       oom = false;
    struct err err = {0};

    tree_put(&tree, file, text);
    CHECK_FAILS(judge(&tree, &oom, &err), ERR_SANDBOX_UNFIT);
    if (strstr(err.story, word) == NULL) {
        test_failed(__FILE__, __LINE__, "\"%s\" does not name %s", err.story, word);
    }
    tree_done(&tree);
}

TEST(cgroup, believes_groups_of_both_versions_in_which_every_limit_is_held)
{
    CLEANUP(tree) struct tree one = tree_v1();
    CLEANUP(tree) struct tree two = tree_v2();
    struct cgroups            cgroups;
    bool                      oom = true;
    struct err                err = {0};

    CHECK_WORKS(judge(&one, &oom, &err));
    CHECK(!oom);
    oom = true;
    CHECK_WORKS(judge(&two, &oom, &err));
    CHECK(!oom);
    CHECK_WORKS(cgroups_find(two.root, &cgroups, &err));
    CHECK(cgroups.v2 && cgroups.swap_limit);
    CHECK_WORKS(cgroups_find(one.root, &cgroups, &err));
    CHECK(!cgroups.v2 && cgroups.swap_limit);
}

TEST(cgroup, names_the_limit_that_the_kernel_did_not_hold)
{
    refuses(tree_v2(), GROUP "memory.max", "max\n", "memory");
    refuses(tree_v2(), GROUP "memory.swap.max", "max\n", "swap");
    refuses(tree_v2(), GROUP "pids.max", "max\n", "pids");
    refuses(tree_v2(), GROUP "cpu.max", "max 100000\n", "CPU");
    refuses(tree_v2(), GROUP "cpu.max", "200000 50000\n", "CPU"); /* four of them */
    refuses(tree_v1(), "memory/" GROUP "memory.limit_in_bytes", "9223372036854771712\n", "memory");
    refuses(tree_v1(), "memory/" GROUP "memory.memsw.limit_in_bytes", "2147483648\n", "swap");
    refuses(tree_v1(), "pids/" GROUP "pids.max", "max\n", "pids");
    refuses(tree_v1(), "cpu/" GROUP "cpu.cfs_quota_us", "-1\n", "CPU");
}

TEST(cgroup, sees_that_the_kernel_killed_for_memory)
{
    CLEANUP(tree) struct tree one = tree_v1();
    CLEANUP(tree) struct tree two = tree_v2();
    bool                      oom = false;
    struct err                err = {0};

    tree_put(&one, "memory/" GROUP "memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    tree_put(&two, GROUP "memory.events", "max 9\noom 1\noom_kill 2\noom_group_kill 0\n");
    CHECK_WORKS(judge(&one, &oom, &err));
    CHECK(oom);
    oom = false;
    CHECK_WORKS(judge(&two, &oom, &err));
    CHECK(oom);
}

TEST(cgroup, refuses_a_machine_that_lacks_a_controller_and_names_it)
{
    CLEANUP(tree) struct tree one = tree_new();
    CLEANUP(tree) struct tree two = tree_new();
    struct cgroups            cgroups;
    struct err                err = {0};

    tree_put(&one, "memory/tasks", "");
    tree_put(&one, "cpu/tasks", "");
    CHECK_FAILS(cgroups_find(one.root, &cgroups, &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, "pids") != NULL);
    tree_put(&two, "cgroup.controllers", "cpu pids memory_other\n");
    CHECK_FAILS(cgroups_find(two.root, &cgroups, &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, "memory") != NULL && strstr(err.story, "cgroup.controllers") != NULL);
}

static const char *text_of(const struct tree *tree, const char *below)
{
    struct bytes bytes;
    struct err   err = {0};

    CHECK_WORKS(file_read(tree->arena, arena_format(tree->arena, "%s/%s", tree->root, below), 4096,
                          &bytes, &err));
    return arena_text(tree->arena, bytes);
}

/* A container's own root has a type; the machine's has none. */
TEST(cgroup, makes_room_in_a_root_that_is_a_containers_own_and_in_no_other)
{
    CLEANUP(tree) struct tree machine = tree_v2();
    CLEANUP(tree) struct tree pod = tree_v2();
    struct cgroups            cgroups;
    struct err                err = {0};

    tree_put(&machine, "cgroup.subtree_control", "cpuset io\n");
    CHECK_WORKS(cgroups_find(machine.root, &cgroups, &err));
    CHECK_WORKS(cgroups_make_room(&cgroups, &err));
    CHECK_TEXT(text_of(&machine, "cgroup.subtree_control"), "cpuset io\n");

    tree_put(&pod, "cgroup.type", "domain\n");
    tree_put(&pod, "cgroup.procs", "");
    tree_put(&pod, "cgroup.subtree_control", "");
    tree_put(&pod, CGROUP_WORKERS "/cgroup.procs", "");
    CHECK_WORKS(cgroups_find(pod.root, &cgroups, &err));
    CHECK_WORKS(cgroups_make_room(&cgroups, &err));
    CHECK_TEXT(text_of(&pod, "cgroup.subtree_control"), "+memory +pids +cpu");
    tree_put(&pod, "cgroup.subtree_control", "cpu memory pids\n");
    CHECK_WORKS(cgroups_make_room(&cgroups, &err));
    CHECK_TEXT(text_of(&pod, "cgroup.subtree_control"), "cpu memory pids\n");
}

TEST(cgroup, moves_no_process_that_has_no_number_here)
{
    CLEANUP(tree) struct tree pod = tree_v2();
    struct cgroups            cgroups;
    struct err                err = {0};

    tree_put(&pod, "cgroup.type", "domain\n");
    tree_put(&pod, "cgroup.procs", "12\n0\n13\n");
    tree_put(&pod, "cgroup.subtree_control", "");
    tree_put(&pod, CGROUP_WORKERS "/cgroup.procs", "");
    CHECK_WORKS(cgroups_find(pod.root, &cgroups, &err));
    CHECK_FAILS(cgroups_make_room(&cgroups, &err), ERR_SANDBOX_UNFIT);
    CHECK_TEXT(text_of(&pod, CGROUP_WORKERS "/cgroup.procs"), "12\n");
}
