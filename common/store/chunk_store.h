// SPDX-License-Identifier: MIT
/*
 * chunk_store.h - the tables trace_chunks and segments: what a trace is made of and where its lines
 * lie. Written by validate under the lock of the trace's row.
 *
 * Rows live in the arena given to the call.
 */
#ifndef PRT_STORE_CHUNK_STORE_H
#define PRT_STORE_CHUNK_STORE_H

#include "store/trace_store.h"

enum chunk_status { CHUNK_PENDING, CHUNK_CHAINED, CHUNK_REFUSED };

struct chunk_record {
    int64_t           trace_no, chunk_seq;
    struct bytes      chunk_id, content_hash;
    enum chunk_status status;
    int               http;
    struct bytes      verdict; /* JSON */
    int64_t           seg_offset, seg_length; /* in the segment; length 0: it has no lines */
    struct bytes      kept; /* its lines, where they lie in no segment; data NULL: they do */
    int64_t           num_events;
    int64_t           first_seq;  /* of the lines that were stored of it */
    struct bytes      lines;      /* where they lie (line_index.h); data NULL: there is none */
    struct bytes      event_keys; /* of each line, in order, 16 bytes; data NULL: there is none */
    struct bytes      redactions; /* JSON; data NULL: nothing was redacted */
    struct bytes      payload;    /* data NULL: none */
    int64_t           received_us, stream_seq;
};

/* -------- validate: what is known -------- */

/* What is stored under the id or the seq of each question: without payload, redactions and place.
 */
WARN_UNUSED int chunks_known(struct store *store, struct arena *arena, const int64_t *trace_nos,
                             const struct bytes *ids, const int64_t *seqs, size_t count,
                             struct chunk_record **ret_rows, size_t *ret_count, struct err *err);

/* What is pending of many traces at and close behind chunk firsts[i], with payloads, in any order.
 * Of what is more than `most_bytes` nothing comes. */
WARN_UNUSED int chunks_behind(struct store *store, struct arena *arena, const int64_t *trace_nos,
                              const int64_t *firsts, size_t count, int64_t most_bytes,
                              struct chunk_record **ret_rows, size_t *ret_count, struct err *err);

/* The run of pending chunks of a trace from chunk `from` on, without gaps (or, with `gaps`,
 * whatever is pending from there on), in order, with payloads; at most about `most_bytes` of them
 * but always one. *ret_more: there are more behind it that fit. */
WARN_UNUSED int chunks_waiting(struct store *store, struct arena *arena, int64_t trace_no,
                               int64_t from, bool gaps, int64_t most_bytes,
                               struct chunk_record **ret_rows, size_t *ret_count, bool *ret_more,
                               struct err *err);

/* Where in PRT_INGEST the trace's last `most` chunks, by chunk_seq, and its snapshots came from. None
 * if there is no such trace. */
WARN_UNUSED int messages_taken(struct store *store, struct arena *arena, const char *trace_id,
                               size_t most, int64_t **ret_stream_seqs, size_t *ret_count,
                               struct err *err);

/* What keys of events the chunks of traces hold, of those from chunk `from` on. */
struct event_keys {
    size_t       place; /* of the trace in the question */
    int64_t      chunk_seq;
    struct bytes keys; /* 16 bytes each, in the order of the lines */
};
/* In the order of the chunks, at most `most` of them. */
WARN_UNUSED int event_keys_page(struct store *store, struct arena *arena, int64_t trace_no,
                                int64_t from, size_t most, struct event_keys **ret_chunks,
                                size_t *ret_count, struct err *err);
/* Of several traces, in any order. All of it: the caller knows how much that may be. */
WARN_UNUSED int event_keys_behind(struct store *store, struct arena *arena,
                                  const int64_t *trace_nos, const int64_t *froms, size_t count,
                                  struct event_keys **ret_chunks, size_t *ret_count,
                                  struct err *err);

/* The keys of the trace's chunks from row->indexed_below to before `below` go into event_ids, and the
 * row, which is locked, says so. */
WARN_UNUSED int event_ids_add(struct store *store, struct arena *arena, struct trace_record *row,
                              int64_t below, struct err *err);
/* Which of the keys are in event_ids: ret_found[i] is set for keys[i]. */
WARN_UNUSED int event_ids_find(struct store *store, struct arena *arena, int64_t trace_no,
                               const uint8_t (*keys)[16], size_t count, bool *ret_found,
                               struct err *err);

/* -------- validate: writing; all inside its transaction, and sent without waiting (store_send):
 * what fails may show with whatever waits for the database next -------- */

/* *ret_named[i]: there is a row for keys[i]. */
WARN_UNUSED int segments_named(struct store *store, struct arena *arena, const struct bytes *keys,
                               size_t count, bool **ret_named, struct err *err);

/* When the oldest transaction that is under way at this moment began, by the database's clock:
 * segments that were put before it are named by now, or never will be. INT64_MAX: there is none. */
WARN_UNUSED int segments_settled(struct store *store, int64_t *ret_before_us, struct err *err);

/* Takes away rows that chunks_add writes anew. */
WARN_UNUSED int chunks_drop(struct store *store, struct arena *arena, const int64_t *trace_nos,
                            const int64_t *seqs, size_t count, struct err *err);

struct segment_record {
    const char *key;
    int64_t     bytes, created_us;
};
/* And the segment their lines lie in; NULL: they have none, or keep them. */
WARN_UNUSED int chunks_add(struct store *store, struct arena *arena,
                           const struct segment_record *segment,
                           const struct chunk_record *const *rows, size_t count, struct err *err);

/* A chunk whose place or id is taken makes chunks_add fail with STORE_CLASH and one of these. */
#define CHUNKS_PLACE "trace_chunks_pkey"
#define CHUNKS_ONCE  "trace_chunks_trace_no_chunk_id_key"

/* -------- finalize: reading the lines back -------- */

/* Up to `most` chained chunks above `after`, in order. */
struct stored_chunk {
    int64_t      chunk_seq;
    const char  *segment_key; /* NULL: its row keeps its lines, or no line of it was stored */
    int64_t      seg_offset, seg_length, num_events;
    struct bytes kept; /* data NULL: none */
    struct bytes redactions;
};
WARN_UNUSED int chunks_chained(struct store *store, struct arena *arena, int64_t trace_no,
                               int64_t after, size_t most, struct stored_chunk **ret_chunks,
                               size_t *ret_count, struct err *err);

/* The first chunks above `after` whose rows keep their lines, at most `most`: seq and lines alone.
 */
WARN_UNUSED int chunks_kept(struct store *store, struct arena *arena, int64_t trace_no,
                            int64_t after, size_t most, struct stored_chunk **ret_chunks,
                            size_t *ret_count, struct err *err);

/* Their lines lie in the segment from now on, chunk by chunk from seg_offset. Inside a transaction
 * that has locked the trace; STORE_CLASH if one of the rows does not keep such lines any more. */
WARN_UNUSED int chunks_gather(struct store *store, struct arena *arena, int64_t trace_no,
                              const struct segment_record *segment,
                              const struct stored_chunk *chunks, size_t count, struct err *err);

/* The next `most` traces above `after`, in order of their numbers. chunks: how many rows of each keep
 * lines, if one of them does since before `before_us` and finalize has not come for them; else 0. */
struct keeping_trace {
    int64_t     trace_no;
    const char *id;
    int64_t     chunks, bytes;
};
WARN_UNUSED int traces_keeping(struct store *store, struct arena *arena, int64_t after,
                               int64_t before_us, size_t most, struct keeping_trace **ret_traces,
                               size_t *ret_count, struct err *err);

/* How many chunks in [from, below) have been taken, whatever became of them. */
WARN_UNUSED int chunks_count(struct store *store, struct arena *arena, int64_t trace_no,
                             int64_t from, int64_t below, int64_t *ret_count, struct err *err);

extern const struct statement chunk_statements[];
extern const size_t           chunk_statement_count;

#endif
