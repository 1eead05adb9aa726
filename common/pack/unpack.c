// SPDX-License-Identifier: MIT
/*
 * unpack.c - a hostile archive onto the disk.
 *
 * While entries are written the tree holds no symbolic link, so no name can be led astray by one:
 * links are kept back, made at the end, and then each is followed by the kernel with the tree as
 * its world. Whoever leaves it is refused.
 */
#include "pack/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "pack/name.h"
#include "pack/plain.h"

enum {
    RATIO_FROM = 1024 * 1024, /* small archives of nothing but zeros are no bomb */
    LINK_BYTES_MOST = 16 * 1024 * 1024,
    HELD_MOST = 4 * 1024 * 1024, /* libarchive's own largest header is 1 MiB */
    HEADER_MOST = 8 * 1024       /* what an entry takes besides its data: two names and padding */
};

struct unpack {
    const struct pack_limits *limits;
    struct plain             *plain;
    int64_t                   given; /* plain bytes that libarchive has been given */
    struct pack_stats         stats;
    struct archive           *archive;
    struct err               *err;
    bool                      plain_failed; /* *err says how */
    int                       root;
    int                       parent; /* directory of the last entry, kept open */
    char                      parent_name[PACK_NAME_MOST];
    struct buf                links; /* "name\0target\0" each */
};

static void unpack_free(struct unpack *unpack)
{
    if (unpack != NULL) {
        (void)archive_read_free(unpack->archive);
        plain_free(unpack->plain);
        fd_close(unpack->parent);
        fd_close(unpack->root);
        buf_done(&unpack->links);
        mem_free(unpack);
    }
}
DEFINE_CLEANUP(unpack, struct unpack *, unpack_free)

/* What libarchive has been given and did not use yet is held in its memory: a cpio's name may say
 * that it has 4 GiB. All it is given is time: garbage between the files of a zip is looked through.
 */
static int given_check(struct unpack *unpack)
{
    const struct pack_limits *limits = unpack->limits;

    if (unpack->given - archive_filter_bytes(unpack->archive, 0) > HELD_MOST) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED,
                       "header_too_large: a header of over %d MiB behind %lld bytes",
                       HELD_MOST >> 20, (long long)archive_filter_bytes(unpack->archive, 0));
    }
    if (unpack->given > limits->bytes + limits->entries * HEADER_MOST) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED,
                       "too_many_bytes: the archive without its compression has over %lld",
                       (long long)(limits->bytes + limits->entries * HEADER_MOST));
    }
    return 0;
}

static la_ssize_t read_plain(struct archive *archive, void *self, const void **ret_data)
{
    struct unpack *unpack = self;
    struct bytes   bytes;

    if (given_check(unpack) < 0 || plain_read(unpack->plain, &bytes, unpack->err) < 0) {
        unpack->plain_failed = true;
        archive_set_error(archive, EIO, "there is no more to read");
        return ARCHIVE_FATAL;
    }
    unpack->given += (int64_t)bytes.size;
    unpack->stats.packed_bytes = plain_packed(unpack->plain);
    *ret_data = bytes.data;
    return (la_ssize_t)bytes.size;
}

/* What libarchive says, as a reason. */
static int damaged(struct unpack *unpack, const char *name)
{
    const char *why = archive_error_string(unpack->archive);

    if (unpack->plain_failed) {
        return -1;
    }
    why = why == NULL ? "no words" : why;
    if (strstr(why, "Unrecognized archive") != NULL) {
        return err_set(
            unpack->err, ERR_ARCHIVE_REFUSED,
            "not_an_archive: neither tar, cpio nor zip, in any compression the farm reads");
    }
    if (strcasestr(why, "encrypt") != NULL || strcasestr(why, "passphrase") != NULL) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "encrypted: %.200s", name);
    }
    return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "truncated_or_damaged: %.200s%s%.200s", name,
                   name[0] == '\0' ? "" : ": ", why);
}

static int archive_start(struct unpack *unpack)
{
    struct archive *archive = archive_read_new();

    if (archive == NULL) {
        mem_gone(sizeof(struct unpack));
    }
    unpack->archive = archive;
    (void)archive_read_support_format_tar(archive);
    (void)archive_read_support_format_cpio(archive);
    (void)archive_read_support_format_zip_streamable(archive);
    if (archive_read_open(archive, unpack, NULL, read_plain, NULL) != ARCHIVE_OK) {
        return damaged(unpack, "");
    }
    return 0;
}

static int count_bytes(struct unpack *unpack, int64_t more, const char *name)
{
    struct pack_stats        *stats = &unpack->stats;
    const struct pack_limits *limits = unpack->limits;

    if (more > limits->bytes - stats->bytes) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED,
                       "too_many_bytes: over %lld unpacked bytes at %.200s",
                       (long long)limits->bytes, name);
    }
    stats->bytes += more;
    if (stats->bytes > RATIO_FROM && stats->bytes / limits->ratio > stats->packed_bytes) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED,
                       "ratio: %lld packed bytes gave over %lld at %.200s",
                       (long long)stats->packed_bytes, (long long)stats->bytes, name);
    }
    return 0;
}

/* A directory below `at`, made where missing; *ret_fd is open on it. */
static int dir_enter(int at, const char *part, int *ret_fd, const char *name, struct err *err)
{
    int  fd;
    bool made = mkdirat(at, part, 0755) == 0;

    if (!made && errno != EEXIST) {
        return err_errno(err, "creating the directory %.200s", name);
    }
    fd = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        return err_set(err, ERR_ARCHIVE_REFUSED, "duplicate_name: %.200s lies below a file", name);
    }
    if (fd < 0 || (made && fchmod(fd, 0755) < 0)) { /* whatever our umask is */
        (void)err_errno(err, "opening the directory %.200s", name);
        fd_close(fd);
        return -1;
    }
    *ret_fd = fd;
    return 0;
}

/* Opens the directory named by the first `size` bytes of `name`, from the root. */
static int dir_walk(struct unpack *unpack, const char *name, size_t size)
{
    CLEANUP(fd) int at = openat(unpack->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (at < 0) {
        return err_errno(unpack->err, "opening the workspace");
    }
    for (size_t from = 0; from < size;) {
        char   part[256];
        size_t length = strcspn(name + from, "/");
        int    next;

        memcpy(part, name + from, length);
        part[length] = '\0';
        TRY(dir_enter(at, part, &next, name, unpack->err));
        fd_close(at);
        at = next;
        from += length + 1;
    }
    fd_close(unpack->parent);
    unpack->parent = at;
    at = -1;
    memcpy(unpack->parent_name, name, size);
    unpack->parent_name[size] = '\0';
    return 0;
}

/* Makes unpack->parent the directory that holds `name`; *ret_last is the name's last part. */
static int parent_open(struct unpack *unpack, const char *name, const char **ret_last)
{
    const char *slash = strrchr(name, '/');
    size_t      size = slash == NULL ? 0 : (size_t)(slash - name);

    *ret_last = slash == NULL ? name : slash + 1;
    if (unpack->parent >= 0 && strlen(unpack->parent_name) == size &&
        memcmp(unpack->parent_name, name, size) == 0) {
        return 0;
    }
    return dir_walk(unpack, name, size);
}

/* The entry's data into fd (-1: only counted). Holes stay holes, but count. */
static int data_copy(struct unpack *unpack, int fd, const char *name)
{
    int64_t end = 0;

    for (;;) {
        const void *data;
        size_t      size;
        la_int64_t  offset;
        int         got = archive_read_data_block(unpack->archive, &data, &size, &offset);

        if (got == ARCHIVE_EOF) {
            return 0;
        }
        if (got != ARCHIVE_OK) {
            return damaged(unpack, name);
        }
        if (offset < end) {
            return err_set(unpack->err, ERR_ARCHIVE_REFUSED,
                           "truncated_or_damaged: %.200s: its parts overlap", name);
        }
        TRY(count_bytes(unpack, offset - end + (int64_t)size, name));
        end = offset + (int64_t)size;
        if (fd >= 0 && lseek(fd, offset, SEEK_SET) < 0) {
            return err_errno(unpack->err, "writing %.200s", name);
        }
        if (fd >= 0) {
            TRY(fd_write_all(fd, (struct bytes){data, size}, unpack->err));
        }
    }
}

static int file_write(struct unpack *unpack, struct archive_entry *entry, const char *name)
{
    mode_t          mode = (archive_entry_perm(entry) & 0111) != 0 ? 0755 : 0644;
    CLEANUP(fd) int fd = -1;
    struct stat     info;
    const char     *last;
    int64_t         size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;

    if (size > unpack->limits->bytes - unpack->stats.bytes) {
        return count_bytes(unpack, size, name); /* refused before its first byte */
    }
    TRY(parent_open(unpack, name, &last));
    fd = openat(unpack->parent, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "duplicate_name: %.200s", name);
    }
    if (fd < 0) {
        return err_errno(unpack->err, "creating %.200s", name);
    }
    TRY(data_copy(unpack, fd, name));
    if (fstat(fd, &info) < 0) {
        return err_errno(unpack->err, "looking at %.200s", name);
    }
    if (info.st_size < size) { /* a hole at its end */
        TRY(count_bytes(unpack, size - info.st_size, name));
        if (ftruncate(fd, size) < 0) {
            return err_errno(unpack->err, "writing %.200s", name);
        }
    }
    if (fchmod(fd, mode) < 0) {
        return err_errno(unpack->err, "setting the mode of %.200s", name);
    }
    return 0;
}

static const char *entry_text(const char *utf8, const char *raw)
{
    return utf8 != NULL ? utf8 : raw;
}

static int hardlink_make(struct unpack *unpack, const char *raw_target, const char *name)
{
    char        target[PACK_NAME_MOST];
    const char *last;
    struct stat info;

    if (name_clean(target, raw_target, unpack->err) < 0) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "hardlink_outside: %.200s is %.200s", name,
                       raw_target == NULL ? "nameless" : raw_target);
    }
    /* No symbolic links exist yet, so the kernel walks nothing but directories of ours. */
    if (fstatat(unpack->root, target, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode)) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED,
                       "hardlink_missing: %.200s links to %.200s, no file unpacked before it", name,
                       target);
    }
    TRY(parent_open(unpack, name, &last));
    if (linkat(unpack->root, target, unpack->parent, last, 0) < 0) {
        if (errno == EEXIST) {
            return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "duplicate_name: %.200s", name);
        }
        return err_errno(unpack->err, "linking %.200s", name);
    }
    return 0;
}

static int symlink_keep(struct unpack *unpack, const char *target, const char *name)
{
    if (target == NULL || strlen(target) >= PACK_NAME_MOST || !name_link_inside(name, target)) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "link_outside: %.200s -> %.200s", name,
                       target == NULL ? "" : target);
    }
    if (name_is_git(target)) {
        return 0; /* what it pointed to is left out as well */
    }
    buf_put(&unpack->links, (struct bytes){(const uint8_t *)name, strlen(name) + 1});
    buf_put(&unpack->links, (struct bytes){(const uint8_t *)target, strlen(target) + 1});
    if (unpack->links.size > LINK_BYTES_MOST) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED,
                       "too_many_entries: symbolic links over %d bytes of names", LINK_BYTES_MOST);
    }
    return 0;
}

static int entry_unpack(struct unpack *unpack, struct archive_entry *entry)
{
    char        name[PACK_NAME_MOST];
    const char *last;
    const char *hardlink =
        entry_text(archive_entry_hardlink_utf8(entry), archive_entry_hardlink(entry));
    mode_t type = archive_entry_filetype(entry);

    TRY(name_clean(name,
                   entry_text(archive_entry_pathname_utf8(entry), archive_entry_pathname(entry)),
                   unpack->err));
    if (archive_entry_is_encrypted(entry)) {
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "encrypted: %.200s", name);
    }
    if (name_is_git(name)) {
        return data_copy(unpack, -1, name);
    }
    if (hardlink != NULL) {
        return hardlink_make(unpack, hardlink, name);
    }
    switch (type) {
    case AE_IFDIR:
        if (name[0] == '\0') {
            return 0;
        }
        TRY(parent_open(unpack, name, &last));
        return dir_walk(unpack, name, strlen(name));
    case AE_IFLNK:
        return symlink_keep(
            unpack, entry_text(archive_entry_symlink_utf8(entry), archive_entry_symlink(entry)),
            name);
    case AE_IFREG:
        if ((archive_entry_perm(entry) & (S_ISUID | S_ISGID)) != 0) {
            return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "setuid: %.200s", name);
        }
        if (name[0] == '\0') {
            return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "odd_name: a file without a name");
        }
        return file_write(unpack, entry, name);
    default:
        return err_set(unpack->err, ERR_ARCHIVE_REFUSED,
                       "device: %.200s is neither file, directory nor link", name);
    }
}

static int links_make(struct unpack *unpack)
{
    size_t at = 0;

    while (at < unpack->links.size) {
        const char *name = (const char *)unpack->links.data + at;
        const char *target = name + strlen(name) + 1;
        const char *last;

        TRY(parent_open(unpack, name, &last));
        if (symlinkat(target, unpack->parent, last) < 0) {
            if (errno == EEXIST) {
                return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "duplicate_name: %.200s", name);
            }
            return err_errno(unpack->err, "linking %.200s", name);
        }
        at += strlen(name) + 1 + strlen(target) + 1;
    }
    return 0;
}

/* Through other links a target's words can mean another place than they say: let the kernel follow.
 */
static int links_check(struct unpack *unpack)
{
    size_t          at = 0;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

    while (at < unpack->links.size) {
        const char     *name = (const char *)unpack->links.data + at;
        const char     *target = name + strlen(name) + 1;
        CLEANUP(fd) int fd = (int)syscall(SYS_openat2, unpack->root, name, &how, sizeof(how));

        if (fd < 0 && (errno == EXDEV || errno == ELOOP)) {
            return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "link_outside: %.200s -> %.200s%s",
                           name, target, errno == ELOOP ? " goes round in a circle" : "");
        }
        if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) {
            return err_errno(unpack->err, "following the link %.200s", name);
        }
        at += strlen(name) + 1 + strlen(target) + 1;
    }
    return 0;
}

/* Of a zip's methods LZMA, xz, PPMd and zstd take as much memory as the sender likes. */
static int method_check(struct unpack *unpack)
{
    const char *said = archive_format_name(unpack->archive); /* "ZIP 2.0 (deflation)" */

    if (said == NULL || strncmp(said, "ZIP ", 4) != 0 || strstr(said, "(uncompressed)") != NULL ||
        strstr(said, "(deflation)") != NULL) {
        return 0;
    }
    return err_set(unpack->err, ERR_ARCHIVE_REFUSED,
                   "zip_method: a file is packed as %.60s: pack it with deflate", said);
}

static int entries_unpack(struct unpack *unpack)
{
    for (;;) {
        struct archive_entry *entry;
        int                   got = archive_read_next_header(unpack->archive, &entry);

        if (got == ARCHIVE_EOF) {
            return 0;
        }
        /* A warning is a name the locale cannot say: its bytes are still there. */
        if (got != ARCHIVE_OK && got != ARCHIVE_WARN) {
            return damaged(unpack, "");
        }
        if (++unpack->stats.entries > unpack->limits->entries) {
            return err_set(unpack->err, ERR_ARCHIVE_REFUSED, "too_many_entries: over %lld",
                           (long long)unpack->limits->entries);
        }
        TRY(method_check(unpack));
        TRY(entry_unpack(unpack, entry));
    }
}

int pack_unpack(const char *dir, struct pack_source source, const struct pack_limits *limits,
                struct pack_stats *ret_stats, struct err *err)
{
    CLEANUP(unpack) struct unpack *unpack = mem_zero(1, sizeof(*unpack));

    unpack->limits = limits;
    unpack->plain = plain_new(source);
    unpack->err = err;
    unpack->parent = -1;
    unpack->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (unpack->root < 0) {
        return err_errno(err, "opening the directory %s", dir);
    }
    TRY(archive_start(unpack));
    TRY(entries_unpack(unpack));
    TRY(links_make(unpack));
    TRY(links_check(unpack));
    *ret_stats = unpack->stats;
    return 0;
}
