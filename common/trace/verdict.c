// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/utf8.h"
#include "trace/chunk.h"
#include "trace/pr_batch.h"
#include "value/json.h"
#include "value/number.h"

/* Stories are cut at a byte and may quote what was sent: whatever is no UTF-8 becomes '?'. */
static void put_words(struct buf *out, const char *words)
{
    CLEANUP(buf) struct buf clean = {0};
    size_t                  wrong;
    size_t                  done = 0;

    buf_reserve(&clean, 1); /* no words are bytes too */
    buf_put_text(&clean, words);
    while ((wrong = utf8_wrong_at((struct bytes){clean.data + done, clean.size - done})) <
           clean.size - done) {
        done += wrong;
        clean.data[done++] = '?';
    }
    jcs_write_text(out, buf_bytes(&clean));
}

/* printf would take three quarters of a verdict's time. */
static void put_name(struct buf *out, const char *name)
{
    buf_put_byte(out, '"');
    buf_put_text(out, name);
    buf_put_text(out, "\":");
}

static void put_member(struct buf *out, const char *name, const char *words)
{
    put_name(out, name);
    put_words(out, words);
}

static void put_whole(struct buf *out, const char *name, int64_t whole)
{
    put_name(out, name);
    number_put_whole(out, whole);
}

static void put_problem(struct buf *out, const char *pointer, const char *code, const char *message)
{
    buf_put_byte(out, '{');
    put_member(out, "pointer", pointer);
    buf_put_byte(out, ',');
    if (code != NULL) {
        put_member(out, "code", code);
        buf_put_byte(out, ',');
    }
    put_member(out, "message", message);
    buf_put_byte(out, '}');
}

/* All of them, the first too, so that a client has to look at one place only. */
static void put_problems(struct buf *out, const struct chunk_refusal *refusal)
{
    buf_put_text(out, ",\"problems\":[");
    put_problem(out, refusal->pointer, NULL, refusal->message);
    for (size_t i = 0; i < refusal->more_count; i++) {
        buf_put_byte(out, ',');
        put_problem(out, refusal->more[i].pointer, NULL, refusal->more[i].message);
    }
    buf_put_byte(out, ']');
    if (refusal->problems_omitted > 0) {
        buf_put_byte(out, ',');
        put_whole(out, "problems_omitted", (int64_t)refusal->problems_omitted);
    }
}

static void put_rejected(struct buf *out, const struct chunk_refusal *refusal)
{
    if (refusal->index == (size_t)CHUNK_NO_INDEX) {
        buf_put_text(out, "{\"index\":null,\"id\":");
    } else {
        buf_format(out, "{\"index\":%zu,\"id\":", refusal->index);
    }
    if (refusal->id.size == 0) {
        buf_put_text(out, "null");
    } else {
        jcs_write_text(out, refusal->id);
    }
    if (refusal->seq < 0) {
        buf_put_text(out, ",\"seq\":null");
    } else {
        buf_format(out, ",\"seq\":%lld", (long long)refusal->seq);
    }
    buf_put_byte(out, ',');
    put_member(out, "code", err_name(refusal->code));
    buf_put_byte(out, ',');
    put_member(out, "message", refusal->message);
    buf_put_byte(out, ',');
    put_member(out, "pointer", refusal->pointer);
    if (refusal->more_count > 0) {
        put_problems(out, refusal);
    }
    buf_put_byte(out, '}');
}

void chunk_verdict_write(struct buf *out, const struct chunk_verdict *verdict)
{
    buf_put_byte(out, '{');
    put_member(out, "status", verdict->status);
    buf_put_text(out, ",\"chunk_id\":");
    jcs_write_text(out, verdict->chunk_id);
    buf_put_byte(out, ',');
    put_whole(out, "events_added", verdict->events_added);
    buf_put_byte(out, ',');
    put_whole(out, "events_duplicate", verdict->events_duplicate);
    buf_put_byte(out, ',');
    put_whole(out, "artifacts_added", verdict->artifacts_added);
    buf_put_byte(out, ',');
    put_whole(out, "total_events", verdict->total_events);
    buf_put_text(out, ",\"rejected\":[");
    for (size_t i = 0; i < verdict->refusal_count; i++) {
        if (i > 0) {
            buf_put_byte(out, ',');
        }
        put_rejected(out, &verdict->refusals[i]);
    }
    buf_put_text(out, "]}");
}

static void put_ids(struct buf *out, const char *name, const char *const *ids, size_t count)
{
    buf_format(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        buf_format(out, "%s\"%s\"", i > 0 ? "," : "", ids[i]);
    }
    buf_put_byte(out, ']');
}

void pr_verdict_write(struct buf *out, const struct pr_verdict *verdict)
{
    buf_put_byte(out, '{');
    put_member(out, "trace_id", verdict->trace_id);
    put_ids(out, "accepted_event_ids", verdict->accepted, verdict->accepted_count);
    put_ids(out, "duplicate_event_ids", verdict->duplicate, verdict->duplicate_count);
    buf_put_text(out, ",\"rejected\":[");
    for (size_t i = 0; i < verdict->refusal_count; i++) {
        buf_put_text(out, i > 0 ? "," : "");
        put_rejected(out, &verdict->refusals[i]);
    }
    buf_put_text(out, "]}");
}

static void put_errors(struct buf *out, const struct chunk_refusal *refusal)
{
    const char *code = err_name(refusal->code);

    put_problem(out, refusal->pointer, code, refusal->message);
    for (size_t i = 0; i < refusal->more_count; i++) {
        buf_put_byte(out, ',');
        put_problem(out, refusal->more[i].pointer, code, refusal->more[i].message);
    }
}

void problem_write(struct buf *out, const struct err *err, const struct chunk_refusal *refusals,
                   size_t refusal_count)
{
    int64_t omitted = 0;

    buf_format(out, "{\"type\":\"urn:prt:problem:%s\",", err_name(err->code));
    put_member(out, "title", err_words(err->code));
    buf_put_byte(out, ',');
    put_whole(out, "status", err_http(err->code));
    buf_put_byte(out, ',');
    put_member(out, "detail", err->story[0] == '\0' ? err_words(err->code) : err->story);
    buf_put_byte(out, ',');
    put_member(out, "code", err_name(err->code));
    for (size_t i = 0; i < refusal_count; i++) {
        buf_put_text(out, i == 0 ? ",\"errors\":[" : ",");
        put_errors(out, &refusals[i]);
        omitted += (int64_t)refusals[i].problems_omitted;
    }
    buf_put_text(out, refusal_count > 0 ? "]" : "");
    if (omitted > 0) {
        buf_put_byte(out, ',');
        put_whole(out, "problems_omitted", omitted);
    }
    buf_put_byte(out, '}');
}
