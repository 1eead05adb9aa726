// SPDX-License-Identifier: MIT
/*
 * validate - is this chunk what it says it is, and where in its trace does it belong?
 *
 * The single writer of chains, chunks, events and artifacts: everything that changes a trace comes
 * through here. A batch of deliveries is one transaction and one segment object; see batch.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "metric/metric.h"
#include "store/erase_store.h"
#include "store/trace_object_store.h"
#include "value/json.h"
#include "value/msgpack.h"
#include "workers/validate/validator.h"

enum {
    ATTEMPTS = 6,    /* at a batch whose rows others are changing too */
    KEY_LIFE_H = 48, /* idempotency keys: 24 h are promised */
    KEY_SWEEP_MS = 60 * 1000,
    KEY_SWEEP = 10000,
    ERASE_SLICE_MS = 5000, /* less than a lease: what came with it is settled behind it */
};

void validator_free(struct validator *validator)
{
    if (validator == NULL) {
        return;
    }
    hmac_free(validator->batch.hmac);
    batch_done(&validator->batch);
    arena_free(validator->arena);
    mem_free((void *)(uintptr_t)validator->intake.rules.artifacts_uri);
    free(validator);
}

/* "s3://pr-telemetry-artifacts": what references to objects begin with. */
static char *bucket_uri(struct blob_store *blob, struct arena *arena)
{
    char *uri = mem_text(blob_uri(blob, arena, BUCKET_ARTIFACTS, "x"));

    uri[strlen(uri) - strlen("/x")] = '\0';
    return uri;
}

struct validator *validator_new(const struct farm *farm)
{
    const struct config *config = farm->config;
    struct validator    *validator = mem_zero(1, sizeof(*validator));

    validator->arena = arena_new();
    validator->intake = (struct intake){
        .blob = farm->blob,
        .rules =
            {
                .limits =
                    {
                        .events = (size_t)config->chunk_events_max,
                        .event_bytes = (size_t)config->event_max,
                        .id_chars = (size_t)config->id_max,
                        .path_chars = (size_t)config->path_max,
                    },
                .redact = config->redact,
                .artifacts_uri = bucket_uri(farm->blob, validator->arena),
            },
    };
    validator->stream = farm->stream;
    validator->claim_check_from = config->claim_check_from;
    validator->ingest_keep_us = config->ingest_keep * 1000;
    validator->erase_slice_ms = ERASE_SLICE_MS;
    validator->batch.store = farm->store;
    validator->batch.blob = farm->blob;
    validator->batch.hmac = hmac_new((struct bytes){farm->chain_key, KEY_BYTES});
    validator->batch.events_most = config->trace_events_max;
    validator->batch.drain_most = config->batch_bytes;
    validator->batch.keep_most = config->keep_lines;
    validator->batch.known.most = (size_t)config->known_ids;
    validator->batch.known.index_each = KNOWN_INDEX_EACH;
    return validator;
}

static int validate_open(struct farm *farm, void **ret_self, struct err *err)
{
    (void)err;
    *ret_self = validator_new(farm);
    return 0;
}

static void validate_close(void *self)
{
    validator_free(self);
}

/* -------------------------------- reading -------------------------------- */

static int by_trace_and_seq(const void *left, const void *right)
{
    const struct entry *a = *(struct entry *const *)left;
    const struct entry *b = *(struct entry *const *)right;
    int                 order = strcmp(a->in->to.trace, b->in->to.trace);

    if (order != 0) {
        return order;
    }
    return a->in->seq < b->in->seq ? -1 : a->in->seq > b->in->seq ? 1 : 0;
}

static void answer_problem(struct outbox *out, const struct delivery *in, const struct err *why,
                           const struct chunk *chunk)
{
    CLEANUP(buf) struct buf json = {0};

    problem_write(&json, why, chunk->refusals, chunk->refusal_count);
    outbox_answer(out, in, err_http(why->code), buf_bytes(&json));
}

/* Those that can be taken, sorted; the others have their error. */
static struct entry **read_all(struct validator *validator, struct delivery *in, size_t count,
                               struct outbox *out, size_t *ret_good)
{
    struct entry  *entries = arena_zero(validator->arena, count, sizeof(*entries));
    struct entry **good = arena_get(validator->arena, count * sizeof(struct entry *));
    size_t         taken = 0;

    for (size_t i = 0; i < count; i++) {
        if (in[i].err.code != ERR_NONE) {
            continue;
        }
        if (intake_read(&validator->intake, &in[i], &entries[i], &in[i].err) < 0) {
            answer_problem(out, &in[i], &in[i].err, &entries[i].chunk);
        } else {
            good[taken++] = &entries[i];
        }
    }
    qsort(good, taken, sizeof(struct entry *), by_trace_and_seq);
    *ret_good = taken;
    return good;
}

/* -------------------------------- working -------------------------------- */

static void count(const struct tally *tally)
{
    enum { CHAINED, PENDING, DUPLICATE, REFUSED };
    enum { EVENTS_ACCEPTED, EVENTS_CHAINED, EVENTS_DUPLICATE, EVENTS_REFUSED };

    metric_add(METRIC_validate_chunks, CHAINED, tally->chunks_chained);
    metric_add(METRIC_validate_chunks, PENDING, tally->chunks_pending);
    metric_add(METRIC_validate_chunks, DUPLICATE, tally->chunks_duplicate);
    metric_add(METRIC_validate_chunks, REFUSED, tally->chunks_refused);
    metric_add(METRIC_validate_events, EVENTS_ACCEPTED, tally->events_accepted);
    metric_add(METRIC_validate_events, EVENTS_CHAINED, tally->events_chained);
    metric_add(METRIC_validate_events, EVENTS_DUPLICATE, tally->events_duplicate);
    metric_add(METRIC_validate_events, EVENTS_REFUSED, tally->events_refused);
}

static bool id_was_taken(const char *constraint)
{
    return strcmp(constraint, CHUNKS_PLACE) == 0 || strcmp(constraint, CHUNKS_ONCE) == 0;
}

static void count_read(struct known *known)
{
    metric_add(METRIC_validate_ids_read, 0, known->read - known->counted);
    known->counted = known->read;
    metric_set(METRIC_validate_ids_bytes, 0, (int64_t)known->bytes);
}

/* One round of all entries, tried again while others get in the way. */
static int run(struct batch *batch, struct err *err)
{
    batch->careful = false;
    for (int attempt = 1;; attempt++) {
        err_clear(err);
        if (batch_run(batch, err) == 0) {
            count(&batch->tally);
            count_read(&batch->known);
            return 0;
        }
        if (err->code != ERR_STORE_CLASH || attempt == ATTEMPTS) {
            return -1;
        }
        /* Sticks: a batch in which an id is used twice is looked at closely until it is through. */
        batch->careful = batch->careful || id_was_taken(store_clash_constraint(batch->store));
    }
}

/* The trace of a pull request lies in the traces bucket as lines too: finalize writes them. */
static void put_raw_work(const struct delivery *in, struct outbox *out)
{
    CLEANUP(buf) struct buf body = {0};

    msgpack_put_map(&body, 1);
    msgpack_put_text(&body, BYTES("raw"));
    msgpack_put_flag(&body, true);
    outbox_put(out, in, "work", "finalize",
               arena_format(in->arena, "raw-%s-%llu", in->to.trace, (unsigned long long)in->seq),
               buf_bytes(&body), false);
}

/* ": /events/0/sha is missing, and more", of what the sender was answered. */
static const char *why_refused(struct arena *arena, struct bytes verdict)
{
    static const struct value_limits limits = {64 << 20, 16, 10000000};
    struct err                       err = {0};
    struct value                     problem;
    const struct value              *first;
    struct bytes                     pointer, message;

    if (json_read(arena, verdict, &limits, &problem, &err) < 0) {
        return "";
    }
    first = value_at(&problem, "/errors/0");
    if (first == NULL) {
        return "";
    }
    pointer = value_text_or(value_get(first, "pointer"), "");
    message = value_text_or(value_get(first, "message"), "");
    return arena_format(arena, ": %.*s %.*s%s", (int)pointer.size, (const char *)pointer.data,
                        (int)message.size, (const char *)message.data,
                        value_at(&problem, "/errors/1") == NULL ? "" : ", and more");
}

/* Puts what it came to where the loop finds it. */
static void settle(struct entry *entry, struct outbox *out)
{
    struct delivery        *in = entry->in;
    const struct record    *record = entry->record;
    CLEANUP(buf) struct buf text = {0};

    in->err = entry->err;
    if (entry->err.code != ERR_NONE) {
        answer_problem(out, in, &entry->err, &(struct chunk){0});
        return;
    }
    if (entry->finalize) {
        msgpack_put_map(&text, 0);
        outbox_put(
            out, in, "work", "finalize",
            arena_format(in->arena, "finalize-%s-%llu", in->to.trace, (unsigned long long)in->seq),
            buf_bytes(&text), true);
        return;
    }
    if (record == NULL) {
        buf_format(&text, "{\"status\":\"success\",\"trace_id\":\"%s\"}", in->to.trace);
        outbox_answer(out, in, 200, buf_bytes(&text));
        return;
    }
    outbox_answer(out, in, record->row.http, record->row.verdict);
    if (entry->append != NULL && record->row.status == CHUNK_CHAINED) {
        put_raw_work(in, out);
    }
    /* Its dead letter keeps what was refused. Sent again it is only answered again; put back from
     * the dead letters it goes there again. */
    if (record->row.status == CHUNK_REFUSED &&
        (record->row.stream_seq == (int64_t)in->seq || in->replay != NULL)) {
        (void)err_set(&in->err, ERR_EVENTS_REFUSED, "chunk %.*s with chunk_seq %lld%s",
                      (int)record->row.chunk_id.size, (const char *)record->row.chunk_id.data,
                      (long long)record->row.chunk_seq,
                      why_refused(in->arena, record->row.verdict));
    }
}

/* Rounds, until no entry has anything left to do. Each is committed on its own. */
static int run_rounds(struct validator *validator, struct entry **entries, size_t left,
                      struct outbox *out, struct err *err)
{
    struct batch *batch = &validator->batch;

    while (left > 0) {
        size_t again = 0;

        batch->entries = entries;
        batch->count = left;
        TRY(run(batch, err));
        for (size_t i = 0; i < left; i++) {
            struct entry *entry = entries[i];

            if (entry->again && entry->err.code == ERR_NONE) {
                entries[again++] = entry;
            } else {
                settle(entry, out);
            }
        }
        left = again;
    }
    return 0;
}

/* Each in a batch of its own, behind what came with it: no other's work fails with it. What came for the
 * trace itself is committed by then, and found. */
static int run_all(struct validator *validator, struct entry **entries, size_t count,
                   struct outbox *out, struct err *err)
{
    struct entry **erases = arena_get(validator->arena, count * sizeof(struct entry *));
    size_t         erase_count = 0;
    size_t         other_count = 0;

    for (size_t i = 0; i < count; i++) {
        if (entries[i]->in->message.kind == MESSAGE_ERASE) {
            erases[erase_count++] = entries[i];
        } else {
            entries[other_count++] = entries[i];
        }
    }
    TRY(run_rounds(validator, entries, other_count, out, err));
    for (size_t i = 0; i < erase_count; i++) {
        (void)!run_rounds(validator, &erases[i], 1, out, &erases[i]->in->err);
    }
    return 0;
}

static int validate_tend(void *self, struct err *err)
{
    struct validator *validator = self;
    int64_t           now_us = clock_mono_us();
    int64_t           gone = 0;

    if (now_us - validator->swept_us > KEY_SWEEP_MS * 1000LL) {
        validator->swept_us = now_us;
        TRY(keys_expire(validator->batch.store, validator->arena,
                        clock_us() - KEY_LIFE_H * 3600LL * 1000000, KEY_SWEEP, &gone, err));
        TRY(objects_gone_expire(validator->batch.store, validator->arena,
                                clock_us() - validator->ingest_keep_us, err));
    }
    return bury_all(validator, err);
}

/* What came before was done for this trace: its messages went with it, this one among them. */
static bool is_done(const struct delivery *in, const bool *done, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (done[i] && strcmp(in[i].to.trace, in[index].to.trace) == 0) {
            return true;
        }
    }
    return false;
}

/* What was refused before its trace was looked at may have come for an erased one too. */
static int find_erased(struct validator *validator, struct delivery *in, size_t total,
                       struct err *err)
{
    struct bytes *ids = arena_get(validator->arena, total * sizeof(*ids));
    size_t       *at = arena_get(validator->arena, total * sizeof(*at));
    bool         *erased = NULL;
    size_t        count = 0;

    for (size_t i = 0; i < total; i++) {
        if (in[i].err.code != ERR_NONE && err_fate(in[i].err.code) != FATE_WAIT &&
            in[i].err.code != ERR_TRACE_ERASED) {
            ids[count] = bytes_of(in[i].to.trace);
            at[count++] = i;
        }
    }
    if (count == 0) {
        return 0;
    }
    TRY(traces_erased(validator->batch.store, validator->arena, ids, count, &erased, err));
    for (size_t i = 0; i < count; i++) {
        if (erased[i]) {
            (void)err_set(&in[at[i]].err, ERR_TRACE_ERASED, "trace %s was erased",
                          in[at[i]].to.trace);
        }
    }
    return 0;
}

/* What comes for a trace that was erased is answered, and goes the way of what came before: as a
 * dead letter it would be kept for months. */
static void finish_erased(struct validator *validator, struct delivery *in, size_t total)
{
    bool *done = arena_zero(validator->arena, total, sizeof(*done));

    for (size_t i = 0; i < total; i++) {
        const bool late = in[i].err.code == ERR_TRACE_ERASED;

        if (!late && (in[i].message.kind != MESSAGE_ERASE || in[i].err.code != ERR_NONE)) {
            continue;
        }
        err_clear(&in[i].err);
        done[i] = is_done(in, done, i) || erase_finish(validator, &in[i], &in[i].err) == 0;
    }
}

static int validate_handle_batch(void *self, struct delivery *in, size_t total, struct outbox *out,
                                 struct err *err)
{
    struct validator *validator = self;
    struct entry    **good;
    size_t            taken = 0;

    arena_reset(validator->arena);
    good = read_all(validator, in, total, out, &taken);
    TRY(earlier_hold_back(validator, good, &taken, err));
    TRY(run_all(validator, good, taken, out, err));
    TRY(find_erased(validator, in, total, err));
    finish_erased(validator, in, total);
    return 0;
}

const struct stage validate_stage = {
    .open = validate_open,
    .handle_batch = validate_handle_batch,
    .tend = validate_tend,
    .close = validate_close,
};
