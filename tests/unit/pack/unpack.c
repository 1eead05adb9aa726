// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "pack/pack.h"
#include "tar.h"

static const struct pack_limits wide = {.bytes = 64 << 20, .entries = 1000, .ratio = 200};

struct cursor {
    struct bytes left;
    size_t       step;
};

static ssize_t cursor_read(void *from, void *room, size_t size, struct err *err)
{
    struct cursor *cursor = from;
    size_t         give = cursor->left.size < size ? cursor->left.size : size;

    (void)err;
    if (cursor->step > 0 && give > cursor->step) {
        give = cursor->step;
    }
    memcpy(room, cursor->left.data, give);
    cursor->left.data += give;
    cursor->left.size -= give;
    return (ssize_t)give;
}

static ssize_t broken_read(void *from, void *room, size_t size, struct err *err)
{
    (void)from;
    (void)room;
    (void)size;
    return err_set(err, ERR_BLOB_DOWN, "the store went away");
}

/* An empty directory, gone at the end of the scope. */
static const char *place_new(void)
{
    static char path[64];

    (void)snprintf(path, sizeof(path), "/tmp/prt-pack-XXXXXX");
    return mkdtemp(path);
}

static void place_free(const char *path)
{
    struct err err = {0};

    CHECK_WORKS(dir_remove(path, &err));
}
DEFINE_CLEANUP(place, const char *, place_free)

static int unpack_bytes(const char *dir, struct bytes bytes, const struct pack_limits *limits,
                        struct err *err)
{
    struct cursor     cursor = {.left = bytes, .step = 777};
    struct pack_stats stats;

    return pack_unpack(dir, (struct pack_source){cursor_read, &cursor}, limits, &stats, err);
}

static int unpack_entries(const char *dir, const struct tar_entry *entries, size_t count,
                          struct err *err)
{
    CLEANUP(buf) struct buf tar = {0};

    for (size_t i = 0; i < count; i++) {
        tar_put(&tar, &entries[i]);
    }
    tar_end(&tar);
    return unpack_bytes(dir, buf_bytes(&tar), &wide, err);
}

static bool is_there(const char *dir, const char *name)
{
    char        path[512];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return lstat(path, &info) == 0;
}

static unsigned mode_of(const char *dir, const char *name)
{
    char        path[512];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return lstat(path, &info) == 0 ? (unsigned)(info.st_mode & 07777) : 0;
}

static void refused(const char *reason, const struct tar_entry *entries, size_t count)
{
    CLEANUP(place) const char *dir = place_new();
    struct err                 err = {0};

    CHECK_FAILS(unpack_entries(dir, entries, count, &err), ERR_ARCHIVE_REFUSED);
    if (strncmp(err.story, reason, strlen(reason)) != 0) {
        test_failed(__FILE__, __LINE__, "the story is \"%s\", and should start with %s", err.story,
                    reason);
    }
}
#define REFUSED(reason, ...)                                                                       \
    do {                                                                                           \
        const struct tar_entry entries_[] = {__VA_ARGS__};                                         \
        refused(reason, entries_, COUNT_OF(entries_));                                             \
    } while (0)

TEST(unpack, makes_files_directories_and_links_that_stay_inside)
{
    CLEANUP(place) const char   *dir = place_new();
    struct err                   err = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes                 bytes;
    char                         path[512];
    const struct tar_entry       entries[] = {
              {.name = "./", .type = '5'},
              {.name = "./pkg/", .type = '5', .mode = 0700},
              {.name = "./pkg/a.py", .type = '0', .mode = 0600, .data = "one\n"},
              {.name = "pkg/deep/run", .type = '0', .mode = 0755, .data = "two\n"},
              {.name = "pkg/again.py", .type = '1', .target = "./pkg/a.py"},
              {.name = "pkg/deep/up", .type = '2', .target = "../a.py"},
              {.name = "pkg/", .type = '5'},
    };

    CHECK_WORKS(unpack_entries(dir, entries, COUNT_OF(entries), &err));
    CHECK_NUMBER(mode_of(dir, "pkg"), 0755);
    CHECK_NUMBER(mode_of(dir, "pkg/a.py"), 0644);
    CHECK_NUMBER(mode_of(dir, "pkg/deep/run"), 0755);
    (void)snprintf(path, sizeof(path), "%s/pkg/deep/up", dir);
    CHECK_WORKS(file_read(arena, path, 100, &bytes, &err));
    CHECK(bytes_is(bytes, "one\n"));
    (void)snprintf(path, sizeof(path), "%s/pkg/again.py", dir);
    CHECK_WORKS(file_read(arena, path, 100, &bytes, &err));
    CHECK(bytes_is(bytes, "one\n"));
}

TEST(unpack, leaves_git_history_out_at_any_depth)
{
    CLEANUP(place) const char *dir = place_new();
    struct err                 err = {0};
    const struct tar_entry     entries[] = {
            {.name = ".git/config", .type = '0', .data = "x"},
            {.name = "sub/.git", .type = '0', .data = "gitdir: elsewhere"},
            {.name = "sub/.gitignore", .type = '0', .data = "x"},
            {.name = "sub/head", .type = '2', .target = ".git/HEAD"},
    };

    CHECK_WORKS(unpack_entries(dir, entries, COUNT_OF(entries), &err));
    CHECK(!is_there(dir, ".git"));
    CHECK(!is_there(dir, "sub/.git"));
    CHECK(!is_there(dir, "sub/head"));
    CHECK(is_there(dir, "sub/.gitignore"));
}

TEST(unpack, refuses_names_that_leave_the_directory)
{
    REFUSED("absolute_path: /etc/passwd", {.name = "/etc/passwd", .type = '0', .data = "x"});
    REFUSED("parent_path", {.name = "../up", .type = '0', .data = "x"});
    REFUSED("parent_path", {.name = "a/../../up", .type = '0', .data = "x"});
    REFUSED("parent_path", {.name = "a/..", .type = '5'});
}

TEST(unpack, refuses_links_that_leave_the_directory)
{
    REFUSED("link_outside", {.name = "l", .type = '2', .target = "/etc"});
    REFUSED("link_outside", {.name = "l", .type = '2', .target = ".."});
    REFUSED("link_outside", {.name = "a/l", .type = '2', .target = "../../etc"});
    REFUSED("link_outside", {.name = "a/l", .type = '2', .target = "gone/../../../etc"});
    REFUSED("link_outside", {.name = "l", .type = '2', .target = "l"});
}

TEST(unpack, follows_links_through_links_before_it_believes_them)
{
    /* By its words a/b/out stays inside; a/b is really the root, so it leaves. */
    REFUSED("link_outside", {.name = "a/b", .type = '2', .target = ".."},
            {.name = "out", .type = '2', .target = "a/b/../etc"});
}

TEST(unpack, never_writes_through_a_link)
{
    REFUSED("duplicate_name", {.name = "d", .type = '2', .target = "e"},
            {.name = "d/f", .type = '0', .data = "x"});
    REFUSED("duplicate_name", {.name = "f", .type = '2', .target = "g"},
            {.name = "f", .type = '0', .data = "x"});
    REFUSED("duplicate_name", {.name = "f", .type = '0', .data = "x"},
            {.name = "f/g", .type = '0', .data = "x"});
}

TEST(unpack, refuses_hard_links_to_what_it_did_not_unpack)
{
    REFUSED("hardlink_outside", {.name = "h", .type = '1', .target = "/etc/passwd"});
    REFUSED("hardlink_outside", {.name = "h", .type = '1', .target = "../x"});
    REFUSED("hardlink_missing", {.name = "h", .type = '1', .target = "later"},
            {.name = "later", .type = '0', .data = "x"});
    REFUSED("hardlink_missing", {.name = "d", .type = '5'},
            {.name = "h", .type = '1', .target = "d"});
}

TEST(unpack, refuses_devices_fifos_and_setuid_files)
{
    REFUSED("device", {.name = "null", .type = '3'});
    REFUSED("device", {.name = "disk", .type = '4'});
    REFUSED("device", {.name = "pipe", .type = '6'});
    REFUSED("setuid", {.name = "su", .type = '0', .mode = 04755, .data = "x"});
    REFUSED("setuid", {.name = "sg", .type = '0', .mode = 02755, .data = "x"});
}

TEST(unpack, refuses_the_same_file_twice)
{
    REFUSED("duplicate_name", {.name = "a", .type = '0', .data = "1"},
            {.name = "./a", .type = '0', .data = "2"});
}

TEST(unpack, refuses_what_is_no_archive)
{
    CLEANUP(place) const char *dir = place_new();
    struct err                 err = {0};

    CHECK_FAILS(unpack_bytes(dir, BYTES("this is a letter, not an archive"), &wide, &err),
                ERR_ARCHIVE_REFUSED);
    CHECK(strncmp(err.story, "not_an_archive", 14) == 0);
    CHECK_FAILS(unpack_bytes(dir, BYTES(""), &wide, &err), ERR_ARCHIVE_REFUSED);
    CHECK(strncmp(err.story, "not_an_archive", 14) == 0);
}

TEST(unpack, refuses_a_truncated_archive)
{
    CLEANUP(place) const char *dir = place_new();
    CLEANUP(buf) struct buf    tar = {0};
    struct err                 err = {0};

    tar_put(&tar, &(struct tar_entry){.name = "a", .type = '0', .data = "some bytes"});
    CHECK_FAILS(unpack_bytes(dir, (struct bytes){tar.data, 512 + 4}, &wide, &err),
                ERR_ARCHIVE_REFUSED);
    CHECK(strncmp(err.story, "truncated_or_damaged: a", 23) == 0);
}

TEST(unpack, stops_at_its_limits)
{
    CLEANUP(place) const char *dir = place_new();
    CLEANUP(buf) struct buf    tar = {0};
    struct err                 err = {0};
    struct pack_limits         few = {.bytes = 1 << 20, .entries = 2, .ratio = 200};
    struct pack_limits         small = {.bytes = 5, .entries = 10, .ratio = 200};

    tar_put(&tar, &(struct tar_entry){.name = "a", .type = '0', .data = "1234"});
    tar_put(&tar, &(struct tar_entry){.name = "b", .type = '0', .data = "1234"});
    tar_put(&tar, &(struct tar_entry){.name = "c", .type = '0', .data = "1234"});
    tar_end(&tar);
    CHECK_FAILS(unpack_bytes(dir, buf_bytes(&tar), &few, &err), ERR_ARCHIVE_REFUSED);
    CHECK_TEXT(err.story, "too_many_entries: over 2");
    CHECK_WORKS(dir_remove(dir, &err));
    CHECK(mkdir(dir, 0700) == 0);
    CHECK_FAILS(unpack_bytes(dir, buf_bytes(&tar), &small, &err), ERR_ARCHIVE_REFUSED);
    CHECK(strncmp(err.story, "too_many_bytes", 14) == 0);
    CHECK(is_there(dir, "a") && !is_there(dir, "b"));
}

/* `size` zeros in a file of a directory, packed. */
static int bomb_make(size_t size, int packed, struct err *err)
{
    CLEANUP(place) const char *dir = place_new();
    char                       path[512];
    CLEANUP(fd) int            fd = -1;

    (void)snprintf(path, sizeof(path), "%s/zeros", dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0) {
        return err_errno(err, "%s", path);
    }
    return pack_directory(dir, packed, err);
}

static ssize_t fd_source(void *from, void *room, size_t size, struct err *err)
{
    ssize_t got = read(*(int *)from, room, size);

    return got < 0 ? err_errno(err, "reading") : got;
}

TEST(unpack, stops_a_bomb_by_its_ratio)
{
    CLEANUP(fd) int   packed = -1;
    struct pack_stats stats;
    struct err        err = {0};

    CHECK((packed = fd_temporary("/tmp", &err)) >= 0);
    CHECK_WORKS(bomb_make(16 << 20, packed, &err));
    CHECK(lseek(packed, 0, SEEK_SET) == 0);
    {
        CLEANUP(place) const char *dir = place_new();

        CHECK_FAILS(pack_unpack(dir, (struct pack_source){fd_source, &packed}, &wide, &stats, &err),
                    ERR_ARCHIVE_REFUSED);
        CHECK(strncmp(err.story, "ratio: ", 7) == 0);
    }
}

TEST(unpack, tells_a_failing_source_from_a_bad_archive)
{
    CLEANUP(place) const char *dir = place_new();
    struct pack_stats          stats;
    struct err                 err = {0};

    CHECK_FAILS(pack_unpack(dir, (struct pack_source){broken_read, NULL}, &wide, &stats, &err),
                ERR_BLOB_DOWN);
}

static void file_make(const char *dir, const char *name, const char *text, mode_t mode)
{
    char       path[512];
    struct err err = {0};

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    CHECK_WORKS(file_replace(path, bytes_of(text), mode, &err));
}

static void pack_to(const char *dir, struct buf *out)
{
    CLEANUP(fd) int fd = -1;
    struct err      err = {0};
    uint8_t         some[4096];
    size_t          got;

    CHECK((fd = fd_temporary("/tmp", &err)) >= 0);
    CHECK_WORKS(pack_directory(dir, fd, &err));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    do {
        CHECK_WORKS(fd_read_all(fd, some, sizeof(some), &got, &err));
        buf_put(out, (struct bytes){some, got});
    } while (got == sizeof(some));
}

static void tree_make(const char *dir, bool backwards)
{
    static const char *const names[] = {"a.py", "b.py", "\xc3\xa4.txt", "z"};
    char                     path[512];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        file_make(dir, names[backwards ? COUNT_OF(names) - 1 - i : i], "text\n",
                  backwards ? 0640 : 0600);
    }
    (void)snprintf(path, sizeof(path), "%s/.git", dir);
    CHECK(mkdir(path, 0755) == 0);
    file_make(dir, ".git/HEAD", backwards ? "1" : "2", 0644);
    (void)snprintf(path, sizeof(path), "%s/__pycache__", dir);
    CHECK(mkdir(path, 0755) == 0);
    (void)snprintf(path, sizeof(path), "%s/link", dir);
    CHECK(symlink("a.py", path) == 0);
}

TEST(pack, gives_the_same_bytes_for_the_same_tree_and_they_unpack_again)
{
    char                    here[2][64] = {"/tmp/prt-pack-XXXXXX", "/tmp/prt-pack-XXXXXX"};
    CLEANUP(buf) struct buf one = {0};
    CLEANUP(buf) struct buf two = {0};
    struct err              err = {0};

    CHECK(mkdtemp(here[0]) != NULL && mkdtemp(here[1]) != NULL);
    tree_make(here[0], false);
    tree_make(here[1], true);
    pack_to(here[0], &one);
    pack_to(here[1], &two);
    CHECK(one.size > 0);
    CHECK(bytes_equal(buf_bytes(&one), buf_bytes(&two)));
    {
        CLEANUP(place) const char *dir = place_new();

        CHECK_WORKS(unpack_bytes(dir, buf_bytes(&one), &wide, &err));
        CHECK(is_there(dir, "\xc3\xa4.txt"));
        CHECK(is_there(dir, "link"));
        CHECK(!is_there(dir, ".git"));
        CHECK(!is_there(dir, "__pycache__"));
    }
    CHECK_WORKS(dir_remove(here[0], &err));
    CHECK_WORKS(dir_remove(here[1], &err));
}
