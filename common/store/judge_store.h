// SPDX-License-Identifier: MIT
/*
 * judge_store.h - what the judge reads of a trace and writes about it: judge_results, judge_calls.
 *
 * A job adds one row, however often it is delivered and to however many workers: the first to
 * finish wins, the others are given its row.
 */
#ifndef PRT_STORE_JUDGE_STORE_H
#define PRT_STORE_JUDGE_STORE_H

#include "store/store.h"

/* What is to be judged. */
struct judge_subject {
    int64_t      trace_no;
    int64_t      num_events;
    const char  *document_key;    /* in the traces bucket */
    struct bytes document_sha256; /* 32 raw bytes */
    int64_t      document_bytes;
    struct bytes validation; /* QA's newest, canonical JSON; size 0: none */
    int64_t      versions;   /* judge results there are */
};

/* TRACE_UNKNOWN, TRACE_ERASED, or TRACE_NOT_READY while there is no document. All in the arena. */
WARN_UNUSED int judge_store_subject(struct store *store, struct arena *arena, const char *tenant,
                                    const char *trace, struct judge_subject *ret_subject,
                                    struct err *err);

struct judge_row {
    const char  *job_id;
    int64_t      created_us;
    const char  *model;
    const char  *model_version; /* or NULL */
    const char  *rubric_version;
    const char  *prompt_version;
    struct bytes document_sha256;
    bool         scored;
    double       overall; /* when scored */
    struct bytes result;  /* qa.judge as canonical JSON */
};

/* What a job has come to. */
struct judge_done {
    bool        there;
    int64_t     version;
    const char *model;
    bool        scored;
    double      overall;
};

/* The row of this job, if there is one. */
WARN_UNUSED int judge_store_find(struct store *store, struct arena *arena, int64_t trace_no,
                                 const char *job_id, struct judge_done *ret_done, struct err *err);

/* Adds the job's row as the newest version and makes its score the trace's, under the trace's lock;
 * when the job has a row already, that one is given back and nothing is changed. */
WARN_UNUSED int judge_store_put(struct store *store, struct arena *arena, int64_t trace_no,
                                const struct judge_row *row, struct judge_done *ret_done,
                                struct err *err);

/* -------- table judge_calls: what models were asked; the cache and the ledger -------- */

struct judge_call {
    struct bytes cache_key; /* 32 raw bytes */
    int64_t      created_us;
    const char  *model;
    const char  *model_version; /* or NULL */
    int64_t      tokens_prompt, tokens_answer;
    double       cost_usd; /* -1: no price known */
    unsigned     flags;
    struct bytes answer; /* canonical JSON; or, under a key of its job's, why there is none of use */
};

/* The newest usable answer to the same bytes. */
WARN_UNUSED int judge_store_cached(struct store *store, struct arena *arena, struct bytes cache_key,
                                   bool *ret_there, struct judge_call *ret_call, struct err *err);

/* Before a model is asked: a row of the most that it may cost and of no answer. Whoever asks may
 * die: what the row says is spent until it is told otherwise. */
WARN_UNUSED int judge_store_reserve(struct store *store, struct arena *arena, int64_t trace_no,
                                    const struct judge_call *most, int64_t *ret_call_no,
                                    struct err *err);
/* What it came to; no answer is kept of a trace that was erased meanwhile. */
WARN_UNUSED int judge_store_settle(struct store *store, struct arena *arena, int64_t call_no,
                                   const struct judge_call *call, struct err *err);
/* It came to nothing. */
WARN_UNUSED int judge_store_release(struct store *store, struct arena *arena, int64_t call_no,
                                    struct err *err);

/* In a transaction: until its end nobody else who calls this reserves anything. */
WARN_UNUSED int judge_store_lock_spending(struct store *store, struct err *err);

struct judge_spent {
    int64_t calls, tokens;
    double  cost_usd;
};
WARN_UNUSED int judge_store_spent(struct store *store, struct arena *arena, int64_t since_us,
                                  struct judge_spent *ret_spent, struct err *err);

#endif
