// SPDX-License-Identifier: MIT
/*
 * plain.h - packed bytes without their compression, in bounded memory.
 *
 * One compression is taken off, told by how the bytes begin. What lies below is not looked at: a
 * gzip in a gzip comes out as a gzip. xz, lzma, lzip and zstd say in their headers how much of the
 * past they want to be kept; each header is held against PLAIN_WINDOW_MOST before that is
 * allocated, also those of later blocks and frames. gzip, bzip2, lz4 and compress have windows of
 * their own, the largest 8 MiB.
 *
 * Errors are ARCHIVE_REFUSED (window_too_large, truncated_or_damaged), or the source's own.
 */
#ifndef PRT_PACK_PLAIN_H
#define PRT_PACK_PLAIN_H

#include "pack/pack.h"

/* What xz -9 and zstd -19 need, and nobody more. */
enum { PLAIN_WINDOW_MOST = 64 * 1024 * 1024 };

struct plain;

struct plain *plain_new(struct pack_source source);
void          plain_free(struct plain *plain);
DEFINE_CLEANUP(plain, struct plain *, plain_free)

/* The next bytes, none at the end. They live until the next call. */
WARN_UNUSED int plain_read(struct plain *plain, struct bytes *ret_bytes, struct err *err);

/* How many packed bytes were taken from the source so far. */
int64_t plain_packed(const struct plain *plain);

#endif
