// SPDX-License-Identifier: MIT
/*
 * trace_open.c - POST /v1/traces: a trace gets its name and its upload token.
 *
 * The open message is stored before the answer; nothing else is needed: the token says whose trace
 * it is. With an Idempotency-Key the name follows from the key, and validate's verdict is waited
 * for, so that another body under the same key is 409. If validate is away the trace is open all
 * the same.
 */
#include <string.h>

#include "gateway/api/publish.h"
#include "gateway/api/resources.h"
#include "trace/event.h"
#include "trace/field.h"
#include "value/msgpack.h"

/* What old clients send, and where it belongs. */
static const struct {
    const char *name;
    const char *object;
    const char *member;
    bool        required;
} flat_fields[] = {
    {"participant_id", "session", "participant_id", true},
    {"task_id", "task", "id", true},
    {"task_title", "task", "title", true},
    {"repo_origin", "repo", "origin", false},
    {"start_commit", "repo", "start_commit", false},
    {"experiment_id", NULL, "experiment_id", false},
};

struct value trace_flat_schema(struct arena *arena)
{
    struct value schema = value_map(), properties = value_map(), required = value_list();

    for (size_t row = 0; row < COUNT_OF(flat_fields); row++) {
        struct value text = value_map(), types = value_list();

        value_append(arena, &types, value_text("string"));
        if (flat_fields[row].required) {
            value_append(arena, &required, value_text(flat_fields[row].name));
        } else {
            value_append(arena, &types, value_text("null"));
        }
        value_put(arena, &text, "type", types);
        value_put(arena, &properties, flat_fields[row].name, text);
    }
    value_put(arena, &schema, "description", value_text("a head as old clients send it"));
    value_put(arena, &schema, "type", value_text("object"));
    value_put(arena, &schema, "properties", properties);
    value_put(arena, &schema, "required", required);
    value_put(arena, &schema, "additionalProperties", value_flag(false));
    return schema;
}

static bool flat_field(struct exchange *x, struct check *check, const struct value *flat,
                       size_t row, struct value *objects)
{
    const struct value *found = value_get(flat, flat_fields[row].name);
    struct value        item;

    if (found != NULL && found->kind == VALUE_NULL && !flat_fields[row].required) {
        found = NULL;
    }
    if (found == NULL && flat_fields[row].required) {
        return check_failed(check, "is missing");
    }
    if (found == NULL && flat_fields[row].object == NULL) {
        return true;
    }
    if (found != NULL && found->kind != VALUE_TEXT) {
        return check_failed(check, "must be text, not %s", value_words(x->arena, found));
    }
    item = found == NULL ? value_text("") : *found;
    value_put(x->arena, objects, flat_fields[row].member, item);
    return true;
}

static void flat_unknown(struct check *check, const struct value *flat)
{
    for (uint32_t i = 0; i < flat->count; i++) {
        size_t before = check->problem_count;
        size_t row = 0;

        while (row < COUNT_OF(flat_fields) &&
               !bytes_is(flat->as.members[i].name, flat_fields[row].name)) {
            row++;
        }
        if (row == COUNT_OF(flat_fields)) {
            (void)check_failed(check, "is no field of this object");
            (void)check_in_since(check, before, flat->as.members[i].name);
        }
    }
}

/* {participant_id, ...} to {session, task, repo}. */
static void head_from_flat(struct exchange *x, struct check *check, const struct value *flat,
                           struct value *ret_head)
{
    static const char *const names[] = {"session", "task", "repo"};
    struct value             object[COUNT_OF(names)] = {value_map(), value_map(), value_map()};
    struct value             consent = value_map();
    struct value             head = value_map();

    flat_unknown(check, flat);
    for (size_t row = 0; row < COUNT_OF(flat_fields); row++) {
        size_t        before = check->problem_count;
        struct value *into = &head;

        for (size_t i = 0; flat_fields[row].object != NULL && i < COUNT_OF(names); i++) {
            if (strcmp(names[i], flat_fields[row].object) == 0) {
                into = &object[i];
            }
        }
        if (!flat_field(x, check, flat, row, into)) {
            (void)check_in_since(check, before, bytes_of(flat_fields[row].name));
        }
    }
    /* Their users agreed to everything before there was a choice to send. */
    value_put(x->arena, &consent, "rationales", value_flag(true));
    value_put(x->arena, &consent, "commands", value_flag(true));
    value_put(x->arena, &consent, "snapshots", value_flag(true));
    value_put(x->arena, &object[0], "consent", consent);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        value_put(x->arena, &head, names[i], object[i]);
    }
    *ret_head = head;
}

/* "/task/id" of the head is "/task_id" of what old clients sent. */
static void point_into_flat(struct exchange *x, struct check *check)
{
    for (size_t i = 0; i < check->problem_count; i++) {
        for (size_t row = 0; row < COUNT_OF(flat_fields); row++) {
            const char *object = flat_fields[row].object;
            const char *place =
                object == NULL ? arena_format(x->arena, "/%s", flat_fields[row].member)
                               : arena_format(x->arena, "/%s/%s", object, flat_fields[row].member);

            if (strcmp(check->problems[i].pointer, place) == 0) {
                check->problems[i].pointer = arena_format(x->arena, "/%s", flat_fields[row].name);
                break;
            }
        }
    }
}

static unsigned consent_of(const struct value *head)
{
    const struct value *consent = value_at(head, "/session/consent");

    return (value_flag_or(value_get(consent, "rationales"), false) ? CONSENT_RATIONALES : 0u) |
           (value_flag_or(value_get(consent, "commands"), false) ? CONSENT_COMMANDS : 0u) |
           (value_flag_or(value_get(consent, "snapshots"), false) ? CONSENT_SNAPSHOTS : 0u);
}

/* -1 with problems in the check, or with none: the body could not be read. */
static int read_head(struct exchange *x, struct arena *tree, struct check *check,
                     struct value *ret_head, struct err *err)
{
    struct value body;
    bool         flat;

    TRY(body_read(x, tree, &body, err));
    if (body.kind != VALUE_MAP) {
        (void)check_failed(check, "must be an object");
        return -1;
    }
    flat = value_get(&body, "session") == NULL && value_get(&body, "participant_id") != NULL;
    if (!flat) {
        *ret_head = body;
        return trace_head_check(check, ret_head, err);
    }
    head_from_flat(x, check, &body, ret_head);
    if (check->problem_count > 0) {
        return -1;
    }
    if (trace_head_check(check, ret_head, err) < 0) {
        point_into_flat(x, check);
        return -1;
    }
    return 0;
}

/* ------------------------------------ answering ------------------------------------ */

struct opened {
    const char *trace;
    unsigned    consent;
};

static void answer_opened(struct exchange *x)
{
    CLEANUP(buf) struct buf token = {0};
    struct gateway         *gateway = gateway_of(x);
    struct opened          *opened = x->work;
    struct value            answer = value_map();
    int64_t                 expires_s = (x->whole_us / 1000 + gateway->config->token_life) / 1000;

    upload_token_write(
        gateway->tokens, &token,
        &(struct upload){caller_of(x)->tenant, opened->trace, opened->consent, expires_s});
    value_put(x->arena, &answer, "trace_id", value_text(opened->trace));
    value_put(x->arena, &answer, "upload_token", value_bytes(buf_bytes(&token)));
    value_put(x->arena, &answer, "message", value_text("trace opened"));
    value_put(x->arena, &answer, "expires_at", value_whole(expires_s));
    exchange_header(x, "Location", arena_format(x->arena, "/v1/traces/%s", opened->trace));
    answer_value(x, 201, &answer);
}

static void verdict_came(struct exchange *x, struct bytes json)
{
    (void)json;
    answer_opened(x);
}

static const struct publish_answers answers = {answer_opened, verdict_came, NULL};

void trace_open(struct exchange *x)
{
    CLEANUP(arena) struct arena *tree = arena_new(); /* does not wait with the exchange */
    CLEANUP(buf) struct buf      body = {0};
    struct gateway              *gateway = gateway_of(x);
    struct opened               *opened = arena_zero(x->arena, 1, sizeof(*opened));
    char                        *trace = arena_get(x->arena, TRACE_ID);
    struct publish               publish;
    struct value                 head;
    struct check                 check = {.arena = x->arena};
    struct err                   err = {0};

    if (read_head(x, tree, &check, &head, &err) < 0) {
        if (check.problem_count > 0) {
            refuse_problems(x, &check);
        } else {
            exchange_refuse(x, &err);
        }
        return;
    }
    publish_start(x, MESSAGE_OPEN, trace, &publish);
    if (publish.idempotency_key != NULL) {
        trace_id_for_key(gateway->tokens, trace, publish.tenant, bytes_of(publish.idempotency_key));
        if (!publish.wants_verdict) {
            /* Whatever the client prefers: without the verdict another body under the same key
             * would get a token for the first one's trace, with the consent of the second. */
            publish.wants_verdict = gateway->config->verdict_wait > 0;
            publish.wait_ms = gateway->config->verdict_wait;
        }
    } else {
        trace_id_random(trace);
        publish.wants_verdict = false;
    }
    opened->trace = trace;
    opened->consent = consent_of(&head);
    x->work = opened;
    msgpack_write(&body, &head);
    publish.consent = opened->consent;
    publish.body = buf_bytes(&body);
    publish.answers = &answers;
    if (publish_message(x, &publish, &err) < 0) {
        exchange_refuse(x, &err);
    }
}
