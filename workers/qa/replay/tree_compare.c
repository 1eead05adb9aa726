// SPDX-License-Identifier: MIT
/*
 * tree_compare.c - two trees side by side, names in order, no directory held open.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/replay/tree.h"

enum { PIECE_BYTES = 64 * 1024, DEPTH_MOST = 128 };

bool tree_is_cache(const char *name)
{
    static const char *const patterns[] = {
        ".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis",
        ".tox", ".nox",        ".coverage",     "*.pyc",       "*.pyo",       ".DS_Store"};

    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        if (fnmatch(patterns[i], name, 0) == 0) {
            return true;
        }
    }
    return false;
}

struct names {
    const char **names;
    size_t       count;
};

struct comparison {
    struct arena        *arena;
    const struct tree   *here, *there;
    enum tree_difference difference;
    const char          *path; /* of the first difference */
    uint8_t             *pieces[2];
    struct tick          tick;
};

static int open_at(const struct tree *tree, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

    return (int)syscall(SYS_openat2, tree->root, path, &how, sizeof(how));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void dir_done(DIR *dir)
{
    if (dir != NULL) {
        (void)closedir(dir);
    }
}
DEFINE_CLEANUP(dir, DIR *, dir_done)

/* Is there nothing at such a path? It ends, or a file or a link is where a directory would be. */
static bool is_nothing(int why)
{
    return why == ENOENT || why == ENOTDIR || why == ELOOP;
}

/* Sorted, without caches. None where the path is no directory. */
static int names_read(struct comparison *comparison, const struct tree *tree, const char *path,
                      struct names *ret_names, struct err *err)
{
    int               fd = open_at(tree, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    CLEANUP(dir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct names      names = {0};
    size_t            room = 0;
    struct dirent    *entry;

    if (dir == NULL) {
        fd_close(fd);
        *ret_names = names;
        return is_nothing(errno) ? 0 : err_errno(err, "comparing %s", path);
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            tree_is_cache(entry->d_name)) {
            continue;
        }
        if (names.count == room) {
            const char **more;

            room = room == 0 ? 16 : room * 2;
            more = arena_get(comparison->arena, room * sizeof(*more));
            if (names.count > 0) {
                memcpy(more, names.names, names.count * sizeof(*more));
            }
            names.names = more;
        }
        names.names[names.count++] = arena_text(comparison->arena, bytes_of(entry->d_name));
    }
    if (names.count > 0) {
        qsort(names.names, names.count, sizeof(*names.names), by_name);
    }
    *ret_names = names;
    return 0;
}

/* 0: nothing is there. */
static int kind_of(const struct tree *tree, const char *path, struct stat *ret_info,
                   struct err *err)
{
    CLEANUP(fd) int fd = open_at(tree, path, O_PATH | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, ret_info) < 0) {
        return is_nothing(errno) ? 0 : err_errno(err, "comparing %s", path);
    }
    return (int)(ret_info->st_mode & S_IFMT);
}

static int links_same(struct comparison *comparison, const char *path, bool *ret_same,
                      struct err *err)
{
    ssize_t here =
        readlinkat(comparison->here->root, path, (char *)comparison->pieces[0], PIECE_BYTES);
    ssize_t there =
        readlinkat(comparison->there->root, path, (char *)comparison->pieces[1], PIECE_BYTES);

    if (here < 0 || there < 0) {
        return err_errno(err, "comparing the link %s", path);
    }
    *ret_same =
        here == there && memcmp(comparison->pieces[0], comparison->pieces[1], (size_t)here) == 0;
    return 0;
}

static int beat(struct comparison *comparison, struct err *err)
{
    return comparison->tick.run == NULL ? 0 : comparison->tick.run(comparison->tick.self, err);
}

static int files_same(struct comparison *comparison, const char *path, bool *ret_same,
                      struct err *err)
{
    CLEANUP(fd) int here = open_at(comparison->here, path, O_RDONLY | O_NOFOLLOW);
    CLEANUP(fd) int there = open_at(comparison->there, path, O_RDONLY | O_NOFOLLOW);
    size_t          got = PIECE_BYTES;
    size_t          other;

    if (here < 0 || there < 0) {
        return err_errno(err, "comparing %s", path);
    }
    *ret_same = true;
    while (*ret_same && got == PIECE_BYTES) {
        TRY(beat(comparison, err));
        TRY(fd_read_all(here, comparison->pieces[0], PIECE_BYTES, &got, err));
        TRY(fd_read_all(there, comparison->pieces[1], PIECE_BYTES, &other, err));
        *ret_same = got == other && memcmp(comparison->pieces[0], comparison->pieces[1], got) == 0;
    }
    return 0;
}

static int dirs_compare(struct comparison *comparison, const char *path, int depth,
                        struct err *err);

static void differ(struct comparison *comparison, enum tree_difference difference, const char *path)
{
    comparison->difference = difference;
    comparison->path = path;
}

static int entry_compare(struct comparison *comparison, const char *path, int depth,
                         struct err *err)
{
    struct stat here_info;
    struct stat there_info;
    int         here = kind_of(comparison->here, path, &here_info, err);
    int         there = here < 0 ? -1 : kind_of(comparison->there, path, &there_info, err);
    bool        same = false;

    if (here < 0 || there < 0) {
        return -1;
    }
    if (here == S_IFDIR && there == S_IFDIR) {
        return dirs_compare(comparison, path, depth + 1, err);
    }
    if (here == S_IFDIR || there == S_IFDIR) {
        /* A directory with nothing in it is nothing. */
        TRY(dirs_compare(comparison, path, depth + 1, err));
        if (comparison->difference == TREE_SAME && (here == 0) == (there == 0)) {
            differ(comparison, TREE_DIFFERS, path);
        }
        return 0;
    }
    if (here == 0 || there == 0) {
        differ(comparison, there == 0 ? TREE_ONLY_HERE : TREE_ONLY_THERE, path);
        return 0;
    }
    if (here == there && here == S_IFLNK) {
        TRY(links_same(comparison, path, &same, err));
    } else if (here == there && here_info.st_size == there_info.st_size) {
        TRY(files_same(comparison, path, &same, err));
    }
    if (!same) {
        differ(comparison, TREE_DIFFERS, path);
    }
    return 0;
}

static int dirs_compare(struct comparison *comparison, const char *path, int depth, struct err *err)
{
    struct names here;
    struct names there;
    size_t       i = 0;
    size_t       k = 0;

    if (depth > DEPTH_MOST) {
        return err_set(err, ERR_TOO_LARGE, "%s lies more than %d directories deep", path,
                       DEPTH_MOST);
    }
    TRY(names_read(comparison, comparison->here, path, &here, err));
    TRY(names_read(comparison, comparison->there, path, &there, err));
    while (comparison->difference == TREE_SAME && (i < here.count || k < there.count)) {
        int         order = i == here.count    ? 1
                            : k == there.count ? -1
                                               : strcmp(here.names[i], there.names[k]);
        const char *name = order <= 0 ? here.names[i] : there.names[k];

        i += order <= 0 ? 1 : 0;
        k += order >= 0 ? 1 : 0;
        TRY(entry_compare(
            comparison,
            strcmp(path, ".") == 0 ? name : arena_format(comparison->arena, "%s/%s", path, name),
            depth, err));
    }
    return 0;
}

int tree_compare(struct arena *arena, const struct tree *here, const struct tree *there,
                 struct tick tick, enum tree_difference *ret_difference, const char **ret_path,
                 struct err *err)
{
    struct comparison comparison = {.arena = arena, .here = here, .there = there, .tick = tick};

    comparison.pieces[0] = arena_get(arena, PIECE_BYTES);
    comparison.pieces[1] = arena_get(arena, PIECE_BYTES);
    TRY(dirs_compare(&comparison, ".", 0, err));
    *ret_difference = comparison.difference;
    *ret_path = comparison.path;
    return 0;
}
