// SPDX-License-Identifier: MIT
/*
 * runner.h - how the tests of a kind of project are run: data, one row each.
 *
 * A runner's files are shown to the sandbox at SANDBOX_INPUTS; its script leaves a JUnit XML report
 * on standard output. Its sentinels, named after a nonce, are run beside the workspace's tests.
 */
#ifndef PRT_WORKERS_QA_RUNNER_H
#define PRT_WORKERS_QA_RUNNER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

struct runner {
    const char        *framework;
    const char        *script;        /* sh <script> <nonce> */
    const char        *sentinel;      /* the file with @NONCE@ in it */
    const char        *sentinel_name; /* %s in it stands for the nonce */
    const char *const *files;         /* all it needs, ends in NULL */
    const char *const *env;
    bool               selects; /* heeds the file "selection" beside its script */
};

/* The one for a workspace; there is only pytest so far. */
const struct runner *runner_for(const char *workspace);

/* Text of a file of runner/, compiled in; data NULL when there is none of that name. */
struct bytes runner_file(const char *name);

/* A new file that everybody may read. */
WARN_UNUSED int input_put(const char *path, struct bytes bytes, struct err *err);

/* Writes the runner's files and its sentinels into the empty directory `dir`. */
WARN_UNUSED int runner_put(const struct runner *runner, struct arena *arena, const char *dir,
                           const char *nonce, struct err *err);

#endif
