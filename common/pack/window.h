// SPDX-License-Identifier: MIT
/*
 * window.h - the compressions whose sender says how much memory they take: xz, lzma, lzip, zstd.
 *
 * libarchive gives the first three up to 1 GiB and has no setting for it: here the libraries that
 * it would ask are asked with a limit.
 */
#ifndef PRT_PACK_WINDOW_H
#define PRT_PACK_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

enum { WINDOW_ROOM = 128 * 1024 };

struct window;

/* lzma: xz, lzma or lzip, told by its own header; otherwise zstd. `name` is for errors. */
struct window *window_new(const char *name, bool lzma, size_t most_bytes);
void           window_free(struct window *window);

/* Unpacks from the front of *packed, which shrinks; `last`: nothing comes after it. Nothing in
 * *ret_bytes and nothing left of *packed: wants more, or is at its end when there is no more. */
WARN_UNUSED int window_read(struct window *window, struct bytes *packed, bool last,
                            struct bytes *ret_bytes, struct err *err);

#endif
