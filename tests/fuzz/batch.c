// SPDX-License-Identifier: MIT
/* Any bytes as what is posted to /ingest: every event of it is taken, or refused with a pointer into
 * it, and what is taken makes a chunk that stands on the same rules. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "crypto/crypto.h"
#include "trace/pr_batch.h"
#include "value/json.h"
#include "value/msgpack.h"

enum { EVENTS_MOST = 1000 };

static const struct value_limits limits = {1 << 20, 100, 100000};
static const struct value_limits wide = {16 << 20, 128, 1 << 20};

static void check_refusals(const struct chunk_refusal *refusals, size_t count, size_t sent)
{
    for (size_t i = 0; i < count; i++) {
        MUST(refusals[i].message != NULL && refusals[i].pointer != NULL);
        MUST(refusals[i].index == (size_t)CHUNK_NO_INDEX || refusals[i].index < sent);
        MUST(refusals[i].pointer[0] == '\0' || refusals[i].pointer[0] == '/');
    }
}

static void check_verdict(struct arena *arena, const struct pr_batch *batch)
{
    CLEANUP(buf) struct buf json = {0};
    const char            **ids = arena_get(arena, (batch->event_count + 1) * sizeof(*ids));
    struct value            value;
    struct err              err = {0};

    for (size_t i = 0; i < batch->event_count; i++) {
        ids[i] = batch->events[i].id;
        MUST(strlen(ids[i]) == PR_EVENT_ID - 1);
    }
    pr_verdict_write(&json, &(struct pr_verdict){.trace_id = "t",
                                                 .accepted = ids,
                                                 .accepted_count = batch->event_count,
                                                 .refusals = batch->refusals,
                                                 .refusal_count = batch->refusal_count});
    MUST(json_read(arena, buf_bytes(&json), &wide, &value, &err) == 0);
}

/* As validate does: numbers for those that lack one, then the rules of a chunk. */
static void check_chunk(struct arena *arena, struct pr_batch *batch, size_t sent)
{
    CLEANUP(buf) struct buf  packed = {0};
    const struct chunk_rules rules = {.limits = {EVENTS_MOST, 4096, 128, 4096},
                                      .consent = CONSENT_ALL,
                                      .redact = true,
                                      .at_us = 1763668800123456,
                                      .artifacts_uri = "s3://artifacts"};
    struct chunk             chunk;
    struct err               err = {0};

    for (size_t i = 0; i < batch->event_count; i++) {
        if (!batch->events[i].has_seq) {
            batch->events[i].seq = (int64_t)i;
        }
    }
    pr_batch_chunk(arena, batch, "batch", 0, &packed);
    /* Of the envelope nothing is theirs. */
    MUST(chunk_read(arena, arena_bytes(arena, buf_bytes(&packed)), &rules, &chunk, &err) == 0);
    for (size_t i = 0; i < chunk.event_count; i++) {
        MUST(chunk.events[i].index < batch->event_count);
        MUST(bytes_is(chunk.events[i].id, batch->events[chunk.events[i].index].id));
    }
    pr_batch_translate(arena, batch, chunk.refusals, chunk.refusal_count);
    check_refusals(chunk.refusals, chunk.refusal_count, sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *pointer = NULL;
    const struct value          *events;
    struct pr_batch              batch;
    struct value                 body;
    struct err                   err = {0};
    size_t                       sent;

    MUST(crypto_setup(&err) == 0);
    if (json_read(arena, (struct bytes){data, size}, &limits, &body, &err) < 0) {
        return 0;
    }
    if (pr_batch_read(arena, &body, EVENTS_MOST, &batch, &pointer, &err) < 0) {
        MUST(err.code == ERR_SCHEMA || err.code == ERR_TOO_LARGE);
        MUST(pointer != NULL && (pointer[0] == '\0' || pointer[0] == '/'));
        return 0;
    }
    events = value_get(&body, "events");
    sent = events == NULL ? 0 : events->count;
    MUST(batch.event_count + batch.refusal_count >= sent);
    MUST(pr_id_ok(bytes_of(batch.pr_id)));
    check_refusals(batch.refusals, batch.refusal_count, sent);
    check_verdict(arena, &batch);
    check_chunk(arena, &batch, sent);
    return 0;
}
