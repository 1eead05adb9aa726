// SPDX-License-Identifier: MIT
/* What the host holds a process to, on trees of files that look like both versions of cgroups. */
#include "lib/test.h"

#include "tree.h"
#include "workers/qa/sandbox/host_view.h"

/* Process 77, in these groups. */
static struct tree process_in(const char *groups)
{
    struct tree tree = tree_new();

    tree_put(&tree, "proc/77/status",
             "Name:\trunsc\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n");
    tree_put(&tree, "proc/77/cgroup", groups);
    return tree;
}

static int view(const struct tree *tree, pid_t pid, const char **ret_lines, struct err *err)
{
    struct host_roots roots = {arena_format(tree->arena, "%s/proc", tree->root),
                               arena_format(tree->arena, "%s/cgroup", tree->root)};

    return host_view(tree->arena, &roots, pid, ret_lines, err);
}

TEST(host_view, reads_groups_of_version_one_and_of_both_side_by_side)
{
    CLEANUP(tree)
    struct tree tree = process_in("9:name=systemd:/docker/x\n8:pids:/docker/x\n4:memory:/docker/x\n"
                                  "2:cpu,cpuacct:/docker/x\n0::/\n");
    const char *lines = "";
    struct err  err = {0};

    tree_put(&tree, "cgroup/memory/docker/x/memory.limit_in_bytes", "1073741824\n");
    tree_put(&tree, "cgroup/memory/docker/x/memory.memsw.limit_in_bytes", "1073741824\n");
    tree_put(&tree, "cgroup/pids/docker/x/pids.max", "264\n");
    tree_put(&tree, "cgroup/cpu/docker/x/cpu.cfs_quota_us", "100000\n");
    tree_put(&tree, "cgroup/cpu/docker/x/cpu.cfs_period_us", "50000\n");
    CHECK_WORKS(view(&tree, 77, &lines, &err));
    CHECK_TEXT(lines, "host-Seccomp: 2\nhost-NoNewPrivs: 1\nhost-memory 1073741824\n"
                      "host-swap 1073741824\nhost-pids 264\nhost-cpu 200000\n");
}

TEST(host_view, reads_groups_of_version_two)
{
    CLEANUP(tree) struct tree tree = process_in("0::/system.slice/docker-x.scope\n");
    const char               *lines = "";
    struct err                err = {0};

    tree_put(&tree, "cgroup/system.slice/docker-x.scope/memory.max", "1073741824\n");
    tree_put(&tree, "cgroup/system.slice/docker-x.scope/memory.swap.max", "0\n");
    tree_put(&tree, "cgroup/system.slice/docker-x.scope/pids.max", "max\n");
    tree_put(&tree, "cgroup/system.slice/docker-x.scope/cpu.max", "100000 50000\n");
    CHECK_WORKS(view(&tree, 77, &lines, &err));
    CHECK_TEXT(lines, "host-Seccomp: 2\nhost-NoNewPrivs: 1\nhost-memory 1073741824\n"
                      "host-swap2 0\nhost-pids max\nhost-cpu 200000\n");
}

TEST(host_view, says_nothing_of_a_group_that_is_not_to_be_seen)
{
    CLEANUP(tree) struct tree tree = process_in("4:memory:/../../docker/x\n");
    const char               *lines = "";
    struct err                err = {0};

    CHECK_WORKS(view(&tree, 77, &lines, &err));
    CHECK_TEXT(lines, "host-Seccomp: 2\nhost-NoNewPrivs: 1\n");
}

TEST(host_view, refuses_a_process_of_another_machine)
{
    CLEANUP(tree) struct tree tree = process_in("0::/\n");
    const char               *lines = "";
    struct err                err = {0};

    CHECK_FAILS(view(&tree, 78, &lines, &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, "78") != NULL);
}
