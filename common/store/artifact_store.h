// SPDX-License-Identifier: MIT
/*
 * artifact_store.h - the table artifacts: what lies in the artifacts bucket for a trace, by name
 * ("final_workspace_snapshot", "start_workspace_snapshot", "<event_id>.stdout", ...).
 */
#ifndef PRT_STORE_ARTIFACT_STORE_H
#define PRT_STORE_ARTIFACT_STORE_H

#include "store/store.h"
#include "store/trace_store.h"

struct artifact_record {
    int64_t      trace_no;
    struct bytes name;
    uint8_t      sha256[STORE_HASH];
    int64_t      size_bytes;
    struct bytes content_type; /* data NULL: not said */
    struct bytes object_key;
    int64_t      created_us;
    int64_t      stream_seq; /* of the message it came with, or ARTIFACT_OWN */
};

/* Of the farm's own making (the log and report of a test run): no upload takes its place. */
static const int64_t ARTIFACT_OWN = INT64_MAX;

/* NOT_FOUND if the trace has none of that name. In the arena. */
WARN_UNUSED int artifact_read(struct store *store, struct arena *arena, int64_t trace_no,
                              struct bytes name, struct artifact_record *ret_row, struct err *err);

/* Puts rows, in place of those of the same name unless these come from later in the stream; of two in
 * the list the same counts. Their objects are the traces' (trace_object_store.h). */
WARN_UNUSED int artifacts_save(struct store *store, struct arena *arena,
                               const struct artifact_record *rows, size_t count, struct err *err);

extern const struct statement artifact_statements[];
extern const size_t           artifact_statement_count;

#endif
