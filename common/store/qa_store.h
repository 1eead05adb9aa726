// SPDX-License-Identifier: MIT
/*
 * qa_store.h - what QA reads of a trace and writes about it: table qa_results.
 *
 * A job adds one row, however often it is delivered and to however many workers: the first to
 * finish wins, the others are given its row.
 */
#ifndef PRT_STORE_QA_STORE_H
#define PRT_STORE_QA_STORE_H

#include "store/artifact_store.h"
#include "store/store.h"

/* As finalize stored it in the traces bucket. */
struct qa_document {
    const char *key; /* NULL: there is none */
    uint8_t     sha256[STORE_HASH];
    int64_t     bytes;
};

/* TRACE_UNKNOWN, TRACE_ERASED. */
WARN_UNUSED int qa_store_trace(struct store *store, struct arena *arena, const char *tenant,
                               const char *trace, int64_t *ret_trace_no,
                               struct qa_document *ret_document, struct err *err);

struct qa_row {
    const char  *job_id;
    int64_t      created_us;
    const char  *status;
    bool         said; /* tests_passed is known; else it is NULL */
    bool         tests_passed;
    struct bytes validation; /* qa.validation as canonical JSON */

    /* What it names in the artifacts bucket. */
    const struct artifact_record *artifacts;
    size_t                        artifact_count;
};

/* What a job has come to. */
struct qa_done {
    bool        there;
    int64_t     version;
    const char *status;
    bool        said, tests_passed;
};

/* The row of this job, if there is one. */
WARN_UNUSED int qa_store_find(struct store *store, struct arena *arena, int64_t trace_no,
                              const char *job_id, struct qa_done *ret_done, struct err *err);

/* These objects of the artifacts bucket are about to be put, and are the trace's from now on: whoever
 * erases another trace that has the same leaves them be. TRACE_ERASED. */
WARN_UNUSED int qa_store_note(struct store *store, struct arena *arena, int64_t trace_no,
                              const struct artifact_record *artifacts, size_t count,
                              struct err *err);

/* Adds the job's row as the newest version and makes its status the trace's, under the trace's
 * lock; when the job has a row already, that one is given back and nothing is changed.
 * TRACE_ERASED. */
WARN_UNUSED int qa_store_put(struct store *store, struct arena *arena, int64_t trace_no,
                             const struct qa_row *row, struct qa_done *ret_done, struct err *err);

extern const struct statement qa_statements[];
extern const size_t           qa_statement_count;

#endif
