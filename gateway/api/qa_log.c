// SPDX-License-Identifier: MIT
/*
 * qa_log.c - GET …/qa/log: what the tests printed, 200 when they are done, 202 while they run.
 *
 * While they run, the log lies in pieces in the artifacts bucket (workers/qa/pieces.h); afterwards
 * it is an artifact: the same bytes. ?from=N leaves out the first N of them, for who has them
 * already; 416 when there are fewer, because another worker began anew. Where that worker has come
 * further than the first, only &seen=SHA256 of those bytes tells: 416 too when they are others.
 * What a killed worker left is shown as a run that goes on, which it does once another worker takes
 * the job.
 */
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "gateway/api/gateway.h"
#include "gateway/api/resources.h"
#include "gateway/http/field.h"
#include "store/read_store.h"

static const char text_plain[] = "text/plain; charset=utf-8";

/* The keys of the newest attempt's pieces, in order. */
struct pieces {
    struct blob_entry *entries;
    size_t             count, room;
};

static void pieces_add(struct arena *arena, struct pieces *pieces, const struct blob_entry *entry)
{
    size_t attempt = (size_t)(strrchr(entry->key, '/') - entry->key) + 1;

    if (pieces->count > 0 && strncmp(pieces->entries[0].key, entry->key, attempt) != 0) {
        pieces->count = 0; /* of an earlier attempt: attempts are in order of time */
    }
    if (pieces->count == pieces->room) {
        struct blob_entry *more = arena_zero(arena, pieces->room * 2 + 64, sizeof(*more));

        if (pieces->count > 0) {
            memcpy(more, pieces->entries, pieces->count * sizeof(*more));
        }
        pieces->entries = more;
        pieces->room = pieces->room * 2 + 64;
    }
    pieces->entries[pieces->count++] = *entry;
}

static int pieces_find(struct blob_store *blob, struct arena *arena, const char *trace,
                       struct pieces *ret_pieces, struct err *err)
{
    const char        *prefix = arena_format(arena, "qa/%s/log/", trace);
    const char        *after = "";
    struct pieces      pieces = {0};
    struct blob_entry *page;
    size_t             count;

    do {
        TRY(blob_list(blob, arena, BUCKET_ARTIFACTS, prefix, after, BLOB_LIST_MOST, &page, &count,
                      err));
        for (size_t i = 0; i < count; i++) {
            pieces_add(arena, &pieces, &page[i]);
            after = page[i].key;
        }
    } while (count == BLOB_LIST_MOST);
    *ret_pieces = pieces;
    return 0;
}

enum { STEP_BYTES = 64 * 1024 };

/* Are the first bytes of the log, which the client has from somewhere, the ones of this run? */
static int seen_check(struct exchange *x, int fd, int64_t offset, int64_t seen, struct err *err)
{
    CLEANUP(sha256) struct sha256 *sha = NULL;
    uint8_t                        step[STEP_BYTES];
    uint8_t                        want[HASH_BYTES], hash[HASH_BYTES];
    const char                    *hex;

    TRY(exchange_query(x, "seen", &hex, err));
    if (hex == NULL) {
        return 0;
    }
    if (!hex_read(want, sizeof(want), bytes_of(hex))) {
        return err_set(err, ERR_SCHEMA, "seen is \"%.80s\", not a SHA-256 in lower hex", hex);
    }
    sha = sha256_new();
    for (int64_t at = 0; at < seen;) {
        int64_t left = seen - at < STEP_BYTES ? seen - at : STEP_BYTES;
        ssize_t got = pread(fd, step, (size_t)left, offset + at);

        if (got <= 0) {
            return err_errno(err, "reading a log");
        }
        sha256_add(sha, (struct bytes){step, (size_t)got});
        at += got;
    }
    sha256_finish(sha, hash);
    return memcmp(want, hash, sizeof(hash)) == 0
               ? 0
               : err_set(err, ERR_RANGE_WRONG, "the first %lld bytes are of another run",
                         (long long)seen);
}

/* `size` bytes from `offset` of the file, less those the client has; takes the file over on
 * success. */
static int answer_file(struct exchange *x, int status, int fd, int64_t offset, int64_t size,
                       struct err *err)
{
    const char *query;
    int64_t     from = 0;

    TRY(exchange_query(x, "from", &query, err));
    if (query != NULL) {
        TRY(field_whole("from", query, 0, INT64_MAX, &from, err));
    }
    if (from > size) {
        return err_set(err, ERR_RANGE_WRONG, "from is %lld, and the log has %lld bytes",
                       (long long)from, (long long)size);
    }
    TRY(seen_check(x, fd, offset, from, err));
    /* What strangers' code printed, under our own address: never to be shown as a page. */
    exchange_header(x, "X-Content-Type-Options", "nosniff");
    exchange_header(x, "Cache-Control", "no-cache");
    if (status == 202) {
        exchange_header(x, "Retry-After", "2");
    }
    exchange_answer_fd(x, status, text_plain, fd, offset + from, size - from);
    return 0;
}

/* BLOB_MISSING: the run has ended meanwhile. */
static int show_pieces(struct blob_store *blob, struct exchange *x, const struct pieces *pieces,
                       struct err *err)
{
    CLEANUP(fd) int fd = copy_open(x, 0, err);
    int64_t         size = 0;

    if (fd < 0) {
        return -1;
    }
    for (size_t i = 0; i < pieces->count; i++) {
        int64_t before = size;

        TRY(blob_copy_to(blob, BUCKET_ARTIFACTS, pieces->entries[i].key, fd, err));
        size = lseek(fd, 0, SEEK_CUR);
        if (size < 0) {
            return err_errno(err, "putting the pieces of a log together");
        }
        TRY(copy_count(x, size - before, err));
    }
    TRY(answer_file(x, 202, fd, 0, size, err));
    fd = -1;
    return 0;
}

static int show_whole(struct reader *reader, struct exchange *x, const struct artifact_row *row,
                      struct err *err)
{
    CLEANUP(fd) int fd = -1;
    int64_t         offset;

    TRY(reader_object(reader, BUCKET_ARTIFACTS, row->object_key, 0, row->size_bytes, &fd, &offset,
                      err));
    TRY(answer_file(x, 200, fd, offset, row->size_bytes, err));
    fd = -1;
    return 0;
}

static int show(struct reader *reader, struct exchange *x, struct err *err)
{
    struct store       *store = reader_store(reader, err);
    struct blob_store  *blob = store == NULL ? NULL : reader_blob(reader, err);
    struct trace_row    trace;
    struct artifact_row row;
    struct pieces       pieces;

    if (blob == NULL) {
        return -1;
    }
    TRY(read_trace(store, x->arena, caller_of(x)->tenant, x->param[0], &trace, err));
    TRY(pieces_find(blob, x->arena, x->param[0], &pieces, err));
    if (pieces.count > 0) {
        if (show_pieces(blob, x, &pieces, err) == 0) {
            return READ_ANSWERED;
        }
        if (err->code != ERR_BLOB_MISSING) {
            return -1;
        }
        err_clear(err);
    }
    if (read_qa_log(store, x->arena, trace.trace_no, &row, err) == 0) {
        TRY(show_whole(reader, x, &row, err));
        return READ_ANSWERED;
    }
    if (err->code != ERR_NOT_FOUND || trace.validation != NULL) {
        return -1;
    }
    err_clear(err); /* the tests have not run yet */
    exchange_header(x, "Retry-After", "2");
    exchange_answer(x, 202, text_plain, BYTES(""));
    return READ_ANSWERED;
}

void qa_log_show(struct exchange *x)
{
    read_with(x, show);
}
