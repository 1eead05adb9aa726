// SPDX-License-Identifier: MIT
#include "pack/plain.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "pack/window.h"

/* Packed bytes are handed on in small pieces: what one of them can become is looked at before the
 * next one. */
enum { PIECE_BYTES = 16 * 1024, HEAD_BYTES = 16 };

/* How a compression's bytes begin: at 0, and at more_at. */
struct compression {
    const char  *name;
    struct bytes start, more;
    size_t       more_at;
    int          filter; /* libarchive's word for it; 0: window.h reads it */
    bool         lzma;
};

/* clang-format off */
static const struct compression compressions[] = {
/*    name        start                      more                   at filter                   lzma  */
    { "gzip",     BYTES("\x1f\x8b"),         BYTES(""),             0, ARCHIVE_FILTER_GZIP,     false },
    { "bzip2",    BYTES("BZh"),              BYTES("1AY&SY"),       4, ARCHIVE_FILTER_BZIP2,    false },
    { "compress", BYTES("\x1f\x9d"),         BYTES(""),             0, ARCHIVE_FILTER_COMPRESS, false },
    { "lz4",      BYTES("\x04\x22\x4d\x18"), BYTES(""),             0, ARCHIVE_FILTER_LZ4,      false },
    { "lz4",      BYTES("\x02\x21\x4c\x18"), BYTES(""),             0, ARCHIVE_FILTER_LZ4,      false },
    { "xz",       BYTES("\xfd" "7zXZ\0"),    BYTES(""),             0, 0,                       true  },
    { "lzip",     BYTES("LZIP\x01"),         BYTES(""),             0, 0,                       true  },
    { "zstd",     BYTES("\x28\xb5\x2f\xfd"), BYTES(""),             0, 0,                       false },
    { "zstd",     BYTES(""),                 BYTES("\x2a\x4d\x18"), 1, 0,                       false }, /* a frame to skip */
};
/* clang-format on */
static const struct compression lzma = {.name = "lzma", .lzma = true};

struct plain {
    struct pack_source        source;
    struct err               *err; /* of the call that is on */
    bool                      source_failed, begun, source_ended;
    const struct compression *compression; /* NULL: there is none */
    struct archive           *raw;         /* libarchive takes it off */
    struct window            *window;      /* we do */
    struct bytes              packed;      /* of room, not handed on yet */
    int64_t                   packed_bytes;
    uint8_t                   room[PIECE_BYTES];
};

struct plain *plain_new(struct pack_source source)
{
    struct plain *plain = mem_zero(1, sizeof(*plain));

    plain->source = source;
    return plain;
}

void plain_free(struct plain *plain)
{
    if (plain != NULL) {
        (void)archive_read_free(plain->raw);
        window_free(plain->window);
        mem_free(plain);
    }
}

int64_t plain_packed(const struct plain *plain)
{
    return plain->packed_bytes;
}

/* Room behind the first `have` bytes is filled with what the source has. */
static int room_fill(struct plain *plain, size_t have, struct err *err)
{
    ssize_t got =
        plain->source.read(plain->source.from, plain->room + have, sizeof(plain->room) - have, err);

    if (got < 0) {
        plain->source_failed = true;
        return err_add(err, "reading the archive");
    }
    plain->source_ended = got == 0;
    plain->packed_bytes += got;
    plain->packed = (struct bytes){plain->room, have + (size_t)got};
    return 0;
}

/* -------------------------------------- which one -------------------------------------- */

static bool starts(const struct compression *row, struct bytes head)
{
    return head.size >= HEAD_BYTES && memcmp(head.data, row->start.data, row->start.size) == 0 &&
           memcmp(head.data + row->more_at, row->more.data, row->more.size) == 0;
}

/* lzma has no magic: the usual properties, and a window that is a power of two, or half as much
 * again. */
static bool is_lzma(struct bytes head)
{
    uint64_t window = 0;

    if (head.size < HEAD_BYTES || head.data[0] != 0x5d) {
        return false;
    }
    for (size_t i = 4; i > 0; i--) {
        window = window << 8 | head.data[i];
    }
    window += window & window >> 1; /* the half carries */
    return window >= 4096 && (window & (window - 1)) == 0;
}

static const struct compression *compression_of(struct bytes head)
{
    for (size_t i = 0; i < COUNT_OF(compressions); i++) {
        if (starts(&compressions[i], head)) {
            return &compressions[i];
        }
    }
    return is_lzma(head) ? &lzma : NULL;
}

/* -------------------------------------- through libarchive ------------------------------ */

static la_ssize_t raw_take(struct archive *archive, void *self, const void **ret_data)
{
    struct plain *plain = self;
    size_t        size;

    if (plain->packed.size == 0 && !plain->source_ended && room_fill(plain, 0, plain->err) < 0) {
        archive_set_error(archive, EIO, "the source failed");
        return ARCHIVE_FATAL;
    }
    *ret_data = plain->packed.data;
    size = plain->packed.size;
    plain->packed.size = 0;
    return (la_ssize_t)size;
}

static int raw_damaged(struct plain *plain, struct err *err)
{
    const char *why = archive_error_string(plain->raw);

    return plain->source_failed
               ? -1
               : err_set(err, ERR_ARCHIVE_REFUSED, "truncated_or_damaged: %s: %.200s",
                         plain->compression->name, why == NULL ? "no words" : why);
}

static int raw_open(struct plain *plain, struct err *err)
{
    struct archive       *raw = archive_read_new();
    struct archive_entry *entry;
    int                   code = plain->compression->filter;
    int                   got;

    if (raw == NULL) {
        mem_gone(sizeof(*plain));
    }
    plain->raw = raw;
    (void)archive_read_support_format_raw(raw);
    (void)archive_read_support_format_empty(raw);
    /* Appended: that one, and no more below it. compress cannot be: it reads as it is made. */
    got = code == ARCHIVE_FILTER_COMPRESS ? archive_read_support_filter_compress(raw)
                                          : archive_read_append_filter(raw, code);
    if (got < ARCHIVE_WARN || archive_read_open(raw, plain, NULL, raw_take, NULL) != ARCHIVE_OK) {
        return raw_damaged(plain, err);
    }
    if (archive_filter_count(raw) > 2) { /* it, and the one that reads from us */
        return err_set(err, ERR_ARCHIVE_REFUSED, "not_an_archive: it is packed twice");
    }
    got = archive_read_next_header(raw, &entry);
    return got == ARCHIVE_OK || got == ARCHIVE_WARN ? 0 : raw_damaged(plain, err);
}

static int raw_read(struct plain *plain, struct bytes *ret_bytes, struct err *err)
{
    const void *data;
    size_t      size;
    la_int64_t  offset;

    plain->err = err;
    if (plain->raw == NULL) {
        TRY(raw_open(plain, err));
    }
    switch (archive_read_data_block(plain->raw, &data, &size, &offset)) {
    case ARCHIVE_EOF:
        *ret_bytes = (struct bytes){NULL, 0};
        return 0;
    case ARCHIVE_OK:
    case ARCHIVE_WARN:
        *ret_bytes = (struct bytes){data, size};
        return 0;
    default:
        return raw_damaged(plain, err);
    }
}

/* -------------------------------------- the others -------------------------------------- */

static int windowed_read(struct plain *plain, struct bytes *ret_bytes, struct err *err)
{
    bool ended;

    do {
        if (plain->packed.size == 0 && !plain->source_ended) {
            TRY(room_fill(plain, 0, err));
        }
        ended = plain->source_ended;
        TRY(window_read(plain->window, &plain->packed, ended, ret_bytes, err));
    } while (ret_bytes->size == 0 && (plain->packed.size > 0 || !ended));
    return 0;
}

static int bare_read(struct plain *plain, struct bytes *ret_bytes, struct err *err)
{
    if (plain->packed.size == 0 && !plain->source_ended) {
        TRY(room_fill(plain, 0, err));
    }
    *ret_bytes = plain->packed;
    plain->packed.size = 0;
    return 0;
}

static int begin(struct plain *plain, struct err *err)
{
    while (plain->packed.size < HEAD_BYTES && !plain->source_ended) {
        TRY(room_fill(plain, plain->packed.size, err));
    }
    plain->compression = compression_of(plain->packed);
    if (plain->compression != NULL && plain->compression->filter == 0) {
        plain->window =
            window_new(plain->compression->name, plain->compression->lzma, PLAIN_WINDOW_MOST);
    }
    plain->begun = true;
    return 0;
}

int plain_read(struct plain *plain, struct bytes *ret_bytes, struct err *err)
{
    if (!plain->begun) {
        TRY(begin(plain, err));
    }
    if (plain->compression == NULL) {
        return bare_read(plain, ret_bytes, err);
    }
    return plain->window != NULL ? windowed_read(plain, ret_bytes, err)
                                 : raw_read(plain, ret_bytes, err);
}
