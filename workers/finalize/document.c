// SPDX-License-Identifier: MIT
#include "workers/finalize/document.h"

#include <string.h>

#include "base/clock.h"
#include "store/artifact_store.h"
#include "trace/chain.h"
#include "trace/event.h"
#include "value/json.h"
#include "workers/finalize/writing.h"

enum { EXTEND_MS = 10 * 1000 };

/* -------------------------------- bytes -------------------------------- */

int writing_flush(struct writing *doc, struct err *err)
{
    if (doc->out.bytes.size < FLUSH_BYTES) {
        return 0;
    }
    doc->bytes += (int64_t)doc->out.bytes.size;
    return behind_put(doc->behind, &doc->out, err);
}

/* "name":<canonical>, if the envelope has it. */
static int put_member(struct writing *doc, const char *name, struct err *err)
{
    const struct value *value = value_get(&doc->envelope, name);

    if (value == NULL) {
        return 0;
    }
    buf_format(&doc->out.bytes, "\"%s\":", name);
    TRY(jcs_write(&doc->out.bytes, value, err));
    buf_put_byte(&doc->out.bytes, ',');
    return 0;
}

/* -------------------------------- the envelope -------------------------------- */

static struct value time_value(int64_t at_us)
{
    return value_real((double)at_us / 1e6);
}

static int read_head(struct writing *doc, struct err *err)
{
    static const char *const         members[] = {"session", "task", "repo", "environment"};
    /* It was bounded when it was accepted. */
    static const struct value_limits limits = {.bytes = SIZE_MAX, .depth = 128, .values = SIZE_MAX};
    struct arena                    *arena = doc->in->arena;
    struct bytes                     json;
    struct value                     head;

    TRY(trace_head_read(doc->writer->farm->store, arena, doc->trace->trace_no, &json,
                        &doc->head_redactions, err));
    TRY(json_read(arena, json, &limits, &head, err));
    value_put(arena, &doc->envelope, "trace_version", value_text("1.0"));
    value_put(arena, &doc->envelope, "trace_id", value_text(doc->trace->id));
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const struct value *value = value_get(&head, members[i]);

        if (value != NULL) {
            value_put(arena, &doc->envelope, members[i], *value);
        }
    }
    value_put(arena, &doc->envelope, "created_at", time_value(doc->trace->opened_us));
    value_put(arena, &doc->envelope, "completed_at", time_value(doc->trace->completed_us));
    return 0;
}

static int put_artifact(struct writing *doc, struct value *artifacts, const char *name,
                        struct err *err)
{
    struct arena          *arena = doc->in->arena;
    struct artifact_record row;
    struct value           ref = value_map();
    char                   hex[HASH_HEX];

    if (artifact_read(doc->writer->farm->store, arena, doc->trace->trace_no, bytes_of(name), &row,
                      err) < 0) {
        if (err->code != ERR_NOT_FOUND) {
            return -1;
        }
        err_clear(err);
        return 0;
    }
    hex_write(hex, (struct bytes){row.sha256, STORE_HASH});
    value_put(arena, &ref, "uri",
              value_text(blob_uri(doc->writer->farm->blob, arena, BUCKET_ARTIFACTS,
                                  arena_text(arena, row.object_key))));
    value_put(arena, &ref, "sha256", value_text(arena_text(arena, bytes_of(hex))));
    value_put(arena, &ref, "size_bytes", value_whole(row.size_bytes));
    if (row.content_type.data != NULL) {
        value_put(arena, &ref, "content_type", value_bytes(row.content_type));
    }
    value_put(arena, artifacts, name, ref);
    return 0;
}

static int read_artifacts(struct writing *doc, struct err *err)
{
    struct value artifacts = value_map();

    TRY(put_artifact(doc, &artifacts, "final_workspace_snapshot", err));
    TRY(put_artifact(doc, &artifacts, "start_workspace_snapshot", err));
    if (artifacts.count > 0) {
        value_put(doc->in->arena, &doc->envelope, "artifacts", artifacts);
    }
    return 0;
}

/* -------------------------------- the events -------------------------------- */

static int broken(const struct writing *doc, struct err *err, const char *what, int64_t is,
                  int64_t should)
{
    return err_set(err, ERR_CHAIN_BROKEN, "trace %s: %s is %lld, not %lld", doc->trace->id, what,
                   (long long)is, (long long)should);
}

static int note_seq(struct writing *doc, int64_t seq, struct err *err)
{
    bool first = doc->head.events == 0;

    if (seq < 0 || (!first && seq <= doc->last_seq)) {
        return broken(doc, err, "a seq", seq, doc->last_seq + 1);
    }
    if (!first && seq > doc->last_seq + 1) {
        if (doc->gap_count < GAPS_MOST) {
            doc->gaps[doc->gap_count++] = (struct gap){doc->last_seq + 1, seq - 1};
        } else {
            doc->gaps_omitted++;
        }
    }
    doc->last_seq = seq;
    return 0;
}

static void put_line(struct piece *out, struct bytes line)
{
    const struct line_place place = {(uint32_t)out->bytes.size, (uint32_t)line.size};

    buf_put(&out->bytes, line);
    buf_put(&out->lines, (struct bytes){(const uint8_t *)&place, sizeof(place)});
}

static int put_event(struct writing *doc, struct bytes line, struct err *err)
{
    struct facts facts;

    if (!facts_read(line, &doc->texts, &facts)) {
        return err_set(err, ERR_CHAIN_BROKEN, "trace %s: line %llu is no event in canonical form",
                       doc->trace->id, (unsigned long long)doc->head.events + 1);
    }
    TRY(note_seq(doc, facts.seq, err));
    measure_event(&doc->measure, &facts);
    buf_put_text(&doc->out.bytes, doc->head.events == 0 ? "\n" : ",\n");
    put_line(&doc->out, line);
    chain_append(&doc->head, doc->writer->hmac, line);
    return writing_flush(doc, err);
}

/* The lines must be those that were chained: as many, ending in the same head. */
static int check_chain(const struct writing *doc, struct err *err)
{
    const struct trace_record *trace = doc->trace;

    if ((int64_t)doc->head.events != trace->num_events) {
        return broken(doc, err, "the number of stored lines", (int64_t)doc->head.events,
                      trace->num_events);
    }
    if (trace->num_events > 0 && doc->last_seq != trace->last_seq) {
        return broken(doc, err, "the last seq", doc->last_seq, trace->last_seq);
    }
    if (trace->chained && memcmp(doc->head.hash, trace->chain_head, HASH_BYTES) != 0) {
        return err_set(
            err, ERR_CHAIN_BROKEN,
            "trace %s: its stored lines do not give its chain head: a line was changed, or"
            " PRT_CHAIN_KEY is not the key it was chained with",
            trace->id);
    }
    return 0;
}

/* Every 16 lines only: a look at the clock costs as much as a hundredth of a line. Each of them may
 * lie in another object, which a slow store takes long to give. */
static int keep_lease(struct writing *doc, struct err *err)
{
    int64_t now;

    if (doc->head.events % 16 != 0) {
        return 0;
    }
    now = clock_mono_us();
    if (now - doc->extended_us < EXTEND_MS * 1000LL) {
        return 0;
    }
    doc->extended_us = now;
    return delivery_extend(doc->in, err);
}

static int put_events(struct writing *doc, struct lines *lines, struct err *err)
{
    struct bytes line;
    int          there;

    chain_start(&doc->head, doc->writer->hmac, doc->trace->id);
    buf_put_text(&doc->out.bytes, "\"events\":[");
    while ((there = lines_next(lines, &line, err)) > 0) {
        TRY(put_event(doc, line, err));
        TRY(keep_lease(doc, err));
    }
    TRY(there);
    TRY(check_chain(doc, err));
    buf_put_text(&doc->out.bytes, "\n],");
    doc->bytes += (int64_t)doc->out.bytes.size;
    return behind_catch_up(doc->behind, &doc->out, err);
}

/* -------------------------------- all of it -------------------------------- */

static int write_members(struct writing *doc, struct err *err)
{
    static const char *const before[] = {"trace_version", "trace_id", "session",
                                         "task",          "repo",     "environment"};
    static const char *const after[] = {"artifacts", "metrics"};
    CLEANUP(lines)
    struct lines *lines =
        lines_open(doc->writer->farm->store, doc->writer->farm->blob, doc->in->arena,
                   doc->trace->trace_no, doc->trace->expected_chunks);

    TRY(lines_note_redactions(lines, doc->head_redactions, err));
    buf_put_byte(&doc->out.bytes, '{');
    for (size_t i = 0; i < COUNT_OF(before); i++) {
        TRY(put_member(doc, before[i], err));
    }
    TRY(put_events(doc, lines, err));
    value_put(doc->in->arena, &doc->envelope, "metrics",
              measure_value(&doc->measure, doc->in->arena));
    for (size_t i = 0; i < COUNT_OF(after); i++) {
        TRY(put_member(doc, after[i], err));
    }
    doc->qa_splice = doc->bytes + (int64_t)doc->out.bytes.size;
    TRY(writing_put_integrity(doc, lines_told(lines), err));
    TRY(put_member(doc, "created_at", err));
    TRY(put_member(doc, "completed_at", err));
    doc->out.bytes.size--; /* the last comma */
    buf_put_text(&doc->out.bytes, "}\n");
    doc->bytes += (int64_t)doc->out.bytes.size;
    return 0;
}

static int write_document(struct writing *doc, const char *key, struct trace_document *ret_document,
                          struct err *err)
{
    CLEANUP(blob_writer) struct blob_writer *blob = NULL;
    CLEANUP(behind) struct behind           *behind = NULL; /* ends before what it writes to */

    TRY(read_head(doc, err));
    TRY(read_artifacts(doc, err));
    TRY(blob_writer_open(&blob, doc->writer->blob, BUCKET_TRACES, key, "application/json", err));
    doc->behind = behind = behind_new(blob, &doc->leaves);
    TRY(write_members(doc, err));
    TRY(behind_finish(behind, &doc->out, ret_document->sha256, err));
    TRY(blob_writer_commit(blob, err));
    ret_document->key = key;
    ret_document->bytes = doc->bytes;
    ret_document->qa_splice = doc->qa_splice;
    return 0;
}

const char *document_key(struct arena *arena, const char *trace)
{
    return arena_format(arena, "%s/trace.json", trace);
}

int document_write(struct document_writer *writer, struct delivery *in,
                   const struct trace_record *trace, struct trace_document *ret_document,
                   struct err *err)
{
    struct writing *doc = arena_zero(in->arena, 1, sizeof(*doc));
    int             failed;

    if (writer->blob == NULL) {
        TRY(farm_blob_again(&writer->blob, writer->farm, err));
    }
    doc->writer = writer;
    doc->in = in;
    doc->trace = trace;
    doc->leaves.sha = writer->sha;
    doc->envelope = value_map();
    doc->extended_us = clock_mono_us();
    failed = write_document(doc, document_key(in->arena, trace->id), ret_document, err);
    piece_done(&doc->out);
    buf_done(&doc->texts);
    buf_done(&doc->leaves.hashes);
    measure_done(&doc->measure);
    return failed;
}
