// SPDX-License-Identifier: MIT
/*
 * erase.c - a trace goes, and nothing that anybody can still read stays behind.
 *
 *   in the transaction   the status is `erased`: nobody reads it, nothing is added. Its few rows go
 *   after the commit     piece by piece, each in a transaction: its lines become blanks in new copies
 *                        of the segments they share with others (whose offsets stay), and their
 *                        chunks go; then the objects nobody else has, its document, its logs; last
 *                        its messages, this one too: until then it is delivered again
 *
 * Of a long trace that may be many thousand copies. Pieces take no more room than one of them needs, lose
 * no more than one when something fails, and hold up nobody: after a while the message is put back.
 *
 * What comes for it later is not kept either: whoever takes such a message does the last part again, if
 * the pieces are done; else it goes with them.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/erase_store.h"
#include "store/trace_object_store.h"
#include "trace/claim.h"
#include "trace/dead_letter.h"
#include "workers/object.h"
#include "workers/validate/validator.h"

enum { OBJECTS_A_LEASE = 100, LIST_MOST = 1000 };

static const struct erase_most piece = {.chunks = 1024, .segments = 8};

/* ------------------------------------ lines ------------------------------------ */

static const char *copy_key(struct arena *arena, const char *key)
{
    uint8_t random[8];
    char    hex[2 * sizeof(random) + 1];
    /* A segment may be copied again and again: its own name stays as it was. */
    size_t own = strlen("segments/00000000/") + 32;

    random_bytes(random, sizeof(random));
    hex_write(hex, (struct bytes){random, sizeof(random)});
    return arena_format(arena, "%.*s-%s", (int)own, key, hex);
}

/* The ranges become blanks, as far as the bytes go. */
static void blank(struct buf *segment, const struct erase_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t left = (int64_t)segment->size - ranges[i].offset;
        int64_t size = ranges[i].length < left ? ranges[i].length : left;

        if (ranges[i].offset >= 0 && size > 0) {
            memset(segment->data + ranges[i].offset, ' ', (size_t)size);
        }
    }
}

/* Nobody's lines are in it any more. */
static bool is_blank(const struct buf *segment)
{
    size_t at = 0;

    while (at < segment->size && segment->data[at] == ' ') {
        at++;
    }
    return at == segment->size;
}

/* The segment of the first of `count` ranges, without them. One that is lost has nothing to be
 * read. */
static int blank_segment(struct erase *erase, const struct erase_range *ranges, size_t count,
                         struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      copy = {0};
    const char                  *key;
    struct bytes                 segment;
    int64_t                      blanks = 0;

    for (size_t i = 0; i < count; i++) {
        blanks += ranges[i].length;
    }
    if (blanks >= ranges->segment_bytes) {
        return erase_segment_move(erase->store, erase->arena, ranges, NULL, erase->trace_no, err);
    }
    if (blob_get(erase->blob, arena, BUCKET_CHUNKS, ranges->key, (size_t)ranges->segment_bytes + 1,
                 &segment, err) < 0) {
        if (err->code != ERR_BLOB_MISSING) {
            return -1;
        }
        err_clear(err);
        return 0;
    }
    buf_put(&copy, segment);
    blank(&copy, ranges, count);
    if (is_blank(&copy)) {
        return erase_segment_move(erase->store, erase->arena, ranges, NULL, erase->trace_no, err);
    }
    key = copy_key(erase->arena, ranges->key);
    erase->copies[erase->copy_count++] = key;
    TRY(blob_put(erase->blob, BUCKET_CHUNKS, key, buf_bytes(&copy), "application/x-ndjson", err));
    return erase_segment_move(erase->store, erase->arena, ranges, key, erase->trace_no, err);
}

int erase_lines(struct erase *erase, const struct erase_range *ranges, size_t count,
                struct err *err)
{
    erase->copies = arena_get(erase->arena, (count + 1) * sizeof(*erase->copies));
    erase->copy_count = 0;
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;

        while (end < count && ranges[end].segment_no == ranges[i].segment_no) {
            end++;
        }
        TRY(blank_segment(erase, ranges + i, end - i, err));
        i = end;
    }
    return 0;
}

int erase_doomed(struct store *store, struct blob_store *blob, struct arena *arena,
                 const char *trace_id, struct err *err)
{
    const char **keys = NULL;
    size_t       count = 0;

    TRY(doomed_read(store, arena, trace_id, &keys, &count, err));
    for (size_t i = 0; i < count; i++) {
        TRY(blob_delete(blob, BUCKET_CHUNKS, keys[i], err));
    }
    return doomed_forget(store, arena, trace_id, err);
}

/* ------------------------------ in the transaction ------------------------------ */

int erase_take(struct batch *batch, struct trace *trace, struct entry *entry, struct err *err)
{
    (void)entry;
    if (trace->row.status == TRACE_ERASED) {
        return 0;
    }
    TRY(erase_rows(batch->store, batch->arena, trace->row.trace_no, err));
    trace->row.status = TRACE_ERASED;
    trace->changed = false;
    return 0;
}

/* ------------------------------ after the commit ------------------------------ */

static int take_piece(struct erase *erase, size_t *ret_count, struct err *err)
{
    CLEANUP(store_rollback) struct store *transaction = erase->store;
    struct erase_range                   *ranges = NULL;

    TRY(store_begin(transaction, err));
    TRY(erase_ranges(erase->store, erase->arena, erase->trace_no, piece, &ranges, ret_count, err));
    TRY(erase_lines(erase, ranges, *ret_count, err));
    TRY(erase_chunks(erase->store, erase->arena, erase->trace_no, ranges, *ret_count, err));
    return store_commit(transaction, err);
}

/* Two may be at it at once: the segments' locks keep them apart, and lines may become blanks twice. */
static int erase_piece(struct validator *validator, const char *trace_id, int64_t trace_no,
                       bool *ret_left, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct erase                 erase = {.store = validator->batch.store,
                                          .blob = validator->batch.blob,
                                          .arena = arena,
                                          .trace_no = trace_no};
    struct err                   ignored = {0};
    size_t                       count = 0;

    if (take_piece(&erase, &count, err) < 0) {
        /* Nobody refers to the copies, unless a commit was cut off and may have happened. */
        for (size_t i = 0; i < erase.copy_count && err->code != ERR_STORE_DOWN; i++) {
            (void)!blob_delete(erase.blob, BUCKET_CHUNKS, erase.copies[i], &ignored);
        }
        return -1;
    }
    TRY(erase_doomed(erase.store, erase.blob, arena, trace_id, err));
    *ret_left = true;
    return count > 0 ? 0 : erase_more(erase.store, arena, trace_no, ret_left, err);
}

/* TRACE_NOT_READY when it takes longer than what came with the message should wait. */
static int erase_pieces(struct validator *validator, struct delivery *in, struct err *err)
{
    int64_t until_us = clock_mono_us() + validator->erase_slice_ms * 1000;
    int64_t trace_no = 0;
    bool    left = false;

    TRY(erase_left(validator->batch.store, in->arena, in->to.trace, &trace_no, &left, err));
    while (left) {
        TRY(erase_piece(validator, in->to.trace, trace_no, &left, err));
        TRY(delivery_extend(in, err));
        if (left && clock_mono_us() >= until_us) {
            (void)err_set(err, ERR_TRACE_NOT_READY, "trace %s is long, and erased piece by piece",
                          in->to.trace);
            err->retry_after_ms = 1;
            return -1;
        }
    }
    return 0;
}

static int delete_objects(struct validator *validator, struct delivery *in, struct err *err)
{
    const char **keys = NULL;
    size_t       count = 0;

    do {
        TRY(objects_of(validator->batch.store, in->arena, in->to.trace, OBJECTS_A_LEASE, &keys,
                       &count, err));
        for (size_t i = 0; i < count; i++) {
            TRY(object_drop(validator->batch.store, validator->batch.blob, in->arena, in->to.trace,
                            keys[i], err));
        }
        if (count == OBJECTS_A_LEASE) {
            TRY(delivery_extend(in, err));
        }
    } while (count == OBJECTS_A_LEASE);
    return 0;
}

static int delete_under(struct validator *validator, struct delivery *in, enum bucket bucket,
                        const char *prefix, struct err *err)
{
    struct blob_entry *entries = NULL;
    size_t             count = 0;

    do {
        TRY(blob_list(validator->batch.blob, in->arena, bucket, prefix, "", LIST_MOST, &entries,
                      &count, err));
        for (size_t i = 0; i < count; i++) {
            TRY(blob_delete(validator->batch.blob, bucket, entries[i].key, err));
        }
    } while (count == LIST_MOST);
    return 0;
}

/* What the message stands for; a dead letter is looked into. */
static int claim_of(struct arena *arena, bool dead, struct bytes body, struct claim *ret_claim,
                    struct err *err)
{
    struct dead_letter letter;
    struct message     message;

    if (dead) {
        TRY(dead_letter_read(arena, body, &letter, err));
        body = letter.payload;
    }
    TRY(message_read(body, &message, err));
    return message.kind == MESSAGE_CLAIM ? claim_read(arena, message.body, ret_claim, err) : -1;
}

/* One by one: a purge of its subject would have the stages pass over what they have not settled of
 * other traces (stream.h). Messages that were too large for the stream lie in the object store. */
static int delete_stored(struct validator *validator, struct delivery *in, bool dead,
                         const char *subject, struct err *err)
{
    const char            *stream = dead ? "PRT_DEAD" : "PRT_INGEST";
    struct browse_settings settings = {.stream_name = stream, .subject = subject, .bodies = true};
    CLEANUP(browse) struct browse *browse = NULL;
    CLEANUP(arena) struct arena   *arena = arena_new();
    bool                           there = true;

    TRY(browse_open(&browse, validator->stream, &settings, err));
    for (size_t deleted = 0;; deleted++) {
        struct stored_msg stored;
        struct claim      claim;
        struct err        unread = {0};

        arena_reset(arena);
        TRY(browse_next(browse, arena, &stored, &there, err));
        if (!there) {
            return 0;
        }
        if (claim_of(arena, dead, stored.body, &claim, &unread) == 0) {
            TRY(blob_delete(validator->batch.blob, BUCKET_CHUNKS, claim.key, err));
        }
        if (stream_delete(validator->stream, stream, stored.seq, err) < 0) {
            if (err->code != ERR_NOT_FOUND) {
                return -1;
            }
            err_clear(err); /* another worker is at it too */
        }
        if (deleted % OBJECTS_A_LEASE == OBJECTS_A_LEASE - 1) {
            TRY(delivery_extend(in, err));
        }
    }
}

static int delete_messages(struct validator *validator, struct delivery *in, struct err *err)
{
    static const char *const stages[] = {
#define STAGE(role, ...) #role,
#include "schemas/pipeline.def"
#undef STAGE
    };
    char subject[SUBJECT_BYTES];

    if (validator->stream == NULL) {
        return 0;
    }
    TRY(delete_stored(validator, in, true,
                      arena_format(in->arena, "prt.dead.*.%s.%s", in->to.tenant, in->to.trace),
                      err));
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        subject_stage(subject, "work", stages[i], in->to.tenant, in->to.trace);
        TRY(stream_remove(validator->stream, "PRT_WORK", subject, err));
        subject_stage(subject, "result", stages[i], in->to.tenant, in->to.trace);
        TRY(stream_remove(validator->stream, "PRT_RESULT", subject, err));
    }
    return delete_stored(
        validator, in, false,
        arena_format(in->arena, "prt.ingest.%s.%s.*", in->to.tenant, in->to.trace), err);
}

int erase_finish(struct validator *validator, struct delivery *in, struct err *err)
{
    int64_t trace_no = 0;
    bool    left = false;

    if (in->message.kind == MESSAGE_ERASE) {
        TRY(erase_pieces(validator, in, err));
    } else {
        TRY(erase_left(validator->batch.store, in->arena, in->to.trace, &trace_no, &left, err));
    }
    if (left) {
        return 0; /* it goes with the message that erases the trace */
    }
    TRY(erase_doomed(validator->batch.store, validator->batch.blob, in->arena, in->to.trace, err));
    TRY(delete_objects(validator, in, err));
    TRY(delete_under(validator, in, BUCKET_ARTIFACTS,
                     arena_format(in->arena, "qa/%s/", in->to.trace), err));
    /* Also what no message told of: its gateway died. */
    TRY(delete_under(validator, in, BUCKET_ARTIFACTS,
                     arena_format(in->arena, "uploads/%s/", in->to.trace), err));
    TRY(delete_under(validator, in, BUCKET_TRACES, arena_format(in->arena, "%s/", in->to.trace),
                     err));
    TRY(blob_delete(validator->batch.blob, BUCKET_TRACES,
                    arena_format(in->arena, "raw/%s.ndjson", in->to.trace), err));
    TRY(delete_messages(validator, in, err));
    LOG(&in->log, INFO, "trace erased");
    return 0;
}
