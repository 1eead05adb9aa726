// SPDX-License-Identifier: MIT
/*
 * arm.h - one run of a workspace's tests in a sandbox, and what may be said of it.
 */
#ifndef PRT_WORKERS_QA_ARM_H
#define PRT_WORKERS_QA_ARM_H

#include "workers/qa/report/verdict.h"
#include "workers/qa/runner.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/spool.h"
#include "workers/qa/workspace.h"

struct arm {
    struct arena                *arena; /* what its end points to lives there */
    const char                  *name;  /* "after"; names its files in the job's directory */
    const struct workspace      *workspace;
    const struct image          *image;
    const struct runner         *runner;
    const struct sandbox_limits *limits;
    const char                  *selection; /* as a test_run event has it; NULL: all tests */
};

struct arm_end {
    struct verdict verdict;
    int64_t        took_ms;
    const char    *detail; /* more about the verdict, or NULL */
};

/* Runs it. The log goes to `log`, the report as it came to `report`. -1 when the sandbox failed:
 * then nothing is known of the tests. */
WARN_UNUSED int arm_run(struct sandbox *sandbox, const struct job *job, const struct arm *arm,
                        struct spool *log, struct spool *report, struct heart *heart,
                        struct arm_end *ret_end, struct err *err);

#endif
