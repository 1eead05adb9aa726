// SPDX-License-Identifier: MIT
/* Archives that ask for more memory or time than they are worth: each is refused by name. */
#include "lib/test.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "pack/pack.h"
#include "tar.h"

static const struct pack_limits wide = {.bytes = 4 << 20, .entries = 100, .ratio = 200};

static ssize_t bytes_read(void *from, void *room, size_t size, struct err *err)
{
    struct bytes *left = from;
    size_t        give = left->size < size ? left->size : size;

    (void)err;
    memcpy(room, left->data, give);
    left->data += give;
    left->size -= give;
    return (ssize_t)give;
}

static int unpack(struct bytes bytes, struct err *err)
{
    char              dir[] = "/tmp/prt-memory-XXXXXX";
    struct pack_stats stats;
    struct err        second = {0};
    int               worked;

    CHECK(mkdtemp(dir) != NULL);
    worked = pack_unpack(dir, (struct pack_source){bytes_read, &bytes}, &wide, &stats, err);
    CHECK(dir_remove(dir, &second) == 0);
    return worked;
}

static void refused(const char *what, struct bytes bytes, const char *reason)
{
    struct err err = {0};

    if (unpack(bytes, &err) == 0) {
        test_failed(__FILE__, __LINE__, "%s was taken, and should be refused: %s", what, reason);
    } else if (err.code != ERR_ARCHIVE_REFUSED || strncmp(err.story, reason, strlen(reason)) != 0) {
        test_failed(__FILE__, __LINE__, "%s: the story is \"%s\", and should start with %s", what,
                    err.story, reason);
    }
}

static la_ssize_t sink_write(struct archive *archive, void *self, const void *data, size_t size)
{
    (void)archive;
    buf_put(self, (struct bytes){data, size});
    return (la_ssize_t)size;
}

/* The bytes in one compression; `options` are its own. */
static void wrap(struct buf *out, struct bytes bytes, int (*filter)(struct archive *archive),
                 const char *options)
{
    struct archive       *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    (void)archive_write_set_bytes_in_last_block(archive, 1);
    CHECK(archive_write_set_format_raw(archive) == ARCHIVE_OK && filter(archive) == ARCHIVE_OK);
    CHECK(archive_write_set_options(archive, options) == ARCHIVE_OK);
    CHECK(archive_write_open(archive, out, NULL, sink_write, NULL) == ARCHIVE_OK);
    archive_entry_set_pathname(entry, "a");
    archive_entry_set_filetype(entry, AE_IFREG);
    CHECK(archive_write_header(archive, entry) == ARCHIVE_OK);
    CHECK(archive_write_data(archive, bytes.data, bytes.size) == (la_ssize_t)bytes.size);
    archive_entry_free(entry);
    CHECK(archive_write_close(archive) == ARCHIVE_OK);
    (void)archive_write_free(archive);
}

/* A tar of one file, cut in two: what follows in another stream still belongs to it. */
static void tar_make(struct buf *tar)
{
    tar_put(tar, &(struct tar_entry){.name = "a", .type = '0', .data = "hello"});
    tar_end(tar);
}

/* The beginning of a stream whose window is far too large, and something after it. */
struct ask {
    const char  *name;
    struct bytes head;
    int (*filter)(struct archive *archive);
    const char *fits; /* options with the largest window that is given */
};

#define NOTHING "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static const struct ask asks[] = {
    {"xz, 1 GiB", /* stream header; block header with LZMA2, its dictionary's size, CRC-32 */
     BYTES("\xfd\x37\x7a\x58\x5a\x00\x00\x00\xff\x12\xd9\x41"
           "\x02\x00\x21\x01\x24\x00\x00\x00\x5e\x1f\xc7\xf9" NOTHING),
     archive_write_add_filter_xz, "xz:compression-level=9"},
    {"lzma, 1 GiB", BYTES("\x5d\x00\x00\x00\x40\xff\xff\xff\xff\xff\xff\xff\xff" NOTHING),
     archive_write_add_filter_lzma, "lzma:compression-level=9"},
    {"lzip, 512 MiB", BYTES("LZIP\x01\x1d" NOTHING), archive_write_add_filter_lzip,
     "lzip:compression-level=9"},
    {"zstd, 128 MiB", BYTES("\x28\xb5\x2f\xfd\x00\x88" NOTHING), archive_write_add_filter_zstd,
     "zstd:compression-level=19"},
    {"zstd, 2 TiB", BYTES("\x28\xb5\x2f\xfd\x00\xf8" NOTHING), archive_write_add_filter_zstd,
     "zstd:compression-level=19"},
};

TEST(memory, is_not_given_to_a_window_that_is_too_large)
{
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        refused(asks[i].name, asks[i].head, "window_too_large: ");
    }
}

TEST(memory, is_not_given_to_one_in_a_later_stream)
{
    CLEANUP(buf) struct buf tar = {0};

    tar_make(&tar);
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        CLEANUP(buf) struct buf packed = {0};

        if (strncmp(asks[i].name, "lzma", 4) == 0) {
            continue; /* has one stream only */
        }
        wrap(&packed, (struct bytes){tar.data, 600}, asks[i].filter, NULL);
        buf_put(&packed, asks[i].head);
        refused(asks[i].name, buf_bytes(&packed), "window_too_large: ");
    }
}

TEST(memory, is_given_to_what_the_usual_programs_write_at_their_strongest)
{
    CLEANUP(buf) struct buf tar = {0};

    tar_make(&tar);
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        CLEANUP(buf) struct buf packed = {0};
        struct err              err = {0};

        wrap(&packed, buf_bytes(&tar), asks[i].filter, asks[i].fits);
        CHECK_WORKS(unpack(buf_bytes(&packed), &err));
    }
}

TEST(memory, is_not_given_to_the_methods_of_zip_that_have_windows)
{
    /* A local header each: method 14 is LZMA, 93 zstd, 95 xz, 98 PPMd, 12 bzip2. */
    static const uint8_t methods[] = {12, 14, 93, 95, 98};

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        CLEANUP(buf) struct buf zip = {0};
        uint8_t                 head[30] = "PK\x03\x04\x14";

        head[8] = methods[i];
        head[18] = head[22] = 100; /* packed and unpacked */
        head[26] = 1;              /* of its name */
        buf_put(&zip, (struct bytes){head, sizeof(head)});
        buf_put_byte(&zip, 'a');
        for (int k = 0; k < 200; k++) {
            buf_put_byte(&zip, (uint8_t)k);
        }
        refused("a zip", buf_bytes(&zip), "zip_method: ");
    }
}

/* `count` mebibytes of one letter after a beginning, in gzip. */
static void long_make(struct buf *packed, const char *start, int count)
{
    CLEANUP(buf) struct buf plain = {0};

    buf_put_text(&plain, start);
    buf_reserve(&plain, (size_t)count << 20);
    memset(plain.data + plain.size, 'a', (size_t)count << 20);
    plain.size += (size_t)count << 20;
    wrap(packed, buf_bytes(&plain), archive_write_add_filter_gzip, NULL);
}

TEST(memory, is_not_given_to_a_name_of_half_a_gigabyte)
{
    CLEANUP(buf) struct buf packed = {0};

    long_make(&packed,
              "070701" /* then 13 numbers of 8 digits: the mode, the links, the name's size */
              "00000001"
              "000081a4"
              "00000000"
              "00000000"
              "00000001"
              "00000000"
              "00000000"
              "00000000"
              "00000000"
              "00000000"
              "00000000"
              "20000000"
              "00000000",
              16);
    refused("a cpio", buf_bytes(&packed), "header_too_large: ");
}

TEST(memory, and_time_end_where_a_zip_goes_on_with_garbage)
{
    CLEANUP(buf) struct buf packed = {0};
    CLEANUP(buf) struct buf zip = {0};
    uint8_t                 head[30] = "PK\x03\x04\x14";

    head[26] = 1;
    buf_put(&zip, (struct bytes){head, sizeof(head)});
    buf_put_byte(&zip, 'a');
    buf_reserve(&zip, 8 << 20);
    memset(zip.data + zip.size, 'a', 8 << 20);
    zip.size += 8 << 20;
    wrap(&packed, buf_bytes(&zip), archive_write_add_filter_gzip, NULL);
    refused("a zip", buf_bytes(&packed), "too_many_bytes: the archive without its compression");
}

TEST(memory, and_time_end_in_a_tar_of_nothing_but_headers)
{
    for (const char *type = "gxLK"; *type != '\0'; type++) {
        CLEANUP(buf) struct buf tar = {0};
        CLEANUP(buf) struct buf packed = {0};

        for (int i = 0; i < 20000; i++) {
            tar_put(&tar, &(struct tar_entry){
                              .name = "a", .type = *type, .data = "20 comment=abcdefgh\n"});
        }
        tar_end(&tar);
        wrap(&packed, buf_bytes(&tar), archive_write_add_filter_gzip, NULL);
        refused("headers", buf_bytes(&packed), "");
    }
}
