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
 * until it has been taken (workers/above.h).
 */
#include <string.h>

#include "workers/above.h"
#include "workers/validate/validator.h"

enum { AGAIN_MS = 50 };

static bool has_to_wait(const struct entry *entry)
{
    return entry->completion.force || entry->append != NULL;
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

/* The first message that has to be taken before this one; 0: there is none. One that brings nothing
 * matters to a batch alone: it must not come behind what it was sent before. */
static uint64_t first_before(const struct above *above, struct entry *const *kept, size_t count,
                             const struct entry *entry)
{
    for (size_t i = 0; i < above->count && above->msgs[i].seq < entry->in->seq; i++) {
        const struct above_msg *msg = &above->msgs[i];

        if ((msg->brings || entry->append != NULL) && !msg->taken &&
            !goes_on(kept, count, entry->in->to.trace, msg->seq)) {
            return msg->seq;
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
                TRY(above_look(validator->stream, validator->batch.store, validator->arena, &in->to,
                               state.ack_floor, &above, err));
            }
            if (state.ack_floor + 1 < in->seq) {
                before = first_before(&above, entries, kept, entry);
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
