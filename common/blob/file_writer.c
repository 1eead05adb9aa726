// SPDX-License-Identifier: MIT
/*
 * file_writer.c - objects come into a directory whole: written beside, synced, renamed, and the
 * directories synced.
 *
 * What is beyond the first DIRECT_FROM bytes goes to the disk past the page cache where the file
 * system can do that: copying a document of half a GB into fresh pages was three fifths of the CPU of
 * the thread that hashes and stores it, and drove everything else out of memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob/file_store.h"
#include "crypto/crypto.h"

enum {
    FILE_MODE = 0600,
    PLACE_TRIES = 100, /* each means that somebody removed an empty directory under our feet */
    PIECE = 128 * 1024,
    DIRECT_FROM = 8 * 1024 * 1024,
    DIRECT_BYTES = 1024 * 1024, /* of one write, and aligned to */
    DIRECT_ALIGN = 4096
};

struct file_writer {
    struct blob_writer writer;
    int                fd;
    int                new_fd; /* the store's */
    char               new_name[FILE_NEW_NAME];
    bool               placed;
    int64_t            written;
    char              *room;   /* NULL: written through the page cache */
    uint8_t           *direct; /* in it, aligned: DIRECT_BYTES for one write past the cache */
    size_t             direct_count;
    bool               never_direct;
};

static struct file_store *of(struct blob_store *store)
{
    return (struct file_store *)store;
}

int file_new(struct file_store *store, enum bucket bucket, char ret_name[FILE_NEW_NAME],
             struct err *err)
{
    uint8_t chance[(FILE_NEW_NAME - 1) / 2];
    int     fd;

    random_bytes(chance, sizeof(chance));
    hex_write(ret_name, (struct bytes){chance, sizeof(chance)});
    fd =
        openat(store->new_fd[bucket], ret_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        return file_refused(err, "making a new file");
    }
    return fd;
}

int file_writer_open(struct blob_writer **ret_writer, struct blob_store *store,
                     struct blob_name name, const char *content_type, struct err *err)
{
    struct file_writer  made = {.new_fd = of(store)->new_fd[name.bucket]};
    struct file_writer *writer;

    (void)content_type; /* a directory keeps none */
    made.fd = file_new(of(store), name.bucket, made.new_name, err);
    TRY(made.fd);
    writer = mem_get(sizeof(*writer));
    *writer = made;
    *ret_writer = &writer->writer;
    return 0;
}

static int write_usual(struct file_writer *writer, struct bytes bytes, struct err *err)
{
    if (fd_write_all(writer->fd, bytes, err) < 0) {
        return file_refused_below(err, errno == EFBIG ? ERR_BLOB_REFUSED : ERR_BLOB_DOWN);
    }
    writer->written += (int64_t)bytes.size;
    return 0;
}

static bool set_direct(const struct file_writer *writer, bool direct)
{
    int flags = fcntl(writer->fd, F_GETFL);

    return flags >= 0 &&
           fcntl(writer->fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

static void begin_direct(struct file_writer *writer)
{
    writer->never_direct = !set_direct(writer, true);
    if (!writer->never_direct) {
        writer->room = mem_get(DIRECT_BYTES + DIRECT_ALIGN);
        writer->direct = (uint8_t *)writer->room + DIRECT_ALIGN -
                         (uintptr_t)writer->room % DIRECT_ALIGN;
    }
}

/* What is left goes the usual way, and so does what follows. */
static int end_direct(struct file_writer *writer, struct err *err)
{
    CLEANUP(text) char *room = TAKE(writer->room);

    writer->never_direct = true;
    if (room == NULL) {
        return 0;
    }
    if (!set_direct(writer, false)) {
        return file_refused(err, "writing through the page cache again");
    }
    return write_usual(writer, (struct bytes){writer->direct, writer->direct_count}, err);
}

/* Not all file systems that can't do it say so before the first write, and a full disk takes a part. */
static int write_direct(struct file_writer *writer, struct err *err)
{
    ssize_t put;

    do {
        put = write(writer->fd, writer->direct, DIRECT_BYTES);
    } while (put < 0 && errno == EINTR);
    if (put == DIRECT_BYTES) {
        writer->written += put;
        writer->direct_count = 0;
        return 0;
    }
    if (put > 0) {
        writer->written += put;
        writer->direct_count -= (size_t)put;
        memmove(writer->direct, writer->direct + put, writer->direct_count);
    }
    return end_direct(writer, err);
}

static int put_direct(struct file_writer *writer, struct bytes bytes, struct err *err)
{
    while (bytes.size > 0 && writer->room != NULL) {
        size_t room = DIRECT_BYTES - writer->direct_count;
        size_t take = bytes.size < room ? bytes.size : room;

        memcpy(writer->direct + writer->direct_count, bytes.data, take);
        writer->direct_count += take;
        bytes.data += take;
        bytes.size -= take;
        if (writer->direct_count == DIRECT_BYTES) {
            TRY(write_direct(writer, err));
        }
    }
    return write_usual(writer, bytes, err);
}

int file_writer_put(struct blob_writer *base, struct bytes bytes, struct err *err)
{
    struct file_writer *writer = (struct file_writer *)base;
    int64_t             left = DIRECT_FROM - writer->written;

    if (writer->room == NULL && (writer->never_direct || left > (int64_t)bytes.size)) {
        return write_usual(writer, bytes, err);
    }
    if (writer->room == NULL) {
        TRY(write_usual(writer, (struct bytes){bytes.data, (size_t)left}, err));
        bytes.data += left;
        bytes.size -= (size_t)left;
        begin_direct(writer);
    }
    return put_direct(writer, bytes, err);
}

enum placed { PLACED, PLACE_AGAIN };

/* Moves the new file to `key` under dir. Every directory on the way is synced, from the object up,
 * also one that was there: whoever made it a moment ago may not have come to syncing it yet.
 * *ret_fd becomes a descriptor of the object's own directory, or -1. */
static int place(int dir, const char *key, const struct file_writer *writer, int *ret_fd,
                 struct err *err)
{
    const char     *slash = strchr(key, '/');
    CLEANUP(fd) int child = -1;
    char            segment[BLOB_SEGMENT_MOST + 1];
    int             placed = PLACED;

    if (slash == NULL) {
        if (renameat(writer->new_fd, writer->new_name, dir, key) < 0) {
            return errno == ENOENT ? PLACE_AGAIN : file_refused(err, "moving it to its place");
        }
        *ret_fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    } else {
        (void)snprintf(segment, sizeof(segment), "%.*s", (int)(slash - key), key);
        if (mkdirat(dir, segment, FILE_STORE_DIR_MODE) < 0 && errno != EEXIST) {
            return errno == ENOENT ? PLACE_AGAIN : file_refused(err, "making its directory");
        }
        child = file_enter(dir, segment, strlen(segment));
        if (child < 0) {
            return errno == ENOENT ? PLACE_AGAIN
                                   : file_refused(err, "entering \"%s\" on its path", segment);
        }
        placed = place(child, slash + 1, writer, ret_fd, err);
    }
    if (placed == PLACED && fsync(dir) < 0) {
        return file_refused(err, "syncing its directory");
    }
    return placed;
}

static size_t path_size(const char *key)
{
    const char *slash = strrchr(key, '/');

    return slash == NULL ? 0 : (size_t)(slash - key);
}

/* Is the directory that is kept open still the one the key's path leads to? While it is open, no
 * other can have its number. */
static bool leads_to_last(const struct file_store *store, const struct blob_writer *base)
{
    struct stat there;
    struct stat last;
    size_t      size = path_size(base->key);

    return store->last_fd >= 0 && size > 0 && store->last_bucket == base->bucket &&
           strncmp(store->last_path, base->key, size) == 0 && store->last_path[size] == '\0' &&
           fstatat(store->bucket_fd[base->bucket], store->last_path, &there, AT_SYMLINK_NOFOLLOW) ==
               0 &&
           fstat(store->last_fd, &last) == 0 && there.st_dev == last.st_dev &&
           there.st_ino == last.st_ino;
}

/* A day's segments lie in one directory: without this each of them would sync three. */
static int place_beside_last(const struct file_store *store, const struct file_writer *writer,
                             struct err *err)
{
    const char *key = writer->writer.key;

    if (!leads_to_last(store, &writer->writer) ||
        renameat(writer->new_fd, writer->new_name, store->last_fd, key + path_size(key) + 1) < 0) {
        return PLACE_AGAIN; /* the long way will say what is wrong */
    }
    return fsync(store->last_fd) < 0 ? file_refused(err, "syncing its directory") : PLACED;
}

/* Takes fd. */
static void keep_last(struct file_store *store, const struct blob_writer *base, int fd)
{
    fd_close(store->last_fd);
    store->last_fd = fd;
    store->last_bucket = base->bucket;
    memcpy(store->last_path, base->key, path_size(base->key));
    store->last_path[path_size(base->key)] = '\0';
}

int file_writer_commit(struct blob_writer *base, struct err *err)
{
    struct file_writer *writer = (struct file_writer *)base;
    struct file_store  *store = of(base->store);
    int                 placed;

    TRY(end_direct(writer, err));
    if (fsync(writer->fd) < 0) {
        return file_refused(err, "syncing the new file");
    }
    placed = place_beside_last(store, writer, err);
    for (int tries = 0; tries < PLACE_TRIES && placed == PLACE_AGAIN; tries++) {
        CLEANUP(fd) int dir = -1;

        placed = place(store->bucket_fd[base->bucket], base->key, writer, &dir, err);
        if (placed == PLACED) {
            keep_last(store, base, dir);
            dir = -1;
        }
    }
    TRY(placed);
    if (placed == PLACE_AGAIN) {
        return err_set(err, ERR_BLOB_REFUSED,
                       "its directory or the new file was removed again and again; does something"
                       " clean up the store's directory?");
    }
    writer->placed = true;
    return 0;
}

void file_writer_close(struct blob_writer *base)
{
    struct file_writer *writer = (struct file_writer *)base;

    if (!writer->placed) {
        (void)unlinkat(writer->new_fd, writer->new_name, 0);
    }
    fd_close(writer->fd);
    mem_free(writer->room);
    mem_free(writer);
}

int file_put(struct blob_store *store, struct blob_name name, struct bytes bytes,
             const char *content_type, struct err *err)
{
    CLEANUP(blob_writer) struct blob_writer *writer = NULL;

    TRY(blob_writer_open(&writer, store, name.bucket, name.key, content_type, err));
    TRY(file_writer_put(writer, bytes, err));
    return file_writer_commit(writer, err);
}

int file_put_file(struct blob_store *store, struct blob_name name, int from, int64_t size,
                  const char *content_type, struct err *err)
{
    CLEANUP(blob_writer) struct blob_writer *writer = NULL;
    CLEANUP(text) char                      *piece = mem_get(PIECE);
    int64_t                                  at = 0;

    TRY(blob_writer_open(&writer, store, name.bucket, name.key, content_type, err));
    while (at < size) {
        size_t  want = size - at < PIECE ? (size_t)(size - at) : PIECE;
        ssize_t got = pread(from, piece, want, at);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_errno(err, "reading the file to store at %lld", (long long)at);
        }
        if (got == 0) {
            return err_set(err, ERR_SYSTEM, "the file to store ends at %lld of %lld bytes",
                           (long long)at, (long long)size);
        }
        TRY(file_writer_put(writer, (struct bytes){(const uint8_t *)piece, (size_t)got}, err));
        at += got;
    }
    return file_writer_commit(writer, err);
}
