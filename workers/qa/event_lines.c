// SPDX-License-Identifier: MIT
#include "workers/qa/event_lines.h"

#include <string.h>

#include "crypto/crypto.h"

enum {
    PIECE_BYTES = 256 * 1024,
    PART_MOST = 64 * 1024 * 1024 /* the document before its events; one event */
};

struct event_lines {
    struct blob_store        *blob;
    const struct qa_document *document;
    struct heart             *heart;
    struct sha256            *sha;
    struct buf                held;
    size_t                    used; /* of held: given already */
    int64_t                   at;
    bool                      begun, ended;
};

struct event_lines *event_lines_open(struct blob_store *blob, const struct qa_document *document,
                                     struct heart *heart)
{
    struct event_lines *lines = mem_zero(1, sizeof(*lines));

    lines->blob = blob;
    lines->document = document;
    lines->heart = heart;
    lines->sha = sha256_new();
    sha256_start(lines->sha);
    return lines;
}

void event_lines_close(struct event_lines *lines)
{
    if (lines != NULL) {
        buf_done(&lines->held);
        sha256_free(lines->sha);
        mem_free(lines);
    }
}

static int corrupt(const struct event_lines *lines, const char *how, struct err *err)
{
    return err_set(err, ERR_BLOB_CORRUPT, "document %s %s", lines->document->key, how);
}

/* Reads on; forgets what was given. */
static int more_read(struct event_lines *lines, struct err *err)
{
    size_t got = 0;

    TRY(heart_beat(lines->heart, err));
    if (lines->used > 0) {
        memmove(lines->held.data, lines->held.data + lines->used, lines->held.size - lines->used);
        lines->held.size -= lines->used;
        lines->used = 0;
    }
    if (lines->held.size > PART_MOST) {
        return corrupt(lines, "has no line of an event where one should be", err);
    }
    buf_reserve(&lines->held, PIECE_BYTES);
    TRY(blob_read(lines->blob, BUCKET_TRACES, lines->document->key, lines->at,
                  lines->held.data + lines->held.size, PIECE_BYTES, &got, err));
    if (got == 0) {
        return corrupt(lines, "ends before its events do", err);
    }
    sha256_add(lines->sha, (struct bytes){lines->held.data + lines->held.size, got});
    lines->held.size += got;
    lines->at += (int64_t)got;
    return 0;
}

/* Quotes inside of strings are escaped, so the first of these is the member itself. */
static int begin(struct event_lines *lines, struct err *err)
{
    static const char mark[] = "\"events\":[\n";
    const uint8_t    *found = NULL;

    while (found == NULL) {
        TRY(more_read(lines, err));
        found = memmem(lines->held.data, lines->held.size, mark, strlen(mark));
    }
    lines->used = (size_t)(found - lines->held.data) + strlen(mark);
    lines->begun = true;
    return 0;
}

static int finish(struct event_lines *lines, struct err *err)
{
    uint8_t hash[HASH_BYTES];

    while (lines->at < lines->document->bytes) {
        lines->used = lines->held.size;
        TRY(more_read(lines, err));
    }
    lines->ended = true;
    sha256_finish(lines->sha, hash);
    return lines->at == lines->document->bytes &&
                   memcmp(hash, lines->document->sha256, sizeof(hash)) == 0
               ? 0
               : corrupt(lines, "is not what was stored", err);
}

int event_lines_next(struct event_lines *lines, struct bytes *ret_line, bool *ret_there,
                     struct err *err)
{
    const uint8_t *end = NULL;
    struct bytes   line;

    *ret_there = false;
    if (lines->ended) {
        return 0;
    }
    if (!lines->begun) {
        TRY(begin(lines, err));
    }
    for (;;) {
        line = (struct bytes){lines->held.data + lines->used, lines->held.size - lines->used};
        end = line.size == 0 ? NULL : memchr(line.data, '\n', line.size);
        if (line.size > 0 && line.data[0] == ']') {
            return finish(lines, err);
        }
        if (end != NULL) {
            break;
        }
        TRY(more_read(lines, err));
    }
    line.size = (size_t)(end - line.data);
    lines->used += line.size + 1;
    if (line.size > 0 && line.data[line.size - 1] == ',') {
        line.size--;
    }
    *ret_line = line;
    *ret_there = true;
    return 0;
}
