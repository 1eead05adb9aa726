// SPDX-License-Identifier: MIT
#include "workers/finalize/gather.h"

#include "base/clock.h"
#include "store/chunk_store.h"
#include "workers/segment.h"

enum {
    ROWS_MOST = 64, /* with what each may keep, 16 MiB at worst */
    TRACES_PAGE = 1000
};

struct piece {
    struct arena         *arena;
    struct stored_chunk  *chunks;
    size_t                count;
    struct buf           *lines;
    char                  key[SEGMENT_KEY];
    struct segment_record segment;
};

/* The object is put inside the transaction: the database ends one that stands still for a minute, and
 * a sweep takes no younger object. Put before it, it could be swept while this process stands still,
 * and then its lines would be nowhere. */
static int move_lines(struct store *store, struct blob_store *blob,
                      const struct trace_record *trace, const struct piece *piece, struct err *err)
{
    CLEANUP(store_rollback) struct store *transaction = store;
    struct trace_record                   now;

    TRY(store_begin(transaction, err));
    TRY(trace_lock(store, piece->arena, trace->id, &now, err));
    if (now.status == TRACE_ERASED) {
        return err_set(err, ERR_TRACE_ERASED, "trace %s was erased", trace->id);
    }
    TRY(segment_put(blob, piece->key, buf_bytes(piece->lines), err));
    TRY(chunks_gather(store, piece->arena, trace->trace_no, &piece->segment, piece->chunks,
                      piece->count, err));
    return store_commit(store, err);
}

static int gather_piece(struct store *store, struct blob_store *blob,
                        const struct trace_record *trace, struct piece *piece, struct err *err)
{
    struct err ignored = {0};

    piece->lines->size = 0;
    for (size_t i = 0; i < piece->count; i++) {
        piece->chunks[i].seg_offset = (int64_t)piece->lines->size;
        buf_put(piece->lines, piece->chunks[i].kept);
    }
    segment_name(piece->key);
    piece->segment = (struct segment_record){
        .key = piece->key, .bytes = (int64_t)piece->lines->size, .created_us = clock_us()};
    if (move_lines(store, blob, trace, piece, err) < 0) {
        /* Nobody refers to the object, unless a commit was cut off and may have happened. */
        if (err->code != ERR_STORE_DOWN) {
            (void)!blob_delete(blob, BUCKET_CHUNKS, piece->key, &ignored);
        }
        return -1;
    }
    return 0;
}

int gather_lines(struct store *store, struct blob_store *blob, const struct trace_record *trace,
                 struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      lines = {0};
    struct piece                 piece = {.arena = arena, .lines = &lines};
    int64_t                      after = -1;
    int                          failed = 0;

    do {
        arena_reset(arena);
        failed = chunks_kept(store, arena, trace->trace_no, after, ROWS_MOST, &piece.chunks,
                             &piece.count, err);
        if (failed == 0 && piece.count > 0) {
            after = piece.chunks[piece.count - 1].chunk_seq;
            failed = gather_piece(store, blob, trace, &piece, err);
        }
    } while (failed == 0 && piece.count == ROWS_MOST);
    return failed;
}

static int gather_one(struct store *store, struct blob_store *blob, const struct keeping_trace *of,
                      struct err *err)
{
    const struct trace_record trace = {.trace_no = of->trace_no, .id = of->id};

    if (gather_lines(store, blob, &trace, err) == 0) {
        return 0;
    }
    if (err->code != ERR_STORE_CLASH && err->code != ERR_TRACE_ERASED) {
        return -1;
    }
    err_clear(err);
    return 0;
}

int gather_old(struct store *store, struct blob_store *blob, int64_t before_us, bool dry_run,
               struct gathered *ret_gathered, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct gathered              all = {0};
    struct keeping_trace        *traces;
    int64_t                      after = 0;
    size_t                       count;

    do {
        arena_reset(arena);
        TRY(traces_keeping(store, arena, after, before_us, TRACES_PAGE, &traces, &count, err));
        for (size_t i = 0; i < count; i++) {
            after = traces[i].trace_no;
            if (traces[i].chunks == 0) {
                continue;
            }
            TRY(dry_run ? 0 : gather_one(store, blob, &traces[i], err));
            all.traces++;
            all.chunks += traces[i].chunks;
            all.bytes += traces[i].bytes;
        }
    } while (count == TRACES_PAGE);
    *ret_gathered = all;
    return 0;
}
