// SPDX-License-Identifier: MIT
/*
 * retrace.h - a session walked again: its edits on its start snapshot, its test runs in the
 * sandbox.
 *
 *   retrace_run       unpacks the start snapshot and takes the document's events in order: each
 * edit must fit to the byte (replay/replay.h), and of the test runs that were recorded some are
 * made again on the tree as it was then (replay/claim.h) retrace_compare   holds what came out
 * against the final snapshot retrace_tell      what is to be said of it: qa.validation's replay and
 * claims
 *
 * Nothing is guessed: without a start snapshot there is no replay, and behind the first divergence
 * nothing is applied, compared or run.
 */
#ifndef PRT_WORKERS_QA_RETRACE_H
#define PRT_WORKERS_QA_RETRACE_H

#include "workers/qa/arm.h"
#include "workers/qa/event_lines.h"
#include "workers/qa/examine.h"
#include "workers/qa/replay/claim.h"
#include "workers/qa/replay/replay.h"

/* A run on the tree as it was after so many edits: whoever asks for the same is given it. */
struct made_run {
    bool                 is;
    int64_t              edits;
    struct bytes         selection; /* empty: all tests */
    const struct runner *runner;
    struct arm_end       end;
};

struct retrace {
    struct examiner          *examiner;
    struct arena             *arena;
    struct job               *job;
    struct spool             *log;
    struct heart             *heart;
    const struct snapshot    *snapshot; /* of the start; NULL: not sent */
    const struct qa_document *document; /* NULL or without key: there is none */
    bool                      last_try; /* a sandbox that fails is then told of, not tried again */

    /* What it comes to. */
    struct workspace tree;       /* the start snapshot and the edits */
    bool             whole;      /* every edit fits: the tree is what the session left behind */
    const char      *reason;     /* why it can't be said whether it fits, or NULL */
    const char      *final_tree; /* "same", "differs", "not_sent", "not_compared" */
    struct replay    replay;
    struct claim    *claims;
    size_t           claim_count, runs_made;
    int64_t          runs, runs_seen; /* test runs in the trace, and so far */
    int64_t          edits;           /* in the trace */
    struct made_run  last;            /* the last one made */
    struct made_run  start; /* all tests on the start snapshot: the before arm's as well */
};

void               retrace_done(struct retrace *retrace);
static inline void retrace_cleanup(struct retrace *slot)
{
    retrace_done(slot);
}

/* -1 for outages, a lost lease, a start snapshot that cannot be unpacked, and a sandbox that fails
 * before the last try. */
WARN_UNUSED int retrace_run(struct retrace *retrace, struct err *err);

/* The caller gave up on retrace_run or retrace_compare for this reason. */
void retrace_failed(struct retrace *retrace, const char *reason);

/* NULL: no final snapshot was sent. */
WARN_UNUSED int retrace_compare(struct retrace *retrace, const struct workspace *final,
                                struct err *err);

/* Test runs of all tests after the last edit are those of the after arm, where that was of the same
 * tree: `after` is its run, NULL when there was none. The others are made now. */
WARN_UNUSED int retrace_settle(struct retrace *retrace, const struct arm_end *after,
                               struct err *err);

void retrace_tell(const struct retrace *retrace, struct value *ret_replay,
                  struct value *ret_claims);

#endif
