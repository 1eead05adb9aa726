// SPDX-License-Identifier: MIT
/* Edits on a tree in a temporary directory: what fits, what does not, and what must not be touched.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/test.h"
#include "workers/qa/replay/claim.h"
#include "workers/qa/replay/replay.h"

struct bench {
    struct arena *arena;
    char          dir[64];
    struct tree   tree;
    struct replay replay;
};

static void bench_done(struct bench *bench)
{
    struct err err = {0};

    replay_done(&bench->replay);
    tree_close(&bench->tree);
    CHECK_WORKS(dir_remove(bench->dir, &err));
    arena_free(bench->arena);
}

static inline void bench_cleanup(struct bench *slot)
{
    bench_done(slot);
}

static void bench_open(struct bench *bench)
{
    struct err err = {0};

    bench->arena = arena_new();
    (void)snprintf(bench->dir, sizeof(bench->dir), "/tmp/prt-replay-XXXXXX");
    CHECK_WORKS(crypto_setup(&err));
    CHECK(mkdtemp(bench->dir) != NULL);
    CHECK_WORKS(tree_open(&bench->tree, bench->dir, &err));
    replay_init(&bench->replay, bench->arena, &bench->tree, 1 << 20, 1 << 20);
}

#define BENCH()                                                                                    \
    CLEANUP(bench) struct bench bench = {0};                                                       \
    bench_open(&bench)

static const char *path_of(struct bench *bench, const char *name)
{
    return arena_format(bench->arena, "%s/%s", bench->dir, name);
}

static void put(struct bench *bench, const char *name, const char *text)
{
    const char *path = path_of(bench, name);
    struct err  err = {0};

    CHECK_WORKS(dir_make(arena_format(bench->arena, "%.*s", (int)(strrchr(path, '/') - path), path),
                         0755, &err));
    CHECK_WORKS(file_replace(path, bytes_of(text), 0644, &err));
}

static const char *get(struct bench *bench, const char *name)
{
    struct bytes bytes;
    struct err   err = {0};

    if (file_read(bench->arena, path_of(bench, name), 1 << 20, &bytes, &err) < 0) {
        return "(missing)";
    }
    return arena_text(bench->arena, bytes);
}

static const char *hash_of(struct bench *bench, const char *text)
{
    char *hex = arena_get(bench->arena, HASH_HEX);

    sha256_hex(bytes_of(text), hex);
    return hex;
}

static void edit_hashed(struct bench *bench, const char *path, const char *diff, const char *before,
                        const char *after)
{
    struct value event = value_map();
    struct err   err = {0};

    value_put(bench->arena, &event, "type", value_text("file_edit"));
    value_put(bench->arena, &event, "seq", value_whole(7));
    value_put(bench->arena, &event, "file_path", value_text(path));
    value_put(bench->arena, &event, "diff_unified", value_text(diff));
    if (before != NULL) {
        value_put(bench->arena, &event, "buffer_hash_before", value_text(before));
    }
    value_put(bench->arena, &event, "buffer_hash_after", value_text(after));
    CHECK_WORKS(replay_event(&bench->replay, &event, &err));
}

static void edit(struct bench *bench, const char *path, const char *diff)
{
    edit_hashed(bench, path, diff, NULL, "?");
}

static void expect_reason(struct bench *bench, const char *want)
{
    CHECK_TEXT(bench->replay.first.there ? bench->replay.first.reason : "", want);
}

#define CHANGE "@@ -1 +1 @@\n-a\n+b\n"

TEST(replay, makes_changes_and_deletes_files_as_the_edits_say)
{
    BENCH();
    put(&bench, "d/f", "a\n");
    put(&bench, "gone", "x\n");
    edit_hashed(&bench, "d/f", "--- a/d/f\n+++ b/d/f\n" CHANGE, hash_of(&bench, "a\n"),
                hash_of(&bench, "b\n"));
    edit_hashed(&bench, "new/dir/g", "--- /dev/null\n+++ b/new/dir/g\n@@ -0,0 +1 @@\n+g\n",
                hash_of(&bench, ""), hash_of(&bench, "g\n"));
    edit_hashed(&bench, "gone", "--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
                hash_of(&bench, "x\n"), hash_of(&bench, ""));
    edit_hashed(&bench, "empty", "", NULL, hash_of(&bench, ""));
    edit_hashed(&bench, "h", "diff --git a/d/f b/h\nrename from d/f\nrename to h\n", "?",
                hash_of(&bench, "b\n"));
    expect_reason(&bench, "");
    CHECK_NUMBER(bench.replay.edits_applied, 5);
    CHECK_NUMBER(bench.replay.hashes_verified, 8);
    CHECK_NUMBER(bench.replay.hashes_unverifiable, 1);
    CHECK_TEXT(get(&bench, "h"), "b\n");
    CHECK_TEXT(get(&bench, "d/f"), "(missing)");
    CHECK_TEXT(get(&bench, "new/dir/g"), "g\n");
    CHECK_TEXT(get(&bench, "gone"), "(missing)");
    CHECK_TEXT(get(&bench, "empty"), "");
}

TEST(replay, ends_at_the_first_hash_that_differs)
{
    BENCH();
    put(&bench, "f", "a\n");
    edit_hashed(&bench, "f", "--- a/f\n+++ b/f\n" CHANGE, hash_of(&bench, "c\n"), "?");
    expect_reason(&bench, "hash_before_differs");
    CHECK_NUMBER(bench.replay.first.seq, 7);
    CHECK(!bench.replay.first.ours);
    CHECK_TEXT(bench.replay.first.file, "f");
    edit(&bench, "f", "--- a/f\n+++ b/f\n" CHANGE);
    CHECK_TEXT(get(&bench, "f"), "a\n");
    CHECK_NUMBER(bench.replay.edits_applied, 0);
}

TEST(replay, tells_a_hash_that_differs_afterwards)
{
    BENCH();
    put(&bench, "f", "a\n");
    edit_hashed(&bench, "f", "--- a/f\n+++ b/f\n" CHANGE, NULL, hash_of(&bench, "a\n"));
    expect_reason(&bench, "hash_after_differs");
}

TEST(replay, knows_that_the_farm_took_a_secret_out_itself)
{
    BENCH();
    put(&bench, "f", "a\n");
    edit_hashed(&bench, "f",
                "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+key = [REDACTED:aws_access_key]\n", NULL,
                hash_of(&bench, "key = AKIA\n"));
    expect_reason(&bench, "redacted");
    CHECK(bench.replay.first.ours);
}

TEST(replay, leaves_the_tree_by_no_path)
{
    static const char *const paths[] = {"/etc/passwd", "../f",        "d/../../f", ".git/config",
                                        "d/.git/f",    "link/passwd", "link",      "d"};
    static const char *const reasons[] = {"path_outside", "path_outside", "path_outside",
                                          "path_outside", "path_outside", "not_a_file",
                                          "not_a_file",   "not_a_file"};

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        BENCH();
        put(&bench, "d/f", "a\n");
        CHECK(symlink("/etc", path_of(&bench, "link")) == 0);
        edit(&bench, paths[i], "--- x\n+++ y\n@@ -0,0 +1 @@\n+a\n");
        expect_reason(&bench, reasons[i]);
    }
}

TEST(replay, writes_a_file_through_no_link)
{
    BENCH();
    put(&bench, "d/f", "a\n");
    CHECK(link(path_of(&bench, "d/f"), path_of(&bench, "twin")) == 0);
    edit(&bench, "d/f", "--- a/d/f\n+++ b/d/f\n" CHANGE);
    CHECK_TEXT(get(&bench, "d/f"), "b\n");
    CHECK_TEXT(get(&bench, "twin"), "a\n");
    edit(&bench, "h",
         "diff --git a/d/f b/h\nrename from d/f\nrename to h\ndiff --git a/x b/../x\nnew file mode "
         "100644\n--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+a\n");
    expect_reason(&bench, "path_outside");
    CHECK_TEXT(get(&bench, "d/f"), "b\n");
}

TEST(replay, takes_the_file_from_the_event_and_labels_for_labels)
{
    static const struct {
        const char *head, *reason;
    } rows[] = {
        {"--- a/d/f\n+++ b/d/f\n", ""},
        {"--- d/f\n+++ d/f\n", ""},
        {"--- before\n+++ after\n", ""},
        {"--- \n+++ \n", ""},
        {"--- /home/me/project/d/f\n+++ /home/me/project/d/f\n", ""},
        {"--- f\t2026-01-01\n+++ f\t2026-01-02\n", ""},
        {"--- a/d/g\n+++ b/d/g\n", "names_differ"},
        {"--- a/d/f\n+++ b/d/f\n" CHANGE "--- a/d/f\n+++ b/d/f\n", "malformed_diff"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        BENCH();
        put(&bench, "d/f", "a\n");
        edit(&bench, "d/f", arena_format(bench.arena, "%s" CHANGE, rows[i].head));
        expect_reason(&bench, rows[i].reason);
    }
}

TEST(replay, adds_the_last_newline_that_joining_lines_loses)
{
    BENCH();
    put(&bench, "f", "a\r\nc\r\n");
    edit_hashed(&bench, "f", "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\r\n+b\r\n c\r", NULL,
                hash_of(&bench, "b\r\nc\r\n"));
    expect_reason(&bench, "");
}

TEST(replay, stops_where_its_budget_ends)
{
    BENCH();
    put(&bench, "f", "a\n");
    bench.replay.bytes_left = 3;
    edit(&bench, "f", "--- a/f\n+++ b/f\n" CHANGE);
    expect_reason(&bench, "over_budget");
}

static enum tree_difference difference(struct bench *here, struct bench *there,
                                       const char **ret_path)
{
    enum tree_difference found = TREE_SAME;
    struct err           err = {0};

    CHECK_WORKS(tree_compare(here->arena, &here->tree, &there->tree, (struct tick){0}, &found,
                             ret_path, &err));
    return found;
}

TEST(tree, differs_by_the_first_file_and_not_by_what_running_leaves_behind)
{
    CLEANUP(bench) struct bench here = {0};
    CLEANUP(bench) struct bench there = {0};
    const char                 *path = NULL;

    bench_open(&here);
    bench_open(&there);
    put(&here, "a/f", "1");
    put(&there, "a/f", "1");
    put(&there, "a/__pycache__/f.pyc", "x");
    put(&there, ".pytest_cache/v", "x");
    CHECK(mkdir(path_of(&here, "nothing"), 0755) == 0);
    CHECK(symlink("a/f", path_of(&here, "l")) == 0 && symlink("a/f", path_of(&there, "l")) == 0);
    CHECK_NUMBER(difference(&here, &there, &path), TREE_SAME);

    put(&there, "z", "1");
    CHECK_NUMBER(difference(&here, &there, &path), TREE_ONLY_THERE);
    CHECK_TEXT(path, "z");
    put(&here, "m/n/o", "1");
    CHECK_NUMBER(difference(&here, &there, &path), TREE_ONLY_HERE);
    CHECK_TEXT(path, "m/n/o");
    CHECK(unlink(path_of(&there, "l")) == 0 && symlink("a/g", path_of(&there, "l")) == 0);
    CHECK_NUMBER(difference(&here, &there, &path), TREE_DIFFERS);
    CHECK_TEXT(path, "l");
    put(&there, "a/f", "2");
    CHECK_NUMBER(difference(&here, &there, &path), TREE_DIFFERS);
    CHECK_TEXT(path, "a/f");
}

TEST(tree, differs_where_a_link_stands_for_a_directory)
{
    CLEANUP(bench) struct bench here = {0};
    CLEANUP(bench) struct bench there = {0};
    const char                 *path = NULL;

    bench_open(&here);
    bench_open(&there);
    put(&here, "other/f", "1");
    put(&there, "other/f", "1");
    put(&here, "a/f", "1");
    CHECK(symlink("other", path_of(&there, "a")) == 0);
    CHECK_NUMBER(difference(&here, &there, &path), TREE_ONLY_HERE);
    CHECK_TEXT(path, "a/f");
    CHECK_NUMBER(difference(&there, &here, &path), TREE_ONLY_THERE);
    CHECK_TEXT(path, "a/f");

    CHECK(unlink(path_of(&here, "a/f")) == 0);
    CHECK_NUMBER(difference(&here, &there, &path), TREE_DIFFERS);
    CHECK_TEXT(path, "a");
    CHECK_NUMBER(difference(&there, &here, &path), TREE_DIFFERS);
}

TEST(claim, samples_the_first_the_last_and_evenly_between)
{
    for (int64_t most = 0; most <= 9; most++) {
        for (int64_t total = 0; total <= 300; total++) {
            int64_t sampled = 0;

            for (int64_t i = 0; i < total; i++) {
                sampled += claim_is_sampled(i, total, most) ? 1 : 0;
            }
            CHECK_NUMBER(sampled, total < most ? total : most);
            CHECK(total == 0 || most == 0 || claim_is_sampled(total - 1, total, most));
            CHECK(total == 0 || most < 2 || claim_is_sampled(0, total, most));
        }
    }
    CHECK(claim_is_sampled(50, 101, 3));
}

TEST(claim, agrees_when_the_counts_are_those_of_an_honest_client)
{
    static const struct {
        int64_t passed, failed, passed_here, failed_here, errors_here;
        bool    agrees;
    } rows[] = {
        {3, 1, 3, 1, 0, true}, {3, 0, 3, 1, 0, false}, {4, 0, 3, 1, 0, false},
        {3, 1, 3, 1, 1, true}, {3, 2, 3, 1, 1, true},  {0, 1, 3, 0, 1, true},
        {0, 0, 3, 0, 1, true}, {0, 1, 3, 1, 0, false}, {0, 3, 3, 0, 1, false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct claim claim = {.passed = rows[i].passed,
                              .failed = rows[i].failed,
                              .observed = true,
                              .passed_here = rows[i].passed_here,
                              .failed_here = rows[i].failed_here,
                              .errors_here = rows[i].errors_here};

        CHECK(claim_agrees(&claim) == rows[i].agrees);
    }
}
