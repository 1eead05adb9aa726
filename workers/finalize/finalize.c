// SPDX-License-Identifier: MIT
/*
 * finalize - everything here? Then the trace becomes its document.
 *
 *   completing --not all settled, time left--------> put back, asked again soon
 *   completing --all settled, none waits-----------> closed
 *   completing --some wait for a gap, or time is up
 *                and declared ones are missing-----> asks validate to chain what is there and to close
 *   closed ------> document written, signed -------> finalized; qa is next
 *   finalized ---> the same messages and the same answer again
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/chunk_store.h"
#include "value/json.h"
#include "value/msgpack.h"
#include "workers/above.h"
#include "workers/finalize/document.h"
#include "workers/finalize/gather.h"
#include "workers/finalize/raw.h"

enum { LOOK_US = 1000 * 1000 }; /* complete so long, and the floor has not moved past it */

struct finalizer {
    struct farm           *farm;
    struct document_writer writer;
    int64_t                wait_us;
};

static void finalize_close(void *self)
{
    struct finalizer *finalizer = self;

    if (finalizer != NULL) {
        hmac_free(finalizer->writer.hmac);
        sha256_free(finalizer->writer.sha);
        blob_store_close(finalizer->writer.blob);
        free(finalizer);
    }
}

static int finalize_open(struct farm *farm, void **ret_self, struct err *err)
{
    struct finalizer *finalizer = mem_zero(1, sizeof(*finalizer));

    (void)err;
    finalizer->farm = farm;
    finalizer->wait_us = farm->config->complete_wait * 1000;
    finalizer->writer = (struct document_writer){
        .farm = farm,
        .hmac = hmac_new((struct bytes){farm->chain_key, KEY_BYTES}),
        .sha = sha256_new(),
    };
    *ret_self = finalizer;
    return 0;
}

/* -------------------------------- is everything here? -------------------------------- */

static int not_ready(const struct trace_record *trace, const char *what, struct err *err)
{
    int64_t waited_ms = trace->complete_waited_us / 1000;

    (void)err_set(err, ERR_TRACE_NOT_READY, "trace %s: %s", trace->id, what);
    err->retry_after_ms = waited_ms < 100 ? 25 : waited_ms < 4000 ? (uint32_t)waited_ms / 4 : 1000;
    return -1;
}

/* Is everything of this trace in its rows that was sent before "complete"? What others wait for, or
 * what kills its worker, must not hold up this trace. */
static int is_taken(const struct finalizer *finalizer, struct delivery *in,
                    const struct trace_record *trace, uint64_t floor, bool *ret_taken,
                    struct err *err)
{
    struct above above = {0};

    TRY(above_look(finalizer->farm->stream, finalizer->farm->store, in->arena, &in->to, floor,
                   &above, err));
    *ret_taken = true;
    for (size_t i = 0; i < above.count; i++) {
        if ((int64_t)above.msgs[i].seq < trace->complete_seq && above.msgs[i].brings &&
            !above.msgs[i].taken) {
            *ret_taken = false;
        }
    }
    return 0;
}

/* What was sent before "complete" has been taken by validate, or given up by it. */
static int is_settled(const struct finalizer *finalizer, struct delivery *in,
                      const struct trace_record *trace, bool *ret_settled, struct err *err)
{
    struct consumer_state state = {0};

    if (finalizer->farm->stream == NULL) {
        *ret_settled = true;
        return 0;
    }
    TRY(stream_consumer_state(finalizer->farm->stream, "PRT_INGEST", "validate", &state, err));
    *ret_settled = (int64_t)state.ack_floor >= trace->complete_seq - 1;
    /* Most often the floor is about to move. */
    return *ret_settled || trace->complete_waited_us < LOOK_US
               ? 0
               : is_taken(finalizer, in, trace, state.ack_floor, ret_settled, err);
}

/* TRACE_NOT_READY until the trace can be closed. *ret_missing: declared chunks are not there. One of
 * them may be on its way at this moment: then the last word is that of validate, which sees what
 * came before it. */
static int check_ready(const struct finalizer *finalizer, struct delivery *in,
                       const struct trace_record *trace, bool *ret_missing, struct err *err)
{
    bool    late = trace->complete_waited_us >= finalizer->wait_us;
    bool    settled = false;
    int64_t taken = 0;

    *ret_missing = false;
    /* Whatever the clock says: what was accepted before "complete" belongs into the document. */
    TRY(is_settled(finalizer, in, trace, &settled, err));
    if (!settled) {
        return not_ready(trace, "validate has not got through what was sent before", err);
    }
    if (!trace->opened) {
        return late ? err_set(err, ERR_TRACE_UNKNOWN, "trace %s was never opened", trace->id)
                    : not_ready(trace, "its open message has not been seen", err);
    }
    if (trace->expected_chunks <= trace->next_chunk_seq) {
        return 0;
    }
    TRY(chunks_count(finalizer->farm->store, in->arena, trace->trace_no, trace->next_chunk_seq,
                     trace->expected_chunks, &taken, err));
    *ret_missing = trace->next_chunk_seq + taken < trace->expected_chunks;
    return *ret_missing && !late ? not_ready(trace, "declared chunks are missing", err) : 0;
}

/* -------------------------------- messages -------------------------------- */

/* Validate closes the trace, having chained what it has: whatever was sent before this message. */
static void ask_to_close(const struct trace_record *trace, struct delivery *in, struct outbox *out)
{
    CLEANUP(buf) struct buf body = {0};

    msgpack_put_map(&body, 1);
    msgpack_put_text(&body, BYTES("force"));
    msgpack_put_flag(&body, true);
    outbox_put_ingest(
        out, in, MESSAGE_COMPLETE,
        arena_format(in->arena, "force-%s-%llu", trace->id, (unsigned long long)in->seq),
        buf_bytes(&body), true);
}

static void put_text_member(struct buf *body, const char *name, const char *text)
{
    msgpack_put_text(body, bytes_of(name));
    msgpack_put_text(body, bytes_of(text));
}

static void put_messages(const struct finalizer *finalizer, struct delivery *in, struct outbox *out,
                         const struct trace_record *trace)
{
    const char *job = arena_format(in->arena, "qa-%s", trace->id);
    const char *uri =
        blob_uri(finalizer->farm->blob, in->arena, BUCKET_TRACES, trace->document_key);
    CLEANUP(buf) struct buf work = {0};
    CLEANUP(buf) struct buf result = {0};
    CLEANUP(buf) struct buf answer = {0};

    msgpack_put_map(&work, 1);
    put_text_member(&work, "job_id", job);
    outbox_put(out, in, "work", "qa", job, buf_bytes(&work), false);

    msgpack_put_map(&result, 3);
    put_text_member(&result, "status", "finalized");
    msgpack_put_text(&result, BYTES("num_events"));
    msgpack_put_whole(&result, trace->num_events);
    put_text_member(&result, "final_uri", uri);
    outbox_put(out, in, "result", "finalize", arena_format(in->arena, "finalized-%s", trace->id),
               buf_bytes(&result), false);

    buf_format(&answer,
               "{\"status\":\"complete\",\"trace_id\":\"%s\",\"num_events\":%lld,\"final_uri\":",
               trace->id, (long long)trace->num_events);
    jcs_write_text(&answer, bytes_of(uri));
    buf_format(&answer, ",\"qa_job_id\":\"%s\"}", job);
    outbox_answer(out, in, 200, buf_bytes(&answer));
}

/* -------------------------------- states -------------------------------- */

/* Under the lock of the row: closes what is ready. *ret_trace is the row as it is then;
 * `completing` means that validate has to close it. */
static int close_trace(struct finalizer *finalizer, struct delivery *in,
                       struct trace_record *ret_trace, struct err *err)
{
    struct store                         *store = finalizer->farm->store;
    CLEANUP(store_rollback) struct store *transaction = store;
    const struct trace_record            *one = ret_trace;
    bool                                  missing = false;

    TRY(store_begin(transaction, err));
    TRY(trace_lock(store, in->arena, in->to.trace, ret_trace, err));
    if (strcmp(ret_trace->tenant, in->to.tenant) != 0) {
        return err_set(err, ERR_FORBIDDEN, "trace %s is not of tenant %s", ret_trace->id,
                       in->to.tenant);
    }
    if (ret_trace->status == TRACE_COMPLETING) {
        TRY(check_ready(finalizer, in, ret_trace, &missing, err));
        if (ret_trace->pending_chunks == 0 && !missing) {
            ret_trace->status = TRACE_CLOSED;
            TRY(traces_save(store, in->arena, &one, 1, err));
        }
    }
    return store_commit(store, err);
}

/* Whether the document that the row names is where it should be. */
static int document_there(const struct finalizer *finalizer, const struct trace_record *trace,
                          bool *ret_there, struct err *err)
{
    int64_t size = 0;

    *ret_there = false;
    if (trace->document_key == NULL) {
        return 0;
    }
    if (blob_size(finalizer->farm->blob, BUCKET_TRACES, trace->document_key, &size, err) < 0) {
        if (err->code != ERR_BLOB_MISSING) {
            return -1;
        }
        err_clear(err);
        return 0;
    }
    *ret_there = size == trace->document_bytes;
    return 0;
}

static int write_document(struct finalizer *finalizer, struct delivery *in,
                          struct trace_record *trace, struct err *err)
{
    int64_t               began_us = clock_mono_us();
    struct trace_document document = {.finalized_us = clock_us()};

    TRY(document_write(&finalizer->writer, in, trace, &document, err));
    TRY(trace_finalize(finalizer->farm->store, in->arena, trace->trace_no, &document, err));
    trace->document_key = document.key;
    LOG(&in->log, INFO, "trace finalized", KV("events", trace->num_events),
        KV("bytes", document.bytes), KV("took_ms", (clock_mono_us() - began_us) / 1000));
    return 0;
}

/* Its rows may not fit what was read of it before because it was erased meanwhile, or a replay made it
 * anew. An erased trace must not leave behind the document that was being written; that of one made anew
 * may be another worker's by now. */
static int changed_meanwhile(struct finalizer *finalizer, struct delivery *in,
                             const struct trace_record *trace, struct err *err)
{
    struct trace_record now = {0};
    struct err          ignored = {0};

    if (trace_read(finalizer->farm->store, in->arena, trace->id, &now, &ignored) < 0) {
        return -1;
    }
    if (now.status == TRACE_ERASED) {
        (void)!blob_delete(finalizer->farm->blob, BUCKET_TRACES,
                           document_key(in->arena, trace->id), &ignored);
        return err_set(err, ERR_TRACE_ERASED, "trace %s was erased as it was finalized", trace->id);
    }
    return now.rebuilt == trace->rebuilt
               ? -1
               : err_set(err, ERR_TRACE_NOT_READY, "trace %s was made anew as it was finalized",
                         trace->id);
}

static int finalize_closed(struct finalizer *finalizer, struct delivery *in,
                           struct trace_record *trace, struct outbox *out, struct err *err)
{
    bool there = false;

    TRY(document_there(finalizer, trace, &there, err));
    if ((!there && write_document(finalizer, in, trace, err) < 0) ||
        gather_lines(finalizer->farm->store, finalizer->farm->blob, trace, err) < 0) {
        return changed_meanwhile(finalizer, in, trace, err);
    }
    put_messages(finalizer, in, out, trace);
    return 0;
}

static int finalize_handle(void *self, struct delivery *in, struct outbox *out, struct err *err)
{
    struct finalizer   *finalizer = self;
    struct trace_record trace = {0};

    if (raw_wanted(in)) {
        return raw_write(finalizer->farm, in, err);
    }
    TRY(close_trace(finalizer, in, &trace, err));
    switch (trace.status) {
    case TRACE_OPEN:
        return err_set(err, ERR_USAGE, "trace %s is open: it has to be completed first", trace.id);
    case TRACE_COMPLETING:
        ask_to_close(&trace, in, out);
        return 0;
    case TRACE_CLOSED:
    case TRACE_FINALIZED:
        return finalize_closed(finalizer, in, &trace, out, err);
    case TRACE_ERASED:
        break;
    }
    return err_set(err, ERR_TRACE_ERASED, "trace %s was erased", trace.id);
}

const struct stage finalize_stage = {
    .open = finalize_open,
    .handle = finalize_handle,
    .close = finalize_close,
};
