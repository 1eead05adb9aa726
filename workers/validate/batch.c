// SPDX-License-Identifier: MIT
#include "workers/validate/batch.h"

#include <string.h>

#include "base/clock.h"

/* -------------------------------- one attempt's memory -------------------------------- */

void batch_done(struct batch *batch)
{
    arena_free(batch->arena);
    buf_done(&batch->lines);
    buf_done(&batch->artifacts);
    buf_done(&batch->dead);
    known_done(&batch->known);
}

static void begin_anew(struct batch *batch)
{
    if (batch->arena == NULL) {
        batch->arena = arena_new();
    }
    arena_reset(batch->arena);
    batch->lines.size = 0;
    batch->artifacts.size = 0;
    batch->dead.size = 0;
    known_begin(&batch->known);
    batch->traces = NULL;
    batch->trace_count = 0;
    batch->keys = NULL;
    batch->key_count = batch->key_known = 0;
    batch->segment_key[0] = '\0';
    batch->drained = 0;
    batch->tally = (struct tally){0};
    for (size_t i = 0; i < batch->count; i++) {
        struct entry *entry = batch->entries[i];

        entry->record = NULL;
        err_clear(&entry->err);
        entry->again = entry->finalize = false;
    }
}

/* -------------------------------- the traces -------------------------------- */

static const char *trace_of(const struct entry *entry)
{
    return entry->in->to.trace;
}

static bool may_grow(const struct entry *entry)
{
    return entry->in->message.kind == MESSAGE_CHUNK || entry->in->message.kind == MESSAGE_BATCH;
}

/* One for each name in the sorted entries. */
static void list_traces(struct batch *batch)
{
    batch->traces = arena_zero(batch->arena, batch->count, sizeof(*batch->traces));
    batch->trace_count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (i == 0 || strcmp(trace_of(batch->entries[i - 1]), trace_of(batch->entries[i])) != 0) {
            struct trace *trace = &batch->traces[batch->trace_count++];

            trace->row.id = trace_of(batch->entries[i]);
            trace->row.tenant = batch->entries[i]->in->to.tenant;
            trace->row.opened_us = batch->entries[i]->in->message.at_us;
        }
        batch->traces[batch->trace_count - 1].grows |= may_grow(batch->entries[i]);
    }
}

/* Both lists are sorted by id, byte by byte. */
static size_t fill_traces(struct batch *batch, const struct trace_record *rows, size_t count)
{
    size_t at = 0;

    for (size_t i = 0; i < batch->trace_count && at < count; i++) {
        if (strcmp(batch->traces[i].row.id, rows[at].id) == 0) {
            batch->traces[i].row = rows[at++];
            batch->traces[i].there = true;
        }
    }
    return at;
}

static int lock_traces(struct batch *batch, size_t *ret_found, struct err *err)
{
    struct bytes        *ids = arena_get(batch->arena, batch->trace_count * sizeof(*ids));
    struct trace_record *rows = NULL;
    size_t               count = 0;

    for (size_t i = 0; i < batch->trace_count; i++) {
        ids[i] = bytes_of(batch->traces[i].row.id);
    }
    TRY(traces_lock(batch->store, batch->arena, ids, batch->trace_count, &rows, &count, err));
    *ret_found = fill_traces(batch, rows, count);
    return 0;
}

static int make_traces(struct batch *batch, struct err *err)
{
    struct bytes *ids = arena_get(batch->arena, batch->trace_count * sizeof(*ids));
    struct bytes *tenants = arena_get(batch->arena, batch->trace_count * sizeof(*tenants));
    int64_t      *seen_us = arena_get(batch->arena, batch->trace_count * sizeof(*seen_us));
    size_t        count = 0;

    for (size_t i = 0; i < batch->trace_count; i++) {
        if (!batch->traces[i].there) {
            ids[count] = bytes_of(batch->traces[i].row.id);
            tenants[count] = bytes_of(batch->traces[i].row.tenant);
            seen_us[count++] = batch->traces[i].row.opened_us;
        }
    }
    return traces_want(batch->store, batch->arena, ids, tenants, seen_us, count, err);
}

static int want_traces(struct batch *batch, struct err *err)
{
    size_t found = 0;

    list_traces(batch);
    TRY(store_begin(batch->store, err));
    TRY(lock_traces(batch, &found, err));
    if (found == batch->trace_count) {
        return 0;
    }
    store_rollback(batch->store);
    TRY(make_traces(batch, err));
    TRY(store_begin(batch->store, err));
    TRY(lock_traces(batch, &found, err));
    if (found != batch->trace_count) {
        return err_set(err, ERR_STORE_CLASH, "%zu of %zu traces are there", found,
                       batch->trace_count);
    }
    return 0;
}

/* -------------------------------- what is known -------------------------------- */

static struct trace *trace_numbered(struct batch *batch, int64_t trace_no)
{
    for (size_t i = 0; i < batch->trace_count; i++) {
        if (batch->traces[i].row.trace_no == trace_no) {
            return &batch->traces[i];
        }
    }
    return NULL;
}

static bool has_record(const struct trace *trace, int64_t chunk_seq)
{
    for (size_t i = 0; i < trace->record_count; i++) {
        if (trace->records[i]->row.chunk_seq == chunk_seq) {
            return true;
        }
    }
    return false;
}

/* Could the database hold a row with this chunk's id or place? Not where nothing waits and the chunk
 * is the trace's next one or lies behind it, unless it was refused before or its client uses an id
 * twice: then COPY clashes, and careful is set. Looking costs a fifth of the database's share of a
 * chunk (4.5 of 26 ms for 256 of ten events), and hardly any chunk has been seen before. */
static bool may_be_known(const struct batch *batch, const struct trace *trace,
                         const struct entry *entry)
{
    return batch->careful || trace->row.pending_chunks > 0 ||
           entry->chunk.seq < trace->row.next_chunk_seq;
}

/* Rows that share the id or the place of a chunk of the batch become records of their traces. */
static int load_known(struct batch *batch, struct err *err)
{
    int64_t             *trace_nos = arena_get(batch->arena, batch->count * sizeof(*trace_nos));
    struct bytes        *ids = arena_get(batch->arena, batch->count * sizeof(*ids));
    int64_t             *seqs = arena_get(batch->arena, batch->count * sizeof(*seqs));
    struct chunk_record *rows = NULL;
    size_t               known = 0;
    size_t               asked = 0;
    size_t               at = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const struct entry *entry = batch->entries[i];

        at += i > 0 && strcmp(trace_of(batch->entries[i - 1]), trace_of(entry)) != 0 ? 1 : 0;
        if (entry->in->message.kind == MESSAGE_CHUNK &&
            may_be_known(batch, &batch->traces[at], entry)) {
            trace_nos[asked] = batch->traces[at].row.trace_no;
            ids[asked] = entry->chunk.id;
            seqs[asked++] = entry->chunk.seq;
        }
    }
    if (asked == 0) {
        return 0;
    }
    TRY(chunks_known(batch->store, batch->arena, trace_nos, ids, seqs, asked, &rows, &known, err));
    for (size_t i = 0; i < known; i++) {
        struct trace *trace = trace_numbered(batch, rows[i].trace_no);

        if (!has_record(trace, rows[i].chunk_seq)) { /* two may have asked for it */
            struct record *record = order_add_record(batch, trace);

            record->row = rows[i];
            record->stored = true;
        }
    }
    return 0;
}

/* What waits right behind the chunks of this batch, of all its traces at once. order_advance would ask
 * for each trace, twice: with two workers at a backlog of few traces, where one often has what comes
 * before the other's, that were 500 questions a batch, and two took up to six times as long as one.
 * Half of what may be drained: the rest is for traces of which more waits. */
static int load_behind(struct batch *batch, struct err *err)
{
    int64_t             *trace_nos = arena_get(batch->arena, batch->count * sizeof(*trace_nos));
    int64_t             *firsts = arena_get(batch->arena, batch->count * sizeof(*firsts));
    struct chunk_record *rows = NULL;
    size_t               count = 0;
    size_t               asked = 0;
    size_t               i = 0;

    for (size_t at = 0; at < batch->trace_count; at++) {
        const struct trace_record *row = &batch->traces[at].row;
        int64_t                    behind = row->next_chunk_seq;

        for (; i < batch->count && strcmp(trace_of(batch->entries[i]), row->id) == 0; i++) {
            behind += batch->entries[i]->in->message.kind == MESSAGE_CHUNK &&
                              batch->entries[i]->chunk.seq == behind
                          ? 1
                          : 0;
        }
        if (row->pending_chunks > 0 && behind > row->next_chunk_seq) {
            trace_nos[asked] = row->trace_no;
            firsts[asked++] = behind;
        }
    }
    if (asked < 2) {
        return 0;
    }
    TRY(chunks_behind(batch->store, batch->arena, trace_nos, firsts, asked, batch->drain_most / 2,
                      &rows, &count, err));
    for (size_t n = 0; n < count; n++) {
        TRY(order_load(batch, trace_numbered(batch, rows[n].trace_no), &rows[n], 1, err));
    }
    return 0;
}

/* Asked of the first trace that needs it, with those that may need it next. */
static int want_known(struct batch *batch, struct trace *trace, struct known_trace **ret_known,
                      struct err *err)
{
    struct trace         *end = batch->traces + batch->trace_count;
    struct trace_record **rows;
    size_t                count = 1;

    *ret_known = known_find(&batch->known, batch->store, &trace->row);
    if (*ret_known != NULL) {
        return 0;
    }
    rows = arena_get(batch->arena, (size_t)(end - trace) * sizeof(struct trace_record *));
    rows[0] = &trace->row;
    for (struct trace *next = trace + 1; next < end; next++) {
        if (next->grows) {
            rows[count++] = &next->row;
        }
    }
    return known_want(&batch->known, batch->store, batch->arena, rows, count, ret_known, err);
}

int batch_known(struct batch *batch, struct trace *trace, const uint8_t (*keys)[KEY_HALF],
                size_t count, struct known_trace **ret_known, bool **ret_has, struct err *err)
{
    *ret_known = NULL;
    *ret_has = arena_zero(batch->arena, count + 1, sizeof(bool));
    if (count == 0) {
        return 0;
    }
    TRY(want_known(batch, trace, ret_known, err));
    return known_has(*ret_known, batch->store, batch->arena, keys, count, *ret_has, err);
}

static struct key_record key_of(const struct entry *entry)
{
    struct key_record key = {
        .tenant = bytes_of(entry->in->to.tenant),
        .scope = bytes_of(entry->in->to.trace),
        .key = entry->in->message.idempotency_key,
        .http = 200,
        .created_us = clock_us(),
    };

    memcpy(key.content_hash, entry->hash, sizeof(key.content_hash));
    return key;
}

static int load_keys(struct batch *batch, struct err *err)
{
    struct key_record *asked = arena_get(batch->arena, batch->count * sizeof(*asked));
    struct key_record *known = NULL;
    size_t             count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        if (batch->entries[i]->in->message.idempotency_key.size > 0) {
            asked[count++] = key_of(batch->entries[i]);
        }
    }
    if (count == 0) {
        return 0;
    }
    TRY(keys_known(batch->store, batch->arena, asked, count, &known, &batch->key_known, err));
    batch->key_count = batch->key_known;
    batch->keys = arena_get(batch->arena, (batch->key_known + count) * sizeof(*known));
    memcpy(batch->keys, known, batch->key_known * sizeof(*known));
    return 0;
}

/* -------------------------------- taking -------------------------------- */

static struct key_record *find_key(struct batch *batch, const struct key_record *key)
{
    for (size_t i = 0; i < batch->key_count; i++) {
        if (bytes_equal(batch->keys[i].key, key->key) &&
            bytes_equal(batch->keys[i].scope, key->scope) &&
            bytes_equal(batch->keys[i].tenant, key->tenant)) {
            return &batch->keys[i];
        }
    }
    return NULL;
}

static int key_check(struct batch *batch, struct entry *entry, struct err *err)
{
    struct key_record  key = key_of(entry);
    struct key_record *known;

    if (key.key.size == 0) {
        return 0;
    }
    known = find_key(batch, &key);
    if (known != NULL && memcmp(known->content_hash, key.content_hash, STORE_HASH) != 0) {
        return err_set(err, ERR_KEY_CONFLICT, "Idempotency-Key %.*s was used for something else",
                       (int)key.key.size, (const char *)key.key.data);
    }
    return 0;
}

/* A key is used up by what had an effect: a refused chunk may be corrected under the same one. */
static void key_keep(struct batch *batch, struct entry *entry)
{
    struct key_record key = key_of(entry);
    bool              refused = entry->record != NULL && entry->record->row.status == CHUNK_REFUSED;

    if (key.key.size > 0 && entry->err.code == ERR_NONE && !refused &&
        find_key(batch, &key) == NULL) {
        batch->keys[batch->key_count++] = key;
    }
}

static int take_open(struct batch *batch, struct trace *trace, struct entry *entry, struct err *err)
{
    struct trace_record *row = &trace->row;

    if (row->opened) {
        if (memcmp(row->open_hash, entry->opening.hash, STORE_HASH) != 0) {
            (void)err_set(&entry->err, ERR_KEY_CONFLICT, "trace %s was opened with other content",
                          row->id);
        }
        return 0;
    }
    entry->opening.trace_no = row->trace_no;
    TRY(trace_open_save(batch->store, batch->arena, &entry->opening, err));
    row->opened = true;
    row->opened_us = entry->opening.opened_us;
    memcpy(row->open_hash, entry->opening.hash, STORE_HASH);
    return 0;
}

/* Until the trace is closed the newest upload of a name counts; then what it was stays. */
static int take_artifact(struct batch *batch, struct trace *trace, struct entry *entry,
                         struct err *err)
{
    struct artifact_record known;
    struct err             missing = {0};

    entry->artifact.trace_no = trace->row.trace_no;
    entry->artifact.stream_seq = (int64_t)entry->in->seq;
    if (order_trace_takes(trace, entry->in->seq, -1, &entry->err) == 0) {
        buf_put(&batch->artifacts,
                (struct bytes){(const uint8_t *)&entry->artifact, sizeof(entry->artifact)});
        return 0;
    }
    if (artifact_read(batch->store, batch->arena, trace->row.trace_no, entry->artifact.name, &known,
                      &missing) < 0) {
        if (missing.code == ERR_NOT_FOUND) {
            return 0; /* the trace is closed, and that is the story */
        }
        *err = missing;
        return -1;
    }
    err_clear(&entry->err);
    if (memcmp(known.sha256, entry->artifact.sha256, STORE_HASH) != 0) {
        (void)err_set(&entry->err, ERR_ARTIFACT_CONFLICT, "artifact %.*s of trace %s",
                      (int)known.name.size, (const char *)known.name.data, trace->row.id);
    }
    return 0;
}

static int (*const takers[])(struct batch *, struct trace *, struct entry *, struct err *) = {
    [MESSAGE_OPEN] = take_open,
    [MESSAGE_CHUNK] = order_take_chunk,
    [MESSAGE_ARTIFACT] = take_artifact,
    [MESSAGE_COMPLETE] = order_take_complete,
    [MESSAGE_BATCH] = append_take,
};

static int take(struct batch *batch, struct trace *trace, struct entry *entry, struct err *err)
{
    if (strcmp(trace->row.tenant, entry->in->to.tenant) != 0) {
        (void)err_set(&entry->err, ERR_FORBIDDEN, "trace %s is not of tenant %s", trace->row.id,
                      entry->in->to.tenant);
        return 0;
    }
    if (entry->err.code != ERR_NONE && trace->row.status != TRACE_ERASED) {
        return 0; /* its object is not there */
    }
    if (entry->in->message.kind == MESSAGE_ERASE) {
        return erase_take(batch, trace, entry, err);
    }
    if (trace->row.status == TRACE_ERASED) {
        (void)err_set(&entry->err, ERR_TRACE_ERASED, "trace %s was erased", trace->row.id);
        return 0;
    }
    if (key_check(batch, entry, &entry->err) < 0) {
        return 0;
    }
    TRY(takers[entry->in->message.kind](batch, trace, entry, err));
    key_keep(batch, entry);
    return 0;
}

static int take_all(struct batch *batch, struct err *err)
{
    size_t at = 0;

    for (size_t i = 0; i < batch->count; i++) {
        at += i > 0 && strcmp(trace_of(batch->entries[i - 1]), trace_of(batch->entries[i])) != 0
                  ? 1
                  : 0;
        TRY(take(batch, &batch->traces[at], batch->entries[i], err));
    }
    return 0;
}

static void keep_known(struct batch *batch)
{
    for (size_t i = 0; i < batch->trace_count; i++) {
        known_keep(&batch->known, &batch->traces[i].row);
    }
    known_trim(&batch->known);
}

/* Under the locks of all its traces. */
static int work(struct batch *batch, struct err *err)
{
    TRY(load_known(batch, err));
    TRY(load_behind(batch, err));
    TRY(load_keys(batch, err));
    TRY(objects_hold(batch, err));
    TRY(take_all(batch, err));
    return batch_save(batch, err);
}

static int attempt(struct batch *batch, struct err *err)
{
    CLEANUP(store_rollback) struct store *transaction = batch->store;

    TRY(want_traces(batch, err));
    TRY(work(batch, err));
    TRY(store_commit(transaction, err));
    keep_known(batch);
    return 0;
}

int batch_run(struct batch *batch, struct err *err)
{
    struct err ignored = {0};

    begin_anew(batch);
    if (attempt(batch, err) == 0) {
        return 0;
    }
    /* Nobody refers to the object, unless a commit was cut off and may have happened. */
    if (batch->segment_key[0] != '\0' && err->code != ERR_STORE_DOWN) {
        (void)!blob_delete(batch->blob, BUCKET_CHUNKS, batch->segment_key, &ignored);
    }
    return -1;
}

int batch_run_inside(struct batch *batch, struct err *err)
{
    size_t found = 0;

    begin_anew(batch);
    list_traces(batch);
    TRY(lock_traces(batch, &found, err));
    if (found != batch->trace_count) {
        return err_set(err, ERR_BUG, "%zu of %zu traces are there to be worked on", found,
                       batch->trace_count);
    }
    TRY(work(batch, err));
    keep_known(batch);
    return 0;
}
