// SPDX-License-Identifier: MIT
#include "workers/validate/payload.h"

#include <string.h>

#include "value/msgpack.h"

/* A payload was bounded when its chunk was accepted; JSON's limits don't apply to our own bytes. */
static const struct value_limits payload_limits = {
    .bytes = SIZE_MAX, .depth = 8, .values = SIZE_MAX};

/* -------------------------------- writing -------------------------------- */

static void put_name(struct buf *out, const char *name)
{
    msgpack_put_text(out, bytes_of(name));
}

static void put_event(struct buf *out, const struct chunk_event *event)
{
    msgpack_put_list(out, 6);
    msgpack_put_whole(out, (int64_t)event->index);
    msgpack_put_bin(out, event->id);
    msgpack_put_bin(out, (struct bytes){event->key, sizeof(event->key)});
    msgpack_put_whole(out, event->seq);
    msgpack_put_whole(out, event->type);
    msgpack_put_bin(out, event->line);
}

static void put_refusal(struct buf *out, const struct chunk_refusal *refusal)
{
    msgpack_put_list(out, 6);
    msgpack_put_whole(out, (int64_t)refusal->index);
    msgpack_put_bin(out, refusal->id);
    msgpack_put_whole(out, refusal->seq);
    put_name(out, err_name(refusal->code));
    msgpack_put_bin(out, bytes_of(refusal->message));
    msgpack_put_bin(out, bytes_of(refusal->pointer));
}

static void put_artifact(struct buf *out, const struct artifact_record *artifact)
{
    msgpack_put_list(out, 6);
    msgpack_put_bin(out, artifact->name);
    msgpack_put_bin(out, (struct bytes){artifact->sha256, STORE_HASH});
    msgpack_put_whole(out, artifact->size_bytes);
    if (artifact->content_type.data == NULL) {
        msgpack_put_null(out);
    } else {
        msgpack_put_bin(out, artifact->content_type);
    }
    msgpack_put_bin(out, artifact->object_key);
    msgpack_put_whole(out, artifact->created_us);
}

/* What else is wrong, [index in "r", omitted, pointer, message, ...]: an older version reads on
 * without it. */
static void put_more(struct buf *out, const struct content *content)
{
    uint32_t count = 0;

    for (size_t i = 0; i < content->refusal_count; i++) {
        count += content->refusals[i].more_count > 0;
    }
    msgpack_put_list(out, count);
    for (size_t i = 0; i < content->refusal_count; i++) {
        const struct chunk_refusal *refusal = &content->refusals[i];

        if (refusal->more_count == 0) {
            continue;
        }
        msgpack_put_list(out, (uint32_t)(2 + 2 * refusal->more_count));
        msgpack_put_whole(out, (int64_t)i);
        msgpack_put_whole(out, (int64_t)refusal->problems_omitted);
        for (size_t j = 0; j < refusal->more_count; j++) {
            msgpack_put_bin(out, bytes_of(refusal->more[j].pointer));
            msgpack_put_bin(out, bytes_of(refusal->more[j].message));
        }
    }
}

void payload_write(struct buf *out, const struct content *content)
{
    msgpack_put_map(out, 5);
    put_name(out, "v");
    msgpack_put_whole(out, 1);
    put_name(out, "e");
    msgpack_put_list(out, (uint32_t)content->event_count);
    for (size_t i = 0; i < content->event_count; i++) {
        put_event(out, &content->events[i]);
    }
    put_name(out, "r");
    msgpack_put_list(out, (uint32_t)content->refusal_count);
    for (size_t i = 0; i < content->refusal_count; i++) {
        put_refusal(out, &content->refusals[i]);
    }
    put_name(out, "a");
    msgpack_put_list(out, (uint32_t)content->artifact_count);
    for (size_t i = 0; i < content->artifact_count; i++) {
        put_artifact(out, &content->artifacts[i]);
    }
    put_name(out, "m");
    put_more(out, content);
}

/* -------------------------------- reading -------------------------------- */

enum { ITEM_FIELDS = 6 };

/* The list under `name`, each item of which is a list of six; NULL if it is not that. */
static const struct value *items_of(const struct value *payload, const char *name)
{
    const struct value *list = value_get(payload, name);

    if (list == NULL || list->kind != VALUE_LIST) {
        return NULL;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->as.items[i].kind != VALUE_LIST || list->as.items[i].count != ITEM_FIELDS) {
            return NULL;
        }
    }
    return list;
}

static bool read_event(const struct value *fields, struct chunk_event *ret_event)
{
    struct bytes key = value_text_or(&fields[2], "");

    *ret_event = (struct chunk_event){
        .index = (size_t)value_whole_or(&fields[0], 0),
        .id = value_text_or(&fields[1], ""),
        .seq = value_whole_or(&fields[3], -1),
        .type = (enum event_type)value_whole_or(&fields[4], -1),
        .line = value_text_or(&fields[5], ""),
    };
    if (key.size != sizeof(ret_event->key) || ret_event->seq < 0 || ret_event->line.size == 0) {
        return false;
    }
    memcpy(ret_event->key, key.data, key.size);
    return true;
}

/* A code that this version does not know, from a newer one, is told as a schema error. */
static void read_refusal(struct arena *arena, const struct value *fields,
                         struct chunk_refusal *ret_refusal)
{
    int code = err_by_name(arena_text(arena, value_text_or(&fields[3], "")));

    *ret_refusal = (struct chunk_refusal){
        .index = (size_t)value_whole_or(&fields[0], -1),
        .id = value_text_or(&fields[1], ""),
        .seq = value_whole_or(&fields[2], -1),
        .code = code < 0 ? ERR_SCHEMA : (enum err_code)code,
        .message = arena_text(arena, value_text_or(&fields[4], "")),
        .pointer = arena_text(arena, value_text_or(&fields[5], "")),
    };
}

static void read_more(struct arena *arena, const struct value *item, const struct content *content)
{
    int64_t               index = value_whole_or(&item->as.items[0], -1);
    size_t                count = (item->count - 2) / 2;
    struct chunk_refusal *refusal;

    if (index < 0 || (size_t)index >= content->refusal_count) {
        return;
    }
    refusal = &content->refusals[index];
    refusal->problems_omitted = (size_t)value_whole_or(&item->as.items[1], 0);
    refusal->more = arena_get(arena, (count + 1) * sizeof(*refusal->more));
    refusal->more_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct value *pair = &item->as.items[2 + 2 * i];

        refusal->more[i] = (struct problem){
            .pointer = arena_text(arena, value_text_or(&pair[0], "")),
            .message = arena_text(arena, value_text_or(&pair[1], "")),
        };
    }
}

static bool read_artifact(const struct value *fields, struct artifact_record *ret_artifact)
{
    struct bytes hash = value_text_or(&fields[1], "");

    *ret_artifact = (struct artifact_record){
        .name = value_text_or(&fields[0], ""),
        .size_bytes = value_whole_or(&fields[2], -1),
        .object_key = value_text_or(&fields[4], ""),
        .created_us = value_whole_or(&fields[5], 0),
    };
    if (fields[3].kind == VALUE_TEXT) {
        ret_artifact->content_type = fields[3].as.text;
    }
    if (hash.size != STORE_HASH) {
        return false;
    }
    memcpy(ret_artifact->sha256, hash.data, hash.size);
    return true;
}

static bool read_items(struct arena *arena, const struct value *payload, struct content *content)
{
    const struct value *events = items_of(payload, "e");
    const struct value *refusals = items_of(payload, "r");
    const struct value *artifacts = items_of(payload, "a");
    const struct value *more = value_get(payload, "m"); /* none from an older version */
    bool                good = true;

    if (events == NULL || refusals == NULL || artifacts == NULL) {
        return false;
    }
    content->events = arena_zero(arena, events->count, sizeof(*content->events));
    content->refusals = arena_zero(arena, refusals->count, sizeof(*content->refusals));
    content->artifacts = arena_zero(arena, artifacts->count, sizeof(*content->artifacts));
    for (uint32_t i = 0; i < events->count; i++) {
        good = good && read_event(events->as.items[i].as.items, &content->events[i]);
    }
    for (uint32_t i = 0; i < refusals->count; i++) {
        read_refusal(arena, refusals->as.items[i].as.items, &content->refusals[i]);
    }
    for (uint32_t i = 0; i < artifacts->count; i++) {
        good = good && read_artifact(artifacts->as.items[i].as.items, &content->artifacts[i]);
    }
    content->event_count = events->count;
    content->refusal_count = refusals->count;
    content->artifact_count = artifacts->count;
    for (uint32_t i = 0; more != NULL && more->kind == VALUE_LIST && i < more->count; i++) {
        if (more->as.items[i].kind != VALUE_LIST || more->as.items[i].count < 4) {
            return false;
        }
        read_more(arena, &more->as.items[i], content);
    }
    return good;
}

int payload_read(struct arena *arena, struct bytes payload, struct content *ret_content,
                 struct err *err)
{
    struct content content = {0};
    struct value   value;

    if (msgpack_read(arena, payload, &payload_limits, true, &value, err) < 0) {
        err->code = ERR_BUG;
        return err_add(err, "a stored payload");
    }
    if (value_whole_or(value_get(&value, "v"), 0) != 1 || !read_items(arena, &value, &content)) {
        return err_set(err, ERR_BUG, "a stored payload is not of a form this version knows");
    }
    *ret_content = content;
    return 0;
}
