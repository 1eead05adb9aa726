// SPDX-License-Identifier: MIT
/*
 * hunk.h - one hunk of a unified diff: "@@ -3,7 +3,8 @@" and the lines under it.
 *
 * Pure.
 */
#ifndef PRT_WORKERS_QA_REPLAY_HUNK_H
#define PRT_WORKERS_QA_REPLAY_HUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct hunk {
    int64_t      old_at, new_at; /* lines before it in the old and in the new file */
    int64_t      old_count, new_count;
    struct bytes lines;       /* with their signs */
    bool         has_context; /* at least one line stays */
    bool         ends_open;   /* no context behind its last change */
};

/* A line of the text from `at` on, with its newline if it has one. Size 0 at the end. */
struct bytes line_at(struct bytes text, size_t at);

/* Does the text go on with this at `at`? */
bool text_has(struct bytes text, size_t at, const char *word);

/* The hunk that begins at *at, which then stands behind it; false if it is none. */
bool hunk_read(struct bytes text, size_t *at, struct hunk *ret_hunk);

/* One line of a hunk. `text` is what stands in the file: without sign, and without its newline when
 * "\ No newline at end of file" follows. */
struct hunk_line {
    char         sign; /* ' ', '-', '+' */
    struct bytes text;
};

/* The next line at *at of hunk->lines; false at the end. */
bool hunk_line_next(const struct hunk *hunk, size_t *at, struct hunk_line *ret_line);

#endif
