// SPDX-License-Identifier: MIT
#include "trace/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "trace/chunk_work.h"
#include "value/json.h"
#include "value/msgpack.h"

/* The most that PRT_DEPTH_MAX can be, and the map that a batch travels in. */
enum { TREE_DEPTH = 128 + 1, TREE_VALUES_LEAST = 65536, TREE_BYTES_A_VALUE = 4 };

/* -------- refusing -------- */

void refusal_take(struct chunk_refusal *refusal, struct check *check, bool redact)
{
    for (size_t i = 0; redact && i < check->problem_count; i++) {
        struct redactions uncounted = {{0}};
        struct bytes      pointer = bytes_of(check->problems[i].pointer);

        pointer = redact_text(check->arena, pointer, &uncounted);
        check->problems[i].pointer = arena_text(check->arena, pointer);
    }
    refusal->pointer = check->problems[0].pointer;
    refusal->message = check->problems[0].message;
    refusal->more_count = check->problem_count - 1;
    refusal->problems_omitted = check->problems_omitted;
    if (refusal->more_count > 0) {
        refusal->more = arena_get(check->arena, refusal->more_count * sizeof(*refusal->more));
        memcpy(refusal->more, check->problems + 1, refusal->more_count * sizeof(*refusal->more));
    }
    check->problem_count = 0;
    check->problems_omitted = 0;
}

void chunk_refuse(struct chunk_work *work, struct chunk_refusal refusal)
{
    struct chunk         *chunk = work->chunk;
    struct chunk_refusal *more;

    if (chunk->refusal_count == work->refusal_room) {
        work->refusal_room = work->refusal_room == 0 ? 8 : work->refusal_room * 2;
        more = arena_get(work->arena, work->refusal_room * sizeof(*more));
        if (chunk->refusal_count > 0) {
            memcpy(more, chunk->refusals, chunk->refusal_count * sizeof(*more));
        }
        chunk->refusals = more;
    }
    if (work->rules->redact) { /* verdicts are stored too */
        struct redactions uncounted = {{0}};

        refusal.id = redact_text(work->arena, refusal.id, &uncounted);
    }
    refusal_take(&refusal, &work->check, work->rules->redact);
    chunk->refusals[chunk->refusal_count++] = refusal;
}

/* Ends in false. check->pointer is from the event on. */
static bool refuse_event(struct chunk_work *work, size_t index, const struct value *event,
                         enum err_code code)
{
    int64_t seq = value_whole_or(value_get(event, "seq"), -1);

    check_at(&work->check, index);
    check_in(&work->check, BYTES("events"));
    chunk_refuse(work, (struct chunk_refusal){
                           .index = index,
                           .id = value_text_or(value_get(event, "id"), ""),
                           .seq = seq < 0 ? -1 : seq,
                           .code = code,
                       });
    return false;
}

/* -------- which ids and seqs are there -------- */

static size_t key_place(const struct chunk_work *work, const uint8_t key[16])
{
    uint64_t hash;

    memcpy(&hash, key, sizeof(hash));
    return hash & (work->places - 1);
}

static size_t seq_place(const struct chunk_work *work, int64_t seq)
{
    return ((uint64_t)seq * 0x9e3779b97f4a7c15U >> 20) & (work->places - 1);
}

/* The place of the key in by_key: with an event, or empty. */
static uint32_t *find_key(struct chunk_work *work, const uint8_t key[16])
{
    size_t at = key_place(work, key);

    while (work->by_key[at] != 0 && memcmp(work->events[work->by_key[at] - 1].key, key, 16) != 0) {
        at = (at + 1) & (work->places - 1);
    }
    return &work->by_key[at];
}

static uint32_t *find_seq(struct chunk_work *work, int64_t seq)
{
    size_t at = seq_place(work, seq);

    while (work->by_seq[at] != 0 && work->events[work->by_seq[at] - 1].seq != seq) {
        at = (at + 1) & (work->places - 1);
    }
    return &work->by_seq[at];
}

static void id_key(struct chunk_work *work, struct bytes id, uint8_t ret_key[16])
{
    uint8_t hash[HASH_BYTES];

    sha256_start(work->sha);
    sha256_add(work->sha, id);
    sha256_finish(work->sha, hash);
    memcpy(ret_key, hash, 16);
}

struct event_work *chunk_event_by_id(struct chunk_work *work, struct bytes id)
{
    uint8_t  key[16];
    uint32_t found;

    id_key(work, id, key);
    found = *find_key(work, key);
    return found == 0 ? NULL : &work->events[found - 1];
}

/* -------- one event -------- */

static int64_t whole_of(const struct value *value)
{
    return value->kind == VALUE_REAL ? (int64_t)value->as.real : value->as.whole;
}

/* The type decides about consent before anything else is looked at. */
static bool take_type(struct chunk_work *work, size_t index, struct value *value,
                      struct event_work *event)
{
    const struct value *type = value_get(value, "type");
    struct check       *check = &work->check;
    int                 known;

    if (value->kind != VALUE_MAP) {
        check_failed(check, "must be an object, and is %s", value_words(work->arena, value));
        return refuse_event(work, index, value, ERR_SCHEMA);
    }
    known = type != NULL && type->kind == VALUE_TEXT ? event_type_by_name(type->as.text) : -1;
    if (known < 0) {
        if (type == NULL) {
            check_failed(check, "is missing");
        } else {
            check_failed(check, "must be one of %s, and is %s", event_type_names(),
                         value_words(work->arena, type));
        }
        check_in(check, BYTES("type"));
        return refuse_event(work, index, value, ERR_SCHEMA);
    }
    if ((event_consent((enum event_type)known) & ~work->rules->consent) != 0) {
        check_failed(check, "the participant did not consent to %s events",
                     event_type_name((enum event_type)known));
        return refuse_event(work, index, value, ERR_CONSENT_DENIED);
    }
    event->type = (enum event_type)known;
    event->object = event_object(event->type);
    return true;
}

/* An id is kept as it is, or not at all: replaced, two of them could become the same. */
static bool id_is_harmless(struct chunk_work *work, struct bytes id)
{
    struct redactions none = {{0}};

    if (!work->rules->redact || redact_text(work->arena, id, &none).data == id.data) {
        return true;
    }
    check_failed(&work->check, "looks like a secret; ids are stored as they are");
    return check_in(&work->check, BYTES("id"));
}

static bool take_fields(struct chunk_work *work, size_t index, struct value *value,
                        struct event_work *event)
{
    event->slots = arena_get(work->arena, event->object->count * sizeof(struct value *));
    if (!object_check(&work->check, event->object, value, event->slots)) {
        return refuse_event(work, index, value, ERR_SCHEMA);
    }
    event->id = event->slots[object_field(event->object, BYTES("id"))]->as.text;
    event->seq = whole_of(event->slots[object_field(event->object, BYTES("seq"))]);
    if (!id_is_harmless(work, event->id)) {
        return refuse_event(work, index, &(struct value){.kind = VALUE_NULL}, ERR_SCHEMA);
    }
    return true;
}

static bool take_place(struct chunk_work *work, size_t index, struct value *value,
                       struct event_work *event)
{
    uint32_t *by_key;
    uint32_t *by_seq;

    id_key(work, event->id, event->key);
    by_key = find_key(work, event->key);
    if (*by_key != 0) {
        check_failed(&work->check, "event %zu of this chunk has the same id",
                     work->events[*by_key - 1].index);
        check_in(&work->check, BYTES("id"));
        return refuse_event(work, index, value, ERR_DUPLICATE_EVENT);
    }
    by_seq = find_seq(work, event->seq);
    if (*by_seq != 0) {
        check_failed(&work->check, "event %zu of this chunk has the same seq",
                     work->events[*by_seq - 1].index);
        check_in(&work->check, BYTES("seq"));
        return refuse_event(work, index, value, ERR_SEQ_NOT_INCREASING);
    }
    *by_key = *by_seq = (uint32_t)(event - work->events) + 1;
    return true;
}

static void take_events(struct chunk_work *work, struct value *events)
{
    for (work->places = 16; work->places < 2 * (size_t)events->count; work->places *= 2) {
    }
    work->events = arena_get(work->arena, events->count * sizeof(*work->events));
    work->by_key = arena_zero(work->arena, 2 * work->places, sizeof(*work->by_key));
    work->by_seq = work->by_key + work->places;
    for (uint32_t i = 0; i < events->count; i++) {
        struct value      *value = &events->as.items[i];
        struct event_work *event = &work->events[work->count];

        *event = (struct event_work){.index = i, .stands = true};
        if (take_type(work, i, value, event) && take_fields(work, i, value, event) &&
            take_place(work, i, value, event)) {
            work->count++;
        }
    }
}

/* -------- what stands, in order of seq -------- */

static int compare_seq(const void *left, const void *right)
{
    const struct chunk_event *a = left;
    const struct chunk_event *b = right;

    return (a->seq > b->seq) - (a->seq < b->seq);
}

static void give_events(struct chunk_work *work)
{
    struct chunk       *chunk = work->chunk;
    struct chunk_event *given = arena_get(work->arena, work->count * sizeof(*given));
    struct bytes        lines = arena_bytes(work->arena, buf_bytes(&work->lines));
    bool                sorted = true;

    for (size_t i = 0; i < work->count; i++) {
        const struct event_work *event = &work->events[i];
        struct chunk_event      *out = &given[chunk->event_count];

        if (!event->stands) {
            continue;
        }
        *out = (struct chunk_event){
            .index = event->index,
            .id = event->id,
            .seq = event->seq,
            .type = event->type,
            .line = {lines.data + event->line_at, event->line_size},
        };
        memcpy(out->key, event->key, sizeof(out->key));
        sorted = sorted && (chunk->event_count == 0 || out[-1].seq < out->seq);
        chunk->event_count++;
    }
    if (!sorted) {
        qsort(given, chunk->event_count, sizeof(*given), compare_seq);
    }
    chunk->events = given;
}

/* -------- the envelope -------- */

static int refuse_envelope(struct chunk_work *work, enum err_code code, struct err *err)
{
    const struct chunk_refusal *first;

    chunk_refuse(work,
                 (struct chunk_refusal){.index = (size_t)CHUNK_NO_INDEX, .seq = -1, .code = code});
    first = work->chunk->refusals;
    return err_set(err, code, "%s %s", first->pointer[0] == '\0' ? "the chunk" : first->pointer,
                   first->message);
}

static int refuse_count(struct chunk_work *work, const char *field, size_t count, size_t most,
                        struct err *err)
{
    check_failed(&work->check, "has %zu entries; at most %zu are allowed, send more chunks", count,
                 most);
    check_in(&work->check, bytes_of(field));
    return refuse_envelope(work, ERR_TOO_LARGE, err);
}

static int take_envelope(struct chunk_work *work, struct value *root, struct value **ret_events,
                         struct value **ret_artifacts, struct err *err)
{
    const struct object *object = object_of(OBJECT_chunk);
    size_t               most = work->rules->limits.events;
    struct value        *slots[FIELDS_MOST];
    struct value        *events;
    struct value        *artifacts;

    if (!object_check(&work->check, object, root, slots)) {
        return refuse_envelope(work, ERR_SCHEMA, err);
    }
    events = slots[object_field(object, BYTES("events"))];
    artifacts = slots[object_field(object, BYTES("artifacts"))];
    if (events->count > most) {
        return refuse_count(work, "events", events->count, most, err);
    }
    if (artifacts != NULL && artifacts->count > 2 * most + 16) { /* an event has two at most */
        return refuse_count(work, "artifacts", artifacts->count, 2 * most + 16, err);
    }
    work->chunk->id = slots[object_field(object, BYTES("chunk_id"))]->as.text;
    work->chunk->seq = whole_of(slots[object_field(object, BYTES("chunk_seq"))]);
    *ret_events = events;
    *ret_artifacts = artifacts;
    return 0;
}

static void work_done(struct chunk_work *work)
{
    sha256_free(work->sha);
    buf_done(&work->lines);
    buf_done(&work->server_time);
}
DEFINE_CLEANUP(work, struct chunk_work *, work_done)

struct value_limits body_tree_limits(struct bytes msgpack)
{
    return (struct value_limits){.bytes = msgpack.size,
                                 .depth = TREE_DEPTH,
                                 .values = TREE_VALUES_LEAST + msgpack.size / TREE_BYTES_A_VALUE};
}

int chunk_read(struct arena *arena, struct bytes msgpack, const struct chunk_rules *rules,
               struct chunk *ret_chunk, struct err *err)
{
    struct chunk_work   own = {.arena = arena,
                               .rules = rules,
                               .check = {.arena = arena,
                                         .id_chars = rules->limits.id_chars,
                                         .path_chars = rules->limits.path_chars},
                               .chunk = ret_chunk,
                               .sha = sha256_new()};
    struct value_limits limits = body_tree_limits(msgpack);
    struct value        root;
    struct value       *events = NULL;
    struct value       *artifacts = NULL;

    CLEANUP(work) struct chunk_work *work = &own;

    *ret_chunk = (struct chunk){0};
    sha256_of(msgpack, ret_chunk->content_hash);
    TRY(msgpack_read(arena, msgpack, &limits, false, &root, err));
    TRY(take_envelope(work, &root, &events, &artifacts, err));
    take_events(work, events);
    if (artifacts != NULL) {
        artifacts_read(work, artifacts);
    }
    jcs_write_real(&work->server_time, (double)rules->at_us / 1e6);
    buf_reserve(&work->lines, msgpack.size + 64 * work->count);
    for (size_t i = 0; i < work->count; i++) {
        work->events[i].stands = line_write(work, &work->events[i]);
    }
    artifacts_settle(work);
    give_events(work);
    return 0;
}
