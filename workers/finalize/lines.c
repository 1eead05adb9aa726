// SPDX-License-Identifier: MIT
#include "workers/finalize/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value/json.h"

enum { PAGE = 64, BLOCK = 1 << 20 };

struct lines {
    struct store      *store;
    struct blob_store *blob;
    struct arena      *arena; /* the caller's: what the summary points to */
    int64_t            trace_no, expected;

    struct arena        *page_arena;
    struct stored_chunk *page;
    size_t               page_count, page_at;
    int64_t              after; /* the last chunk_seq that was read */
    bool                 last_page;

    char           key[256]; /* the range that is being read */
    const uint8_t *kept;     /* it lies here; NULL: in the object */
    int64_t        offset, left;

    uint8_t *block; /* bytes start .. end of it are not given out yet */
    size_t   start, end, room;

    struct lines_summary told;
};

struct lines *lines_open(struct store *store, struct blob_store *blob, struct arena *arena,
                         int64_t trace_no, int64_t expected)
{
    struct lines *lines = mem_zero(1, sizeof(*lines));

    lines->store = store;
    lines->blob = blob;
    lines->arena = arena;
    lines->trace_no = trace_no;
    lines->expected = expected;
    lines->after = -1;
    lines->page_arena = arena_new();
    lines->room = BLOCK;
    lines->block = mem_get(lines->room);
    return lines;
}

void lines_close(struct lines *lines)
{
    if (lines != NULL) {
        arena_free(lines->page_arena);
        mem_free(lines->block);
        free(lines);
    }
}

const struct lines_summary *lines_told(const struct lines *lines)
{
    return &lines->told;
}

/* -------------------------------- what the rows tell -------------------------------- */

static void note_missing(struct lines_summary *told, int64_t from, int64_t below)
{
    for (; from < below && told->missing_count < MISSING_MOST; from++) {
        told->missing[told->missing_count++] = from;
    }
    told->missing_omitted += below > from ? below - from : 0;
}

static struct redaction_count *redaction_of(struct lines *lines, struct bytes kind)
{
    struct lines_summary *told = &lines->told;

    for (size_t i = 0; i < told->redaction_count; i++) {
        if (bytes_is(kind, told->redactions[i].kind)) {
            return &told->redactions[i];
        }
    }
    if (told->redaction_count == REDACTION_KINDS_MOST) {
        return NULL;
    }
    told->redactions[told->redaction_count].kind = arena_text(lines->arena, kind);
    return &told->redactions[told->redaction_count++];
}

int lines_note_redactions(struct lines *lines, struct bytes json, struct err *err)
{
    static const struct value_limits limits = {.bytes = 65536, .depth = 2, .values = 1000};
    struct value                     counts;

    if (json.data == NULL) {
        return 0;
    }
    TRY(json_read(lines->page_arena, json, &limits, &counts, err));
    for (uint32_t i = 0; counts.kind == VALUE_MAP && i < counts.count; i++) {
        const struct value_member *member = &counts.as.members[i];
        struct redaction_count    *sum;

        if (bytes_is(member->name, "off")) {
            lines->told.unredacted = true;
            continue;
        }
        sum = redaction_of(lines, member->name);
        if (sum == NULL) {
            return err_set(err, ERR_BUG, "more than %d kinds of redaction", REDACTION_KINDS_MOST);
        }
        sum->count += value_whole_or(&member->value, 0);
    }
    return 0;
}

static int next_page(struct lines *lines, struct err *err)
{
    arena_reset(lines->page_arena);
    lines->page_at = lines->page_count = 0;
    TRY(chunks_chained(lines->store, lines->page_arena, lines->trace_no, lines->after, PAGE,
                       &lines->page, &lines->page_count, err));
    for (size_t i = 0; i < lines->page_count; i++) {
        note_missing(&lines->told, lines->after + 1, lines->page[i].chunk_seq);
        lines->after = lines->page[i].chunk_seq;
        TRY(lines_note_redactions(lines, lines->page[i].redactions, err));
    }
    lines->last_page = lines->page_count < PAGE;
    if (lines->last_page) {
        note_missing(&lines->told, lines->after + 1, lines->expected);
    }
    return 0;
}

/* -------------------------------- ranges and blocks -------------------------------- */

static int kept_range(struct lines *lines, const struct stored_chunk *chunk, struct err *err)
{
    (void)snprintf(lines->key, sizeof(lines->key), "the row of chunk_seq %lld",
                   (long long)chunk->chunk_seq);
    if ((int64_t)chunk->kept.size != chunk->seg_length) {
        return err_set(err, ERR_BLOB_CORRUPT, "%s keeps %zu bytes of lines, and says %lld",
                       lines->key, chunk->kept.size, (long long)chunk->seg_length);
    }
    lines->kept = chunk->kept.data;
    lines->offset = 0;
    lines->left = chunk->seg_length;
    return 0;
}

/* The next range to read: what a row keeps, or chunks that lie side by side in one segment. 0 when
 * there is none. */
static int next_range(struct lines *lines, struct err *err)
{
    while (lines->left == 0) {
        const struct stored_chunk *chunk;

        if (lines->page_at == lines->page_count) {
            if (lines->last_page) {
                return 0;
            }
            TRY(next_page(lines, err));
            continue;
        }
        chunk = &lines->page[lines->page_at++];
        if (chunk->seg_length == 0) {
            continue;
        }
        if (chunk->kept.data != NULL) {
            TRY(kept_range(lines, chunk, err));
            break;
        }
        if (chunk->segment_key == NULL || strlen(chunk->segment_key) >= sizeof(lines->key)) {
            return err_set(err, ERR_BUG, "chunk_seq %lld has lines but no segment",
                           (long long)chunk->chunk_seq);
        }
        (void)strcpy(lines->key, chunk->segment_key);
        lines->kept = NULL;
        lines->offset = chunk->seg_offset;
        lines->left = chunk->seg_length;
        for (; lines->page_at < lines->page_count; lines->page_at++) {
            chunk = &lines->page[lines->page_at];
            if (chunk->segment_key == NULL || strcmp(chunk->segment_key, lines->key) != 0 ||
                chunk->seg_offset != lines->offset + lines->left) {
                break;
            }
            lines->left += chunk->seg_length;
        }
    }
    return 1;
}

/* Puts more bytes behind those that are left. 0 when there are no more. */
static int more_bytes(struct lines *lines, struct err *err)
{
    size_t want;
    size_t got = 0;
    int    there = next_range(lines, err);

    if (there <= 0) {
        return there;
    }
    memmove(lines->block, lines->block + lines->start, lines->end - lines->start);
    lines->end -= lines->start;
    lines->start = 0;
    if (lines->room - lines->end < BLOCK / 2) { /* a line longer than a block */
        lines->room += BLOCK;
        lines->block = mem_more(lines->block, lines->room);
    }
    want = lines->room - lines->end;
    if ((int64_t)want > lines->left) {
        want = (size_t)lines->left;
    }
    if (lines->kept != NULL) {
        memcpy(lines->block + lines->end, lines->kept + lines->offset, want);
        got = want;
    } else {
        TRY(blob_read(lines->blob, BUCKET_CHUNKS, lines->key, lines->offset,
                      lines->block + lines->end, want, &got, err));
    }
    if (got != want) {
        return err_set(err, ERR_BLOB_CORRUPT, "%s ends at byte %lld, a chunk's lines go on",
                       lines->key, (long long)lines->offset + (long long)got);
    }
    lines->end += got;
    lines->offset += (int64_t)got;
    lines->left -= (int64_t)got;
    return 1;
}

int lines_next(struct lines *lines, struct bytes *ret_line, struct err *err)
{
    size_t searched = lines->start;

    for (;;) {
        const uint8_t *line = lines->block + lines->start;
        const uint8_t *end = memchr(lines->block + searched, '\n', lines->end - searched);
        size_t         had = lines->end - lines->start;
        int            more;

        if (end != NULL) {
            *ret_line = (struct bytes){line, (size_t)(end - line)};
            lines->start += ret_line->size + 1;
            return 1;
        }
        more = more_bytes(lines, err);
        if (more < 0) {
            return -1;
        }
        if (more == 0) {
            return had == 0 ? 0
                            : err_set(err, ERR_BLOB_CORRUPT, "%s: a line has no end", lines->key);
        }
        searched = lines->start + had;
    }
}
