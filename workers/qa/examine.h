// SPDX-License-Identifier: MIT
/*
 * examine.h - the snapshots of one trace, through the sandbox, to a finding.
 *
 * An arm whose snapshot was not sent is not run, and nothing is guessed in its place. Where only
 * the start was sent and every edit fits on it, what comes out is the final tree.
 */
#ifndef PRT_WORKERS_QA_EXAMINE_H
#define PRT_WORKERS_QA_EXAMINE_H

#include "config/config.h"
#include "store/qa_store.h"
#include "workers/qa/arm.h"
#include "workers/qa/pieces.h"
#include "workers/qa/validation.h"

/* What an examination works with; made once. */
struct examiner {
    const struct config    *config;
    struct blob_store      *blob;
    struct sandbox         *sandbox;
    struct sandbox_settings settings;
    struct sandbox_limits   limits;
    struct pack_limits      pack;
    const char             *dir;
};

/* Opens the sandbox and removes what dead workers left. SANDBOX_UNFIT. Text in the arena, which
 * must live as long as the examiner. */
WARN_UNUSED int examiner_open(struct examiner *ret_examiner, struct arena *arena,
                              const struct config *config, struct blob_store *blob,
                              struct err *err);
void            examiner_close(struct examiner *examiner);

struct question {
    const struct snapshot    *after, *before; /* NULL: not sent */
    const struct qa_document *document;       /* NULL: nothing is replayed, no claim looked at */
    struct pieces            *pieces;         /* NULL: nobody watches the log grow */
    struct store             *store;          /* NULL: what is stored is no trace's */
    int64_t                   trace_no;
    bool
        last_try; /* of the delivery: what could still be tried again is then told as infra_error */
};

struct finding {
    enum verdict_status    status;
    const char            *reason;
    struct value           validation;
    struct artifact_record artifacts[2]; /* log, report; they lack trace_no, name and time */
    const char            *artifact_kinds[2];
    size_t                 artifact_count;
    int64_t                took_ms;
    struct steps           steps;
};

/* The artifacts are stored, and noted as the trace's. -1 only for what should be tried again later (an outage, a lost lease, a failing sandbox before
 * the last try). A refused archive and a sandbox that fails for good are findings: infra_error. */
WARN_UNUSED int examine(struct examiner *examiner, struct arena *arena,
                        const struct question *question, struct heart *heart,
                        struct finding *ret_finding, struct err *err);

#endif
