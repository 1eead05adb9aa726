// SPDX-License-Identifier: MIT
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "lib/test.h"

struct tree tree_new(void)
{
    struct tree tree = {.arena = arena_new(), .root = "/tmp/prt-tree-XXXXXX"};

    CHECK(mkdtemp(tree.root) != NULL);
    return tree;
}

void tree_done(struct tree *tree)
{
    struct err err = {0};

    CHECK_WORKS(dir_remove(tree->root, &err));
    arena_free(tree->arena);
}

void tree_put(const struct tree *tree, const char *below, const char *text)
{
    const char *path = arena_format(tree->arena, "%s/%s", tree->root, below);
    struct err  err = {0};

    CHECK_WORKS(dir_make(arena_format(tree->arena, "%.*s", (int)(strrchr(path, '/') - path), path),
                         0755, &err));
    CHECK_WORKS(file_replace(path, bytes_of(text), 0644, &err));
}
