// SPDX-License-Identifier: MIT
/*
 * arm.h - one run of a workspace's tests in a sandbox, and what may be said of it.
 *
 * Whoever wants tests run fills a struct arm and gets a verdict with a state per test id:
 *
 *   struct arm arm = {.arena = arena, .name = "claim-3", .workspace = &workspace, .image = &image,
 *                     .runner = runner, .limits = &limits, .tests = {ids, count}};
 *   arm_run(sandbox, job, &arm, &log, &report, heart, &end, err);
 *   end.verdict.believed, end.verdict.report.tests[i].{id,state}, end.verdict.passed, ...
 *
 * The workspace's directory must have been given to the sandbox (sandbox_own). The name must be
 * new within the job: it names a directory of the job and the container.
 */
#ifndef PRT_WORKERS_QA_ARM_H
#define PRT_WORKERS_QA_ARM_H

#include "workers/qa/report/verdict.h"
#include "workers/qa/runner.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/spool.h"
#include "workers/qa/steps.h"
#include "workers/qa/workspace.h"

struct arm {
    struct arena                *arena; /* what its end points to lives there */
    const char                  *name;  /* "after" */
    const struct workspace      *workspace;
    const struct image          *image;
    const struct runner         *runner; /* runner_for */
    const struct sandbox_limits *limits;
    struct test_list             tests;     /* these; empty: all */
    const char                  *selection; /* as a test_run event has it; NULL: all */
    int                          hash_seed; /* arms that are compared have the same */
};

struct arm_end {
    struct verdict verdict;
    int64_t        took_ms;
    struct steps   steps;
    const char    *detail; /* more about the verdict, or NULL */
};

/* Runs it. The log goes to `log`, the report as it came to `report`. -1 when the sandbox failed:
 * then nothing is known of the tests. IMAGE_FAILED: the image lacks the runner. */
WARN_UNUSED int arm_run(struct sandbox *sandbox, const struct job *job, const struct arm *arm,
                        struct spool *log, struct spool *report, struct heart *heart,
                        struct arm_end *ret_end, struct err *err);

#endif
