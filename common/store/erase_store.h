// SPDX-License-Identifier: MIT
/*
 * erase_store.h - a trace goes from all tables; of its row in traces only the name and the status
 * `erased` stay, so that nothing that comes late makes it anew.
 *
 * Segments are doomed in the same transaction and deleted after it (table doomed_objects): a commit
 * that fails has lost nothing, a crash after it forgets nothing. Artifacts have a table of their own
 * (trace_object_store.h). Under the lock of the trace's row.
 */
#ifndef PRT_STORE_ERASE_STORE_H
#define PRT_STORE_ERASE_STORE_H

#include "store/store.h"

/* A run of the trace's lines in a segment. */
struct erase_range {
    int64_t     segment_no;
    const char *key;
    int64_t     segment_bytes, offset, length;
    int64_t     chunk_seq; /* whose lines they are */
};

/* How much of a long trace is taken at once; all zeros: all of it. */
struct erase_most {
    int64_t chunks, segments;
};
/* Those of its first chunks, by segment; the segments are locked. */
WARN_UNUSED int erase_ranges(struct store *store, struct arena *arena, int64_t trace_no,
                             struct erase_most most, struct erase_range **ret_ranges,
                             size_t *ret_count, struct err *err);

/* The segment's bytes lie under `key` now (NULL: it has none left), where it lay is doomed. */
WARN_UNUSED int erase_segment_move(struct store *store, struct arena *arena,
                                   const struct erase_range *of, const char *key, int64_t trace_no,
                                   struct err *err);

/* The trace is erased: all its rows go but its chunks, its ids and those that name its objects. */
WARN_UNUSED int erase_rows(struct store *store, struct arena *arena, int64_t trace_no,
                           struct err *err);

/* The chunks whose lines these are go. */
WARN_UNUSED int erase_chunks(struct store *store, struct arena *arena, int64_t trace_no,
                             const struct erase_range *ranges, size_t count, struct err *err);
/* Some of its chunks that have no lines in segments, and of its ids. *ret_left: there may be more. */
WARN_UNUSED int erase_more(struct store *store, struct arena *arena, int64_t trace_no,
                           bool *ret_left, struct err *err);
/* *ret_left: it has chunks or ids. *ret_trace_no: 0 if it is not erased. */
WARN_UNUSED int erase_left(struct store *store, struct arena *arena, const char *trace_id,
                           int64_t *ret_trace_no, bool *ret_left, struct err *err);

/* Segments that were doomed for this trace and are not gone yet. */
WARN_UNUSED int doomed_read(struct store *store, struct arena *arena, const char *trace_id,
                            const char ***ret_keys, size_t *ret_count, struct err *err);
/* All of them are gone. */
WARN_UNUSED int doomed_forget(struct store *store, struct arena *arena, const char *trace_id,
                              struct err *err);

/* *ret_erased[i]: ids[i] is a trace, and erased. */
WARN_UNUSED int traces_erased(struct store *store, struct arena *arena, const struct bytes *ids,
                              size_t count, bool **ret_erased, struct err *err);

extern const struct statement erase_statements[];
extern const size_t           erase_statement_count;

#endif
