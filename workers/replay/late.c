// SPDX-License-Identifier: MIT
#include "workers/replay/late.h"

#include <stdlib.h>
#include <string.h>

#include "trace/dead_letter.h"
#include "trace/message.h"

static int by_seq(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b ? 1 : 0;
}

bool late_holds(const struct late *late, uint64_t seq)
{
    return late->count > 0 && bsearch(&seq, late->seqs, late->count, sizeof(seq), by_seq) != NULL;
}

static void note(struct arena *arena, struct arena *letters, struct late *late,
                 const struct stored_msg *stored)
{
    struct dead_letter letter;
    struct err         unread = {0};

    if (dead_letter_read(letters, stored->body, &letter, &unread) < 0 ||
        strcmp(letter.code, err_name(ERR_TRACE_CLOSED)) != 0) {
        return;
    }
    if ((late->count & (late->count + 1)) == 0) { /* full: room is a power of two, less one */
        uint64_t *more = arena_get(arena, (2 * late->count + 1) * sizeof(*more));

        if (late->count > 0) {
            memcpy(more, late->seqs, late->count * sizeof(*more));
        }
        late->seqs = more;
    }
    late->seqs[late->count++] = (uint64_t)letter.seq;
}

int late_find(struct stream *stream, struct arena *arena, const char *tenant, const char *trace,
              struct late *ret_late, struct err *err)
{
    char                         subject[SUBJECT_BYTES];
    const struct browse_settings settings = {
        .stream_name = "PRT_DEAD", .subject = subject, .bodies = true};
    CLEANUP(browse) struct browse *browse = NULL;
    CLEANUP(arena) struct arena   *letters = arena_new(); /* one at a time: each may be a megabyte */
    struct late                    late = {0};

    subject_stage(subject, "dead", "validate", tenant, trace);
    TRY(browse_open(&browse, stream, &settings, err));
    for (;;) {
        struct stored_msg stored;
        bool              there = false;

        arena_reset(letters);
        TRY(browse_next(browse, letters, &stored, &there, err));
        if (!there) {
            break;
        }
        note(arena, letters, &late, &stored);
    }
    if (late.count > 0) {
        qsort(late.seqs, late.count, sizeof(*late.seqs), by_seq);
    }
    *ret_late = late;
    return 0;
}
