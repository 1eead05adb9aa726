// SPDX-License-Identifier: MIT
/*
 * earlier.c - what has to come after the messages that were sent to its trace before it.
 *
 * A chunk has its own place and may be taken whenever it comes. Two kinds of message have not:
 *
 *   the one that closes a trace    a chunk that was accepted before it belongs into the document
 *   a batch of /ingest             gets the trace's next place: in the order of the stream, or a
 *                                  replay would number the trace's events anew
 *
 * Another worker may hold what came before, or it waits to be delivered again. So they are put back
 * until it has been taken. The consumer's floor says so at once where nothing is in flight. It alone
 * does not tell, for it stands behind any other trace's message that takes long, and behind gaps
 * where messages were deleted: then the trace's own messages are looked at.
 */
#include <string.h>

#include "store/chunk_store.h"
#include "workers/validate/validator.h"

enum { AGAIN_MS = 50, NEWEST = 256 };

/* Messages of one trace that lie above the floor, and are not taken as far as the floor tells. */
struct above {
    const char *trace;
    uint64_t   *seqs;
    size_t      count, room;
    int64_t    *taken; /* the newest chunks' places in the stream */
    size_t      taken_count;
};

static bool has_to_wait(const struct entry *entry)
{
    return entry->completion.force || entry->append != NULL;
}

static void note_seq(struct arena *arena, struct above *above, uint64_t seq)
{
    if (above->count == above->room) {
        size_t    room = above->room == 0 ? 16 : 2 * above->room;
        uint64_t *more = arena_get(arena, room * sizeof(*more));

        for (size_t i = 0; i < above->count; i++) {
            more[i] = above->seqs[i];
        }
        above->seqs = more;
        above->room = room;
    }
    above->seqs[above->count++] = seq;
}

static int look(struct validator *validator, const struct delivery *in, uint64_t floor,
                struct above *above, struct err *err)
{
    struct arena                 *arena = validator->arena;
    const struct browse_settings  settings = {
         .stream_name = "PRT_INGEST",
         .subject = arena_format(arena, "prt.ingest.%s.%s.*", in->to.tenant, in->to.trace),
         .from_seq = floor + 1,
    };
    CLEANUP(browse) struct browse *browse = NULL;
    bool                           there = true;

    *above = (struct above){.trace = in->to.trace};
    TRY(browse_open(&browse, validator->stream, &settings, err));
    for (;;) {
        struct stored_msg msg;

        TRY(browse_next(browse, arena, &msg, &there, err));
        if (!there) {
            break;
        }
        note_seq(arena, above, msg.seq);
    }
    return chunks_newest(validator->batch.store, arena, in->to.trace, NEWEST, &above->taken,
                         &above->taken_count, err);
}

static bool is_taken(const struct above *above, uint64_t seq)
{
    for (size_t i = 0; i < above->taken_count; i++) {
        if (above->taken[i] == (int64_t)seq) {
            return true;
        }
    }
    return false;
}

/* Among those of this batch that go on, and so will be taken before it. */
static bool goes_on(struct entry *const *entries, size_t count, const char *trace, uint64_t seq)
{
    while (count > 0 && strcmp(entries[count - 1]->in->to.trace, trace) == 0) {
        if (entries[--count]->in->seq == seq) {
            return true;
        }
    }
    return false;
}

/* The first message that has to be taken before this one; 0: there is none. */
static uint64_t first_before(const struct above *above, struct entry *const *kept, size_t count,
                             const struct delivery *in)
{
    for (size_t i = 0; i < above->count && above->seqs[i] < in->seq; i++) {
        if (!is_taken(above, above->seqs[i]) &&
            !goes_on(kept, count, in->to.trace, above->seqs[i])) {
            return above->seqs[i];
        }
    }
    return 0;
}

static void put_back(struct delivery *in, uint64_t before)
{
    (void)err_set(&in->err, ERR_TRACE_NOT_READY,
                  "trace %s: message %llu of PRT_INGEST, sent before, has not been taken yet",
                  in->to.trace, (unsigned long long)before);
    in->err.retry_after_ms = AGAIN_MS;
}

int earlier_hold_back(struct validator *validator, struct entry **entries, size_t *count,
                      struct err *err)
{
    struct consumer_state state = {0};
    struct above          above = {0};
    size_t                kept = 0;

    for (size_t i = 0; i < *count; i++) {
        struct entry    *entry = entries[i];
        struct delivery *in = entry->in;
        uint64_t         before = 0;

        if (validator->stream != NULL && has_to_wait(entry)) {
            if (state.ack_floor == 0) {
                TRY(stream_consumer_state(validator->stream, "PRT_INGEST", "validate", &state,
                                          err));
            }
            if (state.ack_floor + 1 < in->seq &&
                (above.trace == NULL || strcmp(above.trace, in->to.trace) != 0)) {
                TRY(look(validator, in, state.ack_floor, &above, err));
            }
            if (state.ack_floor + 1 < in->seq) {
                before = first_before(&above, entries, kept, in);
            }
        }
        if (before == 0) {
            entries[kept++] = entry;
        } else {
            put_back(in, before);
        }
    }
    *count = kept;
    return 0;
}
