// SPDX-License-Identifier: MIT
/* What is asked of engines' programs, and bases taken into their stores: by programs of our own. */
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "lib/test.h"
#include "workers/qa/sandbox/cli_image.h"

TEST(ask, takes_for_an_answer_what_is_said_on_standard_output)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char *const            warns[] = {"sh", "-c", "echo careful >&2; echo true", NULL};
    const char *const            fails[] = {"sh", "-c", "echo half; echo why >&2; exit 3", NULL};
    struct bytes                 out;
    struct err                   err = {0};

    CHECK_WORKS(process_ask(arena, warns, 100, 30000, &out, &err));
    CHECK_TEXT(arena_text(arena, out), "true\n");
    CHECK_FAILS(process_ask(arena, fails, 100, 30000, &out, &err), ERR_SANDBOX_FAILED);
    CHECK(strstr(err.story, "ended with 3: ") != NULL && strstr(err.story, "why") != NULL);
}

/* An engine whose store is a directory: a file per tag, with what was imported. */
static const char engine[] = "#!/bin/sh\n"
                             "cd \"${0%/*}/store\" || exit 1\n"
                             "of() { echo \"${1##*/}\"; }\n"
                             "case $1 in\n"
                             "image) [ -e \"$(of $5)\" ];;\n"
                             "import) cat >\"$(of $3)\"; echo id;;\n"
                             "tag) cp \"$(of $2)\" \"$(of $3)\";;\n"
                             "rmi) rm \"$(of $2)\";;\n"
                             "images) ls -t | sed 's,^,localhost/,';;\n"
                             "esac\n";

struct store {
    struct arena      *arena;
    char               dir[64];
    struct cli_program program;
};

static void file_put(struct store *store, const char *name, const char *text, mode_t mode)
{
    struct err err = {0};

    CHECK_WORKS(file_replace(arena_format(store->arena, "%s/%s", store->dir, name), bytes_of(text),
                             mode, &err));
}

static void store_open(struct store *store)
{
    static const char *const dirs[] = {"store", "base/rootfs", "bin"};
    struct err               err = {0};

    *store = (struct store){.arena = arena_new(), .dir = "/tmp/prt-store-XXXXXX"};
    CHECK(mkdtemp(store->dir) != NULL);
    for (size_t i = 0; i < COUNT_OF(dirs); i++) {
        CHECK_WORKS(dir_make(arena_format(store->arena, "%s/%s", store->dir, dirs[i]), 0755, &err));
    }
    file_put(store, "engine", engine, 0755);
    file_put(store, "base/rootfs/file", "x", 0644);
    file_put(store, "base/origin", "test\n", 0644);
    file_put(store, "base/digest", "sha256:0123456789abcdef\n", 0644);
    store->program.name = arena_format(store->arena, "%s/engine", store->dir);
}

static void store_close(struct store *store)
{
    struct err err = {0};

    CHECK_WORKS(dir_remove(store->dir, &err));
    arena_free(store->arena);
}

static int take(struct store *store, struct err *err)
{
    struct sandbox_settings settings = {.base = arena_format(store->arena, "%s/base", store->dir)};
    struct image            image;

    return cli_image(&store->program, store->arena, &settings, &image, err);
}

/* What ls says of the store. */
static const char *stored(struct store *store)
{
    const char *const argv[] = {"ls", arena_format(store->arena, "%s/store", store->dir), NULL};
    struct bytes      out = {NULL, 0};
    struct err        err = {0};

    CHECK_WORKS(process_ask(store->arena, argv, 4096, 30000, &out, &err));
    return arena_text(store->arena, out);
}

TEST(base, is_taken_in_whole_or_not_at_all)
{
    struct store store;
    const char  *path = getenv("PATH");
    struct err   err = {0};

    store_open(&store);
    path = arena_text(store.arena, bytes_of(path));
    file_put(&store, "bin/tar", "#!/bin/sh\necho half of it\nexit 2\n", 0755);
    CHECK(setenv("PATH", arena_format(store.arena, "%s/bin:%s", store.dir, path), 1) == 0);
    CHECK_FAILS(take(&store, &err), ERR_IMAGE_FAILED);
    CHECK(setenv("PATH", path, 1) == 0);
    CHECK_TEXT(stored(&store), "");
    err_clear(&err);
    CHECK_WORKS(take(&store, &err));
    CHECK_TEXT(stored(&store), "pr-telemetry-base:0123456789ab\n");
    store_close(&store);
}

TEST(base, makes_room_when_many_were_taken_in_before)
{
    struct store store;
    const char  *names;
    struct err   err = {0};
    int          count = 0;

    store_open(&store);
    for (int i = 0; i < 12; i++) {
        file_put(&store, arena_format(store.arena, "store/pr-telemetry-base:%d", i), "old", 0644);
    }
    CHECK_WORKS(take(&store, &err));
    names = stored(&store);
    CHECK(strstr(names, "pr-telemetry-base:0123456789ab\n") != NULL);
    for (const char *at = names; *at != '\0'; at++) {
        count += *at == '\n' ? 1 : 0;
    }
    CHECK_NUMBER(count, 8);
    store_close(&store);
}
