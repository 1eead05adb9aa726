// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "workers/segment.h"
#include "workers/validate/batch.h"
#include "workers/validate/payload.h"

/* What waits takes its payload along. */
static void fill_in(struct batch *batch, struct record *record)
{
    CLEANUP(buf) struct buf payload = {0};

    if (record->row.status == CHUNK_PENDING && !record->stored) {
        payload_write(&payload, &record->content);
        record->row.payload = arena_bytes(batch->arena, buf_bytes(&payload));
    }
}

/* Rows to be added anew, and rows that give way to them. */
struct changes {
    struct chunk_record **add;
    int64_t              *drop_trace, *drop_seq;
    size_t                adds, drops;
};

static struct changes changes_of(struct batch *batch)
{
    struct changes changes = {0};
    size_t         most = 0;

    for (size_t i = 0; i < batch->trace_count; i++) {
        most += batch->traces[i].record_count;
    }
    changes.add = arena_get(batch->arena, most * sizeof(*changes.add));
    changes.drop_trace = arena_get(batch->arena, most * sizeof(int64_t));
    changes.drop_seq = arena_get(batch->arena, most * sizeof(int64_t));
    for (size_t i = 0; i < batch->trace_count; i++) {
        const struct trace *trace = &batch->traces[i];

        for (size_t j = 0; j < trace->record_count; j++) {
            struct record *record = trace->records[j];
            bool           adds = record->changed && !record->superseded;

            if (record->stored && (adds || record->superseded)) {
                changes.drop_trace[changes.drops] = record->row.trace_no;
                changes.drop_seq[changes.drops++] = record->row.chunk_seq;
            }
            if (adds) {
                fill_in(batch, record);
                changes.add[changes.adds++] = &record->row;
            }
        }
    }
    return changes;
}

/* Few lines stay with their chunks: an object of their own would cost more than they do. */
static void keep_lines(const struct batch *batch, const struct changes *changes)
{
    for (size_t i = 0; i < changes->adds; i++) {
        struct chunk_record *row = changes->add[i];

        if (row->seg_length > 0) {
            row->kept =
                (struct bytes){batch->lines.data + row->seg_offset, (size_t)row->seg_length};
            row->seg_offset = 0;
        }
    }
}

static int save_chunks(struct batch *batch, struct err *err)
{
    const bool            lines = (int64_t)batch->lines.size > batch->keep_most;
    struct changes        changes = changes_of(batch);
    struct segment_record segment = {.bytes = (int64_t)batch->lines.size};

    if (lines) {
        segment_name(batch->segment_key);
        segment.key = batch->segment_key;
        segment.created_us = clock_us();
    } else {
        keep_lines(batch, &changes);
    }

    if (changes.drops > 0) {
        TRY(chunks_drop(batch->store, batch->arena, changes.drop_trace, changes.drop_seq,
                        changes.drops, err));
    }
    if (changes.adds > 0) {
        TRY(chunks_add(batch->store, batch->arena, lines ? &segment : NULL,
                       (const struct chunk_record *const *)changes.add, changes.adds, err));
    }
    return 0;
}

static int save_traces(struct batch *batch, struct err *err)
{
    const struct trace_record **rows = arena_get(batch->arena, batch->trace_count * sizeof(*rows));
    size_t                      count = 0;

    for (size_t i = 0; i < batch->trace_count; i++) {
        if (batch->traces[i].changed) {
            rows[count++] = &batch->traces[i].row;
        }
    }
    return count == 0 ? 0 : traces_save(batch->store, batch->arena, rows, count, err);
}

/* What only few batches have comes first: a statement that is sent for the first time waits for
 * those before it. */
static int save_rows(struct batch *batch, struct err *err)
{
    size_t artifacts = batch->artifacts.size / sizeof(struct artifact_record);
    size_t dead = batch->dead.size / sizeof(struct dead_record);

    if (artifacts > 0) {
        TRY(artifacts_save(batch->store, batch->arena,
                           (const struct artifact_record *)batch->artifacts.data, artifacts, err));
    }
    if (dead > 0) {
        TRY(dead_add(batch->store, batch->arena, (const struct dead_record *)batch->dead.data, dead,
                     err));
    }
    if (batch->key_count > batch->key_known) {
        TRY(keys_add(batch->store, batch->arena, batch->keys + batch->key_known,
                     batch->key_count - batch->key_known, err));
    }
    TRY(save_traces(batch, err));
    TRY(save_chunks(batch, err));
    return store_push(batch->store, err);
}

int batch_save(struct batch *batch, struct err *err)
{
    TRY(save_rows(batch, err));
    if (batch->segment_key[0] != '\0') {
        TRY(segment_put(batch->blob, batch->segment_key, buf_bytes(&batch->lines), err));
    }
    return store_wait(batch->store, err);
}
