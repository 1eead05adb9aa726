// SPDX-License-Identifier: MIT
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_close(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

int fd_write_all(int fd, struct bytes bytes, struct err *err)
{
    while (bytes.size > 0) {
        ssize_t put = write(fd, bytes.data, bytes.size);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return err_errno(err, "writing");
        }
        bytes.data += put;
        bytes.size -= (size_t)put;
    }
    return 0;
}

int fd_read_all(int fd, void *ret, size_t size, size_t *ret_got, struct err *err)
{
    size_t got = 0;

    while (got < size) {
        ssize_t n = read(fd, (uint8_t *)ret + got, size - got);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_errno(err, "reading");
        }
        if (n == 0) {
            break;
        }
        got += (size_t)n;
    }
    *ret_got = got;
    return 0;
}

int file_read(struct arena *arena, const char *path, size_t most, struct bytes *ret_bytes,
              struct err *err)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    uint8_t    *data;
    size_t      got;

    if (fd < 0 && errno == ENOENT) {
        return err_set(err, ERR_NOT_FOUND, "%s: no such file", path);
    }
    if (fd < 0 || fstat(fd, &info) < 0) {
        return err_errno(err, "opening %s", path);
    }
    if (S_ISDIR(info.st_mode)) {
        return err_set(err, ERR_USAGE, "%s is a directory, not a file", path);
    }
    if (info.st_size < 0 || (uint64_t)info.st_size > most) {
        return err_set(err, ERR_TOO_LARGE, "%s has %lld bytes, at most %zu are read", path,
                       (long long)info.st_size, most);
    }
    if (info.st_size == 0) {
        /* Pipes and /proc say 0: read up to the limit to learn the size. */
        struct buf all = {0};
        uint8_t    some[4096];

        do {
            if (fd_read_all(fd, some, sizeof(some), &got, err) < 0) {
                buf_done(&all);
                return err_add(err, "%s", path);
            }
            buf_put(&all, (struct bytes){some, got});
        } while (got == sizeof(some) && all.size <= most);
        if (all.size > most) {
            buf_done(&all);
            return err_set(err, ERR_TOO_LARGE, "%s is over %zu bytes", path, most);
        }
        *ret_bytes = arena_bytes(arena, buf_bytes(&all));
        buf_done(&all);
        return 0;
    }
    data = arena_get(arena, (size_t)info.st_size + 1);
    if (fd_read_all(fd, data, (size_t)info.st_size, &got, err) < 0) {
        return err_add(err, "%s", path);
    }
    data[got] = '\0';
    *ret_bytes = (struct bytes){data, got};
    return 0;
}

static int sync_dir_of(const char *path, struct err *err)
{
    char         dir[PATH_MAX];
    const char  *slash = strrchr(path, '/');
    size_t       size = slash == NULL ? 1 : (size_t)(slash - path);
    CLEANUP(fd) int fd = -1;

    if (size == 0) {
        size = 1;
    }
    (void)snprintf(dir, sizeof(dir), "%.*s", (int)size, slash == NULL ? "." : path);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0) {
        return err_errno(err, "syncing %s", dir);
    }
    return 0;
}

/* Creates a file beside `path` that nobody else has: threads and processes may replace one file at
 * the same time, and the last one wins with all of its bytes. */
static int create_beside(const char *path, mode_t mode, char *ret_beside, size_t room,
                         struct err *err)
{
    static atomic_uint turn;

    for (;;) {
        int size = snprintf(ret_beside, room, "%s.new.%d.%u", path, (int)getpid(),
                            atomic_fetch_add(&turn, 1));
        int fd;

        if (size < 0 || (size_t)size >= room) {
            return err_set(err, ERR_USAGE, "a file name of %zu bytes is too long", strlen(path));
        }
        fd = open(ret_beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0) {
            return fd;
        }
        if (errno != EEXIST) { /* left by a process that died with our number: take the next */
            return err_errno(err, "creating %s", ret_beside);
        }
    }
}

int file_replace(const char *path, struct bytes bytes, mode_t mode, struct err *err)
{
    char beside[PATH_MAX];
    CLEANUP(fd) int fd = create_beside(path, mode, beside, sizeof(beside), err);

    if (fd < 0) {
        return -1;
    }
    if (fd_write_all(fd, bytes, err) < 0) {
        (void)unlink(beside);
        return err_add(err, "%s", beside);
    }
    if (fsync(fd) < 0 || rename(beside, path) < 0) {
        (void)err_errno(err, "replacing %s", path);
        (void)unlink(beside);
        return -1;
    }
    return sync_dir_of(path, err);
}

static bool is_dir(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int dir_make(const char *path, mode_t mode, struct err *err)
{
    char   part[PATH_MAX];
    size_t size = strlen(path);

    if (size == 0 || size >= sizeof(part)) {
        return err_set(err, ERR_USAGE, "the directory name is empty or over 4,095 bytes");
    }
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        part[i] = '\0';
        if (mkdir(part, mode) < 0 && (errno != EEXIST || !is_dir(part))) {
            return err_errno(err, "creating the directory %s", part);
        }
        part[i] = path[i];
    }
    return 0;
}

int fd_temporary(const char *dir, struct err *err)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        /* Not every file system can (overlayfs before Linux 6.1): a named one, unlinked at once. */
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/tmp.XXXXXX", dir);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            (void)unlink(path);
        }
    }
    if (fd < 0) {
        return err_errno(err, "making a temporary file in %s", dir);
    }
    return fd;
}
