// SPDX-License-Identifier: MIT
/*
 * events.c - GET …/events and …/events.ndjson: a trace's lines as they are stored, at any time.
 */
#include <string.h>

#include "base/fd.h"
#include "gateway/api/gateway.h"
#include "gateway/api/resources.h"
#include "gateway/http/field.h"
#include "store/read_store.h"
#include "trace/event.h"

enum {
    LIMIT_DEFAULT = 100,
    LIMIT_MOST = 1000,
    PAGE_BYTES = 8 * 1024 * 1024, /* a page ends here, however few events; one always fits */
    GAP_MOST = 64 * 1024,         /* read in vain to save a request to the object store */
    RUN_MOST = 1024 * 1024,
    CHUNK_PAGE = 1000
};

/* --------------------------------- lines of events --------------------------------- */

static bool lie_together(const struct line_row *a, const struct line_row *b)
{
    return a->key != NULL ? b->key != NULL && strcmp(a->key, b->key) == 0
                          : b->key == NULL && a->chunk_seq == b->chunk_seq;
}

/* How many lines from `first` on can be read in one piece. */
static size_t run_length(const struct line_row *lines, size_t count, size_t first)
{
    int64_t end = lines[first].offset + lines[first].length;
    size_t  i = first + 1;

    while (i < count && lie_together(&lines[i], &lines[first]) && lines[i].offset >= end &&
           lines[i].offset - end <= GAP_MOST &&
           lines[i].offset + lines[i].length - lines[first].offset <= RUN_MOST) {
        end = lines[i].offset + lines[i].length;
        i++;
    }
    return i - first;
}

/* Where a trace's lines are read from. */
struct source {
    struct store      *store;
    struct blob_store *blob;
    int64_t            trace_no;
};

/* `size` bytes from `offset` of where the line lies, behind what is in `out`. */
static int read_from(const struct source *from, const struct line_row *line, int64_t offset,
                     size_t size, struct buf *out, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct kept_lines            kept = {.key = line->key};
    size_t                       got;

    if (line->key == NULL) {
        TRY(read_kept_lines(from->store, arena, from->trace_no, line->chunk_seq, &kept, err));
    }
    buf_reserve(out, size);
    if (kept.lines.data != NULL) {
        got = (size_t)offset < kept.lines.size ? kept.lines.size - (size_t)offset : 0;
        got = got < size ? got : size;
        memcpy(out->data + out->size, kept.lines.data + offset, got);
    } else {
        TRY(blob_read(from->blob, BUCKET_CHUNKS, kept.key, kept.offset + offset,
                      out->data + out->size, size, &got, err));
    }
    out->size += got;
    return got == size ? 0
                       : err_set(err, ERR_BLOB_CORRUPT,
                                 "%s has %lld bytes less than the index of chunk_seq %lld says",
                                 kept.key != NULL ? kept.key : "its row", (long long)(size - got),
                                 (long long)line->chunk_seq);
}

static int put_run(const struct source *from, const struct line_row *lines, size_t count,
                   struct buf *out, bool first, struct err *err)
{
    CLEANUP(buf) struct buf piece = {0};
    int64_t                 start = lines[0].offset;
    size_t size = (size_t)(lines[count - 1].offset + lines[count - 1].length - start);

    TRY(read_from(from, &lines[0], start, size, &piece, err));
    for (size_t i = 0; i < count; i++) {
        buf_put_text(out, first && i == 0 ? "" : ",");
        buf_put(out,
                (struct bytes){piece.data + (lines[i].offset - start), (size_t)lines[i].length});
    }
    return 0;
}

struct page {
    int64_t from_seq;
    int64_t limit;
    int     type; /* or -1 */
};

/* {"events":[...],"next":seq or null} */
static int list(struct reader *reader, struct exchange *x, struct err *err)
{
    CLEANUP(buf) struct buf out = {0};
    const struct page      *page = x->work;
    struct store           *store = reader_store(reader, err);
    struct blob_store      *blob = store == NULL ? NULL : reader_blob(reader, err);
    struct trace_row        row;
    struct line_row        *lines;
    size_t                  count;
    size_t                  done = 0;
    int64_t                 bytes = 0;

    if (blob == NULL) {
        return -1;
    }
    TRY(read_trace(store, x->arena, caller_of(x)->tenant, x->param[0], &row, err));
    /* One more than wanted tells whether there is a next page. */
    const struct line_search search = {.trace_no = row.trace_no,
                                       .from_seq = page->from_seq,
                                       .type = page->type,
                                       .most = (size_t)page->limit + 1};
    TRY(read_lines(store, x->arena, &search, &lines, &count, err));
    while (done < count && done < (size_t)page->limit &&
           (done == 0 || bytes + lines[done].length <= PAGE_BYTES)) {
        bytes += lines[done++].length;
    }
    const struct source from = {store, blob, row.trace_no};

    buf_put_text(&out, "{\"events\":[");
    for (size_t i = 0; i < done;) {
        size_t run = run_length(lines, done, i);

        TRY(put_run(&from, &lines[i], run, &out, i == 0, err));
        i += run;
    }
    if (done < count) {
        buf_format(&out, "],\"next\":%lld}", (long long)lines[done].seq);
    } else {
        buf_put_text(&out, "],\"next\":null}");
    }
    answer_json(x, 200, arena_bytes(x->arena, buf_bytes(&out)));
    return READ_ANSWERED;
}

static int read_page(struct exchange *x, struct page *ret_page, struct err *err)
{
    const char *from;
    const char *limit;
    const char *type;

    TRY(exchange_query(x, "from_seq", &from, err));
    TRY(exchange_query(x, "limit", &limit, err));
    TRY(exchange_query(x, "type", &type, err));
    *ret_page = (struct page){.limit = LIMIT_DEFAULT, .type = -1};
    if (from != NULL) {
        TRY(field_whole("from_seq", from, 0, INT64_MAX, &ret_page->from_seq, err));
    }
    if (limit != NULL) {
        TRY(field_whole("limit", limit, 1, LIMIT_MOST, &ret_page->limit, err));
    }
    if (type != NULL) {
        ret_page->type = event_type_by_name(bytes_of(type));
        if (ret_page->type < 0) {
            return err_set(err, ERR_SCHEMA, "type is \"%.40s\"; one of %s is wanted", type,
                           event_type_names());
        }
    }
    return 0;
}

void event_list(struct exchange *x)
{
    struct page *page = arena_zero(x->arena, 1, sizeof(*page));
    struct err   err = {0};

    if (read_page(x, page, &err) < 0) {
        exchange_refuse(x, &err);
        return;
    }
    x->work = page;
    read_with(x, list);
}

/* ----------------------------------- all of them ----------------------------------- */

static int copy_chunk(const struct source *from, const struct line_row *chunk, struct buf *block,
                      int fd, struct err *err)
{
    int64_t done = 0;

    while (done < chunk->length) {
        size_t want = chunk->length - done < RUN_MOST ? (size_t)(chunk->length - done) : RUN_MOST;

        block->size = 0;
        TRY(read_from(from, chunk, chunk->offset + done, want, block, err));
        TRY(fd_write_all(fd, buf_bytes(block), err));
        done += (int64_t)want;
    }
    return 0;
}

/* The lines lie in many objects: they are gathered in a file, so that a trace of any size passes
 * through in bounded memory and its length is known. */
static int copy_lines(struct reader *reader, struct exchange *x, int fd, int64_t *ret_size,
                      struct err *err)
{
    CLEANUP(buf) struct buf      block = {0};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct store                *store = reader_store(reader, err);
    struct blob_store           *blob = store == NULL ? NULL : reader_blob(reader, err);
    struct trace_row             row;
    struct line_row             *chunks;
    size_t                       count;
    int64_t                      after = -1;

    if (blob == NULL) {
        return -1;
    }
    *ret_size = 0;
    TRY(read_trace(store, x->arena, caller_of(x)->tenant, x->param[0], &row, err));
    const struct source from = {store, blob, row.trace_no};
    do {
        arena_reset(arena);
        TRY(read_chunk_lines(store, arena, row.trace_no, after, CHUNK_PAGE, &chunks, &count, err));
        for (size_t i = 0; i < count; i++) {
            TRY(copy_count(x, chunks[i].length, err));
            TRY(copy_chunk(&from, &chunks[i], &block, fd, err));
            *ret_size += chunks[i].length;
            after = chunks[i].seq;
        }
    } while (count == CHUNK_PAGE);
    return 0;
}

static int show_lines(struct reader *reader, struct exchange *x, struct err *err)
{
    CLEANUP(fd) int fd = copy_open(x, 0, err);
    int64_t         size;

    if (fd < 0) {
        return -1;
    }
    TRY(copy_lines(reader, x, fd, &size, err));
    exchange_answer_fd(x, 200, "application/x-ndjson", fd, 0, size);
    fd = -1;
    return READ_ANSWERED;
}

void event_lines(struct exchange *x)
{
    read_with(x, show_lines);
}
