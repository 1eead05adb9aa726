// SPDX-License-Identifier: MIT
/*
 * lines.h - the stored lines of a trace, one after the other, in bounded memory.
 *
 * Reads the rows of its chained chunks page by page and the segments block by block, ranges that
 * lie side by side as one; what a row keeps comes with it. On the way it notes which chunk_seqs
 * are missing and what was redacted.
 */
#ifndef PRT_WORKERS_FINALIZE_LINES_H
#define PRT_WORKERS_FINALIZE_LINES_H

#include "blob/blob.h"
#include "store/chunk_store.h"

enum { MISSING_MOST = 1000, REDACTION_KINDS_MOST = 64 };

struct redaction_count {
    const char *kind; /* in the arena given to lines_open */
    int64_t     count;
};

/* What the rows told; complete when lines_next has said 0. */
struct lines_summary {
    int64_t                missing[MISSING_MOST]; /* the first of them */
    size_t                 missing_count;
    int64_t                missing_omitted; /* how many more there are */
    struct redaction_count redactions[REDACTION_KINDS_MOST];
    size_t                 redaction_count;
    bool                   unredacted; /* of some chunk secrets were not looked for */
};

struct lines;

/* `expected`: chunks 0 .. expected-1 were declared (-1: none were). */
struct lines *lines_open(struct store *store, struct blob_store *blob, struct arena *arena,
                         int64_t trace_no, int64_t expected);
void          lines_close(struct lines *lines);
DEFINE_CLEANUP(lines, struct lines *, lines_close)

/* 1 and the next line, without its newline, valid until the next call; 0 at the end; -1 on failure:
 * BLOB_MISSING, BLOB_CORRUPT (an object is too short or a line has no end), outages. */
WARN_UNUSED int lines_next(struct lines *lines, struct bytes *ret_line, struct err *err);

/* Adds what was redacted elsewhere, {"kind":count}, to what the rows tell; data NULL: nothing. */
WARN_UNUSED int lines_note_redactions(struct lines *lines, struct bytes json, struct err *err);

const struct lines_summary *lines_told(const struct lines *lines);

#endif
