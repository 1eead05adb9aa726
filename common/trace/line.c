// SPDX-License-Identifier: MIT
#include <string.h>

#include "trace/chunk_work.h"
#include "value/json.h"

static bool refuse(struct chunk_work *work, struct event_work *event, enum err_code code)
{
    check_at(&work->check, event->index);
    check_in(&work->check, BYTES("events"));
    chunk_refuse(work,
                 (struct chunk_refusal){
                     .index = event->index, .id = event->id, .seq = event->seq, .code = code});
    work->lines.size = event->line_at;
    return false;
}

static void redact_members(struct chunk_work *work, struct event_work *event)
{
    for (size_t i = 0; i < event->object->count; i++) {
        const struct field *field = &event->object->fields[i];
        struct value       *value = event->slots[i];

        if (value == NULL || field->kind == FIELD_ID) {
            continue;
        }
        redact_value(work->arena, value, &work->chunk->redactions);
    }
}

/* The fields are in canonical order already: nothing is sorted. */
static bool write_members(struct chunk_work *work, struct event_work *event)
{
    struct buf *out = &work->lines;
    struct err  err;
    uint8_t     before = '{';

    for (size_t i = 0; i < event->object->count; i++) {
        const struct field *field = &event->object->fields[i];

        if (event->slots[i] == NULL && field->need != FIELD_SERVER) {
            continue;
        }
        buf_put_byte(out, before);
        buf_put(out, field->quoted);
        before = ',';
        if (field->need == FIELD_SERVER) {
            buf_put(out, buf_bytes(&work->server_time));
        } else if (jcs_write(out, event->slots[i], &err) < 0) {
            check_failed(&work->check, "%s", err.story);
            check_in(&work->check, field->name);
            return refuse(work, event, err.code);
        }
    }
    buf_put_byte(out, '}');
    return true;
}

bool line_write(struct chunk_work *work, struct event_work *event)
{
    size_t most = work->rules->limits.event_bytes;

    event->line_at = work->lines.size;
    if (work->rules->redact) {
        redact_members(work, event);
    }
    if (!write_members(work, event)) {
        return false;
    }
    event->line_size = work->lines.size - event->line_at;
    if (event->line_size > most) {
        check_failed(&work->check,
                     "has %zu bytes; at most %zu are allowed, send large output as an artifact",
                     event->line_size, most);
        return refuse(work, event, ERR_TOO_LARGE);
    }
    return true;
}
