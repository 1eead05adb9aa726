// SPDX-License-Identifier: MIT
/*
 * intake.h - a delivery read and judged on its own, before any trace is locked.
 *
 * Needs CPU, and the object store for inline artifacts, but nothing that another delivery could
 * have changed. What the batch then makes of an entry stands in its second half, which every
 * attempt begins anew.
 */
#ifndef PRT_WORKERS_VALIDATE_INTAKE_H
#define PRT_WORKERS_VALIDATE_INTAKE_H

#include "blob/blob.h"
#include "store/artifact_store.h"
#include "store/trace_store.h"
#include "trace/chunk.h"
#include "trace/pr_batch.h"
#include "workers/stage.h"

/* What a chunk brings to its trace: from a delivery, or from the payload of a pending row. */
struct content {
    struct chunk_event     *events; /* in order of seq */
    size_t                  event_count;
    struct chunk_refusal   *refusals;
    size_t                  refusal_count;
    struct artifact_record *artifacts; /* trace_no not filled in */
    size_t                  artifact_count;
};

struct completion {
    int64_t expected; /* chunks; -1: not declared */
    bool    force;    /* chain what is pending, gaps or not, and close the trace */
};

/* A batch of /ingest, which gets its place in the trace from append.c. */
struct appendix {
    const char        *id; /* stands for the chunk's */
    struct pr_batch    sent;
    struct chunk_rules rules;
};

struct record;

struct entry {
    struct delivery *in;
    uint8_t          hash[HASH_BYTES]; /* of what was sent: the chunk's, or of kind and body */

    /* one of these, by in->message.kind */
    struct chunk           chunk;
    struct content         content; /* of the chunk */
    struct bytes           redactions;
    struct trace_opening   opening;
    struct artifact_record artifact;
    struct completion      completion;
    struct appendix       *append; /* with chunk and content as if it came first, and opening */

    /* what became of it in this attempt */
    struct record *record; /* the chunk it is, or repeats */
    struct err     err;
    bool           again;    /* committed, but more of it is left for another round */
    bool           finalize; /* the trace wants to be finalized */
};

struct intake {
    struct blob_store *blob;
    struct chunk_rules rules; /* consent and at_us are the delivery's */
};

/* Fills *ret_entry; on -1 the delivery can't be taken and entry->chunk.refusals may say why. */
WARN_UNUSED int intake_read(const struct intake *intake, struct delivery *in,
                            struct entry *ret_entry, struct err *err);

/* -------- append.c -------- */

/* Reads a batch's message; what it leaves in entry->chunk is good for its artifacts alone. */
WARN_UNUSED int append_read(struct entry *entry, const struct value *body,
                            const struct chunk_rules *rules, struct err *err);

#endif
