// SPDX-License-Identifier: MIT
/*
 * fd.h - files and directories: whole reads and writes, durable ones, and closing by scope.
 */
#ifndef PRT_BASE_FD_H
#define PRT_BASE_FD_H

#include <stdio.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

void fd_close(int fd); /* -1 is fine */
DEFINE_CLEANUP(fd, int, fd_close)

static inline void file_close(FILE *file)
{
    if (file != NULL) {
        (void)fclose(file);
    }
}
DEFINE_CLEANUP(file, FILE *, file_close)

/* All of it or -1. fd_read_all gives fewer bytes than `size` only at the end of the file. */
WARN_UNUSED int fd_write_all(int fd, struct bytes bytes, struct err *err);
WARN_UNUSED int fd_read_all(int fd, void *ret, size_t size, size_t *ret_got, struct err *err);

/* The whole file, at most `most` bytes (TOO_LARGE above). Missing: NOT_FOUND. */
WARN_UNUSED int file_read(struct arena *arena, const char *path, size_t most,
                          struct bytes *ret_bytes, struct err *err);

/* Writes beside, syncs, renames: after 0 the file is there whole, whatever happens next. */
WARN_UNUSED int file_replace(const char *path, struct bytes bytes, mode_t mode, struct err *err);

/* mkdir -p. */
WARN_UNUSED int dir_make(const char *path, mode_t mode, struct err *err);

/* rm -r of what somebody hostile may have made: follows no link, enters no other file system, and
 * stands any depth and any permissions of our own files. Missing is fine. */
WARN_UNUSED int dir_remove(const char *path, struct err *err);

/* An unlinked temporary file under dir; -1 on failure. */
WARN_UNUSED int fd_temporary(const char *dir, struct err *err);

#endif
