// SPDX-License-Identifier: MIT
/*
 * tree.h - a directory of small files that looks like a part of /proc or /sys/fs/cgroup.
 */
#ifndef PRT_TEST_SANDBOX_TREE_H
#define PRT_TEST_SANDBOX_TREE_H

#include "base/arena.h"

struct tree {
    struct arena *arena;
    char          root[32];
};

struct tree        tree_new(void);
void               tree_done(struct tree *tree); /* removes it */
static inline void tree_cleanup(struct tree *slot)
{
    tree_done(slot);
}

/* A file in it, and the directories above. */
void tree_put(const struct tree *tree, const char *below, const char *text);

#endif
