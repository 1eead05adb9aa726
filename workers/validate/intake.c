// SPDX-License-Identifier: MIT
#include "workers/validate/intake.h"

#include <string.h>

#include "trace/field.h"
#include "value/json.h"
#include "value/msgpack.h"
#include "value/number.h"

static int body_read(struct delivery *in, struct value *ret_body, struct err *err)
{
    const struct value_limits limits = body_tree_limits(in->message.body);

    TRY(msgpack_read(in->arena, in->message.body, &limits, true, ret_body, err));
    if (ret_body->kind != VALUE_MAP) {
        return err_set(err, ERR_MALFORMED, "the body is not a map");
    }
    return 0;
}

/* {"kind":count}; nothing when nothing was replaced, {"off":1} when nothing was looked for. */
static struct bytes redactions_text(struct arena *arena, const struct redactions *redactions,
                                    bool looked)
{
    CLEANUP(buf) struct buf json = {0};

    if (!looked) {
        return BYTES("{\"off\":1}");
    }
    for (size_t i = 0; i < SECRET_KINDS; i++) {
        if (redactions->count[i] > 0) {
            buf_format(&json, "%s\"%s\":%u", json.size == 0 ? "{" : ",",
                       secret_kind_name((enum secret_kind)i), redactions->count[i]);
        }
    }
    if (json.size == 0) {
        return (struct bytes){NULL, 0};
    }
    buf_put_byte(&json, '}');
    return arena_bytes(arena, buf_bytes(&json));
}

/* -------------------------------- open -------------------------------- */

static struct bytes text_at(const struct value *body, const char *pointer)
{
    const struct value *value = value_at(body, pointer);

    return value != NULL && value->kind == VALUE_TEXT ? value->as.text : (struct bytes){NULL, 0};
}

/* `body` is a checked head. */
static int opening_read(const struct intake *intake, struct entry *entry, struct value *body,
                        struct err *err)
{
    struct delivery        *in = entry->in;
    struct trace_opening   *opening = &entry->opening;
    CLEANUP(buf) struct buf head = {0};
    struct redactions       redactions = {{0}};

    if (intake->rules.redact) {
        redact_value(in->arena, body, &redactions);
    }
    opening->redactions = redactions_text(in->arena, &redactions, intake->rules.redact);
    TRY(jcs_write(&head, body, err));
    opening->head = arena_bytes(in->arena, buf_bytes(&head));
    opening->opened_us = in->message.at_us;
    memcpy(opening->hash, entry->hash, sizeof(opening->hash));
    opening->participant_id = text_at(body, "/session/participant_id");
    opening->task_id = text_at(body, "/task/id");
    opening->task_title = text_at(body, "/task/title");
    opening->repo_origin = text_at(body, "/repo/origin");
    opening->start_commit = text_at(body, "/repo/start_commit");
    opening->experiment_id = text_at(body, "/experiment_id");
    return 0;
}

static int open_read(const struct intake *intake, struct entry *entry, struct err *err)
{
    struct check check = {.arena = entry->in->arena};
    struct value body;

    TRY(body_read(entry->in, &body, err));
    if (trace_head_check(&check, &body, err) < 0) {
        return err_add(err, "open");
    }
    return opening_read(intake, entry, &body, err);
}

/* -------------------------------- chunk -------------------------------- */

static int artifact_put(const struct intake *intake, const struct chunk_artifact *sent,
                        int64_t at_us, struct artifact_record *ret_artifact, struct err *err)
{
    TRY(blob_put(intake->blob, BUCKET_ARTIFACTS, sent->key, sent->content, sent->content_type,
                 err));
    *ret_artifact = (struct artifact_record){
        .name = bytes_of(sent->name),
        .size_bytes = (int64_t)sent->content.size,
        .content_type =
            sent->content_type == NULL ? (struct bytes){NULL, 0} : bytes_of(sent->content_type),
        .object_key = bytes_of(sent->key),
        .created_us = at_us,
    };
    if (!hex_read(ret_artifact->sha256, STORE_HASH, bytes_of(sent->sha256))) {
        return err_set(err, ERR_BUG, "artifact %s: its hash is no hash", sent->name);
    }
    return 0;
}

/* What was read becomes the entry's content, with its artifacts where they belong. */
static int content_take(const struct intake *intake, struct entry *entry, struct err *err)
{
    struct delivery *in = entry->in;
    struct chunk    *chunk = &entry->chunk;

    entry->redactions = redactions_text(in->arena, &chunk->redactions, intake->rules.redact);
    entry->content = (struct content){
        .events = chunk->events,
        .event_count = chunk->event_count,
        .refusals = chunk->refusals,
        .refusal_count = chunk->refusal_count,
        .artifacts = arena_zero(in->arena, chunk->artifact_count, sizeof(struct artifact_record)),
    };
    for (size_t i = 0; i < chunk->artifact_count; i++) {
        TRY(artifact_put(intake, &chunk->artifacts[i], in->message.at_us,
                         &entry->content.artifacts[i], err));
        entry->content.artifact_count++;
    }
    return 0;
}

static struct chunk_rules rules_for(const struct intake *intake, const struct delivery *in)
{
    struct chunk_rules rules = intake->rules;

    rules.consent = in->message.consent;
    rules.at_us = in->message.at_us;
    return rules;
}

static int chunk_take(const struct intake *intake, struct entry *entry, struct err *err)
{
    struct delivery         *in = entry->in;
    const struct chunk_rules rules = rules_for(intake, in);

    TRY(chunk_read(in->arena, in->message.body, &rules, &entry->chunk, err));
    memcpy(entry->hash, entry->chunk.content_hash, sizeof(entry->hash));
    return content_take(intake, entry, err);
}

static int batch_take(const struct intake *intake, struct entry *entry, struct err *err)
{
    const struct chunk_rules rules = rules_for(intake, entry->in);
    struct value             body;

    TRY(body_read(entry->in, &body, err));
    TRY(append_read(entry, &body, &rules, err));
    TRY(opening_read(intake, entry, &entry->append->sent.head, err));
    return content_take(intake, entry, err);
}

/* -------------------------------- artifact -------------------------------- */

static bool is_snapshot(struct bytes name)
{
    return bytes_is(name, "final_workspace_snapshot") || bytes_is(name, "start_workspace_snapshot");
}

static int artifact_take(const struct intake *intake, struct entry *entry, struct err *err)
{
    struct delivery        *in = entry->in;
    struct artifact_record *artifact = &entry->artifact;
    const struct value     *type;
    struct value            body;

    (void)intake;
    TRY(body_read(in, &body, err));
    type = value_get(&body, "content_type");
    artifact->name = value_text_or(value_get(&body, "name"), "");
    artifact->object_key = value_text_or(value_get(&body, "key"), "");
    artifact->size_bytes = value_whole_or(value_get(&body, "size_bytes"), -1);
    artifact->created_us = in->message.at_us;
    if (type != NULL && type->kind == VALUE_TEXT) {
        artifact->content_type = type->as.text;
    }
    if (artifact->name.size == 0 || artifact->object_key.size == 0 || artifact->size_bytes < 0 ||
        !hex_read(artifact->sha256, STORE_HASH, value_text_or(value_get(&body, "sha256"), ""))) {
        return err_set(err, ERR_SCHEMA, "artifact: needs name, key, sha256 and size_bytes");
    }
    if (is_snapshot(artifact->name) && (in->message.consent & CONSENT_SNAPSHOTS) == 0) {
        return err_set(err, ERR_CONSENT_DENIED,
                       "the participant did not consent to workspace snapshots");
    }
    return 0;
}

/* -------------------------------- complete -------------------------------- */

static int complete_take(const struct intake *intake, struct entry *entry, struct err *err)
{
    const int64_t most = NUMBER_EXACT; /* what a chunk_seq, and a number in a document, can be */
    struct completion *completion = &entry->completion;
    int64_t            last;
    struct value       body;

    (void)intake;
    TRY(body_read(entry->in, &body, err));
    completion->expected = value_whole_or(value_get(&body, "num_chunks"), -1);
    last = value_whole_or(value_get(&body, "last_chunk_seq"), -1);
    if (completion->expected > most || last >= most) {
        return err_set(err, ERR_SCHEMA, "complete: no trace has more than %lld chunks",
                       (long long)most);
    }
    if (completion->expected < 0 && last >= 0) {
        completion->expected = last + 1;
    }
    completion->force = value_flag_or(value_get(&body, "force"), false);
    return 0;
}

/* -------------------------------- all kinds -------------------------------- */

static int erase_read(const struct intake *intake, struct entry *entry, struct err *err)
{
    (void)intake;
    (void)entry;
    (void)err;
    return 0;
}

static int (*const takers[])(const struct intake *, struct entry *, struct err *) = {
    [MESSAGE_OPEN] = open_read,
    [MESSAGE_CHUNK] = chunk_take,
    [MESSAGE_ARTIFACT] = artifact_take,
    [MESSAGE_COMPLETE] = complete_take,
    [MESSAGE_BATCH] = batch_take,
    [MESSAGE_ERASE] = erase_read,
};

int intake_read(const struct intake *intake, struct delivery *in, struct entry *ret_entry,
                struct err *err)
{
    enum message_kind kind = in->message.kind;

    *ret_entry = (struct entry){.in = in};
    if ((size_t)kind >= COUNT_OF(takers)) {
        return err_set(err, ERR_MALFORMED, "validate takes no message of kind %s",
                       message_kind_name(kind));
    }
    if (in->to.kind == NULL || strcmp(in->to.kind, message_kind_name(kind)) != 0) {
        return err_set(err, ERR_MALFORMED, "the subject says %s, the message %s",
                       in->to.kind == NULL ? "nothing" : in->to.kind, message_kind_name(kind));
    }
    if (kind != MESSAGE_CHUNK && kind != MESSAGE_BATCH) { /* reading those makes their hash */
        sha256_of(in->message.body, ret_entry->hash);
    }
    return takers[kind](intake, ret_entry, err);
}
