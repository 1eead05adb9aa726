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
 * Memory: the sets used last, of `most` bytes, and those of the traces that are being looked at. Where
 * more traces are open than fit, theirs are read again with each of their chunks.
 */
#ifndef PRT_WORKERS_VALIDATE_KNOWN_H
#define PRT_WORKERS_VALIDATE_KNOWN_H

#include "base/keyset.h"
#include "store/trace_store.h"

struct known_trace;

/* All zeros but for `most` is one that knows nothing. */
struct known {
    size_t               most; /* bytes */
    size_t               bytes, count;
    struct known_trace **buckets;
    size_t               room; /* a power of two, or 0 */
    struct known_trace  *newest, *oldest; /* by use */
    int64_t              connection;
    int64_t              attempt;
    int64_t              read, counted; /* keys that were read, ever; of them are in the metrics */
};

void known_done(struct known *known);
void known_forget(struct known *known);

/* Another attempt: what the one before has added to and not kept is forgotten. */
void known_begin(struct known *known);

/* The keys of the trace's events, valid until the next call. rows[0] is the trace, locked, and as it
 * was locked or as this attempt has changed it; of the other rows, of traces that come next, as many
 * are read with it as is cheap. The caller adds to the set what it adds to the trace. */
WARN_UNUSED int known_get(struct known *known, struct store *store, struct arena *arena,
                          const struct trace_record *const *rows, size_t count,
                          struct keyset **ret_keys, struct err *err);
/* The same for what is there without asking; NULL: it is not. */
struct keyset *known_find(struct known *known, struct store *store, const struct trace_record *row);

/* After the commit: the trace's row is now like this. */
void known_keep(struct known *known, const struct trace_record *row);
/* And then: no more than `most` bytes. */
void known_trim(struct known *known);

#endif
