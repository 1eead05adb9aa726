// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "crypto/crypto.h"
#include "trace/chunk_work.h"
#include "value/json.h"

/* What a type is stored as, which field of its event refers to it, and what it needs. */
static const struct kind {
    const char *type;
    const char
        *suffix; /* of the name it is stored under: <event_id>.<suffix>; NULL: as it is sent */
    const char *ref;
    unsigned    consent;
} kinds[] = {
    {"stdout", "stdout", "stdout_ref", CONSENT_COMMANDS},
    {"stderr", "stderr", "stderr_ref", CONSENT_COMMANDS},
    {"test_report", "report", "report_ref", 0},
    {"workspace_snapshot", NULL, NULL, CONSENT_SNAPSHOTS},
    {"other", NULL, NULL, 0},
};
enum { KIND_SNAPSHOT = 3, KIND_OTHER = 4 };

/* One artifact while it is read. */
struct sent {
    struct bytes       name;
    const struct kind *kind;
    struct bytes       event_id; /* size 0: none */
    struct bytes       content;
    struct bytes       content_type;
    bool               binary;
};

static bool refuse(struct chunk_work *work, const struct sent *sent, enum err_code code)
{
    check_in(&work->check, sent->name);
    check_in(&work->check, BYTES("artifacts"));
    chunk_refuse(
        work, (struct chunk_refusal){
                  .index = (size_t)CHUNK_NO_INDEX, .id = sent->event_id, .seq = -1, .code = code});
    return false;
}

static const struct kind *kind_by_type(struct bytes type)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (bytes_is(type, kinds[i].type)) {
            return &kinds[i];
        }
    }
    return &kinds[KIND_OTHER];
}

/* The name tells what an artifact is when nothing else does: a snapshot's own name, or
 * <event_id>.<type or suffix>. */
static void read_name(struct sent *sent)
{
    const uint8_t *dot;
    struct bytes   tail;

    if (bytes_is(sent->name, "final_workspace_snapshot") ||
        bytes_is(sent->name, "start_workspace_snapshot") ||
        bytes_is(sent->name, "workspace_snapshot")) {
        sent->kind = &kinds[KIND_SNAPSHOT];
        return;
    }
    dot = memrchr(sent->name.data, '.', sent->name.size);
    if (dot == NULL) {
        return;
    }
    tail = (struct bytes){dot + 1, (size_t)(sent->name.data + sent->name.size - dot - 1)};
    for (size_t i = 0; i < KIND_SNAPSHOT; i++) {
        if (bytes_is(tail, kinds[i].type) || bytes_is(tail, kinds[i].suffix)) {
            sent->kind = &kinds[i];
            if (sent->event_id.size == 0) {
                sent->event_id = (struct bytes){sent->name.data, (size_t)(dot - sent->name.data)};
            }
        }
    }
}

static bool decode(struct chunk_work *work, struct sent *sent)
{
    CLEANUP(buf) struct buf decoded = {0};

    if (!base64_read(&decoded, sent->content)) {
        check_failed(&work->check, "is no base64 (RFC 4648, with padding)");
        check_in(&work->check, BYTES("content"));
        return refuse(work, sent, ERR_SCHEMA);
    }
    sent->content = arena_bytes(work->arena, buf_bytes(&decoded));
    return true;
}

/* {type, event_id?, content, encoding?, content_type?} */
static bool read_described(struct chunk_work *work, struct sent *sent, struct value *value)
{
    const struct object *object = object_of(OBJECT_inline_artifact);
    struct value        *slots[FIELDS_MOST];

    if (!object_check(&work->check, object, value, slots)) {
        return refuse(work, sent, ERR_SCHEMA);
    }
    sent->kind = kind_by_type(slots[object_field(object, BYTES("type"))]->as.text);
    sent->event_id = value_text_or(slots[object_field(object, BYTES("event_id"))], "");
    sent->content = slots[object_field(object, BYTES("content"))]->as.text;
    sent->content_type = value_text_or(slots[object_field(object, BYTES("content_type"))], "");
    sent->binary = value_is_text(slots[object_field(object, BYTES("encoding"))], "base64");
    if (!sent->binary) {
        return true;
    }
    if (sent->content_type.size == 0) {
        sent->content_type = BYTES("application/octet-stream");
    }
    return decode(work, sent);
}

/* Any other object: its canonical JSON. */
static bool read_object(struct chunk_work *work, struct sent *sent, struct value *value)
{
    CLEANUP(buf) struct buf json = {0};
    struct err              err;

    if (work->rules->redact) {
        redact_value(work->arena, value, &work->chunk->redactions);
    }
    if (jcs_write(&json, value, &err) < 0) {
        check_failed(&work->check, "%s", err.story);
        return refuse(work, sent, err.code);
    }
    sent->content = arena_bytes(work->arena, buf_bytes(&json));
    sent->content_type = BYTES("application/json");
    return true;
}

static bool read_value(struct chunk_work *work, struct sent *sent, struct value *value)
{
    switch (value->kind) {
    case VALUE_TEXT:
        sent->content = value->as.text;
        return true;
    case VALUE_MAP:
        if (value_get(value, "content") == NULL && value_get(value, "type") == NULL) {
            return read_object(work, sent, value);
        }
        return read_described(work, sent, value);
    default:
        check_failed(&work->check, "must be text or an object, and is %s",
                     value_words(work->arena, value));
        return refuse(work, sent, ERR_SCHEMA);
    }
}

static bool name_is_good(struct chunk_work *work, const struct sent *sent)
{
    size_t most = work->rules->limits.id_chars + 32; /* <event_id>.test_report */

    if (sent->name.size == 0 || text_chars(sent->name) > most ||
        memchr(sent->name.data, 0, sent->name.size) != NULL) {
        check_failed(&work->check, "is no name for an artifact: 1 to %zu characters without NUL",
                     most);
        return refuse(work, sent, ERR_SCHEMA);
    }
    if (work->rules->redact) {
        struct redactions none = {{0}};

        if (redact_text(work->arena, sent->name, &none).data != sent->name.data) {
            check_failed(&work->check, "looks like a secret; names are stored as they are");
            return refuse(work, sent, ERR_SCHEMA);
        }
    }
    return true;
}

static bool consent_is_given(struct chunk_work *work, const struct sent *sent)
{
    if ((sent->kind->consent & ~work->rules->consent) == 0) {
        return true;
    }
    check_failed(&work->check, "the participant did not consent to %s",
                 sent->kind == &kinds[KIND_SNAPSHOT] ? "workspace snapshots" : "commands");
    return refuse(work, sent, ERR_CONSENT_DENIED);
}

/* A binary artifact may be text all the same: command output is often sent as base64. */
static void redact_content(struct chunk_work *work, struct sent *sent)
{
    struct bytes content = sent->content;

    if (!work->rules->redact || content.size == 0) {
        return;
    }
    if (sent->binary &&
        (sent->kind == &kinds[KIND_SNAPSHOT] || memchr(content.data, 0, content.size) != NULL ||
         utf8_wrong_at(content) < content.size)) {
        return;
    }
    sent->content = redact_text(work->arena, content, &work->chunk->redactions);
}

/* -------- the reference in the event -------- */

static struct value blob_ref(struct chunk_work *work, const struct chunk_artifact *artifact)
{
    struct value ref = value_map();

    value_put(work->arena, &ref, "content_type", value_text(artifact->content_type));
    value_put(work->arena, &ref, "sha256", value_text(artifact->sha256));
    value_put(work->arena, &ref, "size_bytes", value_whole((int64_t)artifact->content.size));
    value_put(
        work->arena, &ref, "uri",
        value_text(arena_format(work->arena, "%s/%s", work->rules->artifacts_uri, artifact->key)));
    return ref;
}

static bool refused_with_event(struct chunk_work *work, const struct sent *sent)
{
    const struct chunk *chunk = work->chunk;

    for (size_t i = 0; i < chunk->refusal_count; i++) {
        const struct chunk_refusal *refusal = &chunk->refusals[i];

        if (refusal->index != (size_t)CHUNK_NO_INDEX && bytes_equal(refusal->id, sent->event_id)) {
            check_failed(&work->check, "its event was refused");
            check_in(&work->check, BYTES("event_id"));
            refuse(work, sent, refusal->code);
            return true;
        }
    }
    return false;
}

static bool refer(struct chunk_work *work, const struct sent *sent,
                  const struct chunk_artifact *artifact)
{
    struct event_work *event;
    struct value      *ref;
    int                slot;

    if (sent->event_id.size == 0) {
        return true;
    }
    event = chunk_event_by_id(work, sent->event_id);
    if (event == NULL) {
        return !refused_with_event(work, sent); /* else it is in another chunk */
    }
    if (sent->kind->ref == NULL) {
        return true;
    }
    slot = object_field(event->object, bytes_of(sent->kind->ref));
    if (slot < 0) {
        check_failed(&work->check, "names a %s, which has no %s", event->object->name,
                     sent->kind->ref);
        check_in(&work->check, BYTES("event_id"));
        return refuse(work, sent, ERR_SCHEMA);
    }
    ref = arena_get(work->arena, sizeof(*ref));
    *ref = blob_ref(work, artifact);
    event->slots[slot] = ref;
    return true;
}

/* -------- one artifact -------- */

static const char *stored_name(struct arena *arena, const struct sent *sent)
{
    if (sent->kind == &kinds[KIND_SNAPSHOT]) {
        return bytes_is(sent->name, "start_workspace_snapshot") ? "start_workspace_snapshot"
                                                                : "final_workspace_snapshot";
    }
    if (sent->kind->suffix != NULL && sent->event_id.size > 0) {
        return arena_format(arena, "%s.%s", arena_text(arena, sent->event_id), sent->kind->suffix);
    }
    return arena_text(arena, sent->name);
}

static bool name_is_new(struct chunk_work *work, const struct sent *sent, const char *name)
{
    for (size_t i = 0; i < work->chunk->artifact_count; i++) {
        if (strcmp(work->chunk->artifacts[i].name, name) == 0) {
            check_failed(&work->check, "another artifact of this chunk is stored as %s too", name);
            return refuse(work, sent, ERR_ARTIFACT_CONFLICT);
        }
    }
    return true;
}

static void give(struct chunk_work *work, const struct sent *sent, const char *name)
{
    struct chunk_artifact *out = &work->chunk->artifacts[work->chunk->artifact_count];
    struct bytes           type = sent->content_type;

    if (type.size == 0) {
        type = BYTES("text/plain; charset=utf-8");
    }
    *out = (struct chunk_artifact){
        .name = name,
        .type = sent->kind->type,
        .event_id = sent->event_id.size == 0 ? NULL : arena_text(work->arena, sent->event_id),
        .content = sent->content,
        .content_type = arena_text(work->arena, type),
    };
    sha256_hex(sent->content, out->sha256);
    out->key = arena_format(work->arena, "sha256/%.2s/%s", out->sha256, out->sha256);
    if (refer(work, sent, out)) {
        work->artifact_names[work->chunk->artifact_count++] = sent->name;
    }
}

static void read_one(struct chunk_work *work, struct value_member *member)
{
    struct sent sent = {.name = member->name, .kind = &kinds[KIND_OTHER]};
    const char *name;

    if (!name_is_good(work, &sent) || !read_value(work, &sent, &member->value)) {
        return;
    }
    if (sent.kind == &kinds[KIND_OTHER]) { /* or consent could be walked around */
        read_name(&sent);
    }
    if (!consent_is_given(work, &sent)) {
        return;
    }
    name = stored_name(work->arena, &sent);
    if (name_is_new(work, &sent, name)) {
        redact_content(work, &sent);
        give(work, &sent, name);
    }
}

void artifacts_read(struct chunk_work *work, struct value *artifacts)
{
    work->chunk->artifacts =
        arena_get(work->arena, artifacts->count * sizeof(*work->chunk->artifacts));
    work->artifact_names = arena_get(work->arena, artifacts->count * sizeof(struct bytes));
    for (uint32_t i = 0; i < artifacts->count; i++) {
        read_one(work, &artifacts->as.members[i]);
    }
}

/* Whether the event that it names was refused when its line was written. */
static bool lost_its_event(struct chunk_work *work, const struct sent *sent)
{
    struct event_work *event =
        sent->event_id.size == 0 ? NULL : chunk_event_by_id(work, sent->event_id);

    return event != NULL && !event->stands && refused_with_event(work, sent);
}

void artifacts_settle(struct chunk_work *work)
{
    struct chunk *chunk = work->chunk;
    size_t        kept = 0;

    for (size_t i = 0; i < chunk->artifact_count; i++) {
        struct chunk_artifact *artifact = &chunk->artifacts[i];
        struct sent            sent = {.name = work->artifact_names[i]};

        if (artifact->event_id != NULL) {
            sent.event_id = bytes_of(artifact->event_id);
        }
        if (!lost_its_event(work, &sent)) {
            chunk->artifacts[kept++] = *artifact;
        }
    }
    chunk->artifact_count = kept;
}
