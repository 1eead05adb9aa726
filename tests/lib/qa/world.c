// SPDX-License-Identifier: MIT
#include "lib/qa/world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/test.h"
#include "pack/pack.h"
#include "value/json.h"

/* The first is for all tests but those that name an engine; "warm" is runc with containers ready.
 */
static struct world worlds[] = {
    {.name = "auto"}, {.name = "warm"}, {.name = "podman"}, {.name = "docker"}, {.name = "runsc"}};

/* An examination has up to three runs of tests (repeats apart), one after the other: so many are
 * waited for, and one more is being made meanwhile. */
enum { WARM_RUNS = 3, WARM_KEPT = 4, WARM_WAIT_MS = 120000 };

static void world_close(struct world *here)
{
    struct err err = {0};

    if (here->arena == NULL) {
        return;
    }
    examiner_close(&here->examiner);
    blob_store_close(here->blob);
    if (dir_remove(here->dir, &err) < 0) {
        printf("%s is left: %s\n", here->dir, err.story);
    }
    arena_free(here->arena);
}

static void worlds_close(void)
{
    for (size_t i = 0; i < COUNT_OF(worlds); i++) {
        world_close(&worlds[i]);
    }
}

static const char *base_path(struct world *here, struct err *err)
{
    const char *const  argv[] = {SOURCE_DIR "/deploy/images/make-base", NULL};
    struct keep        path = {.most = 4096};
    struct process     make = {.argv = argv, .out = {keep_take, &path}, .wall_ms = 900000};
    struct process_end end;
    const char        *text = "";

    printf("(making the base root file system, if it is not there yet)\n");
    if (process_run(&make, &end, err) == 0 && end.exit_status == 0 && path.buf.size > 1) {
        path.buf.size--; /* the newline */
        text = arena_text(here->arena, buf_bytes(&path.buf));
    }
    buf_done(&path.buf);
    return text;
}

static int world_open(struct world *here, struct err *err)
{
    struct blob_settings settings = {.prefix = "test"};
    bool                 warm = strcmp(here->name, "warm") == 0;
    bool                 gvisor = strcmp(here->name, "runsc") == 0;

    TRY(crypto_setup(err));
    here->arena = arena_new();
    (void)snprintf(here->dir, sizeof(here->dir), "/tmp/prt-qa-XXXXXX");
    if (mkdtemp(here->dir) == NULL) {
        return err_errno(err, "making %s", here->dir);
    }
    settings.url = arena_format(here->arena, "file://%s/blobs", here->dir);
    TRY(blob_store_open(&here->blob, &settings, err));
    TRY(config_load(&here->config, err));
    here->config.blob_url = settings.url;
    here->config.blob_prefix = settings.prefix;
    here->config.sandbox = warm ? "runc" : gvisor ? "docker" : here->name;
    here->config.sandbox_runtime = gvisor ? "runsc" : "";
    here->config.qa_warm = warm ? WARM_KEPT : 0;
    here->config.qa_dir = arena_format(here->arena, "%s/qa", here->dir);
    here->config.qa_base_rootfs = base_path(here, err);
    here->config.qa_memory = 256 << 20;
    here->config.qa_workspace = 128 << 20;
    here->config.qa_time = 60000;
    here->config.qa_repeats = 0; /* tests of it set it */
    return examiner_open(&here->examiner, here->arena, &here->config, here->blob, err);
}

static struct world *world_named(const char *name)
{
    struct world *here = worlds;

    while (strcmp(here->name, name) != 0) {
        here++;
    }
    if (!here->tried) {
        here->tried = true;
        if (here == worlds) {
            (void)atexit(worlds_close);
        }
        (void)(world_open(here, &here->err) < 0);
    }
    return here;
}

struct world *world_get(void)
{
    struct world *here = world_named("auto");

    if (here->err.code == ERR_NONE) {
        return here;
    }
    if (geteuid() == 0) {
        test_failed(__FILE__, __LINE__, "no sandbox: %s", here->err.story);
    } else {
        test_skip(here->err.story);
    }
    return NULL;
}

struct world *world_in(const char *engine)
{
    struct world *here;

    if (world_get() == NULL) {
        return NULL;
    }
    here = world_named(engine);
    if (here->err.code != ERR_NONE) {
        test_skip(here->err.story);
        return NULL;
    }
    return here;
}

const struct snapshot *world_snapshot_bytes(struct world *here, struct bytes bytes)
{
    struct snapshot *snapshot = arena_zero(here->arena, 1, sizeof(*snapshot));
    char             hex[HASH_HEX];
    struct err       err = {0};

    sha256_of(bytes, snapshot->sha256);
    sha256_hex(bytes, hex);
    snapshot->key = arena_format(here->arena, "sha256/%.2s/%s", hex, hex);
    snapshot->size_bytes = (int64_t)bytes.size;
    CHECK_WORKS(
        blob_put(here->blob, BUCKET_ARTIFACTS, snapshot->key, bytes, "application/gzip", &err));
    return snapshot;
}

const struct snapshot *world_snapshot_of(struct world *here, const char *dir)
{
    CLEANUP(buf) struct buf packed = {0};
    struct err              err = {0};
    CLEANUP(fd) int         fd = fd_temporary("/tmp", &err);
    uint8_t                 some[4096];
    size_t                  got;

    CHECK(fd >= 0);
    CHECK_WORKS(pack_directory(dir, fd, &err));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    do {
        CHECK_WORKS(fd_read_all(fd, some, sizeof(some), &got, &err));
        buf_put(&packed, (struct bytes){some, got});
    } while (got == sizeof(some));
    return world_snapshot_bytes(here, buf_bytes(&packed));
}

const struct snapshot *world_snapshot(struct world *here, const char *const *files)
{
    char                   dir[64] = "/tmp/prt-tree-XXXXXX";
    const struct snapshot *snapshot;
    struct err             err = {0};

    CHECK(mkdtemp(dir) != NULL);
    for (; files[0] != NULL; files += 2) {
        const char *path = arena_format(here->arena, "%s/%s", dir, files[0]);
        const char *slash = strrchr(path, '/');

        CHECK_WORKS(
            dir_make(arena_format(here->arena, "%.*s", (int)(slash - path), path), 0755, &err));
        if (path[strlen(path) - 1] == '@') {
            CHECK(symlink(files[1],
                          arena_format(here->arena, "%.*s", (int)strlen(path) - 1, path)) == 0);
            continue;
        }
        CHECK_WORKS(file_replace(path, bytes_of(files[1]), 0644, &err));
    }
    snapshot = world_snapshot_of(here, dir);
    CHECK_WORKS(dir_remove(dir, &err));
    return snapshot;
}

static size_t times_in(const char *text, const char *word)
{
    size_t times = 0;

    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        times++;
    }
    return times;
}

/* What is run cold where none is ready would look the same otherwise. */
static void warm_expect(struct world *here, const struct value *validation)
{
    const char *log = world_log(here, validation);
    size_t      runs = times_in(log, ": exit status ");
    size_t      warm = times_in(log, " ms, in a container made ahead ==\n");

    if (runs == 0 || warm != runs) {
        test_failed(__FILE__, __LINE__, "%zu of %zu runs were in containers made ahead:\n%s", warm,
                    runs, log);
    }
}

const struct value *world_examine(struct world *here, const struct snapshot *after,
                                  const struct snapshot *before)
{
    bool            warm = here->config.qa_warm > 0;
    struct finding *finding = arena_zero(here->arena, 1, sizeof(*finding));
    struct question question = {.after = after, .before = before, .last_try = true};
    struct heart    heart = {0};
    struct err      err = {0};

    if (warm) {
        CHECK_WORKS(sandbox_warm_wait(here->examiner.sandbox, WARM_RUNS, WARM_WAIT_MS, &err));
    }
    if (examine(&here->examiner, here->arena, &question, &heart, finding, &err) < 0) {
        test_failed(__FILE__, __LINE__, "examining failed: %s: %s", err_name(err.code), err.story);
        return NULL;
    }
    if (warm) {
        warm_expect(here, &finding->validation);
    }
    return &finding->validation;
}

void expect_text(const struct value *validation, const char *pointer, const char *want)
{
    const struct value *found = value_at(validation, pointer);
    struct bytes        text = value_text_or(found, "(absent)");

    if (!bytes_is(text, want)) {
        test_failed(__FILE__, __LINE__, "%s is \"%.*s\", not \"%s\"", pointer, (int)text.size,
                    (const char *)text.data, want);
    }
}

void expect_whole(const struct value *validation, const char *pointer, int64_t want)
{
    int64_t got = value_whole_or(value_at(validation, pointer), -1);

    if (got != want) {
        test_failed(__FILE__, __LINE__, "%s is %lld, not %lld", pointer, (long long)got,
                    (long long)want);
    }
}

void expect_status(const struct value *validation, const char *status, const char *reason)
{
    expect_text(validation, "/status", status);
    if (reason != NULL) {
        expect_text(validation, "/reason", reason);
    }
}

/* The log as it was stored. */
const char *world_log(struct world *here, const struct value *validation)
{
    struct bytes hash = value_text_or(value_at(validation, "/log/sha256"), "");
    const char  *key = arena_format(here->arena, "sha256/%.2s/%.*s", (const char *)hash.data,
                                    (int)hash.size, (const char *)hash.data);
    struct bytes bytes = {NULL, 0};
    struct err   err = {0};

    CHECK_WORKS(blob_get(here->blob, here->arena, BUCKET_ARTIFACTS, key, 1 << 24, &bytes, &err));
    return arena_text(here->arena, bytes);
}

void expect_json(const struct value *validation, const char *pointer, const char *want)
{
    CLEANUP(buf) struct buf got = {0};
    const struct value     *found = value_at(validation, pointer);
    struct err              err = {0};

    CHECK(found != NULL);
    if (found != NULL) {
        CHECK_WORKS(jcs_write(&got, found, &err));
        CHECK_TEXT(buf_text(&got), want);
    }
}
