// SPDX-License-Identifier: MIT
/* Every form and compression libarchive writes: taken or refused by name, whole, cut and as a bomb.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "lib/test.h"
#include "pack/pack.h"
#include "pack/plain.h"

static const struct pack_limits wide = {.bytes = 64 << 20, .entries = 1000, .ratio = 200};

enum { BOMB_BYTES = 32 << 20 };

struct form {
    const char *name;
    int (*format)(struct archive *archive);
    int (*filter)(struct archive *archive);
    bool bombs; /* 32 MiB of zeros pack to less than a two-hundredth */
};

static const struct form taken[] = {
    {"tar", archive_write_set_format_ustar, archive_write_add_filter_none, false},
    {"old tar", archive_write_set_format_v7tar, archive_write_add_filter_none, false},
    {"GNU tar", archive_write_set_format_gnutar, archive_write_add_filter_none, false},
    {"pax", archive_write_set_format_pax, archive_write_add_filter_none, false},
    {"cpio", archive_write_set_format_cpio, archive_write_add_filter_none, false},
    {"new cpio", archive_write_set_format_cpio_newc, archive_write_add_filter_none, false},
    {"zip", archive_write_set_format_zip, archive_write_add_filter_none, true},
    {"tar.gz", archive_write_set_format_pax, archive_write_add_filter_gzip, true},
    {"tar.bz2", archive_write_set_format_pax, archive_write_add_filter_bzip2, true},
    {"tar.xz", archive_write_set_format_pax, archive_write_add_filter_xz, true},
    {"tar.lzma", archive_write_set_format_pax, archive_write_add_filter_lzma, true},
    {"tar.lz", archive_write_set_format_pax, archive_write_add_filter_lzip, true},
    {"tar.zst", archive_write_set_format_pax, archive_write_add_filter_zstd, true},
    {"tar.lz4", archive_write_set_format_pax, archive_write_add_filter_lz4, true},
    {"tar.Z", archive_write_set_format_pax, archive_write_add_filter_compress, true},
};

/* Forms that stay off, and what they are called then. */
static const struct form refused[] = {
    {"7zip", archive_write_set_format_7zip, archive_write_add_filter_none, false},
    {"ar", archive_write_set_format_ar_bsd, archive_write_add_filter_none, false},
    {"mtree", archive_write_set_format_mtree, archive_write_add_filter_none, false},
    {"shell archive", archive_write_set_format_shar, archive_write_add_filter_none, false},
    {"WARC", archive_write_set_format_warc, archive_write_add_filter_none, false},
    {"xar", archive_write_set_format_xar, archive_write_add_filter_none, false},
    {"uuencoded", archive_write_set_format_pax, archive_write_add_filter_uuencode, false},
    {"base64", archive_write_set_format_pax, archive_write_add_filter_b64encode, false},
};

static la_ssize_t sink_write(struct archive *archive, void *self, const void *data, size_t size)
{
    (void)archive;
    buf_put(self, (struct bytes){data, size});
    return (la_ssize_t)size;
}

/* One file, or several, in an archive. */
struct packing {
    struct archive *archive;
    struct buf      bytes;
};

static void packing_start(struct packing *packing, const struct form *form, const char *options)
{
    struct archive *archive = archive_write_new();

    CHECK(archive != NULL);
    (void)archive_write_set_bytes_in_last_block(archive, 1); /* nothing behind its end */
    packing->archive = archive;
    packing->bytes = (struct buf){0};
    if (form->filter(archive) != ARCHIVE_OK || form->format(archive) != ARCHIVE_OK) {
        test_failed(__FILE__, __LINE__, "%s cannot be made: %s", form->name,
                    archive_error_string(archive));
    }
    if (options != NULL) {
        CHECK(archive_write_set_options(archive, options) == ARCHIVE_OK);
        CHECK(archive_write_set_passphrase(archive, "secret") == ARCHIVE_OK);
    }
    CHECK(archive_write_open(archive, &packing->bytes, NULL, sink_write, NULL) == ARCHIVE_OK);
}

/* `size` bytes of zeros, or of what no compression makes smaller. */
static void packing_put(struct packing *packing, const char *name, int64_t size, bool zeros)
{
    static char           block[64 * 1024];
    struct archive_entry *entry = archive_entry_new();
    unsigned              noise = 1;

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, size);
    CHECK(archive_write_header(packing->archive, entry) == ARCHIVE_OK);
    memset(block, 0, sizeof(block));
    for (int64_t left = size; left > 0; left -= (int64_t)sizeof(block)) {
        size_t give = left < (int64_t)sizeof(block) ? (size_t)left : sizeof(block);

        for (size_t i = 0; !zeros && i < give; i++) {
            noise = noise * 1103515245 + 12345;
            block[i] = (char)(noise >> 16);
        }
        CHECK(archive_write_data(packing->archive, block, give) == (la_ssize_t)give);
    }
    archive_entry_free(entry);
}

static void packing_add(struct packing *packing, const char *name, int64_t zeros)
{
    packing_put(packing, name, zeros, true);
}

static struct bytes packing_end(struct packing *packing)
{
    CHECK(archive_write_close(packing->archive) == ARCHIVE_OK);
    (void)archive_write_free(packing->archive);
    return buf_bytes(&packing->bytes);
}

static ssize_t bytes_read(void *from, void *room, size_t size, struct err *err)
{
    struct bytes *left = from;
    size_t        give = left->size < size ? left->size : size;

    (void)err;
    give = give < 4096 ? give : 4096;
    memcpy(room, left->data, give);
    left->data += give;
    left->size -= give;
    return (ssize_t)give;
}

/* Unpacks into a directory of its own, which is removed; 1 when `there` is in it then. */
static int unpack_here(struct bytes bytes, const char *there, struct err *err)
{
    char              dir[] = "/tmp/prt-forms-XXXXXX";
    char              path[512];
    struct pack_stats stats;
    struct stat       info;
    struct err        second = {0};
    int               worked;

    CHECK(mkdtemp(dir) != NULL);
    worked = pack_unpack(dir, (struct pack_source){bytes_read, &bytes}, &wide, &stats, err);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, there);
    worked = worked == 0 && lstat(path, &info) == 0 ? 1 : worked;
    CHECK(dir_remove(dir, &second) == 0);
    return worked;
}

static void expect_refused(const char *what, struct bytes bytes, const char *reason)
{
    struct err err = {0};

    if (unpack_here(bytes, "a", &err) >= 0) {
        test_failed(__FILE__, __LINE__, "%s was taken, and should be refused: %s", what, reason);
    } else if (err.code != ERR_ARCHIVE_REFUSED || strncmp(err.story, reason, strlen(reason)) != 0) {
        test_failed(__FILE__, __LINE__, "%s: the story is \"%s\", and should start with %s", what,
                    err.story, reason);
    }
}

TEST(forms, are_taken_in_every_compression_the_header_names)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        struct packing packing;
        struct err     err = {0};

        packing_start(&packing, &taken[i], NULL);
        packing_add(&packing, "a", 100000);
        if (unpack_here(packing_end(&packing), "a", &err) != 1) {
            test_failed(__FILE__, __LINE__, "%s was not taken: %s", taken[i].name, err.story);
        }
        buf_done(&packing.bytes);
    }
}

TEST(forms, that_stay_off_are_refused_as_no_archive)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct packing packing;

        packing_start(&packing, &refused[i], NULL);
        packing_add(&packing, "a", 1000);
        expect_refused(refused[i].name, packing_end(&packing), "not_an_archive");
        buf_done(&packing.bytes);
    }
}

TEST(forms, are_refused_when_cut_short)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        struct packing packing;
        struct bytes   whole;

        packing_start(&packing, &taken[i], NULL);
        packing_put(&packing, "a", 1000000, false);
        whole = packing_end(&packing);
        whole.size /= 2;
        expect_refused(taken[i].name, whole, "truncated_or_damaged");
        buf_done(&packing.bytes);
    }
}

/* At every length: also where no byte of an entry is missing. */
TEST(forms, are_refused_wherever_a_compression_is_cut)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        struct packing packing;
        struct bytes   whole;

        if (taken[i].filter == archive_write_add_filter_none ||
            taken[i].filter == archive_write_add_filter_compress) { /* they do not tell their end */
            continue;
        }
        packing_start(&packing, &taken[i], NULL);
        packing_put(&packing, "a", 100, false);
        whole = packing_end(&packing);
        for (size_t size = 16; size < whole.size; size++) {
            CLEANUP(plain) struct plain *plain = NULL;
            struct bytes                 cut = {whole.data, size};
            struct bytes                 got = {0};
            struct err                   err = {0};
            int                          read;

            plain = plain_new((struct pack_source){bytes_read, &cut});
            do {
                read = plain_read(plain, &got, &err);
            } while (read == 0 && got.size > 0);
            if (read == 0) {
                test_failed(__FILE__, __LINE__, "%s of %zu bytes was taken when cut to %zu",
                            taken[i].name, whole.size, size);
                break;
            }
        }
        buf_done(&packing.bytes);
    }
}

TEST(forms, are_stopped_as_bombs_in_every_compression)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        struct packing packing;

        if (!taken[i].bombs) {
            continue;
        }
        packing_start(&packing, &taken[i], NULL);
        packing_add(&packing, "a", BOMB_BYTES);
        expect_refused(taken[i].name, packing_end(&packing), "ratio: ");
        buf_done(&packing.bytes);
    }
}

/* These bytes in one compression. */
static struct packing wrap(struct bytes bytes, int (*filter)(struct archive *archive))
{
    const struct form     bare = {"raw", archive_write_set_format_raw, filter, false};
    struct packing        packing;
    struct archive_entry *entry = archive_entry_new();

    packing_start(&packing, &bare, NULL);
    archive_entry_set_pathname(entry, "a");
    archive_entry_set_filetype(entry, AE_IFREG);
    CHECK(archive_write_header(packing.archive, entry) == ARCHIVE_OK);
    CHECK(archive_write_data(packing.archive, bytes.data, bytes.size) == (la_ssize_t)bytes.size);
    archive_entry_free(entry);
    (void)packing_end(&packing);
    return packing;
}

TEST(forms, are_taken_out_of_one_compression_and_no_more)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        struct packing inner;
        struct packing outer;

        if (taken[i].filter == archive_write_add_filter_none) {
            continue;
        }
        packing_start(&inner, &taken[i], NULL);
        packing_add(&inner, "a", 10);
        outer = wrap(packing_end(&inner), taken[i].filter);
        expect_refused(taken[i].name, buf_bytes(&outer.bytes), "not_an_archive");
        buf_done(&inner.bytes);
        buf_done(&outer.bytes);
    }
}

TEST(forms, that_ask_for_a_passphrase_are_refused)
{
    struct packing packing;

    packing_start(&packing, &taken[6], "zip:encryption=traditional");
    packing_add(&packing, "a", 1000);
    expect_refused("an encrypted zip", packing_end(&packing), "encrypted");
    buf_done(&packing.bytes);
}

TEST(forms, refuse_names_that_leave_the_directory_in_all_of_them)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        struct packing packing;

        packing_start(&packing, &taken[i], NULL);
        packing_add(&packing, "../a", 10);
        expect_refused(taken[i].name, packing_end(&packing), "parent_path");
        buf_done(&packing.bytes);

        packing_start(&packing, &taken[i], NULL);
        packing_add(&packing, "/tmp/a", 10);
        expect_refused(taken[i].name, packing_end(&packing), "absolute_path");
        buf_done(&packing.bytes);

        packing_start(&packing, &taken[i], NULL);
        packing_add(&packing, "b", 10);
        packing_add(&packing, "./b", 10);
        expect_refused(taken[i].name, packing_end(&packing), "duplicate_name");
        buf_done(&packing.bytes);
    }
}

/* A file of `size` bytes of which three are there. */
static void sparse_put(struct packing *packing, int64_t size)
{
    struct archive_entry *entry = archive_entry_new();

    packing_start(packing, &taken[3], NULL);
    archive_entry_set_pathname(entry, "a");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, size);
    archive_entry_sparse_add_entry(entry, 0, 3);
    CHECK(archive_write_header(packing->archive, entry) == ARCHIVE_OK);
    CHECK(archive_write_data(packing->archive, "abc", 3) == 3);
    archive_entry_free(entry);
}

TEST(forms, count_the_holes_of_sparse_files)
{
    struct packing packing;
    struct err     err = {0};

    sparse_put(&packing, 500000);
    CHECK(unpack_here(packing_end(&packing), "a", &err) == 1);
    buf_done(&packing.bytes);
    sparse_put(&packing, (int64_t)1 << 40);
    expect_refused("a hole of a tebibyte", packing_end(&packing), "too_many_bytes");
    buf_done(&packing.bytes);
    sparse_put(&packing, 32 << 20);
    expect_refused("a hole that nothing was sent for", packing_end(&packing), "ratio: ");
    buf_done(&packing.bytes);
}

TEST(forms, take_or_refuse_odd_names_and_write_none_outside)
{
    char        part[300];
    char        deep[5000];
    const char *odd[] = {"a\nb",     "a\\..\\b",  "a\tb", "-rf", " ",
                         "\xff\xfe", "a\x1b[31m", "con",  "..."};

    memset(part, 'x', sizeof(part) - 1);
    part[sizeof(part) - 1] = '\0';
    for (size_t i = 0; i + 2 < sizeof(deep); i += 2) {
        memcpy(deep + i, "d/", 2);
    }
    memcpy(deep + sizeof(deep) - 2, "d", 2);
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        struct packing packing;
        struct err     err = {0};

        packing_start(&packing, &taken[2], NULL);
        packing_add(&packing, odd[i], 10);
        if (unpack_here(packing_end(&packing), odd[i], &err) != 1) {
            test_failed(__FILE__, __LINE__, "\"%s\" was not taken: %s", odd[i], err.story);
        }
        buf_done(&packing.bytes);
    }
    for (size_t i = 0; i < 2; i++) {
        struct packing packing;

        packing_start(&packing, &taken[3], NULL);
        packing_add(&packing, i == 0 ? part : deep, 10);
        expect_refused("a long name", packing_end(&packing), "odd_name");
        buf_done(&packing.bytes);
    }
}
