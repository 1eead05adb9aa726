// SPDX-License-Identifier: MIT
/*
 * diff.h - unified diffs, read and applied to the byte.
 *
 * Reads what `diff -u`, `git diff` and difflib write. Applies strictly: every hunk stands exactly
 * where both of its line numbers say, every context line and every removed line is there to the
 * byte. There is no fuzz and no offset, because a recorded edit knows where it was made.
 *
 * What is accepted here `git apply` accepts with the same result (with --unidiff-zero where a hunk
 * has no context at all), and what `git apply` accepts at the exact place is accepted here; a test
 * makes thousands of both. Stricter than git: a hunk found at an offset, hunks out of order, and a
 * line "\ No newline" anywhere but behind the last line of a side. Lines between the patches are
 * commentary, as they are for git.
 *
 * Pure: no I/O, no clock. Memory is the names and the result.
 */
#ifndef PRT_WORKERS_QA_REPLAY_DIFF_H
#define PRT_WORKERS_QA_REPLAY_DIFF_H

#include <stdbool.h>

#include "base/arena.h"

/* Why a diff cannot be read or applied; diff_fault_word gives the word of the wire. */
enum diff_fault {
    DIFF_FINE,
    DIFF_NO_PATCH,        /* no_patch: nothing in it is a diff */
    DIFF_MALFORMED,       /* malformed_diff: a header or a hunk breaks off or miscounts */
    DIFF_BINARY,          /* binary_diff */
    DIFF_NO_FILE_MODE,    /* not_a_file: of a symbolic link or a submodule */
    DIFF_NAMES_DIFFER,    /* names_differ: headers of one patch name different files */
    DIFF_CONTEXT_DIFFERS, /* context_differs: a line is not what the diff says it was */
    DIFF_OUT_OF_PLACE,    /* hunk_out_of_place: its line numbers lie elsewhere */
    DIFF_CONTENTS_LEFT,   /* contents_left: the file it deletes is not empty afterwards */
    DIFF_FAULTS
};

const char *diff_fault_word(enum diff_fault fault);

/* A name as it was written and without its first part ("a/"); data NULL: /dev/null. */
struct diff_name {
    struct bytes raw, path;
};

enum diff_kind { DIFF_CHANGE, DIFF_CREATE, DIFF_DELETE, DIFF_RENAME, DIFF_COPY };

/* What one diff does to one file. */
struct diff_patch {
    enum diff_kind   kind;
    struct diff_name old_name, new_name;
    bool             may_create; /* a DIFF_CHANGE of nothing: the file may be missing */
    struct bytes     hunks;      /* size 0: the bytes stay */
};

struct diff_reader {
    struct arena *arena; /* names with escapes are written there */
    struct bytes  text;
    size_t        at;
    bool          found; /* a patch so far */
};

/* The next patch of the text; *ret_more is false when there is none. Hunks are checked whole.
 * Nothing of a diff should be applied before all of it could be read, as git has it. */
enum diff_fault diff_next(struct diff_reader *reader, struct diff_patch *ret_patch, bool *ret_more);

/* The new bytes of a file, appended to `out` (which is empty before); `old` is empty for a file
 * that is made. On a fault `out` holds nothing of use. */
enum diff_fault diff_apply(const struct diff_patch *patch, struct bytes old, struct buf *out);

#endif
