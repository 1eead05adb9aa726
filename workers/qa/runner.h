// SPDX-License-Identifier: MIT
/*
 * runner.h - how the tests of a kind of project are run: the rows of schemas/runner.def.
 *
 * A runner's files are shown to the sandbox at SANDBOX_INPUTS. One of them, the witness, starts
 * there first, has the tests run below itself and writes one JUnit XML report to standard output,
 * sealed (report/seal.h); everything else that is printed goes to the log. What it is to do, and
 * the nonce of the seal, stand in the file "order", which has to be emptied when the witness says
 * RUNNER_READY. It waits for that and says RUNNER_BEGUN: nothing of the workspace runs before.
 */
#ifndef PRT_WORKERS_QA_RUNNER_H
#define PRT_WORKERS_QA_RUNNER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "workers/qa/sandbox/sandbox.h"

#define RUNNER_READY "ready\n"
#define RUNNER_BEGUN "begun\n"
#define RUNNER_ORDER "order"

struct runner {
    const char *framework; /* its name, on the wire too */
    const char *performer, *command, *evidence, *ends;
    const char *has, *lacks;
    const char *tests, *control, *config; /* lists of patterns (pattern.h) */
    bool        selects;                  /* understands the selection of a test_run event */
};

/* The one for a project: `dir` is its root. Looks at names, and into some files. */
WARN_UNUSED int runner_for(struct arena *arena, const char *dir, const struct runner **ret_runner,
                           struct err *err);

/* By name; NULL when there is none. */
const struct runner *runner_named(const char *name);

/* What to run inside, ends in NULL; its environment, ends in NULL too. hash_seed is Python's. */
const char *const *runner_argv(const struct runner *runner, struct arena *arena);
const char *const *runner_env(struct arena *arena, int hash_seed);

/* Text of a file of runner/, compiled in; data NULL when there is none of that name. */
struct bytes runner_file(const char *name);

/* The witness and what it imports for any runner: for who imports ahead. */
const struct sandbox_file *runner_modules(struct arena *arena, size_t *ret_count);

/* A new file that everybody may read. */
WARN_UNUSED int input_put(const char *path, struct bytes bytes, struct err *err);

/* What is to be run: test ids as reports have them, or files, directories and classes in the same
 * notation. None: all tests. */
struct test_list {
    const char *const *ids;
    size_t             count;
};

/* Writes the runner's files and the order into the empty directory `dir`. `selection` is what a
 * test_run event says was run, or NULL; a runner that does not select refuses it. */
WARN_UNUSED int runner_put(const struct runner *runner, struct arena *arena, const char *dir,
                           const char *nonce, const struct test_list *tests, const char *selection,
                           struct err *err);

#endif
