// SPDX-License-Identifier: MIT
/*
 * apply.c - one pass over the old bytes, hunk by hunk.
 */
#include <string.h>

#include "workers/qa/replay/diff.h"
#include "workers/qa/replay/hunk.h"

struct place {
    struct bytes old;
    size_t       at;        /* in old */
    int64_t      old_lines; /* before it */
    int64_t      new_lines; /* in out */
    struct buf  *out;
};

/* What comes behind a line without a newline would be glued to it. */
static bool out_put(struct place *place, struct bytes bytes)
{
    const struct buf *out = place->out;

    if (out->size > 0 && out->data[out->size - 1] != '\n') {
        return false;
    }
    buf_put(place->out, bytes);
    return true;
}

/* Copies what lies before the hunk. */
static enum diff_fault go_to(struct place *place, const struct hunk *hunk)
{
    size_t from = place->at;

    while (place->old_lines < hunk->old_at) {
        struct bytes line = line_at(place->old, place->at);

        if (line.size == 0) {
            return DIFF_OUT_OF_PLACE;
        }
        place->at += line.size;
        place->old_lines++;
        place->new_lines++;
    }
    if (place->at > from &&
        !out_put(place, (struct bytes){place->old.data + from, place->at - from})) {
        return DIFF_MALFORMED;
    }
    return place->old_lines == hunk->old_at && place->new_lines == hunk->new_at ? DIFF_FINE
                                                                                : DIFF_OUT_OF_PLACE;
}

static enum diff_fault hunk_apply(struct place *place, const struct hunk *hunk)
{
    struct hunk_line line;
    size_t           at = 0;

    while (hunk_line_next(hunk, &at, &line)) {
        if (line.text.size == 0) {
            return DIFF_MALFORMED; /* neither text nor newline is no line */
        }
        if (line.sign != '+') {
            if (!bytes_equal(line_at(place->old, place->at), line.text)) {
                return DIFF_CONTEXT_DIFFERS;
            }
            place->at += line.text.size;
            place->old_lines++;
        }
        if (line.sign != '-') {
            if (!out_put(place, line.text)) {
                return DIFF_MALFORMED;
            }
            place->new_lines++;
        }
    }
    /* diff ends a hunk without context only where the file ends. */
    if (hunk->has_context && hunk->ends_open && place->at < place->old.size) {
        return DIFF_OUT_OF_PLACE;
    }
    return DIFF_FINE;
}

enum diff_fault diff_apply(const struct diff_patch *patch, struct bytes old, struct buf *out)
{
    struct place    place = {.old = old, .out = out};
    struct hunk     hunk;
    size_t          at = 0;
    enum diff_fault fault;

    while (at < patch->hunks.size) {
        if (!hunk_read(patch->hunks, &at, &hunk)) {
            return DIFF_MALFORMED;
        }
        fault = go_to(&place, &hunk);
        if (fault == DIFF_FINE) {
            fault = hunk_apply(&place, &hunk);
        }
        if (fault != DIFF_FINE) {
            return fault;
        }
    }
    if (place.at < old.size &&
        !out_put(&place, (struct bytes){old.data + place.at, old.size - place.at})) {
        return DIFF_MALFORMED;
    }
    return patch->kind == DIFF_DELETE && out->size > 0 ? DIFF_CONTENTS_LEFT : DIFF_FINE;
}
