// SPDX-License-Identifier: MIT
/* What holds on both backends. */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "world.h"

enum { MIB = 1024 * 1024 };

static struct bytes got_back(struct world *world, const char *key)
{
    struct err   err = {0};
    struct bytes got = {0};

    CHECK_WORKS(blob_get(world->store, world->arena, BUCKET_TRACES, key, 80 * MIB, &got, &err));
    return got;
}

static void put(struct world *world, const char *key, const char *text)
{
    struct err err = {0};

    CHECK_WORKS(blob_put(world->store, BUCKET_TRACES, key, bytes_of(text), "text/plain", &err));
}

BOTH(blob, gives_back_what_was_put)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    static const size_t         sizes[] = {0, 1, 4096, 300001};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct bytes bytes = pattern(world.arena, sizes[i]);
        int64_t      size = -1;

        CHECK_WORKS(blob_put(world.store, BUCKET_TRACES, "a/b-c_d.e", bytes, NULL, &err));
        CHECK(bytes_equal(got_back(&world, "a/b-c_d.e"), bytes));
        CHECK_WORKS(blob_size(world.store, BUCKET_TRACES, "a/b-c_d.e", &size, &err));
        CHECK_NUMBER(size, sizes[i]);
    }
}

BOTH(blob, keeps_its_buckets_apart)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    int64_t                     size;

    put(&world, "k", "v");
    CHECK_FAILS(blob_size(world.store, BUCKET_CHUNKS, "k", &size, &err), ERR_BLOB_MISSING);
    CHECK_FAILS(blob_size(world.store, BUCKET_ARTIFACTS, "k", &size, &err), ERR_BLOB_MISSING);
}

BOTH(blob, replaces_what_was_there)
{
    CLEANUP(world) struct world world = world_new(backend);

    put(&world, "k", "a longer first value");
    put(&world, "k", "second");
    CHECK(bytes_is(got_back(&world, "k"), "second"));
}

BOTH(blob, says_missing_for_what_is_not_there)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    struct bytes                got;
    uint8_t                     room[4];
    size_t                      count;
    int64_t                     size;
    int                         fd;

    put(&world, "dir/k", "v");
    CHECK_FAILS(blob_get(world.store, world.arena, BUCKET_TRACES, "no/such", 9, &got, &err),
                ERR_BLOB_MISSING);
    CHECK(strstr(err.story, "-traces/no/such") != NULL);
    CHECK_FAILS(blob_read(world.store, BUCKET_TRACES, "no", 0, room, 4, &count, &err),
                ERR_BLOB_MISSING);
    CHECK_FAILS(blob_read(world.store, BUCKET_TRACES, "no", 0, room, 0, &count, &err),
                ERR_BLOB_MISSING);
    CHECK_FAILS(blob_size(world.store, BUCKET_TRACES, "dir", &size, &err), ERR_BLOB_MISSING);
    CHECK_FAILS(blob_size(world.store, BUCKET_TRACES, "dir/k/l", &size, &err), ERR_BLOB_MISSING);
    CHECK_FAILS(blob_copy_to(world.store, BUCKET_TRACES, "no", 1, &err), ERR_BLOB_MISSING);
    fd = blob_open_fd(world.store, BUCKET_TRACES, "no", &err);
    CHECK(fd == -1 && err.code == (backend == FILE_BACKEND ? ERR_BLOB_MISSING : ERR_NONE));
}

BOTH(blob, refuses_a_key_that_is_none_everywhere)
{
    CLEANUP(world) struct world              world = world_new(backend);
    CLEANUP(blob_writer) struct blob_writer *writer = NULL;
    struct err                               err = {0};
    struct bytes                             got;
    int64_t                                  size;
    size_t                                   count;
    const char                              *key = "../x";

    CHECK_FAILS(blob_put(world.store, BUCKET_TRACES, key, BYTES("v"), NULL, &err), ERR_USAGE);
    CHECK_FAILS(blob_put_file(world.store, BUCKET_TRACES, key, 0, 0, NULL, &err), ERR_USAGE);
    CHECK_FAILS(blob_get(world.store, world.arena, BUCKET_TRACES, key, 9, &got, &err), ERR_USAGE);
    CHECK_FAILS(blob_read(world.store, BUCKET_TRACES, key, 0, &size, 1, &count, &err), ERR_USAGE);
    CHECK_FAILS(blob_copy_to(world.store, BUCKET_TRACES, key, 1, &err), ERR_USAGE);
    CHECK_FAILS(blob_open_fd(world.store, BUCKET_TRACES, key, &err), ERR_USAGE);
    CHECK_FAILS(blob_size(world.store, BUCKET_TRACES, key, &size, &err), ERR_USAGE);
    CHECK_FAILS(blob_delete(world.store, BUCKET_TRACES, key, &err), ERR_USAGE);
    CHECK_FAILS(blob_writer_open(&writer, world.store, BUCKET_TRACES, key, NULL, &err), ERR_USAGE);
}

BOTH(blob, takes_no_more_than_the_reader_wants)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    struct bytes                got;

    put(&world, "k", "12345");
    CHECK_FAILS(blob_get(world.store, world.arena, BUCKET_TRACES, "k", 4, &got, &err),
                ERR_TOO_LARGE);
    CHECK_WORKS(blob_get(world.store, world.arena, BUCKET_TRACES, "k", 5, &got, &err));
}

BOTH(blob, stores_a_document_that_looks_like_an_error)
{
    CLEANUP(world) struct world world = world_new(backend);

    put(&world, "k", "<Error><Code>NoSuchKey</Code></Error>");
    CHECK(bytes_is(got_back(&world, "k"), "<Error><Code>NoSuchKey</Code></Error>"));
}

BOTH(blob, reads_ranges_and_less_only_at_the_end)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    char                        room[16] = "";
    size_t                      got = 99;

    put(&world, "k", "0123456789");
    CHECK_WORKS(blob_read(world.store, BUCKET_TRACES, "k", 3, room, 4, &got, &err));
    CHECK(got == 4 && memcmp(room, "3456", 4) == 0);
    CHECK_WORKS(blob_read(world.store, BUCKET_TRACES, "k", 0, room, 16, &got, &err));
    CHECK(got == 10 && memcmp(room, "0123456789", 10) == 0);
    CHECK_WORKS(blob_read(world.store, BUCKET_TRACES, "k", 8, room, 16, &got, &err));
    CHECK(got == 2 && memcmp(room, "89", 2) == 0);
    CHECK_WORKS(blob_read(world.store, BUCKET_TRACES, "k", 10, room, 16, &got, &err));
    CHECK_NUMBER(got, 0);
    CHECK_WORKS(blob_read(world.store, BUCKET_TRACES, "k", 0, room, 0, &got, &err));
    CHECK_NUMBER(got, 0);
    CHECK_FAILS(blob_read(world.store, BUCKET_TRACES, "k", -1, room, 1, &got, &err),
                ERR_RANGE_WRONG);
    put(&world, "empty", "");
    CHECK_WORKS(blob_read(world.store, BUCKET_TRACES, "empty", 0, room, 16, &got, &err));
    CHECK_NUMBER(got, 0);
}

BOTH(blob, deletes_and_does_not_mind_what_is_gone)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    int64_t                     size;

    put(&world, "a/b/c", "v");
    put(&world, "a/d", "v");
    CHECK_WORKS(blob_delete(world.store, BUCKET_TRACES, "a/b/c", &err));
    CHECK_WORKS(blob_delete(world.store, BUCKET_TRACES, "a/b/c", &err));
    CHECK_NUMBER(err.code, ERR_NONE);
    CHECK_WORKS(blob_delete(world.store, BUCKET_TRACES, "never/was", &err));
    CHECK_FAILS(blob_size(world.store, BUCKET_TRACES, "a/b/c", &size, &err), ERR_BLOB_MISSING);
    CHECK_WORKS(blob_size(world.store, BUCKET_TRACES, "a/d", &size, &err));
}

BOTH(blob, streams_files_in_and_out)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    struct bytes                bytes = pattern(world.arena, 3 * MIB + 5);
    CLEANUP(fd) int             from = pattern_file(bytes);
    CLEANUP(fd) int             to = memfd_create("to", MFD_CLOEXEC);
    uint8_t                    *back = arena_get(world.arena, bytes.size + 1);
    size_t                      got = 0;

    CHECK_WORKS(blob_put_file(world.store, BUCKET_TRACES, "file", from, (int64_t)bytes.size,
                              "application/gzip", &err));
    CHECK_NUMBER(lseek(from, 0, SEEK_CUR), bytes.size); /* where the test's writing left it */
    CHECK_WORKS(blob_copy_to(world.store, BUCKET_TRACES, "file", to, &err));
    (void)lseek(to, 0, SEEK_SET);
    CHECK_WORKS(fd_read_all(to, back, bytes.size + 1, &got, &err));
    CHECK(bytes_equal((struct bytes){back, got}, bytes));
}

BOTH(blob, stores_large_files)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    struct bytes                bytes = pattern(world.arena, 65 * MIB + 1);
    CLEANUP(fd) int             from = pattern_file(bytes);

    CHECK_WORKS(
        blob_put_file(world.store, BUCKET_TRACES, "file", from, (int64_t)bytes.size, NULL, &err));
    CHECK(bytes_equal(got_back(&world, "file"), bytes));
}

BOTH(blob, stores_nothing_of_a_file_that_is_shorter_than_told)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    CLEANUP(fd) int             from = pattern_file(BYTES("short"));
    int64_t                     size;

    CHECK_FAILS(blob_put_file(world.store, BUCKET_TRACES, "file", from, 6, NULL, &err), ERR_SYSTEM);
    CHECK(strstr(err.story, "5 of 6 bytes") != NULL);
    CHECK_FAILS(blob_size(world.store, BUCKET_TRACES, "file", &size, &err), ERR_BLOB_MISSING);
}

BOTH(writer, stores_objects_of_every_size)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    static const size_t         sizes[] = {0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        CLEANUP(blob_writer) struct blob_writer *writer = NULL;
        struct bytes                             bytes = pattern(world.arena, sizes[i]);
        size_t                                   piece = 777777;

        CHECK_WORKS(blob_writer_open(&writer, world.store, BUCKET_TRACES, "w", "text/x", &err));
        for (size_t at = 0; at < bytes.size; at += piece) {
            size_t left = bytes.size - at;

            CHECK_WORKS(blob_writer_put(
                writer, (struct bytes){bytes.data + at, left < piece ? left : piece}, &err));
        }
        CHECK_WORKS(blob_writer_commit(writer, &err));
        CHECK(bytes_equal(got_back(&world, "w"), bytes));
        CHECK_FAILS(blob_writer_commit(writer, &err), ERR_BUG);
    }
}

BOTH(writer, leaves_nothing_without_a_commit)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    struct blob_writer         *writer = NULL;
    struct bytes                bytes = pattern(world.arena, 9 * MIB);
    struct blob_entry          *entries;
    size_t                      count = 99;
    int64_t                     size;

    CHECK_WORKS(blob_writer_open(&writer, world.store, BUCKET_TRACES, "w", NULL, &err));
    CHECK_WORKS(blob_writer_put(writer, bytes, &err));
    CHECK_FAILS(blob_size(world.store, BUCKET_TRACES, "w", &size, &err), ERR_BLOB_MISSING);
    CHECK_WORKS(
        blob_list(world.store, world.arena, BUCKET_TRACES, NULL, NULL, 9, &entries, &count, &err));
    CHECK_NUMBER(count, 0);
    blob_writer_close(writer);
    CHECK_FAILS(blob_size(world.store, BUCKET_TRACES, "w", &size, &err), ERR_BLOB_MISSING);
}

/* -------- listing -------- */

static void check_list(struct world *world, const char *prefix, const char *after, size_t most,
                       const char *want)
{
    CLEANUP(buf) struct buf got = {0};
    struct err              err = {0};
    struct blob_entry      *entries = NULL;
    size_t                  count = 0;

    CHECK_WORKS(blob_list(world->store, world->arena, BUCKET_TRACES, prefix, after, most, &entries,
                          &count, &err));
    for (size_t i = 0; i < count; i++) {
        buf_format(&got, "%s ", entries[i].key);
    }
    CHECK_TEXT(buf_text(&got), want);
}

BOTH(list, gives_keys_in_byte_order_by_prefix_and_after)
{
    CLEANUP(world) struct world world = world_new(backend);
    static const char *const    keys[] = {"a/b",    "a-b",     "a.b",    "a0", "B",
                                          "a/b0/c", "a/B/d/e", "a/b-/x", "z"};

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        put(&world, keys[i], "v");
    }
    check_list(&world, NULL, NULL, 1000, "B a-b a.b a/B/d/e a/b a/b-/x a/b0/c a0 z ");
    check_list(&world, "a/", NULL, 1000, "a/B/d/e a/b a/b-/x a/b0/c ");
    check_list(&world, "a/b", NULL, 1000, "a/b a/b-/x a/b0/c ");
    check_list(&world, "a/b0/c", NULL, 1000, "a/b0/c ");
    check_list(&world, "a/b0/cc", NULL, 1000, "");
    check_list(&world, "none/", NULL, 1000, "");
    check_list(&world, NULL, "a/B/d/e", 1000, "a/b a/b-/x a/b0/c a0 z ");
    check_list(&world, NULL, "a/b-", 1000, "a/b-/x a/b0/c a0 z ");
    check_list(&world, NULL, "a/c", 1000, "a0 z ");
    check_list(&world, "a", "a/b", 2, "a/b-/x a/b0/c ");
    check_list(&world, NULL, NULL, 3, "B a-b a.b ");
    check_list(&world, NULL, "z", 3, "");
    check_list(&world, NULL, NULL, 0, "");
}

BOTH(list, gives_every_key_once_when_read_in_pages)
{
    CLEANUP(world) struct world world = world_new(backend);
    CLEANUP(buf) struct buf     all = {0};
    CLEANUP(buf) struct buf     want = {0};
    struct err                  err = {0};
    const char                 *after = NULL;
    struct blob_entry          *entries;
    size_t                      count;

    for (int i = 0; i < 60; i++) {
        const char *key = arena_format(world.arena, "%02d/%c", i / 4, 'a' + i % 4);

        put(&world, key, "v");
        buf_format(&want, "%s ", key);
    }
    do {
        CHECK_WORKS(blob_list(world.store, world.arena, BUCKET_TRACES, "", after, 7, &entries,
                              &count, &err));
        CHECK(count <= 7);
        for (size_t i = 0; i < count; i++) {
            buf_format(&all, "%s ", entries[i].key);
            after = entries[i].key;
        }
    } while (count > 0);
    CHECK_TEXT(buf_text(&all), buf_text(&want));
}

BOTH(list, tells_size_and_time)
{
    CLEANUP(world) struct world world = world_new(backend);
    struct err                  err = {0};
    int64_t                     before_us = clock_us();
    struct blob_entry          *entries = NULL;
    size_t                      count = 0;

    put(&world, "k", "12345");
    CHECK_WORKS(
        blob_list(world.store, world.arena, BUCKET_TRACES, "", "", 1, &entries, &count, &err));
    CHECK_NUMBER(count, 1);
    CHECK_NUMBER(entries[0].size, 5);
    /* S3's times may lack the fraction, and a file's clock ticks coarsely. */
    CHECK(entries[0].changed_us >= before_us - 2000000 &&
          entries[0].changed_us <= clock_us() + 1000000);
}

/* -------- the store -------- */

BOTH(store, opens_again_and_names_objects_the_same_way)
{
    CLEANUP(world) struct world            world = world_new(backend);
    CLEANUP(blob_store) struct blob_store *again = NULL;
    struct blob_settings                   settings = settings_of(backend);
    struct err                             err = {0};
    struct bytes                           got = {0};

    put(&world, "k", "v");
    settings.prefix = world.prefix;
    CHECK_WORKS(blob_store_open(&again, &settings, &err));
    CHECK_WORKS(blob_store_check(again, 5000, &err));
    CHECK_WORKS(blob_get(again, world.arena, BUCKET_TRACES, "k", 9, &got, &err));
    CHECK(bytes_is(got, "v"));
    CHECK_TEXT(blob_uri(again, world.arena, BUCKET_TRACES, "k"),
               arena_format(world.arena, "s3://%s-traces/k", world.prefix));
}

BOTH(store, refuses_a_prefix_that_names_no_bucket)
{
    static const char *const prefixes[] = {"", "Upper", "under_score", "a/b", "-a", ".."};

    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        struct blob_settings settings = settings_of(backend);
        struct blob_store   *store = NULL;
        struct err           err = {0};

        settings.prefix = prefixes[i];
        CHECK_FAILS(blob_store_open(&store, &settings, &err), ERR_CONFIG_WRONG);
    }
}

/* Each thread has a store of its own; all put, list and delete under the same names. */
struct crowd {
    struct blob_settings settings;
    int                  rounds;
    int                  failures;
};

static void *crowd_member(void *of)
{
    struct crowd                          *crowd = of;
    CLEANUP(blob_store) struct blob_store *store = NULL;
    CLEANUP(arena) struct arena           *arena = arena_new();
    struct err                             err = {0};
    int                                    failures = 0;

    if (blob_store_open(&store, &crowd->settings, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.story);
        __atomic_add_fetch(&crowd->failures, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    for (int i = 0; i < crowd->rounds; i++) {
        struct bytes       got;
        struct blob_entry *entries;
        size_t             count;

        if (blob_put(store, BUCKET_TRACES, "x/y/z", BYTES("whole"), NULL, &err) < 0) {
            (void)fprintf(stderr, "%s\n", err.story);
            failures++;
        }
        if (blob_get(store, arena, BUCKET_TRACES, "x/y/z", 9, &got, &err) == 0) {
            failures += !bytes_is(got, "whole");
        } else {
            failures += err.code != ERR_BLOB_MISSING;
        }
        failures += blob_list(store, arena, BUCKET_TRACES, "x/", "", 9, &entries, &count, &err) < 0;
        failures += blob_delete(store, BUCKET_TRACES, "x/y/z", &err) < 0;
    }
    __atomic_add_fetch(&crowd->failures, failures, __ATOMIC_RELAXED);
    return NULL;
}

BOTH(store, serves_many_threads_that_put_and_delete_the_same_key)
{
    struct crowd crowd = {.settings = settings_of(backend),
                          .rounds = backend == FILE_BACKEND ? 200 : 20};
    pthread_t    threads[6];

    crowd.settings.prefix = "crowd"; /* all of them make the buckets, too */
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        CHECK(pthread_create(&threads[i], NULL, crowd_member, &crowd) == 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CHECK_NUMBER(crowd.failures, 0);
}
