// SPDX-License-Identifier: MIT
/* Any bytes as a diff, NUL, and a file: it is read to its end or refused, and what applies can be
 * taken back by the same diff with its signs turned around. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "workers/qa/replay/diff.h"
#include "workers/qa/replay/hunk.h"

static void range_put(struct buf *out, char sign, int64_t before, int64_t count)
{
    buf_format(out, " %c%lld,%lld", sign, (long long)(count == 0 ? before : before + 1),
               (long long)count);
}

/* The hunks the other way around. */
static void turn(struct bytes hunks, struct buf *out)
{
    struct hunk hunk;
    size_t      at = 0;

    while (at < hunks.size) {
        struct hunk_line line;
        size_t           in = 0;

        MUST(hunk_read(hunks, &at, &hunk));
        buf_put_text(out, "@@");
        range_put(out, '-', hunk.new_at, hunk.new_count);
        range_put(out, '+', hunk.old_at, hunk.old_count);
        buf_put_text(out, " @@\n");
        while (hunk_line_next(&hunk, &in, &line)) {
            buf_put_byte(out, (uint8_t)(line.sign == '+' ? '-' : line.sign == '-' ? '+' : ' '));
            buf_put(out, line.text);
            if (line.text.data[line.text.size - 1] != '\n') {
                buf_put_text(out, "\n\\ No newline at end of file\n");
            }
        }
    }
}

static void check_back(const struct diff_patch *patch, struct bytes old, struct bytes new)
{
    CLEANUP(buf) struct buf hunks = {0};
    CLEANUP(buf) struct buf out = {0};
    struct diff_patch       back = {.kind = DIFF_CHANGE};

    turn(patch->hunks, &hunks);
    back.hunks = buf_bytes(&hunks);
    MUST(diff_apply(&back, new, &out) == DIFF_FINE);
    MUST(bytes_equal(buf_bytes(&out), old));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const uint8_t               *end = size == 0 ? NULL : memchr(data, 0, size);
    struct bytes                 diff = {data, end == NULL ? size : (size_t)(end - data)};
    struct bytes                 old = {data + diff.size + 1, size - diff.size - 1};
    struct diff_reader           reader = {.arena = arena, .text = diff};
    struct diff_patch            patch;
    bool                         more = true;

    old = end == NULL ? (struct bytes){NULL, 0} : old;
    while (diff_next(&reader, &patch, &more) == DIFF_FINE && more) {
        CLEANUP(buf) struct buf out = {0};

        MUST(patch.old_name.raw.data != NULL || patch.new_name.raw.data != NULL);
        if (diff_apply(&patch, old, &out) == DIFF_FINE) {
            check_back(&patch, old, buf_bytes(&out));
        }
    }
    return 0;
}
