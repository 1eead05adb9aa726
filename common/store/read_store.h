// SPDX-License-Identifier: MIT
/*
 * read_store.h - everything that is asked of the database and changes nothing: what the gateway and
 * the command line show.
 *
 * Every question names a tenant: another tenant's trace is as unknown as one that never was.
 * Results live in the arena. TRACE_UNKNOWN or NOT_FOUND when there is nothing.
 */
#ifndef PRT_STORE_READ_STORE_H
#define PRT_STORE_READ_STORE_H

#include "store/store.h"

/* -------- API keys -------- */
struct api_key_row {
    uint8_t     hash[32]; /* SHA-256 of the key */
    const char *tenant;
    const char *role; /* "ingest" ... */
};
/* Those that are not revoked. */
WARN_UNUSED int read_api_keys(struct store *store, struct arena *arena,
                              struct api_key_row **ret_rows, size_t *ret_count, struct err *err);

/* -------- one trace -------- */
struct trace_row {
    int64_t     trace_no;
    const char *status; /* open, completing, closed, finalized, erased */
    bool        completed; /* the client said so */
    int64_t     num_events, pending_chunks;
    const char *document_key; /* NULL until finalized */
    int64_t     document_bytes, qa_splice;
    const char *document_sha256; /* hex */
    const char *validation, *judge; /* newest results as JSON, or NULL */
    int64_t     validation_version, judge_version; /* 0: none */
};
WARN_UNUSED int read_trace(struct store *store, struct arena *arena, const char *tenant,
                           const char *trace, struct trace_row *ret_row, struct err *err);

/* What the judge said of it, the newest first; up to `most`. */
struct judging_row {
    int64_t     version;
    const char *result; /* JSON */
};
WARN_UNUSED int read_judgings(struct store *store, struct arena *arena, int64_t trace_no,
                              size_t most, struct judging_row **ret_rows, size_t *ret_count,
                              struct err *err);

/* -------- its chunks, artifacts and events -------- */
struct chunk_row {
    int         http;
    const char *verdict; /* JSON */
};
WARN_UNUSED int read_chunk(struct store *store, struct arena *arena, const char *tenant,
                           const char *trace, const char *chunk_id, struct chunk_row *ret_row,
                           struct err *err);

struct artifact_row {
    const char *object_key; /* in the artifacts bucket */
    const char *sha256;     /* hex */
    int64_t     size_bytes;
    const char *content_type; /* or NULL */
};
WARN_UNUSED int read_artifact(struct store *store, struct arena *arena, const char *tenant,
                              const char *trace, const char *name, struct artifact_row *ret_row,
                              struct err *err);

/* The log of the newest qa result that has one. */
WARN_UNUSED int read_qa_log(struct store *store, struct arena *arena, int64_t trace_no,
                            struct artifact_row *ret_row, struct err *err);

/* Where the lines of chained events lie: `length` bytes from `offset` of an object in the chunks
 * bucket, or of what the row of their chunk keeps. Up to `most` of them, in order of seq, from from_seq on; type -1: all. BLOB_CORRUPT. */
struct line_search {
    int64_t trace_no, from_seq;
    int     type;
    size_t  most;
};
struct line_row {
    int64_t     seq, chunk_seq;
    const char *key; /* NULL: the chunk's row keeps it */
    int64_t     offset, length;
};
WARN_UNUSED int read_lines(struct store *store, struct arena *arena,
                           const struct line_search *wanted, struct line_row **ret_rows,
                           size_t *ret_count, struct err *err);

/* The same for whole chained chunks (each line ends in a newline; seq is the chunk's, too), after
 * `after_seq`; -1 for the first. */
WARN_UNUSED int read_chunk_lines(struct store *store, struct arena *arena, int64_t trace_no,
                                 int64_t after_seq, size_t most, struct line_row **ret_rows,
                                 size_t *ret_count, struct err *err);

/* What a chunk's row keeps; or, if it does no more, where its lines begin in a segment. STORE_CLASH
 * if the row went away. */
struct kept_lines {
    struct bytes lines; /* data NULL: they lie in the segment */
    const char  *key;
    int64_t      offset;
};
WARN_UNUSED int read_kept_lines(struct store *store, struct arena *arena, int64_t trace_no,
                                int64_t chunk_seq, struct kept_lines *ret_kept, struct err *err);

/* -------- the listing: newest first -------- */
struct listing {
    const char *tenant;
    const char *trace_id, *status, *task_id, *participant_id, *repo, *experiment_id; /* NULL: any */
    const char *tests_passed; /* "true", "false", "null" or NULL */
    bool        has_min_score;
    double      min_score;
    int64_t     since_us, until_us; /* opened in [since, until) */
    int64_t     before_us, before_no; /* the cursor: rows older than this one */
    size_t      most;
};
struct listing_row {
    int64_t     trace_no, opened_us;
    const char *trace_id, *status;
    const char *participant_id, *task_id, *task_title, *repo_origin, *experiment_id; /* or NULL */
    int64_t     num_events;
    int64_t     completed_us, finalized_us, qa_us, judged_us; /* 0: not yet */
    const char *qa_status; /* or NULL */
    int         tests_passed; /* 1, 0, -1: can't be said yet or at all */
    bool        has_overall;
    double      overall;
};
WARN_UNUSED int read_listing(struct store *store, struct arena *arena, const struct listing *wanted,
                             struct listing_row **ret_rows, size_t *ret_count, struct err *err);

extern const struct statement read_statements[];
extern const size_t           read_statement_count;

#endif
