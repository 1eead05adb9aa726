// SPDX-License-Identifier: MIT
/*
 * pack.h - workspace snapshots: hostile archives in, deterministic archives out.
 *
 * Reads tar, cpio and zip (stored or deflated), plain or in one of gzip, bzip2, xz, lzma, lzip,
 * zstd, lz4 and compress, streaming, in bounded memory (the window of xz, lzma, lzip and zstd: 64
 * MiB, and 16 MiB) and time. The other forms libarchive knows stay off: some name files of this
 * machine (mtree), some start programs (lrzip, lzop). What is unpacked is only regular files,
 * directories and links that stay inside; the rest is refused with a named reason (ARCHIVE_REFUSED;
 * the story starts with it: "absolute_path: /etc/passwd").
 */
#ifndef PRT_PACK_PACK_H
#define PRT_PACK_PACK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

struct pack_limits {
    int64_t bytes; /* unpacked, in all */
    int64_t entries;
    int64_t ratio; /* unpacked bytes per packed byte, looked at above 1 MiB */
};

/* Where packed bytes come from: fills `room`, returns how many, 0 at the end, -1 with *err set. */
struct pack_source {
    ssize_t (*read)(void *from, void *room, size_t size, struct err *err);
    void *from;
};

struct pack_stats {
    int64_t bytes;
    int64_t entries;
    int64_t packed_bytes;
};

/* Unpacks into the empty directory `dir`. `.git` at any depth is left out. All files become
 * mode 0644 or 0755 with the caller's owner. Refused are
 *   not_an_archive  truncated_or_damaged  encrypted  too_many_entries  too_many_bytes  ratio
 *   window_too_large  header_too_large  zip_method
 *   absolute_path  parent_path  odd_name  duplicate_name  setuid  device (also fifos and sockets)
 *   link_outside (symbolic links, followed to their end)  hardlink_outside  hardlink_missing
 * A directory may be named again, and its setgid bit is dropped. One leading directory that holds
 * everything is kept as it is. Where the reason is the error, dir holds what was unpacked so far.
 */
WARN_UNUSED int pack_unpack(const char *dir, struct pack_source source,
                            const struct pack_limits *limits, struct pack_stats *ret_stats,
                            struct err *err);

/* The directory as tar.gz into a file descriptor: names sorted, owner 0, mtime 0: the same tree
 * gives the same bytes. `.git`, __pycache__ and .pytest_cache are left out. */
WARN_UNUSED int pack_directory(const char *dir, int fd, struct err *err);

#endif
