// SPDX-License-Identifier: MIT
/*
 * diff_name.h - file names in the headers of diffs: bare, quoted as C strings, followed by a time.
 *
 * Pure. Names point into the line, or into the arena where they were quoted.
 */
#ifndef PRT_WORKERS_QA_REPLAY_DIFF_NAME_H
#define PRT_WORKERS_QA_REPLAY_DIFF_NAME_H

#include "workers/qa/replay/diff.h"

/* Of the rest of a line "--- " or "+++ ". */
struct diff_name diff_name_read(struct arena *arena, struct bytes rest);

/* Of the rest of a line "rename from ": there is no "a/" in front of it. */
struct diff_name diff_name_bare(struct arena *arena, struct bytes rest);

/* Both names of a line "diff --git a/x b/x"; both stay empty unless they are of one file. */
void diff_names_read(struct arena *arena, struct bytes line, struct diff_name *ret_first,
                     struct diff_name *ret_second);

/* Does the time behind the name say 1970? diff -N says so of a file that is not there. */
bool diff_name_is_epoch(struct bytes rest);

#endif
