// SPDX-License-Identifier: MIT
/*
 * batch.h - many deliveries in one transaction: one attempt, from locking the traces to the commit.
 *
 *   lock the traces, in order of id       batch.c
 *   what is known of these chunks?        batch.c
 *   are their objects still there?        object.c
 *   take each entry, in order of seq      batch.c, order.c (which chunk is next), link.c (the chain)
 *   rows; lines in them, or a segment     save.c
 *   commit
 *
 * An attempt that fails leaves nothing behind but, at worst, an object nobody refers to (sweep.h).
 * Everything that is made on the way dies with the attempt's arena.
 */
#ifndef PRT_WORKERS_VALIDATE_BATCH_H
#define PRT_WORKERS_VALIDATE_BATCH_H

#include "store/chunk_store.h"
#include "store/dead_store.h"
#include "store/erase_store.h"
#include "store/key_store.h"
#include "trace/chain.h"
#include "workers/segment.h"
#include "workers/validate/intake.h"
#include "workers/validate/known.h"

/* A chunk of a trace, as this attempt sees it. */
struct record {
    struct chunk_record row;
    struct content      content;
    bool                has_content; /* not so for a known row whose payload was not asked for */
    bool                stored;      /* the database holds a row in its place */
    bool                changed;     /* ... or has to */
    bool                superseded;  /* was refused, and a corrected chunk takes its place */
};

struct trace {
    struct trace_record row;
    bool                there; /* row was locked */
    bool                grows; /* it may be given events */
    bool                changed;
    struct record     **records; /* known before, then new; in the attempt's arena */
    size_t              record_count, record_room;
    int64_t             held; /* of them are pending and not stored */
};

struct tally {
    int64_t chunks_chained, chunks_pending, chunks_duplicate, chunks_refused;
    int64_t events_accepted, events_chained, events_duplicate, events_refused;
};

struct batch {
    struct store      *store;
    struct blob_store *blob;
    struct hmac       *hmac;        /* of the chain key */
    int64_t            events_most; /* in a trace */
    int64_t            drain_most;  /* bytes of pending payloads chained in one attempt */
    int64_t            keep_most;   /* bytes of lines that stay in the rows of their chunks */
    struct known       known;       /* which events the traces have */

    struct entry **entries; /* sorted by trace, then by seq in the stream */
    size_t         count;
    bool           careful; /* look every chunk up: the place or id of one is taken */
    bool           buried;  /* what is refused at its turn is in the dead letters already */

    /* of one attempt */
    struct arena      *arena;
    struct trace      *traces; /* sorted by id; one for each in entries */
    size_t             trace_count;
    struct key_record *keys; /* known before, then new */
    size_t             key_count, key_known;
    struct buf         lines;                    /* the segment, or what the rows keep */
    struct buf         artifacts;                /* struct artifact_record */
    struct buf         dead;                     /* struct dead_record */
    char               segment_key[SEGMENT_KEY]; /* "": no object was put */
    int64_t            drained;
    struct tally       tally;
};

void batch_done(struct batch *batch);

/* One attempt at all entries. On -1 nothing happened; STORE_CLASH with the constraint CHUNKS_PLACE or
 * CHUNKS_ONCE asks for another attempt with `careful`. On 0 each entry says what became of it. */
WARN_UNUSED int batch_run(struct batch *batch, struct err *err);

/* The same inside the caller's transaction, for traces that are there: nothing is committed, and
 * what is done when it fails is the caller's to roll back. No other attempt can follow: `careful`
 * first, and batch->known knows nothing when the transaction begins. */
WARN_UNUSED int batch_run_inside(struct batch *batch, struct err *err);

/* What is known of the trace's events; who adds to one adds to the other. Valid until the next trace's
 * is asked for. (*ret_has)[i]: it has one with keys[i]. */
WARN_UNUSED int batch_known(struct batch *batch, struct trace *trace,
                            const uint8_t (*keys)[KEY_HALF], size_t count,
                            struct known_trace **ret_known, bool **ret_has, struct err *err);

/* -------- order.c: -1 only when the whole attempt failed; what is wrong with the entry is in it
 * -------- */
WARN_UNUSED int order_take_chunk(struct batch *batch, struct trace *trace, struct entry *entry,
                                 struct err *err);
WARN_UNUSED int order_take_complete(struct batch *batch, struct trace *trace, struct entry *entry,
                                    struct err *err);
struct record  *order_add_record(struct batch *batch, struct trace *trace);
/* Makes pending rows of the database into records with content. */
WARN_UNUSED int order_load(struct batch *batch, struct trace *trace,
                           const struct chunk_record *rows, size_t count, struct err *err);
/* Each event of a chunk is accepted once; one that is refused at once is dead at once. */
void            order_book(struct trace *trace, const struct content *content);
/* Chains what is pending from the trace's next chunk on. */
WARN_UNUSED int order_advance(struct batch *batch, struct trace *trace, struct entry *entry,
                              struct err *err);

/* May this trace still be given something that was sent as `seq` of the stream? */
WARN_UNUSED int order_trace_takes(const struct trace *trace, uint64_t stream_seq, int64_t chunk_seq,
                                  struct err *err);

/* -------- append.c: the same for a batch, which gets the trace's next place -------- */
WARN_UNUSED int append_take(struct batch *batch, struct trace *trace, struct entry *entry,
                            struct err *err);

/* -------- erase.c: the trace is erased from now on; its chunks and ids go after the commit -------- */
WARN_UNUSED int erase_take(struct batch *batch, struct trace *trace, struct entry *entry,
                           struct err *err);

struct erase {
    struct store      *store;
    struct blob_store *blob;
    struct arena      *arena;
    int64_t            trace_no;
    const char       **copies; /* that were put, also on failure; room for one for each range */
    size_t             copy_count;
};
/* In the transaction: the ranges of erase_ranges become blanks, in copies of the segments that hold
 * other traces' lines too. Where they lay is doomed; a segment that is lost is let be. */
WARN_UNUSED int erase_lines(struct erase *erase, const struct erase_range *ranges, size_t count,
                            struct err *err);
/* After the commit: what was doomed for the trace goes. */
WARN_UNUSED int erase_doomed(struct store *store, struct blob_store *blob, struct arena *arena,
                             const char *trace_id, struct err *err);

/* -------- link.c -------- */

/* Puts the record's events on top of the trace's chain and leaves its verdict in the row: chained,
 * or refused if none of them stands. */
WARN_UNUSED int link_chunk(struct batch *batch, struct trace *trace, struct record *record,
                           struct err *err);
/* Its turn has not come: pending. */
void link_hold(struct batch *batch, struct trace *trace, struct record *record);
/* Nothing of it stands, whatever the chain says. */
bool link_nothing_stands(const struct content *content);
void link_refuse(struct batch *batch, struct record *record, const struct chunk_refusal *refusals,
                 size_t count);

/* -------- bury.c: what was refused of a chunk that had waited goes to the dead letters -------- */
WARN_UNUSED int bury_refused(struct batch *batch, const struct record *record,
                             const struct chunk_refusal *refusals, size_t count, struct err *err);

/* -------- object.c: the artifacts' objects are their traces', and there; an entry whose object is not
 * has an error -------- */
WARN_UNUSED int objects_hold(struct batch *batch, struct err *err);

/* -------- save.c: all rows and the segment object; inside the transaction -------- */
WARN_UNUSED int batch_save(struct batch *batch, struct err *err);

#endif
