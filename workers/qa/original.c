// SPDX-License-Identifier: MIT
#include "workers/qa/original.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/pattern.h"

enum { READ_BYTES = 64 * 1024 };

struct making {
    struct arena         *arena;
    const struct runner  *runner;
    const struct id_list *named;
    const char           *start; /* the project as it was at the start */
    const char           *made;  /* the one in the making */
    struct buf            edits; /* struct test_edit each */
    bool                  tests;
};

enum kind { PLAIN, CONTROL, TESTS, CONFIG };

/* What steers a run counts as that even where it lies among tests. */
static enum kind kind_of(const struct making *making, const char *path)
{
    const struct runner *runner = making->runner;

    return pattern_fits(runner->control, path)  ? CONTROL
           : pattern_fits(runner->config, path) ? CONFIG
           : pattern_fits(runner->tests, path)  ? TESTS
           : list_has(making->named, path)      ? TESTS
                                                : PLAIN;
}

static void edit_note(struct making *making, const char *path, enum kind kind, const char *what)
{
    struct test_edit edit = {path, kind == CONFIG ? "config" : what};

    buf_put(&making->edits, (struct bytes){(const uint8_t *)&edit, sizeof(edit)});
    making->tests = making->tests || (kind != CONFIG && strcmp(what, "added") != 0);
}

static void tree_shut(FTS *tree)
{
    if (tree != NULL) {
        (void)fts_close(tree);
    }
}
DEFINE_CLEANUP(tree, FTS *, tree_shut)

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static FTS *tree_open(struct arena *arena, const char *dir, struct err *err)
{
    char *roots[] = {arena_text(arena, bytes_of(dir)), NULL};
    FTS  *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);

    if (tree == NULL) {
        (void)err_errno(err, "reading %s", dir);
    }
    return tree;
}

/* -------------------------------------- one file -------------------------------------- */

/* lstat of root/path; false too when the way there leads through anything but directories. */
static bool plain_stat(struct arena *arena, const char *root, const char *path,
                       struct stat *ret_info)
{
    for (const char *at = path;; at++) {
        at = strchrnul(at, '/');
        if (lstat(arena_format(arena, "%s/%.*s", root, (int)(at - path), path), ret_info) < 0) {
            return false;
        }
        if (*at == '\0') {
            return true;
        }
        if (!S_ISDIR(ret_info->st_mode)) {
            return false;
        }
    }
}

static bool bytes_same(const char *one, const char *two)
{
    CLEANUP(fd) int     a = open(one, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(fd) int     b = open(two, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(text) char *room = mem_get((size_t)2 * READ_BYTES);
    size_t              got_a = READ_BYTES;
    size_t              got_b = READ_BYTES;
    struct err          ignored = {0};

    if (a < 0 || b < 0) {
        return false;
    }
    while (got_a == READ_BYTES && got_b == READ_BYTES) {
        if (fd_read_all(a, room, READ_BYTES, &got_a, &ignored) < 0 ||
            fd_read_all(b, room + READ_BYTES, READ_BYTES, &got_b, &ignored) < 0 || got_a != got_b ||
            memcmp(room, room + READ_BYTES, got_a) != 0) {
            return false;
        }
    }
    return true;
}

static bool links_same(const char *one, const char *two)
{
    char    a[4096];
    char    b[4096];
    ssize_t size = readlink(one, a, sizeof(a));

    return size >= 0 && size == readlink(two, b, sizeof(b)) && memcmp(a, b, (size_t)size) == 0;
}

static bool same(const char *one, const struct stat *a, const char *two, const struct stat *b)
{
    if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT)) {
        return false;
    }
    return S_ISLNK(a->st_mode) ? links_same(one, two)
                               : a->st_size == b->st_size && bytes_same(one, two);
}

/* A file or a symbolic link; others are not in a workspace. */
static int entry_copy(const char *from, mode_t mode, const char *to, struct err *err)
{
    char    target[4096];
    ssize_t size;

    if (S_ISREG(mode)) {
        return link(from, to) < 0 ? err_errno(err, "linking %s to %s", from, to) : 0;
    }
    size = readlink(from, target, sizeof(target) - 1);
    if (size < 0) {
        return err_errno(err, "reading the link %s", from);
    }
    target[size] = '\0';
    return symlink(target, to) < 0 ? err_errno(err, "linking %s", to) : 0;
}

/* Every part of the way to path becomes a directory, whatever it was. */
static int way_make(struct making *making, const char *path, struct err *err)
{
    struct stat info;

    for (const char *at = strchr(path, '/'); at != NULL; at = strchr(at + 1, '/')) {
        const char *part =
            arena_format(making->arena, "%s/%.*s", making->made, (int)(at - path), path);

        if (lstat(part, &info) == 0 && S_ISDIR(info.st_mode)) {
            continue;
        }
        TRY(dir_remove(part, err));
        if (mkdir(part, 0755) < 0) {
            return err_errno(err, "making %s", part);
        }
    }
    return 0;
}

/* -------------------------------------- the trees -------------------------------------- */

static int tree_link(struct arena *arena, const char *from, const char *to, struct err *err)
{
    CLEANUP(tree) FTS *tree = tree_open(arena, from, err);
    size_t             prefix = strlen(from);
    FTSENT            *entry;

    while (tree != NULL && (entry = fts_read(tree)) != NULL) {
        const char *path = arena_format(arena, "%s%s", to, entry->fts_path + prefix);

        switch (entry->fts_info) {
        case FTS_D:
            if (mkdir(path, 0755) < 0 || chmod(path, entry->fts_statp->st_mode & 0777) < 0) {
                return err_errno(err, "making %s", path);
            }
            break;
        case FTS_F:
        case FTS_SL:
        case FTS_SLNONE:
            TRY(entry_copy(entry->fts_path, entry->fts_statp->st_mode, path, err));
            break;
        case FTS_DP:
            break;
        default:
            errno = entry->fts_errno;
            return err_errno(err, "reading %s", entry->fts_path);
        }
    }
    return tree == NULL ? -1 : 0;
}

/* Calls `one` for each file and link below root that is not plain. */
static int tree_each(struct making *making, const char *root,
                     int (*one)(struct making *making, const char *path, enum kind kind,
                                struct err *err),
                     struct err *err)
{
    CLEANUP(tree) FTS      *tree = tree_open(making->arena, root, err);
    CLEANUP(buf) struct buf paths = {0};
    FTSENT                 *entry;
    size_t                  prefix = strlen(root) + 1;

    while (tree != NULL && (entry = fts_read(tree)) != NULL) {
        if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP && entry->fts_level > 0 &&
            kind_of(making, entry->fts_path + prefix) != PLAIN) {
            const char *path = arena_text(making->arena, bytes_of(entry->fts_path + prefix));

            buf_put(&paths, (struct bytes){(const uint8_t *)&path, sizeof(path)});
        }
    }
    for (size_t i = 0; i < paths.size / sizeof(char *); i++) {
        const char *path = ((const char **)(void *)paths.data)[i];

        TRY(one(making, path, kind_of(making, path), err));
    }
    return tree == NULL ? -1 : 0;
}

/* Of the after tree: out with what is new, or with what is another. */
static int one_taken_back(struct making *making, const char *path, enum kind kind, struct err *err)
{
    const char *old = arena_format(making->arena, "%s/%s", making->start, path);
    const char *new = arena_format(making->arena, "%s/%s", making->made, path);
    struct stat was;
    struct stat is;
    bool        there = plain_stat(making->arena, making->start, path, &was);

    if (lstat(new, &is) < 0) {
        return err_errno(err, "looking at %s", new);
    }
    if (there && same(old, &was, new, &is)) {
        return 0;
    }
    if (there) {
        edit_note(making, path, kind, "edited");
    } else if (kind != TESTS) {
        edit_note(making, path, kind, "added");
    }
    if (unlink(new) < 0) {
        return err_errno(err, "removing %s", new);
    }
    if (!there || S_ISDIR(was.st_mode)) {
        return 0; /* the files of such a directory come next */
    }
    return entry_copy(old, was.st_mode, new, err);
}

/* Of the start tree: in with what is not there any more. */
static int one_put_back(struct making *making, const char *path, enum kind kind, struct err *err)
{
    const char *old = arena_format(making->arena, "%s/%s", making->start, path);
    const char *new = arena_format(making->arena, "%s/%s", making->made, path);
    struct stat was;
    struct stat is;

    if (plain_stat(making->arena, making->made, path, &is) && !S_ISDIR(is.st_mode)) {
        return 0;
    }
    if (lstat(old, &was) < 0) {
        return err_errno(err, "looking at %s", old);
    }
    edit_note(making, path, kind, "deleted");
    TRY(way_make(making, path, err));
    TRY(dir_remove(new, err));
    return entry_copy(old, was.st_mode, new, err);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct test_edit *)a)->path, ((const struct test_edit *)b)->path);
}

static void edits_give(struct making *making, struct test_edits *ret_edits)
{
    struct test_edits edits = {.count = making->edits.size / sizeof(struct test_edit),
                               .tests = making->tests};

    edits.list = arena_get(making->arena, making->edits.size);
    if (edits.count > 0) {
        memcpy(edits.list, making->edits.data, making->edits.size);
        qsort(edits.list, edits.count, sizeof(*edits.list), by_path);
    }
    *ret_edits = edits;
}

static const char *project_of(struct arena *arena, const char *dir, const char *root)
{
    return root[0] == '\0' ? dir : arena_format(arena, "%s/%s", dir, root);
}

int original_make(struct arena *arena, const struct runner *runner, const struct workspace *after,
                  const struct workspace *before, const struct id_list *named, const char *dir,
                  struct workspace *ret_original, struct test_edits *ret_edits, struct err *err)
{
    struct making making = {.arena = arena,
                            .runner = runner,
                            .named = named,
                            .start = project_of(arena, before->dir, before->root),
                            .made = project_of(arena, dir, after->root)};
    int           made = -1;

    if (tree_link(arena, after->dir, dir, err) == 0 &&
        tree_each(&making, making.made, one_taken_back, err) == 0 &&
        tree_each(&making, making.start, one_put_back, err) == 0) {
        edits_give(&making, ret_edits);
        *ret_original = (struct workspace){.dir = dir, .root = after->root, .stats = after->stats};
        made = 0;
    }
    buf_done(&making.edits);
    return made;
}
