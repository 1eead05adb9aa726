// SPDX-License-Identifier: MIT
/*
 * batches.c - POST /ingest: a batch of an older IDE plugin, into the trace of its pull request.
 *
 * One open trace for each pull request and developer: its name follows from theirs, so that no
 * gateway has to remember it. When it is complete the next one's name is used, and what the complete
 * ones hold is not taken again: the database is asked for that before the batch is published.
 * Everything else is validate's: the batch gets its place, and its events their seqs, under the
 * trace's lock.
 */
#include <string.h>

#include "gateway/api/publish.h"
#include "gateway/api/resources.h"
#include "store/pr_store.h"
#include "trace/pr_batch.h"
#include "value/json.h"
#include "value/msgpack.h"

enum { GENERATIONS = 64 }; /* traces of one developer's work on one pull request */

struct posted {
    struct arena   *tree; /* of what was sent: given back before a verdict is waited for */
    struct publish  publish;
    struct value    body; /* as sent */
    struct pr_batch batch;
    const char     *name; /* stands for a chunk's id */
    bool            again; /* it came before: validate knows what it was answered */
    bool           *known;
    char            ids[GENERATIONS][TRACE_ID];
};

/* Stored in JetStream, not yet judged. */
static void answer_accepted(struct exchange *x)
{
    struct posted *posted = x->work;
    struct value   answer = value_map();

    value_put(x->arena, &answer, "status", value_text("accepted"));
    value_put(x->arena, &answer, "trace_id", value_text(posted->publish.trace));
    value_put(x->arena, &answer, "status_url",
              value_text(arena_format(x->arena, "/v1/traces/%s/chunks/%s", posted->publish.trace,
                                      posted->name)));
    answer_value(x, 202, &answer);
}

static const struct publish_answers answers = {answer_accepted, NULL, NULL};

static void posted_done(void *arg)
{
    struct posted *posted = arg;

    arena_free(TAKE(posted->tree));
}

/* ------------------------------------ which trace ------------------------------------ */

static unsigned consent_in(struct exchange *x, struct bytes head)
{
    const struct value_limits limits = {.bytes = head.size, .depth = 128, .values = head.size + 1};
    const struct value       *consent;
    struct value              value;
    struct err                err = {0};

    if (json_read(x->arena, head, &limits, &value, &err) < 0) {
        return 0;
    }
    consent = value_at(&value, "/session/consent");
    return (value_flag_or(value_get(consent, "rationales"), false) ? CONSENT_RATIONALES : 0u) |
           (value_flag_or(value_get(consent, "commands"), false) ? CONSENT_COMMANDS : 0u) |
           (value_flag_or(value_get(consent, "snapshots"), false) ? CONSENT_SNAPSHOTS : 0u);
}

/* The trace that the batch names: it has to be there, and says what was agreed to. */
static int named_trace(struct store *store, struct exchange *x, struct posted *posted,
                       struct err *err)
{
    struct bytes    id = bytes_of(posted->batch.trace_id);
    struct pr_trace trace;

    TRY(pr_traces_read(store, x->arena, posted->publish.tenant, &id, 1, &trace, err));
    if (trace.status == NULL || trace.head.size == 0) {
        return err_set(err, ERR_TRACE_UNKNOWN, "%s, which trace_id names, is not there",
                       posted->batch.trace_id);
    }
    if (strcmp(trace.status, "erased") == 0) {
        return err_set(err, ERR_TRACE_ERASED, "trace %s", posted->batch.trace_id);
    }
    posted->publish.trace = arena_text(x->arena, bytes_of(posted->batch.trace_id));
    posted->publish.consent = consent_in(x, trace.head);
    return 0;
}

/* The trace the batch goes to is *ret_at of the ids; those before it are complete. */
static int pr_trace(struct store *store, struct exchange *x, struct posted *posted,
                    const struct bytes *ids, size_t *ret_at, struct err *err)
{
    struct pr_trace *traces = arena_get(x->arena, GENERATIONS * sizeof(*traces));
    int64_t          same = -1;
    size_t           at = 0;

    TRY(pr_traces_read(store, x->arena, posted->publish.tenant, ids, GENERATIONS, traces, err));
    while (at < GENERATIONS && traces[at].status != NULL && strcmp(traces[at].status, "open") != 0) {
        at++;
    }
    if (posted->publish.idempotency_key != NULL) {
        /* Where it went the first time it goes again, to be given the same answer. */
        TRY(pr_chunk_find(store, x->arena, posted->publish.tenant, ids, GENERATIONS, posted->name,
                          &same, err));
        posted->again = same >= 0;
        at = posted->again ? (size_t)same : at;
    }
    if (at == GENERATIONS) {
        return err_set(err, ERR_TRACE_CLOSED, "%s has %d traces of %s, all complete; name one by"
                       " trace_id",
                       posted->batch.pr_id, GENERATIONS, posted->batch.user_id);
    }
    posted->publish.trace = posted->ids[at];
    *ret_at = at;
    return 0;
}

/* What complete traces have already. */
static int find_known(struct store *store, struct exchange *x, struct posted *posted,
                      const struct bytes *ids, size_t before, struct err *err)
{
    const struct pr_batch *batch = &posted->batch;
    uint8_t(*keys)[16];

    posted->known = arena_zero(x->arena, batch->event_count + 1, sizeof(bool));
    if (before == 0 || batch->event_count == 0) {
        return 0;
    }
    keys = arena_get(x->arena, batch->event_count * sizeof(*keys));
    for (size_t i = 0; i < batch->event_count; i++) {
        memcpy(keys[i], batch->events[i].key, sizeof(keys[i]));
    }
    return pr_events_known(store, posted->publish.tenant, ids, before,
                           (const uint8_t(*)[16])keys, batch->event_count, posted->known, err);
}

/* ------------------------------------ on its way ------------------------------------ */

static bool all_known(const struct posted *posted)
{
    size_t known = 0;

    for (size_t i = 0; i < posted->batch.event_count; i++) {
        known += posted->known[i] ? 1 : 0;
    }
    return known > 0 && known == posted->batch.event_count;
}

static void answer_known(struct exchange *x, const struct posted *posted, const char *trace)
{
    CLEANUP(buf) struct buf json = {0};
    const struct pr_batch  *batch = &posted->batch;
    const char            **ids = arena_get(x->arena, (batch->event_count + 1) * sizeof(*ids));

    for (size_t i = 0; i < batch->event_count; i++) {
        ids[i] = batch->events[i].id;
    }
    pr_verdict_write(&json, &(struct pr_verdict){.trace_id = trace,
                                                 .duplicate = ids,
                                                 .duplicate_count = batch->event_count,
                                                 .refusals = batch->refusals,
                                                 .refusal_count = batch->refusal_count});
    answer_json(x, 200, arena_bytes(x->arena, buf_bytes(&json)));
}

/* {batch_id, batch, known?} */
static void put_body(struct exchange *x, const struct posted *posted, struct buf *out)
{
    struct value body = value_map();
    struct value known = value_list();

    for (size_t i = 0; i < posted->batch.event_count; i++) {
        if (posted->known[i]) {
            value_append(x->arena, &known, value_whole((int64_t)posted->batch.events[i].index));
        }
    }
    value_put(x->arena, &body, "batch_id", value_text(posted->name));
    if (known.count > 0) {
        value_put(x->arena, &body, "known", known);
    }
    value_put(x->arena, &body, "batch", posted->body);
    msgpack_write(out, &body);
}

static int send_batch(struct reader *reader, struct exchange *x, struct err *err)
{
    CLEANUP(buf) struct buf body = {0};
    struct posted *posted = x->work;
    struct store  *store = reader_store(reader, err);
    struct bytes   ids[GENERATIONS];
    size_t         at = 0;

    if (store == NULL) {
        return -1;
    }
    if (posted->batch.trace_id != NULL) {
        TRY(named_trace(store, x, posted, err));
    } else {
        for (unsigned i = 0; i < GENERATIONS; i++) {
            trace_id_for_pr(gateway_of(x)->tokens, posted->ids[i], posted->publish.tenant,
                            posted->batch.pr_id, posted->batch.user_id, i);
            ids[i] = bytes_of(posted->ids[i]);
        }
        TRY(pr_trace(store, x, posted, ids, &at, err));
    }
    TRY(find_known(store, x, posted, ids, at, err));
    if (!posted->again && all_known(posted)) {
        answer_known(x, posted, posted->ids[at - 1]);
        return READ_ANSWERED;
    }
    put_body(x, posted, &body);
    posted->publish.body = buf_bytes(&body);
    posted_done(posted);
    TRY(publish_message(x, &posted->publish, err));
    return READ_HANDED_ON;
}

/* ------------------------------------ coming in ------------------------------------ */

/* With a key always the same, so that validate finds the batch again. */
static const char *batch_name(struct exchange *x, const struct posted *posted)
{
    uint8_t bytes[HASH_BYTES];
    char    hex[HASH_HEX];

    if (posted->publish.idempotency_key != NULL) {
        sha256_of(bytes_of(posted->publish.idempotency_key), bytes);
    } else {
        random_bytes(bytes, sizeof(bytes));
    }
    hex_write(hex, (struct bytes){bytes, sizeof(bytes)});
    return arena_format(x->arena, "batch-%s", hex);
}

static void refuse_events(struct exchange *x, const struct pr_batch *batch)
{
    CLEANUP(buf) struct buf problem = {0};
    struct err              why = {0};

    (void)err_set(&why, ERR_EVENTS_REFUSED, "none of the batch's %zu events stands",
                  batch->refusal_count);
    problem_write(&problem, &why, batch->refusals, batch->refusal_count);
    exchange_refuse_with(x, &why, arena_bytes(x->arena, buf_bytes(&problem)));
}

void batch_post(struct exchange *x)
{
    struct posted *posted = arena_zero(x->arena, 1, sizeof(*posted));
    const char    *pointer = NULL;
    struct err     err = {0};

    x->work = posted;
    x->work_done = posted_done;
    posted->tree = arena_new();
    if (body_read(x, posted->tree, &posted->body, &err) < 0) {
        exchange_refuse(x, &err);
        return;
    }
    publish_start(x, MESSAGE_BATCH, NULL, &posted->publish);
    if (pr_batch_read(posted->tree, &posted->body,
                      (size_t)gateway_of(x)->config->chunk_events_max, &posted->batch, &pointer,
                      &err) < 0) {
        refuse_field(x, pointer, &err);
        return;
    }
    if (exchange_count(x, (int64_t)arena_size(posted->tree), &err) < 0) {
        exchange_refuse(x, &err);
        return;
    }
    if (posted->batch.event_count == 0 && posted->batch.refusal_count > 0) {
        refuse_events(x, &posted->batch);
        return;
    }
    posted->name = batch_name(x, posted);
    posted->publish.answers = &answers;
    posted->publish.consent = CONSENT_ALL;
    posted->publish.may_follow = posted->batch.trace_id == NULL;
    if (readers_put(gateway_of(x)->readers, x, send_batch, &err) < 0) {
        exchange_refuse(x, &err);
    }
}
