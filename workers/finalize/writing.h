// SPDX-License-Identifier: MIT
/*
 * writing.h - a document while it is written. For document.c and seal.c alone.
 */
#ifndef PRT_WORKERS_FINALIZE_WRITING_H
#define PRT_WORKERS_FINALIZE_WRITING_H

#include "workers/finalize/behind.h"
#include "workers/finalize/document.h"
#include "workers/finalize/lines.h"
#include "workers/finalize/measure.h"

enum { FLUSH_BYTES = 1024 * 1024, GAPS_MOST = 1000 };

struct gap {
    int64_t from, to;
};

struct writing {
    const struct document_writer *writer;
    struct delivery              *in;
    const struct trace_record    *trace;
    struct value                  envelope; /* all members but events, qa and integrity */
    struct bytes                  head_redactions;

    struct behind *behind;
    struct piece   out;
    int64_t        bytes; /* handed on */
    struct buf     texts; /* of one event */
    int64_t        qa_splice;

    struct chain_head head;
    struct leaves     leaves;
    struct measure    measure;
    struct gap        gaps[GAPS_MOST];
    size_t            gap_count;
    int64_t           gaps_omitted, last_seq;
    int64_t           extended_us;
};

/* Hands on what has been put, once it is worth it. */
WARN_UNUSED int writing_flush(struct writing *doc, struct err *err);

/* seal.c: "integrity":{...}, over what has been written. */
WARN_UNUSED int writing_put_integrity(struct writing *doc, const struct lines_summary *told,
                                      struct err *err);

#endif
