// SPDX-License-Identifier: MIT
#include "workers/finalize/measure.h"

#include "crypto/crypto.h"
#include "lib/test.h"

TEST(churn, counts_added_and_removed_lines_of_hunks)
{
    static const struct {
        const char *diff;
        int64_t     churn;
    } rows[] = {
        {"", 0},
        {"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n", 2},
        {"--- a/x\n+++ b/x\n@@ -1,3 +1,2 @@ def f():\n x\n--- a comment of SQL\n-y\n+z\n", 3},
        {"@@ -0,0 +1,2 @@\n+a\n+++ b\n", 2}, /* an added line that begins with ++ */
        {"@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n", 2},
        {"@@ -1 +1 @@\n-a\n+b\n--- a/y\n+++ b/y\n@@ -9,1 +9,1 @@\n-c\n+d\n", 4},
        {"@@ -1,2 +1,1 @@\n\n-b\n", 1}, /* an empty context line */
        {"+one\n-two\n three\n", 2},    /* no hunks at all */
        {"--- a\n+++ b\n+one\n", 1},
        {"@@ nonsense\n+a", 1},
        {"@@ -1,99999999999999999999 +1 @@\n-a\n", 1},
        {"no diff", 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (diff_churn(bytes_of(rows[i].diff)) != rows[i].churn) {
            test_failed(__FILE__, __LINE__, "row %zu gives %lld", i,
                        (long long)diff_churn(bytes_of(rows[i].diff)));
        }
    }
}

static void edit(struct measure *measure, const char *path, double at_s)
{
    const struct facts event = {
        .type = EVENT_file_edit, .file_path = bytes_of(path), .diff = BYTES(""), .at_s = at_s};

    measure_event(measure, &event);
}

TEST(measure, counts_each_file_once)
{
    CLEANUP(arena) struct arena    *arena = arena_new();
    CLEANUP(measure) struct measure measure = {0};
    struct value                    metrics;
    struct err                      err = {0};

    CHECK_WORKS(crypto_setup(&err));
    for (int i = 0; i < 1000; i++) {
        edit(&measure, arena_format(arena, "src/%d.c", i % 300), 1000 - i);
    }
    metrics = measure_value(&measure, arena);
    CHECK_NUMBER(value_whole_or(value_get(&metrics, "files_touched"), -1), 300);
    CHECK_NUMBER(value_whole_or(value_get(&metrics, "num_edits"), -1), 1000);
    CHECK(value_real_or(value_get(&metrics, "duration_s"), -1) == 999);
}

TEST(measure, of_nothing_is_nothing)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct measure               measure = {0};
    struct value                 metrics = measure_value(&measure, arena);

    CHECK(value_real_or(value_get(&metrics, "duration_s"), -1) == 0);
    CHECK_NUMBER(value_whole_or(value_get(&metrics, "num_events"), -1), 0);
}
