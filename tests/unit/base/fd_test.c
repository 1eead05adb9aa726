// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* A directory of the test's own, gone when the test ends. */
struct place {
    char path[64];
};

static struct place place_new(void)
{
    struct place place = {"/tmp/prt-unit-XXXXXX"};

    CHECK(mkdtemp(place.path) != NULL);
    return place;
}

static void place_cleanup(struct place *place)
{
    struct err err = {0};

    CHECK_WORKS(dir_remove(place->path, &err));
    CHECK(access(place->path, F_OK) < 0 && errno == ENOENT);
}

static const char *in(struct arena *arena, const struct place *place, const char *name)
{
    return arena_format(arena, "%s/%s", place->path, name);
}

static unsigned entries_of(const char *path)
{
    DIR     *dir = opendir(path);
    unsigned count = 0;

    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count - 2;
}

TEST(file, reads_the_whole_of_it_up_to_a_limit)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    const char  *path = in(arena, &place, "file");
    struct bytes bytes = BYTES("untouched");
    struct err   err = {0};

    CHECK_WORKS(file_replace(path, BYTES("five\0"), 0600, &err));
    CHECK_FAILS(file_read(arena, path, 4, &bytes, &err), ERR_TOO_LARGE);
    CHECK(bytes_is(bytes, "untouched"));
    CHECK_WORKS(file_read(arena, path, 5, &bytes, &err));
    CHECK(bytes_equal(bytes, BYTES("five\0")));
    CHECK_FAILS(file_read(arena, in(arena, &place, "none"), 5, &bytes, &err), ERR_NOT_FOUND);
    CHECK_FAILS(file_read(arena, place.path, 5, &bytes, &err), ERR_USAGE);
}

TEST(file, reads_files_that_do_not_know_their_size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes bytes = BYTES("untouched");
    struct err   err = {0};

    CHECK_WORKS(file_read(arena, "/proc/self/status", 1 << 20, &bytes, &err));
    CHECK(bytes.size > 100 && memcmp(bytes.data, "Name:", 5) == 0);
    bytes = BYTES("untouched");
    CHECK_FAILS(file_read(arena, "/proc/self/status", 10, &bytes, &err), ERR_TOO_LARGE);
    CHECK(bytes_is(bytes, "untouched"));
    CHECK_WORKS(file_read(arena, "/dev/null", 0, &bytes, &err));
    CHECK_NUMBER(bytes.size, 0);
}

TEST(file, is_replaced_whole_and_leaves_nothing_beside_it)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    const char  *path = in(arena, &place, "file");
    struct bytes bytes;
    struct stat  info;
    struct err   err = {0};

    CHECK_WORKS(file_replace(path, BYTES("the first, longer content"), 0640, &err));
    CHECK_WORKS(file_replace(path, BYTES("second"), 0600, &err));
    CHECK_WORKS(file_read(arena, path, 100, &bytes, &err));
    CHECK(bytes_is(bytes, "second"));
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    CHECK_NUMBER(entries_of(place.path), 1);
}

TEST(file, is_left_as_it_was_when_it_cannot_be_replaced)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    struct err err = {0};

    CHECK_WORKS(dir_make(in(arena, &place, "taken/by"), 0700, &err));
    CHECK_FAILS(file_replace(in(arena, &place, "taken"), BYTES("x"), 0600, &err), ERR_SYSTEM);
    CHECK_NUMBER(entries_of(place.path), 1);
    CHECK_FAILS(file_replace(in(arena, &place, "no/such/dir"), BYTES("x"), 0600, &err), ERR_SYSTEM);
}

TEST(file, takes_a_leftover_of_a_dead_process_for_nobody_elses)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    const char  *path = in(arena, &place, "file");
    struct bytes bytes;
    struct err   err = {0};

    for (unsigned turn = 0; turn < 100; turn++) { /* whichever number comes next */
        CLEANUP(fd) int fd = open(arena_format(arena, "%s.new.%d.%u", path, (int)getpid(), turn),
                                  O_WRONLY | O_CREAT, 0400);

        CHECK(fd >= 0);
    }
    CHECK_WORKS(file_replace(path, BYTES("mine"), 0600, &err));
    CHECK_WORKS(file_read(arena, path, 100, &bytes, &err));
    CHECK(bytes_is(bytes, "mine"));
}

TEST(file, refuses_a_name_that_would_be_cut)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    char      *path = arena_zero(arena, 1, 4096);
    struct err err = {0};

    memset(path, 'x', 4090);
    path[0] = '/';
    CHECK_FAILS(file_replace(path, BYTES(""), 0600, &err), ERR_USAGE);
}

static void *replace_often(void *path)
{
    struct err err = {0};

    for (int i = 0; i < 20; i++) {
        CHECK_WORKS(file_replace(path, BYTES("0123456789"), 0600, &err));
    }
    return NULL;
}

TEST(file, may_be_replaced_by_two_threads_at_once)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    char        *path = arena_format(arena, "%s/file", place.path);
    pthread_t    other;
    struct bytes bytes;
    struct err   err = {0};

    CHECK(pthread_create(&other, NULL, replace_often, path) == 0);
    (void)replace_often(path);
    CHECK(pthread_join(other, NULL) == 0);
    CHECK_WORKS(file_read(arena, path, 100, &bytes, &err));
    CHECK(bytes_is(bytes, "0123456789"));
    CHECK_NUMBER(entries_of(place.path), 1);
}

TEST(dir, is_made_with_all_its_parents)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    struct stat info;
    struct err  err = {0};

    CHECK_WORKS(dir_make(in(arena, &place, "a/b//c/"), 0750, &err));
    CHECK_WORKS(dir_make(in(arena, &place, "a/b/c"), 0750, &err));
    CHECK(stat(in(arena, &place, "a/b/c"), &info) == 0 && S_ISDIR(info.st_mode));
}

TEST(dir, is_not_taken_for_made_where_a_file_is)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    struct err err = {0};

    CHECK_WORKS(file_replace(in(arena, &place, "file"), BYTES(""), 0600, &err));
    CHECK_FAILS(dir_make(in(arena, &place, "file"), 0700, &err), ERR_SYSTEM);
    CHECK_FAILS(dir_make(in(arena, &place, "file/below"), 0700, &err), ERR_SYSTEM);
    CHECK_FAILS(dir_make("", 0700, &err), ERR_USAGE);
}

TEST(dir_remove, takes_missing_for_removed)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    struct err err = {0};

    CHECK_WORKS(dir_remove(in(arena, &place, "none"), &err));
}

TEST(dir_remove, follows_no_link)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    const char *precious = in(arena, &place, "outside/precious");
    struct err  err = {0};

    CHECK_WORKS(dir_make(in(arena, &place, "outside"), 0700, &err));
    CHECK_WORKS(dir_make(in(arena, &place, "tree/below"), 0700, &err));
    CHECK_WORKS(file_replace(precious, BYTES("x"), 0600, &err));
    CHECK(symlink("../outside", in(arena, &place, "tree/link")) == 0);
    CHECK(symlink("../../outside", in(arena, &place, "tree/below/link")) == 0);
    CHECK(symlink("outside", in(arena, &place, "link")) == 0);
    CHECK_WORKS(dir_remove(in(arena, &place, "tree"), &err));
    CHECK_WORKS(dir_remove(in(arena, &place, "link"), &err));
    CHECK(access(precious, F_OK) == 0);
    CHECK_NUMBER(entries_of(place.path), 1);
}

TEST(dir_remove, removes_what_was_left_without_permissions)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    struct err err = {0};

    CHECK_WORKS(dir_make(in(arena, &place, "a/b/c/d"), 0700, &err));
    CHECK_WORKS(file_replace(in(arena, &place, "a/b/c/file"), BYTES(""), 0000, &err));
    CHECK(chmod(in(arena, &place, "a/b/c"), 0000) == 0);
    CHECK(chmod(in(arena, &place, "a/b"), 0000) == 0);
    CHECK(chmod(in(arena, &place, "a"), 0000) == 0);
    CHECK_WORKS(dir_remove(in(arena, &place, "a"), &err));
    CHECK_NUMBER(entries_of(place.path), 0);
}

/* Deeper than a path may be long, which is how a test would try to leave something behind. */
TEST(dir_remove, stands_any_depth)
{
    CLEANUP(place) struct place place = place_new();
    CLEANUP(fd) int fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int depth = 0; depth < 3000; depth++) {
        int below;

        CHECK(mkdirat(fd, "deeper", 0700) == 0);
        CHECK(mkdirat(fd, ".removing0", 0700) == 0); /* a name it uses itself */
        fd_close(openat(fd, ".removing1", O_WRONLY | O_CREAT, 0600));
        below = openat(fd, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(below >= 0);
        fd_close(fd);
        fd = below;
    }
}

TEST(dir_remove, removes_wide_trees)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(place) struct place place = place_new();
    struct err err = {0};

    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 3; k++) {
            CHECK_WORKS(
                dir_make(arena_format(arena, "%s/t/%d/%d/x", place.path, i, k), 0700, &err));
        }
    }
    CHECK_WORKS(dir_remove(in(arena, &place, "t"), &err));
    CHECK_NUMBER(entries_of(place.path), 0);
}

TEST(fd, makes_temporary_files_that_have_no_name)
{
    CLEANUP(place) struct place place = place_new();
    struct err      err = {0};
    CLEANUP(fd) int fd = fd_temporary(place.path, &err);
    char            back[4];
    size_t          got;

    CHECK(fd >= 0);
    CHECK_NUMBER(entries_of(place.path), 0);
    CHECK_WORKS(fd_write_all(fd, BYTES("abc"), &err));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_WORKS(fd_read_all(fd, back, sizeof(back), &got, &err));
    CHECK_NUMBER(got, 3);
    CHECK_FAILS(fd_temporary("/no/such/dir", &err), ERR_SYSTEM);
}

TEST(fd, tells_a_full_disk)
{
    CLEANUP(fd) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct err err = {0};

    CHECK_FAILS(fd_write_all(fd, BYTES("x"), &err), ERR_DISK_FULL);
}
