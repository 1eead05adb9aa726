// SPDX-License-Identifier: MIT
#include "workers/qa/replay/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

enum { PART_MOST = 255, PIECE_BYTES = 64 * 1024 };

int tree_open(struct tree *ret_tree, const char *dir, struct err *err)
{
    int root = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (root < 0) {
        return err_errno(err, "opening %s", dir);
    }
    ret_tree->root = root;
    return 0;
}

void tree_close(struct tree *tree)
{
    if (tree->root > 0) {
        fd_close(tree->root);
        tree->root = -1;
    }
}

static bool part_allowed(const char *part, size_t size)
{
    return size <= PART_MOST && !(size == 2 && memcmp(part, "..", 2) == 0) &&
           !(size == 4 && memcmp(part, ".git", 4) == 0);
}

const char *tree_path(struct arena *arena, struct bytes path)
{
    char  *clean = arena_get(arena, path.size + 1);
    size_t used = 0;

    if (path.size == 0 || path.size >= TREE_PATH_MOST || path.data[0] == '/' ||
        memchr(path.data, '\0', path.size) != NULL) {
        return NULL;
    }
    for (size_t at = 0; at < path.size;) {
        const char *part = (const char *)path.data + at;
        const char *end = memchr(part, '/', path.size - at);
        size_t      size = end == NULL ? path.size - at : (size_t)(end - part);

        if (!part_allowed(part, size)) {
            return NULL;
        }
        if (size > 0 && !(size == 1 && part[0] == '.')) {
            if (used > 0) {
                clean[used++] = '/';
            }
            memcpy(clean + used, part, size);
            used += size;
        }
        at += size + 1;
    }
    clean[used] = '\0';
    return used == 0 ? NULL : clean;
}

static int open_inside(const struct tree *tree, const char *path, uint64_t flags, mode_t mode)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOFOLLOW,
                           .mode = mode,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};

    return (int)syscall(SYS_openat2, tree->root, path, &how, sizeof(how));
}

int tree_look(const struct tree *tree, const char *path, enum tree_state *ret_state,
              int64_t *ret_size, struct err *err)
{
    CLEANUP(fd) int fd = open_inside(tree, path, O_PATH, 0);
    struct stat     info;

    *ret_size = 0;
    if (fd < 0) {
        if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != EXDEV &&
            errno != ENAMETOOLONG) {
            return err_errno(err, "looking at %s", path);
        }
        *ret_state = errno == ENOENT ? TREE_MISSING : TREE_OTHER;
        return 0;
    }
    if (fstat(fd, &info) < 0) {
        return err_errno(err, "looking at %s", path);
    }
    *ret_state = S_ISREG(info.st_mode) ? TREE_FILE : TREE_OTHER;
    *ret_size = info.st_size;
    return 0;
}

int tree_read(const struct tree *tree, const char *path, struct buf *out, struct err *err)
{
    CLEANUP(fd) int fd = open_inside(tree, path, O_RDONLY, 0);
    size_t          got = PIECE_BYTES;

    if (fd < 0) {
        return err_errno(err, "reading %s", path);
    }
    while (got == PIECE_BYTES) {
        buf_reserve(out, PIECE_BYTES);
        TRY(fd_read_all(fd, out->data + out->size, PIECE_BYTES, &got, err));
        out->size += got;
    }
    return 0;
}

/* The directory that holds the path's last part, made where it is missing. -1 with errno. */
static int parent_make(const struct tree *tree, const char *path)
{
    char upto[TREE_PATH_MOST];
    int  dir = dup(tree->root);

    for (const char *slash = strchr(path, '/'); dir >= 0 && slash != NULL;
         slash = strchr(slash + 1, '/')) {
        const char *part;
        int         made;

        memcpy(upto, path, (size_t)(slash - path));
        upto[slash - path] = '\0';
        part = strrchr(upto, '/') == NULL ? upto : strrchr(upto, '/') + 1;
        made = mkdirat(dir, part, 0755) == 0 || errno == EEXIST;
        fd_close(dir);
        dir = made ? open_inside(tree, upto, O_RDONLY | O_DIRECTORY, 0) : -1;
    }
    return dir;
}

/* Takes away what is there, and tells whether it could be executed. */
static int old_remove(int dir, const char *name, mode_t *ret_mode)
{
    struct stat info;

    *ret_mode = 0644;
    if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : -1;
    }
    *ret_mode = (info.st_mode & 0100) != 0 ? 0755 : 0644;
    return unlinkat(dir, name, 0);
}

int tree_write(const struct tree *tree, const char *path, struct bytes bytes, bool *ret_blocked,
               struct err *err)
{
    CLEANUP(fd) int dir = parent_make(tree, path);
    CLEANUP(fd) int fd = -1;
    const char     *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    mode_t          mode;

    *ret_blocked = false;
    if (dir < 0 && (errno == ENOTDIR || errno == ELOOP || errno == EXDEV)) {
        *ret_blocked = true;
        return 0;
    }
    if (dir < 0 || old_remove(dir, name, &mode) < 0) {
        return err_errno(err, "writing %s", path);
    }
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 || fchmod(fd, mode) < 0) {
        return err_errno(err, "writing %s", path);
    }
    return fd_write_all(fd, bytes, err);
}

int tree_remove(const struct tree *tree, const char *path, struct err *err)
{
    CLEANUP(fd) int dir = parent_make(tree, path);
    const char     *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;

    if (dir < 0 || unlinkat(dir, name, 0) < 0) {
        return err_errno(err, "removing %s", path);
    }
    return 0;
}
