// SPDX-License-Identifier: MIT
/* What is the directory's own. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "world.h"

static const char *path_of(struct world *world, const char *rest)
{
    return arena_format(world->arena, "%s/%s-traces%s", blob_dir(), world->prefix, rest);
}

TEST(directory, follows_no_link_in_or_at_the_end_of_a_key)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    struct err                  err = {0};
    struct bytes                got;
    const char                 *outside;
    struct stat                 info;

    outside = arena_format(world.arena, "%s/outside-%s", blob_dir(), world.prefix);
    CHECK(mkdir(outside, 0700) == 0);
    CHECK_WORKS(
        file_replace(arena_format(world.arena, "%s/secret", outside), BYTES("s"), 0600, &err));
    CHECK(symlink(outside, path_of(&world, "/link")) == 0);
    CHECK(symlink(arena_format(world.arena, "%s/secret", outside), path_of(&world, "/leaf")) == 0);

    CHECK(blob_get(world.store, world.arena, BUCKET_TRACES, "link/secret", 9, &got, &err) < 0);
    CHECK(blob_get(world.store, world.arena, BUCKET_TRACES, "leaf", 9, &got, &err) < 0);
    CHECK_FAILS(blob_put(world.store, BUCKET_TRACES, "link/new", BYTES("x"), NULL, &err),
                ERR_BLOB_REFUSED);
    CHECK_WORKS(blob_delete(world.store, BUCKET_TRACES, "link/secret", &err));
    CHECK(stat(arena_format(world.arena, "%s/new", outside), &info) < 0);
    CHECK(stat(arena_format(world.arena, "%s/secret", outside), &info) == 0);

    /* Putting over a link replaces the link and not what it points to. */
    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "leaf", BYTES("own"), NULL, &err));
    CHECK_WORKS(blob_get(world.store, world.arena, BUCKET_TRACES, "leaf", 9, &got, &err));
    CHECK(bytes_is(got, "own"));
    CHECK(stat(arena_format(world.arena, "%s/secret", outside), &info) == 0 && info.st_size == 1);
}

TEST(directory, is_not_held_by_a_pipe_in_the_place_of_an_object)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    struct err                  err = {0};
    int64_t                     size;

    CHECK(mkfifo(path_of(&world, "/pipe"), 0600) == 0);
    CHECK_FAILS(blob_size(world.store, BUCKET_TRACES, "pipe", &size, &err), ERR_BLOB_REFUSED);
}

TEST(directory, says_that_a_key_begins_with_another)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    struct err                  err = {0};

    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "a", BYTES("x"), NULL, &err));
    CHECK_FAILS(blob_put(world.store, BUCKET_TRACES, "a/b", BYTES("x"), NULL, &err),
                ERR_BLOB_REFUSED);
    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "c/d", BYTES("x"), NULL, &err));
    CHECK_FAILS(blob_put(world.store, BUCKET_TRACES, "c", BYTES("x"), NULL, &err),
                ERR_BLOB_REFUSED);
}

TEST(directory, keeps_no_empty_directories)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    struct err                  err = {0};
    struct stat                 info;

    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "a/b/c", BYTES("x"), NULL, &err));
    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "a/d", BYTES("x"), NULL, &err));
    CHECK_WORKS(blob_delete(world.store, BUCKET_TRACES, "a/b/c", &err));
    CHECK(stat(path_of(&world, "/a/b"), &info) < 0);
    CHECK(stat(path_of(&world, "/a"), &info) == 0);
}

/* The directory of the last object is kept open: it must not be written to once it is another. */
TEST(directory, is_found_anew_when_the_last_one_was_removed_moved_or_replaced)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    struct err                  err = {0};
    struct bytes                got;
    struct stat                 info;
    const char                 *outside;

    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "a/b/1", BYTES("1"), NULL, &err));
    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "a/b/2", BYTES("2"), NULL, &err));
    CHECK_WORKS(dir_remove(path_of(&world, "/a"), &err));
    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "a/b/3", BYTES("3"), NULL, &err));
    CHECK_WORKS(blob_get(world.store, world.arena, BUCKET_TRACES, "a/b/3", 9, &got, &err));
    CHECK(bytes_is(got, "3"));

    CHECK(rename(path_of(&world, "/a"), path_of(&world, "/moved")) == 0);
    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "a/b/4", BYTES("4"), NULL, &err));
    CHECK_WORKS(blob_get(world.store, world.arena, BUCKET_TRACES, "a/b/4", 9, &got, &err));
    CHECK(bytes_is(got, "4"));
    CHECK(stat(path_of(&world, "/moved/b/4"), &info) < 0);

    outside = arena_format(world.arena, "%s/away-%s", blob_dir(), world.prefix);
    CHECK(mkdir(outside, 0700) == 0);
    CHECK_WORKS(dir_remove(path_of(&world, "/a/b"), &err));
    CHECK(symlink(outside, path_of(&world, "/a/b")) == 0);
    CHECK_FAILS(blob_put(world.store, BUCKET_TRACES, "a/b/5", BYTES("5"), NULL, &err),
                ERR_BLOB_REFUSED);
    CHECK(stat(arena_format(world.arena, "%s/5", outside), &info) < 0);
}

/* Same path in two buckets, and paths that begin with one another, are not mixed up. */
TEST(directory, of_each_object_is_its_own)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    struct err                  err = {0};
    static const char *const    keys[] = {"d/x", "d/e/x", "d/x2", "x", "de/x", "d/e/x2"};
    struct bytes                got;

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, keys[i], bytes_of(keys[i]), NULL, &err));
        CHECK_WORKS(blob_put(world.store, BUCKET_CHUNKS, keys[i], BYTES("other"), NULL, &err));
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        CHECK_WORKS(blob_get(world.store, world.arena, BUCKET_TRACES, keys[i], 9, &got, &err));
        CHECK(bytes_is(got, keys[i]));
        CHECK_WORKS(blob_get(world.store, world.arena, BUCKET_CHUNKS, keys[i], 9, &got, &err));
        CHECK(bytes_is(got, "other"));
    }
}

TEST(directory, clears_away_what_a_killed_process_left_long_ago)
{
    CLEANUP(world) struct world              world = world_new(FILE_BACKEND);
    CLEANUP(blob_store) struct blob_store   *again = NULL;
    CLEANUP(blob_writer) struct blob_writer *writing = NULL;
    struct blob_settings                     settings = settings_of(FILE_BACKEND);
    struct err                               err = {0};
    struct stat                              info;
    struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    CHECK_WORKS(file_replace(path_of(&world, "/~new/left"), BYTES("x"), 0600, &err));
    CHECK(utimensat(AT_FDCWD, path_of(&world, "/~new/left"), old, 0) == 0);
    CHECK_WORKS(blob_writer_open(&writing, world.store, BUCKET_TRACES, "w", NULL, &err));
    settings.prefix = world.prefix;
    CHECK_WORKS(blob_store_open(&again, &settings, &err));
    CHECK(stat(path_of(&world, "/~new/left"), &info) < 0);
    CHECK_WORKS(blob_writer_commit(writing, &err)); /* a young one stays */
}

TEST(directory, hands_out_a_descriptor_to_read_from)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    CLEANUP(fd) int             fd = -1;
    struct err                  err = {0};
    char                        room[9];
    size_t                      got = 0;

    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "k", BYTES("value"), NULL, &err));
    fd = blob_open_fd(world.store, BUCKET_TRACES, "k", &err);
    CHECK(fd >= 0);
    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "k", BYTES("other"), NULL, &err));
    CHECK_WORKS(fd_read_all(fd, room, sizeof(room), &got, &err));
    CHECK(got == 5 && memcmp(room, "value", 5) == 0); /* what was opened stays whole */
}

TEST(directory, below_the_working_directory_is_relative_to_it)
{
    CLEANUP(arena) struct arena           *arena = arena_new();
    CLEANUP(blob_store) struct blob_store *store = NULL;
    struct blob_settings                   settings = settings_of(FILE_BACKEND);
    struct err                             err = {0};
    struct stat                            info;
    CLEANUP(fd) int                        before = open(".", O_RDONLY | O_DIRECTORY);
    const char                            *dir = arena_format(arena, "%s", blob_dir());

    CHECK_WORKS(dir_make(dir, 0700, &err));
    CHECK(chdir(dir) == 0);
    settings.url = "file://./here/there";
    CHECK_WORKS(blob_store_open(&store, &settings, &err));
    CHECK(fchdir(before) == 0);
    CHECK_WORKS(blob_put(store, BUCKET_CHUNKS, "k", BYTES("v"), NULL, &err));
    CHECK(stat(arena_format(arena, "%s/here/there/test-chunks/k", dir), &info) == 0);
}

TEST(directory, is_checked_for_being_there)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    struct err                  err = {0};

    CHECK_WORKS(blob_store_check(world.store, 100, &err));
    CHECK_WORKS(dir_remove(path_of(&world, ""), &err));
    CHECK_FAILS(blob_store_check(world.store, 100, &err), ERR_BLOB_DOWN);
}

/* What is wrong with the disk, or with the process, is no fault of the object: it is put later. */
TEST(directory, that_takes_nothing_for_a_while_is_an_outage)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    struct rlimit               before;
    struct err                  err = {0};

    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max}) == 0);
    CHECK_FAILS(blob_put(world.store, BUCKET_TRACES, "k", BYTES("x"), NULL, &err), ERR_BLOB_DOWN);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "k", BYTES("x"), NULL, &err));
}

/* What is beyond 8 MiB goes past the page cache, a MiB at a time, where the file system can do that. */
static void check_sizes(struct blob_store *store, struct arena *arena)
{
    enum { MIB = 1 << 20, MOST = 13 * MIB };
    static const size_t sizes[] = {8 * MIB - 1, 8 * MIB,        8 * MIB + 1,       9 * MIB,
                                   9 * MIB + 1, 11 * MIB + 4095, 12 * MIB + 4096, MOST};
    static const size_t pieces[] = {MOST, MIB, 700001, 100 * 1000};
    struct bytes        whole = pattern(arena, MOST);
    struct err          err = {0};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        CLEANUP(blob_writer) struct blob_writer *writer = NULL;
        CLEANUP(arena) struct arena             *read = arena_new();
        struct bytes                             got = {0};
        size_t                                   piece = pieces[i % COUNT_OF(pieces)];

        CHECK_WORKS(blob_writer_open(&writer, store, BUCKET_TRACES, "large", NULL, &err));
        for (size_t at = 0; at < sizes[i]; at += piece) {
            size_t left = sizes[i] - at;

            CHECK_WORKS(blob_writer_put(
                writer, (struct bytes){whole.data + at, left < piece ? left : piece}, &err));
        }
        CHECK_WORKS(blob_writer_commit(writer, &err));
        CHECK_WORKS(blob_get(store, read, BUCKET_TRACES, "large", MOST, &got, &err));
        CHECK(bytes_equal(got, (struct bytes){whole.data, sizes[i]}));
    }
}

TEST(directory, takes_large_objects_whole_in_pieces_of_any_size)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);

    check_sizes(world.store, world.arena);
}

TEST(directory, takes_large_objects_where_nothing_goes_past_the_page_cache)
{
    CLEANUP(arena) struct arena           *arena = arena_new();
    CLEANUP(blob_store) struct blob_store *store = NULL;
    struct blob_settings                   settings = settings_of(FILE_BACKEND);
    struct err                             err = {0};
    char                                   dir[] = "/dev/shm/prt-blob.XXXXXX"; /* memory */

    CHECK(mkdtemp(dir) != NULL);
    settings.url = arena_format(arena, "file://%s/blobs", dir);
    CHECK_WORKS(blob_store_open(&store, &settings, &err));
    check_sizes(store, arena);
    CHECK_WORKS(dir_remove(dir, &err));
}

TEST(directory, that_is_full_says_so_in_the_middle_of_a_large_object)
{
    CLEANUP(world) struct world world = world_new(FILE_BACKEND);
    struct bytes                whole = pattern(world.arena, 12 << 20);
    struct rlimit               before;
    struct err                  err = {0};

    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){(10 << 20) + 8192, before.rlim_max}) == 0);
    CHECK_FAILS(blob_put(world.store, BUCKET_TRACES, "k", whole, NULL, &err), ERR_BLOB_REFUSED);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "k", whole, NULL, &err));
}

TEST(store, refuses_addresses_it_does_not_know)
{
    static const char *const urls[] = {"",           "/var",         "http://h",  "file://",
                                       "file://rel", "file://h/abs", "s3://",     "s3://h/path",
                                       "s3://h?q",   "s3://u:p@h",   "ftp://h:21"};

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct blob_settings settings = {
            .url = urls[i], .prefix = "t", .access_key = "a", .secret_key = "s", .region = "r"};
        struct blob_store *store = NULL;
        struct err         err = {0};

        CHECK_FAILS(blob_store_open(&store, &settings, &err), ERR_CONFIG_WRONG);
    }
}
