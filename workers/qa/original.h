// SPDX-License-Identifier: MIT
/*
 * original.h - the after tree with the tests as they were at the start.
 *
 * A fix that edits or deletes tests must not pass by that. So the runner's test files, what steers
 * a run (schemas/runner.def) and whatever else a report names as a file of tests are put back as
 * the start snapshot has them:
 *
 *   changed or deleted since           put back; an edit, but for config files
 *   added, and it steers a run         left out: it could steer the tests of the start
 *   added, and it is a test            left out too: new tests are welcome, the after arm judges
 * them
 *
 * The tree is made of hard links; nothing is ever written, or looked at, through a symbolic link.
 */
#ifndef PRT_WORKERS_QA_ORIGINAL_H
#define PRT_WORKERS_QA_ORIGINAL_H

#include "workers/qa/report/compare.h"
#include "workers/qa/runner.h"
#include "workers/qa/workspace.h"

struct test_edit {
    const char *path; /* relative to the project */
    const char *what; /* "edited", "deleted", "added", "config" */
};

struct test_edits {
    struct test_edit *list; /* sorted by path; tests that are merely new are not in it */
    size_t            count;
    bool              tests; /* a test of the start, or what steers it, was edited or deleted */
};

/* Makes `dir`, which must not be there. `named`: files of tests, sorted, besides those the runner
 * knows by name. ret_original names it; text in the arena. */
WARN_UNUSED int original_make(struct arena *arena, const struct runner *runner,
                              const struct workspace *after, const struct workspace *before,
                              const struct id_list *named, const char *dir,
                              struct workspace *ret_original, struct test_edits *ret_edits,
                              struct err *err);

#endif
