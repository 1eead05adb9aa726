// SPDX-License-Identifier: MIT
/*
 * known.h - which events the traces have already, remembered from batch to batch.
 *
 * The rows of a trace's chunks hold the keys of their events (trace_chunks.event_keys). An index of
 * all events that refuses a second one cost half of PostgreSQL's share of an event (4.5 us): it lies
 * in random order, so that each event writes to a page of its own. Instead a worker keeps the keys
 * of the traces it chains, and asks for those of the chunks that others have chained since.
 *
 *   a set is right for a trace's row, as it was locked, if both have the same
 *     next_chunk_seq    or the chunks in between are read; chunks are chained in order
 *     rebuilt           a replay has not made the chunks anew
 *   and the connection is the one it was read by: a restarted server may be another one.
 *
 * The lock of the trace's row makes this safe with any number of workers: who holds it has seen every
 * chunk, and no other adds one. What an attempt adds counts from its commit on (known_keep); when it
 * fails the sets it has added to are forgotten.
 *
 * Memory: the sets used last, of `most` bytes, and those of the traces that are being looked at. Once it
 * has been too small, long traces go into an index (event_ids) as well, the oldest keys first and some
 * KNOWN_INDEX_EACH with each look: 10 us an event, so not before. Who has forgotten a trace reads what is
 * not in the index and asks it for the rest; so what is read with each chunk of a trace does not grow
 * with its length.
 */
#ifndef PRT_WORKERS_VALIDATE_KNOWN_H
#define PRT_WORKERS_VALIDATE_KNOWN_H

#include "base/keyset.h"
#include "store/trace_store.h"

struct known_trace;

enum { KNOWN_INDEX_EACH = 16384 };

/* All zeros but for the first two is one that knows nothing. */
struct known {
    size_t               most;       /* bytes */
    int64_t              index_each; /* events */
    size_t               bytes, count;
    struct known_trace **buckets;
    size_t               room; /* a power of two, or 0 */
    struct known_trace  *newest, *oldest; /* by use */
    int64_t              connection;
    int64_t              attempt;
    bool                 crowded; /* it has had to forget for want of room */
    int64_t              read, counted; /* keys that were read, ever; of them are in the metrics */
};

void known_done(struct known *known);
void known_forget(struct known *known);

/* Another attempt: what the one before has added to and not kept is forgotten. */
void known_begin(struct known *known);

/* What is known of the trace, valid until the next call for another. rows[0] is the trace, locked, and as
 * it was locked or as this attempt has changed it; of the other rows, of traces that come next, as many
 * are read with it as is cheap. */
WARN_UNUSED int known_want(struct known *known, struct store *store, struct arena *arena,
                           struct trace_record *const *rows, size_t count,
                           struct known_trace **ret_trace, struct err *err);
/* The same for what is there without asking; NULL: it is not. */
struct known_trace *known_find(struct known *known, struct store *store,
                               const struct trace_record *row);

/* ret_has[i]: the trace has an event with keys[i] already. */
WARN_UNUSED int known_has(const struct known_trace *trace, struct store *store,
                          struct arena *arena, const uint8_t (*keys)[KEY_HALF], size_t count,
                          bool *ret_has, struct err *err);
/* It has one more. */
void            known_add(struct known_trace *trace, const uint8_t key[KEY_HALF]);

/* After the commit: the trace's row is now like this. */
void known_keep(struct known *known, const struct trace_record *row);
/* And then: no more than `most` bytes. */
void known_trim(struct known *known);

#endif
