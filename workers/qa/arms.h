// SPDX-License-Identifier: MIT
/*
 * arms.h - the four arms of one trace.
 *
 *   after      the final snapshot: the verdict
 *   before     the start snapshot: what became of each test
 *   original   the final snapshot with the tests of the start, where they were edited (original.h)
 *   repeats    what failed or changed, run again: what is flaky
 *
 * Each tree is run by the runner that fits it, the original tests by that of the start: a fix that
 * makes another runner fit hides no test by that.
 *
 * An arm whose snapshot was not sent is not run. The after arm must work; when another cannot be
 * had for good, only the absence of the original arm, or of the start's tree that it needs, is held
 * against a verdict: a pass that nobody could check is none.
 */
#ifndef PRT_WORKERS_QA_ARMS_H
#define PRT_WORKERS_QA_ARMS_H

#include "workers/qa/examine.h"
#include "workers/qa/original.h"
#include "workers/qa/report/compare.h"

struct made_run; /* retrace.h */

/* One arm: its workspace, its image, its run. */
struct round {
    bool                 ran;
    struct workspace     workspace; /* given to the sandbox */
    const struct runner *runner;    /* NULL: its tree is not there */
    struct image         image;
    struct arm_end       end;
    struct spool         report;
};

struct arms {
    struct examiner       *examiner;
    struct arena          *arena;
    struct job            *job;
    struct heart          *heart;
    struct spool           log;
    struct round           after, before, original;
    const struct made_run *start_run; /* of the start snapshot, made for a claim */
    bool                   compared_is, edits_is;
    struct comparison      compared;
    struct test_edits      edits;
    struct id_list         flaky, missing;
    const char            *tampered; /* the reason by which a repeat was, or NULL */
    int                    repeats;
    int64_t                took_ms; /* of all runs */
    struct steps           steps;
};

void arms_done(struct arms *arms);

static inline void arms_cleanup(struct arms *slot)
{
    arms_done(slot);
}

/* -1: the arm could not be had, now or for good. arms_after_in takes a tree that is there already.
 */
WARN_UNUSED int arms_after_in(struct arms *arms, const struct workspace *tree, struct err *err);
WARN_UNUSED int arms_after(struct arms *arms, const struct snapshot *snapshot, struct err *err);
WARN_UNUSED int arms_before(struct arms *arms, const struct snapshot *snapshot, struct err *err);
WARN_UNUSED int arms_original(struct arms *arms, struct err *err);
WARN_UNUSED int arms_repeats(struct arms *arms, struct err *err);

/* The verdict of a believed or unbelieved after arm in the light of the others. */
void arms_verdict(struct arms *arms, enum verdict_status *ret_status, const char **ret_reason);

#endif
