// SPDX-License-Identifier: MIT
/* What the host holds a process to, on trees of files that look like both versions of cgroups. */
#include "lib/test.h"

#include <stdlib.h>

#include "base/fd.h"
#include "workers/qa/sandbox/host_view.h"

struct tree {
    struct arena     *arena;
    char              root[32];
    struct host_roots roots;
};

static void tree_done(struct tree *tree)
{
    struct err err = {0};

    CHECK_WORKS(dir_remove(tree->root, &err));
    arena_free(tree->arena);
}
static inline void tree_cleanup(struct tree *slot)
{
    tree_done(slot);
}

static void put(const struct tree *tree, const char *below, const char *text)
{
    const char *path = arena_format(tree->arena, "%s/%s", tree->root, below);
    struct err  err = {0};

    CHECK_WORKS(dir_make(arena_format(tree->arena, "%.*s", (int)(strrchr(path, '/') - path), path),
                         0755, &err));
    CHECK_WORKS(file_replace(path, bytes_of(text), 0644, &err));
}

static struct tree tree_new(const char *groups)
{
    struct tree tree = {.arena = arena_new(), .root = "/tmp/prt-host-XXXXXX"};

    CHECK(mkdtemp(tree.root) != NULL);
    tree.roots = (struct host_roots){arena_format(tree.arena, "%s/proc", tree.root),
                                     arena_format(tree.arena, "%s/cgroup", tree.root)};
    put(&tree, "proc/77/status",
        "Name:\trunsc\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n");
    put(&tree, "proc/77/cgroup", groups);
    return tree;
}

TEST(host_view, reads_groups_of_version_one_and_of_both_side_by_side)
{
    CLEANUP(tree)
    struct tree tree = tree_new("9:name=systemd:/docker/x\n8:pids:/docker/x\n4:memory:/docker/x\n"
                                "2:cpu,cpuacct:/docker/x\n0::/\n");
    const char *lines = "";
    struct err  err = {0};

    put(&tree, "cgroup/memory/docker/x/memory.limit_in_bytes", "1073741824\n");
    put(&tree, "cgroup/memory/docker/x/memory.memsw.limit_in_bytes", "1073741824\n");
    put(&tree, "cgroup/pids/docker/x/pids.max", "264\n");
    put(&tree, "cgroup/cpu/docker/x/cpu.cfs_quota_us", "100000\n");
    put(&tree, "cgroup/cpu/docker/x/cpu.cfs_period_us", "50000\n");
    CHECK_WORKS(host_view(tree.arena, &tree.roots, 77, &lines, &err));
    CHECK_TEXT(lines, "host-Seccomp: 2\nhost-NoNewPrivs: 1\nhost-memory 1073741824\n"
                      "host-swap 1073741824\nhost-pids 264\nhost-cpu 200000\n");
}

TEST(host_view, reads_groups_of_version_two)
{
    CLEANUP(tree) struct tree tree = tree_new("0::/system.slice/docker-x.scope\n");
    const char               *lines = "";
    struct err                err = {0};

    put(&tree, "cgroup/system.slice/docker-x.scope/memory.max", "1073741824\n");
    put(&tree, "cgroup/system.slice/docker-x.scope/memory.swap.max", "0\n");
    put(&tree, "cgroup/system.slice/docker-x.scope/pids.max", "max\n");
    put(&tree, "cgroup/system.slice/docker-x.scope/cpu.max", "100000 50000\n");
    CHECK_WORKS(host_view(tree.arena, &tree.roots, 77, &lines, &err));
    CHECK_TEXT(lines, "host-Seccomp: 2\nhost-NoNewPrivs: 1\nhost-memory 1073741824\n"
                      "host-swap2 0\nhost-pids max\nhost-cpu 200000\n");
}

TEST(host_view, says_nothing_of_a_group_that_is_not_to_be_seen)
{
    CLEANUP(tree) struct tree tree = tree_new("4:memory:/../../docker/x\n");
    const char               *lines = "";
    struct err                err = {0};

    CHECK_WORKS(host_view(tree.arena, &tree.roots, 77, &lines, &err));
    CHECK_TEXT(lines, "host-Seccomp: 2\nhost-NoNewPrivs: 1\n");
}

TEST(host_view, refuses_a_process_of_another_machine)
{
    CLEANUP(tree) struct tree tree = tree_new("0::/\n");
    const char               *lines = "";
    struct err                err = {0};

    CHECK_FAILS(host_view(tree.arena, &tree.roots, 78, &lines, &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, "78") != NULL);
}
