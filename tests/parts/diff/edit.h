// SPDX-License-Identifier: MIT
/*
 * edit.h - random edits of random files, written as unified diffs, some of them damaged.
 */
#ifndef PRT_TESTS_DIFF_EDIT_H
#define PRT_TESTS_DIFF_EDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* The same numbers for the same seed, everywhere. */
struct dice {
    uint64_t state;
};
uint32_t dice_roll(struct dice *dice, uint32_t sides); /* 0 .. sides - 1 */

struct file {
    bool         there;
    struct bytes bytes;
};

enum { EDIT_FILES = 3 };
extern const char *const edit_names[EDIT_FILES];

enum damage {
    DAMAGE_NONE,
    DAMAGE_DIFF_BYTE,  /* one byte of the diff is another */
    DAMAGE_DIFF_LINE,  /* a line of the diff is dropped, doubled or swapped with the next */
    DAMAGE_DIFF_CUT,   /* the diff ends early */
    DAMAGE_NUMBERS,    /* a number of a hunk's header is another */
    DAMAGE_FILE_LINE,  /* the file is not the one that was edited */
    DAMAGE_FILE_SHIFT, /* lines were put in front of it */
    DAMAGES
};

struct edit {
    struct file  before[EDIT_FILES];
    struct bytes diff;
    enum damage  damage;
    bool         is_git;         /* from a patch as git writes it on, all are */
    bool         alone;          /* one file only */
    bool         damaged_header; /* of a file or a hunk */
};

void edit_make(struct arena *arena, struct dice *dice, struct edit *ret_edit);

#endif
