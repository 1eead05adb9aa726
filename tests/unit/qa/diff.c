// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include "workers/qa/replay/diff.h"

/* The first patch of the text, applied. NULL: *ret_fault says why not. */
static const char *applied(struct arena *arena, const char *diff, const char *old,
                           enum diff_fault *ret_fault)
{
    struct diff_reader      reader = {.arena = arena, .text = bytes_of(diff)};
    struct diff_patch       patch;
    CLEANUP(buf) struct buf out = {0};
    bool                    more = false;

    *ret_fault = diff_next(&reader, &patch, &more);
    if (*ret_fault == DIFF_FINE) {
        *ret_fault = diff_apply(&patch, bytes_of(old), &out);
    }
    return *ret_fault == DIFF_FINE ? arena_text(arena, buf_bytes(&out)) : NULL;
}

static void expect_fault(const char *diff, const char *old, const char *word)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    enum diff_fault              fault;

    CHECK(applied(arena, diff, old, &fault) == NULL);
    CHECK_TEXT(diff_fault_word(fault), word);
}

static void expect_bytes(const char *diff, const char *old, const char *want)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    enum diff_fault              fault;

    CHECK_TEXT(applied(arena, diff, old, &fault), want);
    CHECK_TEXT(diff_fault_word(fault), "");
}

#define HEAD "--- a/f\n+++ b/f\n"

TEST(diff, applies_at_the_exact_place_and_nowhere_else)
{
    expect_bytes(HEAD "@@ -2,2 +2,3 @@ def f():\n b\n+x\n c\n", "a\nb\nc\n", "a\nb\nx\nc\n");
    expect_fault(HEAD "@@ -1,2 +1,3 @@\n b\n+x\n c\n", "a\nb\nc\n", "context_differs");
    expect_fault(HEAD "@@ -9,2 +9,3 @@\n b\n+x\n c\n", "a\nb\nc\n", "hunk_out_of_place");
    expect_fault(HEAD "@@ -2,2 +3,3 @@\n b\n+x\n c\n", "a\nb\nc\n", "hunk_out_of_place");
    expect_fault(HEAD "@@ -1,2 +1,3 @@\n a\n b\n+x\n", "a\nb\nc\n", "hunk_out_of_place");
}

TEST(diff, keeps_every_byte_of_lines_with_carriage_returns)
{
    expect_bytes(HEAD "@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\r\n", "a\r\nb\r\n", "a\r\nc\r\n");
    expect_fault(HEAD "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", "a\r\nb\r\n", "context_differs");
    expect_bytes("--- a/f\r\n+++ b/f\r\n@@ -1 +1 @@\r\n-b\n+c\n", "b\n", "c\n");
}

TEST(diff, knows_a_last_line_without_its_newline)
{
    expect_bytes(HEAD "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n", "a", "a\n");
    expect_bytes(HEAD "@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file", "a\n", "a");
    expect_fault(HEAD "@@ -1 +1 @@\n-a\n+b\n", "a", "context_differs");
    expect_fault(HEAD "@@ -1 +1,2 @@\n-a\n+b\n\\ No newline at end of file\n+c\n", "a\n",
                 "malformed_diff");
}

TEST(diff, makes_and_deletes_files)
{
    expect_bytes("--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n", "", "a\n");
    expect_bytes("--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "a\n", "");
    expect_fault("--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "a\nb\n", "contents_left");
    expect_fault("--- a/f\n+++ /dev/null\n@@ -1,2 +1 @@\n-a\n b\n", "a\nb\n", "malformed_diff");
    expect_fault("--- /dev/null\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n", "a\n", "malformed_diff");
    expect_bytes("diff --git a/f b/f\nnew file mode 100644\nindex 0000000..e69de29\n", "", "");
    expect_fault("--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n", "a\n", "malformed_diff");
}

TEST(diff, takes_the_place_of_a_hunk_without_context_from_its_numbers)
{
    expect_bytes(HEAD "@@ -1,0 +2 @@\n+x\n@@ -2 +2,0 @@\n-b\n", "a\nb\nc\n", "a\nx\nc\n");
}

TEST(diff, names_what_is_wrong)
{
    expect_fault("", "", "no_patch");
    expect_fault("hello\n", "", "no_patch");
    expect_fault("@@ -1 +1 @@\n-a\n+b\n", "a\n", "malformed_diff");
    expect_fault(HEAD "@@ -1 +1 @@\n-a\n", "a\n", "malformed_diff");
    expect_fault(HEAD "@@ -1 +1 @@\n-a\n+b", "a\n", "malformed_diff");
    expect_fault(HEAD "@@ -1,2 +1,2 @@\n a\n b\n", "a\nb\n", "malformed_diff");
    expect_fault(HEAD "@@ -99999999999999999999 +1 @@\n-a\n+b\n", "a\n", "malformed_diff");
    expect_fault("diff --git a/f b/f\nindex 1234567..89abcde 100644\nGIT binary patch\n", "a",
                 "binary_diff");
    expect_fault("diff --git a/f b/f\nindex 1234567..89abcde\nBinary files a/f and b/f differ\n",
                 "a", "binary_diff");
    expect_fault("diff --git a/f b/f\nnew file mode 120000\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 "
                 "@@\n+/etc/passwd\n",
                 "", "not_a_file");
    expect_fault("diff --git a/f b/f\n--- a/f\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n", "a\n",
                 "names_differ");
}

TEST(diff, reads_the_names_of_every_kind_of_header)
{
    static const struct {
        const char *diff, *old_path, *new_path;
    } rows[] = {
        {"--- a/d/f.py\t2026-01-01 10:00:00.1 +0000\n+++ b/d/f.py\t2026\n@@ -1 +1 @@\n-a\n+b\n",
         "d/f.py", "d/f.py"},
        {"--- f.py\n+++ f.py\n@@ -1 +1 @@\n-a\n+b\n", "f.py", "f.py"},
        {"--- \"a/\\303\\244 \\\"b\\\".py\"\n+++ \"b/\\303\\244 \\\"b\\\".py\"\n@@ -1 +1 @@\n-a\n"
         "+b\n",
         "\303\244 \"b\".py", "\303\244 \"b\".py"},
        {"diff --git a/a b c b/a b c\nold mode 100644\nnew mode 100755\n", "a b c", "a b c"},
        {"diff --git a/x b/y z\nsimilarity index 100%\nrename from x\nrename to y z\n", "x", "y z"},
        {"--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+a\n", "", "new"},
        {"--- a/f\t1970-01-01 01:00:00.000000000 +0100\n+++ b/f\t2026-01-01 10:00:00 +0000\n"
         "@@ -0,0 +1 @@\n+a\n",
         "f", "f"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct diff_reader reader = {.arena = arena, .text = bytes_of(rows[i].diff)};
        struct diff_patch  patch;
        bool               more;

        CHECK_NUMBER(diff_next(&reader, &patch, &more), DIFF_FINE);
        CHECK_TEXT(arena_text(arena, patch.old_name.path), rows[i].old_path);
        CHECK_TEXT(arena_text(arena, patch.new_name.path), rows[i].new_path);
        CHECK(i != COUNT_OF(rows) - 1 || patch.kind == DIFF_CREATE);
        CHECK_NUMBER(diff_next(&reader, &patch, &more), DIFF_FINE);
        CHECK(!more);
    }
}
