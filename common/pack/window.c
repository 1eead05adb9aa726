// SPDX-License-Identifier: MIT
#include "pack/window.h"

#include <lzma.h>
#include <stdio.h>
#include <zstd.h>
#include <zstd_errors.h>

/* Beside the window itself: tables, and the room it is written to. */
enum { SPARE_BYTES = 1024 * 1024 };

struct window {
    const char         *name;
    size_t              most;
    lzma_stream         lzma;
    bool                lzma_ended;
    struct ZSTD_DCtx_s *zstd;       /* NULL: it is lzma */
    size_t              zstd_wants; /* 0: between two frames */
    uint8_t             room[WINDOW_ROOM];
};

struct window *window_new(const char *name, bool lzma, size_t most_bytes)
{
    struct window *window = mem_zero(1, sizeof(*window));

    window->name = name;
    window->most = most_bytes;
    if (lzma) {
        window->lzma = (lzma_stream)LZMA_STREAM_INIT;
        if (lzma_auto_decoder(&window->lzma, most_bytes + SPARE_BYTES, LZMA_CONCATENATED) !=
            LZMA_OK) {
            mem_gone(sizeof(*window));
        }
        return window;
    }
    window->zstd = ZSTD_createDCtx();
    if (window->zstd == NULL) {
        mem_gone(sizeof(*window));
    }
    (void)ZSTD_DCtx_setParameter(window->zstd, ZSTD_d_windowLogMax,
                                 63 - __builtin_clzll(most_bytes));
    return window;
}

void window_free(struct window *window)
{
    if (window != NULL) {
        lzma_end(&window->lzma);
        (void)ZSTD_freeDCtx(window->zstd);
        mem_free(window);
    }
}

static int too_large(const struct window *window, const char *asked, struct err *err)
{
    return err_set(err, ERR_ARCHIVE_REFUSED,
                   "window_too_large: unpacking this %s takes %s of memory, at most %zu MiB are "
                   "given: pack it with a smaller window (xz -9 and zstd -19 fit), or with gzip",
                   window->name, asked, window->most >> 20);
}

static int damaged(const struct window *window, const char *why, struct err *err)
{
    return err_set(err, ERR_ARCHIVE_REFUSED, "truncated_or_damaged: %s: %s", window->name, why);
}

static int lzma_read(struct window *window, struct bytes *packed, bool last,
                     struct bytes *ret_bytes, struct err *err)
{
    lzma_stream *lzma = &window->lzma;
    char         asked[32];

    if (window->lzma_ended) { /* what follows a .lzma or .lz is padding */
        *packed = (struct bytes){NULL, 0};
        *ret_bytes = (struct bytes){NULL, 0};
        return 0;
    }
    lzma->next_in = packed->data;
    lzma->avail_in = packed->size;
    lzma->next_out = window->room;
    lzma->avail_out = sizeof(window->room);
    switch (lzma_code(lzma, last ? LZMA_FINISH : LZMA_RUN)) {
    case LZMA_OK: /* it says so once more when it had nothing to do */
        if (last && lzma->avail_in == packed->size && lzma->avail_out == sizeof(window->room)) {
            return damaged(window, "it ends in the middle", err);
        }
        break;
    case LZMA_STREAM_END:
        window->lzma_ended = true;
        break;
    case LZMA_MEMLIMIT_ERROR:
        (void)snprintf(asked, sizeof(asked), "%llu MiB",
                       (unsigned long long)(lzma_memusage(lzma) >> 20));
        return too_large(window, asked, err);
    case LZMA_MEM_ERROR:
        mem_gone(window->most);
    case LZMA_BUF_ERROR: /* no way on: wants more, and there is none */
        if (last) {
            return damaged(window, "it ends in the middle", err);
        }
        break;
    default:
        return damaged(window, "its bytes make no sense", err);
    }
    *packed = (struct bytes){lzma->next_in, lzma->avail_in};
    *ret_bytes = (struct bytes){window->room, sizeof(window->room) - lzma->avail_out};
    return 0;
}

static int zstd_read(struct window *window, struct bytes *packed, bool last,
                     struct bytes *ret_bytes, struct err *err)
{
    ZSTD_inBuffer  in = {.src = packed->data, .size = packed->size};
    ZSTD_outBuffer out = {.dst = window->room, .size = sizeof(window->room)};
    size_t         got;

    if (packed->size > 0 || window->zstd_wants > 0) {
        got = ZSTD_decompressStream(window->zstd, &out, &in);
        if (ZSTD_isError(got)) {
            return ZSTD_getErrorCode(got) == ZSTD_error_frameParameter_windowTooLarge
                       ? too_large(window, "more", err)
                       : damaged(window, ZSTD_getErrorName(got), err);
        }
        window->zstd_wants = got;
    }
    *packed = (struct bytes){packed->data + in.pos, packed->size - in.pos};
    *ret_bytes = (struct bytes){window->room, out.pos};
    if (last && packed->size == 0 && out.pos == 0 && window->zstd_wants > 0) {
        return damaged(window, "it ends in the middle", err);
    }
    return 0;
}

int window_read(struct window *window, struct bytes *packed, bool last, struct bytes *ret_bytes,
                struct err *err)
{
    return window->zstd == NULL ? lzma_read(window, packed, last, ret_bytes, err)
                                : zstd_read(window, packed, last, ret_bytes, err);
}
