// SPDX-License-Identifier: MIT
#include "blob/file_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { ABANDONED_S = 24 * 60 * 60, PIECE = 128 * 1024 };

static struct file_store *of(struct blob_store *store)
{
    return (struct file_store *)store;
}

static enum err_code code_of(int why)
{
    switch (why) {
    case ENOSPC:
    case EDQUOT:
        return ERR_DISK_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_BLOB_DENIED;
    case EEXIST:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTDIR:
    case ENOTEMPTY:
    case ENXIO:
        return ERR_BLOB_REFUSED;
    default:
        return ERR_BLOB_DOWN;
    }
}

int file_refused(struct err *err, const char *fmt, ...)
{
    int     why = errno;
    char    words[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    return err_set(err, code_of(why), "%s: %s", words, strerrordesc_np(why));
}

int file_refused_below(struct err *err, enum err_code means)
{
    if (err->code == ERR_SYSTEM) {
        err->code = means;
    }
    return -1;
}

int file_enter(int dir, const char *segment, size_t size)
{
    char name[BLOB_SEGMENT_MOST + 1];

    if (size >= sizeof(name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, segment, size);
    name[size] = '\0';
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* -------- reading -------- */

static int missing(struct err *err)
{
    return err_set(err, ERR_BLOB_MISSING, "no such object");
}

/* The object's own directory; *ret_leaf is the last segment. */
static int open_parent(int bucket, const char *key, const char **ret_leaf, struct err *err)
{
    CLEANUP(fd) int dir = openat(bucket, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char     *slash;
    int             found;

    while (dir >= 0 && (slash = strchr(key, '/')) != NULL) {
        int next = file_enter(dir, key, (size_t)(slash - key));

        fd_close(dir);
        dir = next;
        key = slash + 1;
    }
    if (dir < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? missing(err)
                   : file_refused(err, "entering its directory");
    }
    *ret_leaf = key;
    found = dir;
    dir = -1;
    return found;
}

static int open_object(struct blob_store *store, struct blob_name name, int64_t *ret_size,
                       struct err *err)
{
    CLEANUP(fd) int dir = -1;
    CLEANUP(fd) int fd = -1;
    const char     *leaf = name.key;
    struct stat     info;
    int             found;

    dir = open_parent(of(store)->bucket_fd[name.bucket], name.key, &leaf, err);
    TRY(dir);
    /* NONBLOCK: a planted pipe must not hold us. */
    fd = openat(dir, leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? missing(err) : file_refused(err, "opening the object");
    }
    if (fstat(fd, &info) < 0) {
        return file_refused(err, "measuring the object");
    }
    if (S_ISDIR(info.st_mode)) {
        return missing(err); /* the beginning of other keys */
    }
    if (!S_ISREG(info.st_mode)) {
        return err_set(err, ERR_BLOB_REFUSED, "not a regular file; remove it from the store");
    }
    *ret_size = info.st_size;
    found = fd;
    fd = -1;
    return found;
}

static int file_open_fd(struct blob_store *store, struct blob_name name, struct err *err)
{
    int64_t size;

    return open_object(store, name, &size, err);
}

static int file_size(struct blob_store *store, struct blob_name name, int64_t *ret_size,
                     struct err *err)
{
    CLEANUP(fd) int fd = open_object(store, name, ret_size, err);

    return fd < 0 ? -1 : 0;
}

static int file_read_range(struct blob_store *store, struct blob_name name,
                           struct blob_range *range, struct err *err)
{
    int64_t         size;
    CLEANUP(fd) int fd = open_object(store, name, &size, err);

    TRY(fd);
    range->got = 0;
    while (range->got < range->size) {
        ssize_t n = pread(fd, range->room + range->got, range->size - range->got,
                          range->offset + (off_t)range->got);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            (void)err_errno(err, "reading the object"); /* a bad block is nobody else's */
            return file_refused_below(err, ERR_BLOB_REFUSED);
        }
        if (n == 0) {
            break;
        }
        range->got += (size_t)n;
    }
    return 0;
}

static int file_get(struct blob_store *store, struct arena *arena, struct blob_name name,
                    size_t most, struct bytes *ret_bytes, struct err *err)
{
    int64_t         size;
    CLEANUP(fd) int fd = open_object(store, name, &size, err);
    uint8_t        *data;
    size_t          got;

    TRY(fd);
    if ((uint64_t)size > most) {
        return err_set(err, ERR_TOO_LARGE, "the object has %lld bytes, %zu are taken at most",
                       (long long)size, most);
    }
    data = arena_get(arena, (size_t)size);
    if (fd_read_all(fd, data, (size_t)size, &got, err) < 0) {
        return file_refused_below(err, ERR_BLOB_REFUSED);
    }
    *ret_bytes = (struct bytes){data, got};
    return 0;
}

static int file_copy_to(struct blob_store *store, struct blob_name name, int to, struct err *err)
{
    int64_t             size;
    CLEANUP(fd) int     fd = open_object(store, name, &size, err);
    CLEANUP(text) char *piece = mem_get(PIECE);
    size_t              got;

    TRY(fd);
    do {
        if (fd_read_all(fd, piece, PIECE, &got, err) < 0) {
            return file_refused_below(err, ERR_BLOB_REFUSED);
        }
        TRY(fd_write_all(to, (struct bytes){(const uint8_t *)piece, got}, err));
    } while (got == PIECE);
    return 0;
}

/* -------- deleting -------- */

/* Empty directories go too: a store that forgets its traces must not keep a directory for each. */
static int remove_under(int dir, const char *key, struct err *err)
{
    const char     *slash = strchr(key, '/');
    CLEANUP(fd) int child = -1;
    char            segment[BLOB_SEGMENT_MOST + 1];

    if (slash == NULL) {
        if (unlinkat(dir, key, 0) < 0) {
            return errno == ENOENT || errno == EISDIR ? 0 : file_refused(err, "unlinking");
        }
    } else {
        (void)snprintf(segment, sizeof(segment), "%.*s", (int)(slash - key), key);
        child = file_enter(dir, segment, strlen(segment));
        if (child < 0) {
            return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                       ? 0
                       : file_refused(err, "entering \"%s\" on its path", segment);
        }
        TRY(remove_under(child, slash + 1, err));
        (void)unlinkat(dir, segment, AT_REMOVEDIR); /* fails while it holds anything */
    }
    return fsync(dir) < 0 ? file_refused(err, "syncing its directory") : 0;
}

static int file_remove(struct blob_store *store, struct blob_name name, struct err *err)
{
    return remove_under(of(store)->bucket_fd[name.bucket], name.key, err);
}

/* -------- opening and checking -------- */

static int file_check(struct blob_store *store, int64_t timeout_ms, struct err *err)
{
    (void)timeout_ms; /* a directory has none */
    for (size_t i = 0; i < BUCKETS; i++) {
        char            name[FILE_NEW_NAME];
        CLEANUP(fd) int fd = file_new(of(store), (enum bucket)i, name, err);

        if (fd < 0) {
            return err_add(err, "%s", store->bucket_name[i]);
        }
        (void)unlinkat(of(store)->new_fd[i], name, 0);
    }
    return 0;
}

/* What a killed process left in ~new. Nobody writes one object for a day. */
static void remove_abandoned(int new_fd)
{
    DIR           *dir = fdopendir(openat(new_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int64_t        before_s = clock_us() / 1000000 - ABANDONED_S;
    struct dirent *entry;
    struct stat    info;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (fstatat(new_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode) && info.st_mtime < before_s) {
            (void)unlinkat(new_fd, entry->d_name, 0);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static int make_dir(int in, const char *name, int *ret_fd, struct err *err)
{
    if (mkdirat(in, name, FILE_STORE_DIR_MODE) < 0 && errno != EEXIST) {
        return file_refused(err, "making the directory %s", name);
    }
    *ret_fd = file_enter(in, name, strlen(name));
    if (*ret_fd < 0 || fsync(in) < 0) {
        return file_refused(err, "opening the directory %s", name);
    }
    return 0;
}

static void file_close_store(struct blob_store *store)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        fd_close(of(store)->bucket_fd[i]);
        fd_close(of(store)->new_fd[i]);
    }
    fd_close(of(store)->last_fd);
    mem_free(store);
}

static const struct blob_backend file_backend = {
    .close = file_close_store,
    .check = file_check,
    .put = file_put,
    .put_file = file_put_file,
    .get = file_get,
    .read = file_read_range,
    .copy_to = file_copy_to,
    .open_fd = file_open_fd,
    .size = file_size,
    .remove = file_remove,
    .list = file_list,
    .writer_open = file_writer_open,
    .writer_put = file_writer_put,
    .writer_commit = file_writer_commit,
    .writer_close = file_writer_close,
};

static int open_buckets(struct file_store *store, const char *path, struct err *err)
{
    CLEANUP(fd) int root = -1;
    CLEANUP(fd) int above = -1;

    if (dir_make(path, FILE_STORE_DIR_MODE, err) < 0) {
        return file_refused_below(err, ERR_BLOB_REFUSED);
    }
    root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return file_refused(err, "opening %.200s", path);
    }
    above = openat(root, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Unreadable: then it is not ours, and we did not just make the store's directory in it. */
    if (above >= 0 && fsync(above) < 0 && errno != EINVAL) {
        return file_refused(err, "syncing the directory above %.200s", path);
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        TRY(make_dir(root, store->store.bucket_name[i], &store->bucket_fd[i], err));
        TRY(make_dir(store->bucket_fd[i], "~new", &store->new_fd[i], err));
        remove_abandoned(store->new_fd[i]);
    }
    return 0;
}

int file_store_open(struct blob_store **ret_store, const struct blob_settings *settings,
                    char **bucket_name, struct err *err)
{
    const char        *path = settings->url + strlen("file://");
    struct file_store *store;

    if (path[0] != '/' && strncmp(path, "./", 2) != 0) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "behind file:// there must be an absolute path, or ./ for one below the"
                       " working directory");
    }
    store = mem_zero(1, sizeof(*store));
    store->store = (struct blob_store){&file_backend, bucket_name};
    for (size_t i = 0; i < BUCKETS; i++) {
        store->bucket_fd[i] = -1;
        store->new_fd[i] = -1;
    }
    store->last_fd = -1;
    if (open_buckets(store, path, err) < 0) {
        file_close_store(&store->store);
        return -1;
    }
    *ret_store = &store->store;
    return 0;
}
