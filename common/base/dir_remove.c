// SPDX-License-Identifier: MIT
/*
 * Removes a tree that somebody hostile may have made, or may still be making.
 *
 * Everything goes through descriptors of open directories and never through a path, so that no link
 * put in place meanwhile leads out of the tree. Nesting may be deeper than any path or stack: what
 * is not empty below a directory of the root is moved up into the root first, so that only two
 * directories are ever open. What is mounted inside is busy, and is not entered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static void dir_close(DIR *dir)
{
    if (dir != NULL) {
        (void)closedir(dir);
    }
}
DEFINE_CLEANUP(dir, DIR *, dir_close)

/* Opens a directory so that it can be emptied: a test may have left it without any permission.
 * NULL with errno set. */
static DIR *open_dir(int parent, const char *name)
{
    CLEANUP(fd) int handle = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    char        self[40];
    int         fd;
    DIR        *dir;

    if (handle < 0 || fstat(handle, &info) < 0) {
        return NULL;
    }
    /* fchmod refuses such a handle, and fchmodat would follow a link put there meanwhile. */
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
    if ((info.st_mode & 0700) != 0700 && chmod(self, 0700) < 0) {
        return NULL;
    }
    fd = openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        fd_close(fd);
    }
    return dir;
}

/* The next entry but . and .., or NULL. */
static const char *next_name(DIR *dir)
{
    struct dirent *entry;

    do {
        entry = readdir(dir);
    } while (entry != NULL &&
             (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry == NULL ? NULL : entry->d_name;
}

/* 0 if it is gone, 1 if it is a directory with something in it, -1 with errno set. */
static int remove_entry(int parent, const char *name)
{
    int why;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    why = errno;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno == ENOTEMPTY || errno == EEXIST) {
        return 1;
    }
    errno = errno == ENOTDIR ? why : errno;
    return -1;
}

struct removal {
    DIR     *root;
    unsigned moved; /* gives what is moved up a name of its own */
};

/* Its owner may move a directory only if he may write in it. */
static int move_up(struct removal *removal, int parent, const char *name)
{
    bool opened = false;

    for (;;) {
        char to[NAME_MAX];

        (void)snprintf(to, sizeof(to), ".removing%u", removal->moved);
        if (renameat(parent, name, dirfd(removal->root), to) == 0) {
            removal->moved++;
            return 0;
        }
        if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) {
            removal->moved++; /* the tree had a file or directory of that name */
        } else if (errno == EACCES && !opened) {
            CLEANUP(dir) DIR *dir = open_dir(parent, name);

            if (dir == NULL) {
                return -1;
            }
            opened = true;
        } else {
            return -1;
        }
    }
}

/* Empties root/name and removes it; what it holds of directories with something in them ends up in
 * the root. */
static int remove_dir(struct removal *removal, const char *name)
{
    CLEANUP(dir) DIR *dir = open_dir(dirfd(removal->root), name);
    const char *inside;

    if (dir == NULL) {
        return -1;
    }
    while ((inside = next_name(dir)) != NULL) {
        int left = remove_entry(dirfd(dir), inside);

        if (left < 0 || (left > 0 && move_up(removal, dirfd(dir), inside) < 0)) {
            return -1;
        }
    }
    return remove_entry(dirfd(removal->root), name) < 0 ? -1 : 0;
}

/* One pass over the root; *ret_seen says whether there was anything. */
static int remove_once(struct removal *removal, bool *ret_seen)
{
    const char *name;

    *ret_seen = false;
    rewinddir(removal->root);
    while ((name = next_name(removal->root)) != NULL) {
        int left = remove_entry(dirfd(removal->root), name);

        *ret_seen = true;
        if (left < 0 || (left > 0 && remove_dir(removal, name) < 0)) {
            return -1;
        }
    }
    return 0;
}

int dir_remove(const char *path, struct err *err)
{
    CLEANUP(dir) DIR *root = NULL;
    struct removal removal;
    bool           seen = true;
    int            left = remove_entry(AT_FDCWD, path);

    if (left == 0) {
        return 0;
    }
    if (left > 0) {
        root = open_dir(AT_FDCWD, path);
    }
    if (root == NULL) {
        return err_errno(err, "removing %s", path);
    }
    removal = (struct removal){.root = root};
    while (seen) {
        if (remove_once(&removal, &seen) < 0) {
            return err_errno(err, "removing what is in %s", path);
        }
    }
    if (remove_entry(AT_FDCWD, path) != 0) {
        return err_errno(err, "removing %s", path);
    }
    return 0;
}
