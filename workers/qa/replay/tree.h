// SPDX-License-Identifier: MIT
/*
 * tree.h - the files of a workspace, by paths that strangers wrote.
 *
 * No path leaves the tree: absolute ones, "..", ".git" and everything behind a symbolic link are
 * refused before anything is touched. Only regular files are read and written; a file that is
 * written is made anew, so that a hard link to it keeps the old bytes, as git would have it.
 */
#ifndef PRT_WORKERS_QA_REPLAY_TREE_H
#define PRT_WORKERS_QA_REPLAY_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "workers/qa/sandbox/process.h"

struct tree {
    int root;
};

enum { TREE_PATH_MOST = 4096 };

WARN_UNUSED int    tree_open(struct tree *ret_tree, const char *dir, struct err *err);
void               tree_close(struct tree *tree);
static inline void tree_cleanup(struct tree *slot)
{
    tree_close(slot);
}

/* "./a//b" to "a/b" in the arena; NULL for a path that may not be used. */
const char *tree_path(struct arena *arena, struct bytes path);

enum tree_state { TREE_MISSING, TREE_FILE, TREE_OTHER };

/* What is at this clean path: TREE_OTHER for everything that is no regular file, and for what lies
 * behind a symbolic link. *ret_size is a file's. */
WARN_UNUSED int tree_look(const struct tree *tree, const char *path, enum tree_state *ret_state,
                          int64_t *ret_size, struct err *err);

/* The bytes of a TREE_FILE, appended. */
WARN_UNUSED int tree_read(const struct tree *tree, const char *path, struct buf *out,
                          struct err *err);

/* Makes the file and the directories above it; one that was there keeps whether it is executable.
 * *ret_blocked: something that is no directory stands in the way, and nothing was done. */
WARN_UNUSED int tree_write(const struct tree *tree, const char *path, struct bytes bytes,
                           bool *ret_blocked, struct err *err);

WARN_UNUSED int tree_remove(const struct tree *tree, const char *path, struct err *err);

enum tree_difference { TREE_SAME, TREE_ONLY_HERE, TREE_ONLY_THERE, TREE_DIFFERS };

/* The first file, in order of names, in which two trees differ: bytes of files, targets of symbolic
 * links. Permissions, empty directories and what tools leave behind (tree_is_cache) are not looked
 * at. *ret_path is in the arena. The tick is called again and again; its failure ends it. */
WARN_UNUSED int tree_compare(struct arena *arena, const struct tree *here, const struct tree *there,
                             struct tick tick, enum tree_difference *ret_difference,
                             const char **ret_path, struct err *err);

/* __pycache__, .pytest_cache, .DS_Store, ...: made by running, not by a developer. */
bool tree_is_cache(const char *name);

#endif
