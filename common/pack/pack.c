// SPDX-License-Identifier: MIT
/*
 * pack.c - a directory as an archive: the same tree, the same bytes.
 */
#include "pack/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "pack/name.h"

enum { COPY_BYTES = 128 * 1024, DEPTH_MOST = 128 };

struct packer {
    struct archive *archive;
    struct err     *err;
    int             depth;
    char            room[COPY_BYTES];
};

static void packer_free(struct packer *packer)
{
    if (packer != NULL) {
        (void)archive_write_free(packer->archive);
        mem_free(packer);
    }
}
DEFINE_CLEANUP(packer, struct packer *, packer_free)

static void entry_free(struct archive_entry *entry)
{
    archive_entry_free(entry);
}
DEFINE_CLEANUP(entry, struct archive_entry *, entry_free)

/* Not part of what somebody wrote. */
static bool left_out(const char *part)
{
    static const char *const names[] = {".", "..", ".git", "__pycache__", ".pytest_cache"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(part, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int failed(struct packer *packer, const char *name)
{
    const char *why = archive_error_string(packer->archive);

    if (archive_errno(packer->archive) == ENOSPC || archive_errno(packer->archive) == EDQUOT) {
        return err_set(packer->err, ERR_DISK_FULL, "packing %s", name);
    }
    return err_set(packer->err, ERR_SYSTEM, "packing %s: %s", name, why == NULL ? "no words" : why);
}

static int header_put(struct packer *packer, const char *name, const struct stat *info,
                      const char *target)
{
    CLEANUP(entry) struct archive_entry *entry = archive_entry_new();

    if (entry == NULL) {
        mem_gone(sizeof(struct stat));
    }
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_filetype(entry, info->st_mode & S_IFMT);
    archive_entry_set_perm(entry,
                           S_ISREG(info->st_mode) && (info->st_mode & 0111) == 0 ? 0644 : 0755);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_size(entry, S_ISREG(info->st_mode) ? info->st_size : 0);
    if (target != NULL) {
        archive_entry_copy_symlink(entry, target);
    }
    /* A warning is a name outside ASCII, which is then written as its bytes. */
    if (archive_write_header(packer->archive, entry) < ARCHIVE_WARN) {
        return failed(packer, name);
    }
    return 0;
}

static int file_put(struct packer *packer, int at, const char *part, const char *name)
{
    CLEANUP(fd) int fd = openat(at, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat     info;
    int64_t         left;

    if (fd < 0 || fstat(fd, &info) < 0) {
        return err_errno(packer->err, "opening %s", name);
    }
    TRY(header_put(packer, name, &info, NULL));
    for (left = info.st_size; left > 0;) {
        size_t most = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        size_t got;

        TRY(fd_read_all(fd, packer->room, most, &got, packer->err));
        if (got < most) {
            return err_set(packer->err, ERR_SYSTEM, "%s grew shorter while it was packed", name);
        }
        if (archive_write_data(packer->archive, packer->room, got) != (la_ssize_t)got) {
            return failed(packer, name);
        }
        left -= (int64_t)got;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void closedir_safe(DIR *dir)
{
    if (dir != NULL) {
        (void)closedir(dir);
    }
}
DEFINE_CLEANUP(dir, DIR *, closedir_safe)

static int names_read(struct packer *packer, struct arena *arena, DIR *dir, const char *name,
                      char ***ret_names, size_t *ret_count)
{
    struct buf list = {0};
    size_t     count;

    for (;;) {
        struct dirent *found;
        char          *copy;

        errno = 0;
        found = readdir(dir);
        if (found == NULL) {
            break;
        }
        if (!left_out(found->d_name)) {
            copy = arena_text(arena, bytes_of(found->d_name));
            buf_put(&list, (struct bytes){(const uint8_t *)&copy, sizeof(copy)});
        }
    }
    if (errno != 0) {
        buf_done(&list);
        return err_errno(packer->err, "reading the directory %s", name);
    }
    count = list.size / sizeof(char *);
    *ret_names = arena_get(arena, list.size);
    if (count > 0) {
        memcpy(*ret_names, list.data, list.size);
        qsort(*ret_names, count, sizeof(char *), by_name);
    }
    *ret_count = count;
    buf_done(&list);
    return 0;
}

static int dir_put(struct packer *packer, int at, const char *part, const char *name);

static int one_put(struct packer *packer, int at, const char *part, const char *name)
{
    struct stat info;
    char        target[PACK_NAME_MOST];
    ssize_t     size;

    if (fstatat(at, part, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        return err_errno(packer->err, "looking at %s", name);
    }
    switch (info.st_mode & S_IFMT) {
    case S_IFREG:
        return file_put(packer, at, part, name);
    case S_IFDIR:
        TRY(header_put(packer, name, &info, NULL));
        return dir_put(packer, at, part, name);
    case S_IFLNK:
        size = readlinkat(at, part, target, sizeof(target) - 1);
        if (size < 0) {
            return err_errno(packer->err, "reading the link %s", name);
        }
        target[size] = '\0';
        return header_put(packer, name, &info, target);
    default:
        return err_set(packer->err, ERR_ARCHIVE_REFUSED,
                       "device: %s is neither file, directory nor link", name);
    }
}

static int dir_put(struct packer *packer, int at, const char *part, const char *name)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(dir) DIR            *dir = NULL;
    int                          flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int    fd = openat(at, part, name[0] == '\0' ? flags : flags | O_NOFOLLOW);
    char **names;
    size_t count;

    if (fd < 0) {
        return err_errno(packer->err, "opening the directory %s", name[0] == '\0' ? part : name);
    }
    dir = fdopendir(fd);
    if (dir == NULL) {
        fd_close(fd);
        return err_errno(packer->err, "reading the directory %s", name);
    }
    if (++packer->depth > DEPTH_MOST) {
        return err_set(packer->err, ERR_ARCHIVE_REFUSED,
                       "odd_name: over %d directories deep: %.200s", DEPTH_MOST, name);
    }
    TRY(names_read(packer, arena, dir, name, &names, &count));
    for (size_t i = 0; i < count; i++) {
        char *below = name[0] == '\0' ? names[i] : arena_format(arena, "%s/%s", name, names[i]);

        if (strlen(below) >= PACK_NAME_MOST) {
            return err_set(packer->err, ERR_ARCHIVE_REFUSED, "odd_name: too long: %.200s", below);
        }
        TRY(one_put(packer, fd, names[i], below));
    }
    packer->depth--;
    return 0;
}

int pack_directory(const char *dir, int fd, struct err *err)
{
    CLEANUP(packer) struct packer *packer = mem_zero(1, sizeof(*packer));

    packer->err = err;
    packer->archive = archive_write_new();
    if (packer->archive == NULL) {
        mem_gone(sizeof(*packer));
    }
    if (archive_write_set_format_pax_restricted(packer->archive) != ARCHIVE_OK ||
        archive_write_add_filter_gzip(packer->archive) != ARCHIVE_OK ||
        /* The gzip header would hold the time of day. */
        archive_write_set_filter_option(packer->archive, "gzip", "timestamp", NULL) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(packer->archive, 1) != ARCHIVE_OK ||
        archive_write_open_fd(packer->archive, fd) != ARCHIVE_OK) {
        return failed(packer, dir);
    }
    TRY(dir_put(packer, AT_FDCWD, dir, ""));
    if (archive_write_close(packer->archive) != ARCHIVE_OK) {
        return failed(packer, dir);
    }
    return 0;
}
