// SPDX-License-Identifier: MIT
#include "trace/pr_batch.h"

#include <string.h>

#include "crypto/crypto.h"
#include "trace/event.h"
#include "trace/field.h"
#include "trace/iso_time.h"
#include "trace/message.h"
#include "value/json.h"
#include "value/msgpack.h"

/* -------- which of their fields is which of ours -------- */

static const struct {
    const char *kind, *type;
} types[] = {
    {"edit", "file_edit"}, {"command", "cmd_run"},           {"test", "test_run"},
    {"commit", "commit"},  {"annotation", "rationale_note"},
};

/* Of several names for one field the first that is there counts; the others go to metadata. */
static const struct mapping {
    const char *kind, *from, *to;
} mappings[] = {
    {"edit", "file", "file_path"},
    {"edit", "diff_snippet", "diff_unified"},
    {"edit", "language", "language"},
    {"edit", "buffer_hash_before", "buffer_hash_before"},
    {"edit", "buffer_hash_after", "buffer_hash_after"},
    {"command", "command", "cmd"},
    {"command", "exit_code", "exit_code"},
    {"command", "cwd", "cwd"},
    {"test", "framework", "framework"},
    {"test", "num_passed", "num_passed"},
    {"test", "tests_passed", "num_passed"},
    {"test", "passed", "num_passed"},
    {"test", "num_failed", "num_failed"},
    {"test", "tests_failed", "num_failed"},
    {"test", "failed", "num_failed"},
    {"test", "failed_tests", "failed_tests"},
    {"test", "selection", "selection"},
    {"commit", "sha", "sha"},
    {"commit", "message", "message"},
    {"commit", "parent_sha", "parent_sha"},
    {"commit", "diff_unified", "diff_unified"},
    {"annotation", "structured", "structured"},
    {"annotation", "text", "freeform"},
    {"annotation", "note", "freeform"},
    {"annotation", "message", "freeform"},
    {"annotation", "comment", "freeform"},
    {"annotation", "content", "freeform"},
    {"annotation", "freeform", "freeform"},
};

/* What an older plugin may leave out although our event needs it. The hash is a placeholder, which
 * qa reports as unverifiable. */
static const struct {
    const char *type, *field, *otherwise;
} defaults[] = {
    {"file_edit", "diff_unified", ""},
    {"file_edit", "buffer_hash_after", "unknown"},
    {"test_run", "framework", "unknown"},
};

static const char *type_of(const struct value *kind)
{
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (value_is_text(kind, types[i].kind)) {
            return types[i].type;
        }
    }
    return NULL;
}

static const char *mapped_name(const char *kind, struct bytes from)
{
    for (size_t i = 0; i < COUNT_OF(mappings); i++) {
        if (strcmp(mappings[i].kind, kind) == 0 && bytes_is(from, mappings[i].from)) {
            return mappings[i].to;
        }
    }
    return NULL;
}

/* -------- one event -------- */

static void put_named(struct arena *arena, struct value *map, struct bytes name, struct value item)
{
    value_put(arena, map, "", item);
    map->as.members[map->count - 1].name = name;
}

/* What has no field of its own. */
static void put_rest(struct arena *arena, struct pr_event *event, const struct value *payload)
{
    struct value metadata = value_map();
    struct value note;

    for (uint32_t i = 0; i < payload->count; i++) {
        const struct value_member *member = &payload->as.members[i];
        const char                *to = mapped_name(event->kind, member->name);
        const struct value        *taken = to == NULL ? NULL : value_get(&event->fields, to);

        if (&member->value == event->output || member->value.kind == VALUE_NULL ||
            (taken != NULL && taken->as.text.data == member->value.as.text.data &&
             taken->kind == member->value.kind)) {
            continue;
        }
        put_named(arena, &metadata, member->name, member->value);
    }
    if (metadata.count > 0) {
        note = metadata;
        value_put(arena, &event->fields, "metadata", note);
    }
}

/* {"status":"passed"} of a test that stands alone. */
static void put_outcome(struct arena *arena, struct value *fields, const struct value *payload)
{
    static const char *const names[] = {"outcome", "status", "result", "passed"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct value *said = value_get(payload, names[i]);
        bool passed = value_is_text(said, "passed") || value_is_text(said, "pass") ||
                      value_flag_or(said, false);
        bool failed = value_is_text(said, "failed") || value_is_text(said, "fail") ||
                      (said != NULL && said->kind == VALUE_FLAG && !said->as.flag);

        if ((passed || failed) && value_get(fields, "num_passed") == NULL &&
            value_get(fields, "num_failed") == NULL) {
            value_put(arena, fields, "num_passed", value_whole(passed ? 1 : 0));
            value_put(arena, fields, "num_failed", value_whole(failed ? 1 : 0));
            return;
        }
    }
}

static void put_payload(struct arena *arena, struct pr_event *event, const char *type,
                        const struct value *payload)
{
    bool is_test = strcmp(type, "test_run") == 0;

    for (size_t i = 0; i < COUNT_OF(mappings); i++) {
        const struct value *sent = value_get(payload, mappings[i].from);

        if (strcmp(mappings[i].kind, event->kind) == 0 && sent != NULL &&
            sent->kind != VALUE_NULL && !(is_test && sent->kind == VALUE_FLAG) &&
            value_get(&event->fields, mappings[i].to) == NULL) {
            value_put(arena, &event->fields, mappings[i].to, *sent);
        }
    }
    if (strcmp(type, "cmd_run") == 0) {
        const struct value *output = value_get(payload, "stdout_sample");

        event->output = output != NULL && output->kind == VALUE_TEXT && output->as.text.size > 0
                            ? output
                            : NULL;
    }
    put_rest(arena, event, payload);
    if (is_test) {
        put_outcome(arena, &event->fields, payload);
    }
    for (size_t i = 0; i < COUNT_OF(defaults); i++) {
        if (strcmp(defaults[i].type, type) == 0 &&
            value_get(&event->fields, defaults[i].field) == NULL) {
            value_put(arena, &event->fields, defaults[i].field,
                      value_text(defaults[i].otherwise));
        }
    }
}

static int event_failed(struct arena *arena, size_t index, const char *field,
                        const char **ret_pointer, const char *words, struct err *err)
{
    *ret_pointer = arena_format(arena, "/events/%zu%s", index, field);
    return err_set(err, ERR_SCHEMA, "%s", words);
}

static int name_event(struct pr_event *event, const struct value *sent, struct err *err)
{
    CLEANUP(buf) struct buf canonical = {0};
    uint8_t                 hash[HASH_BYTES];

    TRY(jcs_write(&canonical, sent, err));
    sha256_hex(buf_bytes(&canonical), event->id);
    sha256_of(bytes_of(event->id), hash);
    memcpy(event->key, hash, sizeof(event->key));
    return 0;
}

static int check_members(struct arena *arena, const struct value *sent, size_t index,
                         const char **ret_pointer, struct err *err)
{
    static const char *const known[] = {"seq", "ts", "type", "payload"};

    for (uint32_t i = 0; i < sent->count; i++) {
        struct bytes name = sent->as.members[i].name;
        size_t       at = 0;

        while (at < COUNT_OF(known) && !bytes_is(name, known[at])) {
            at++;
        }
        if (at == COUNT_OF(known)) {
            return event_failed(arena, index,
                                arena_format(arena, "/%.128s", arena_text(arena, name)),
                                ret_pointer, "is no field of an event of a batch", err);
        }
    }
    return 0;
}

static int event_read(struct arena *arena, const struct value *sent, size_t index,
                      struct pr_event *ret_event, const char **ret_pointer, struct err *err)
{
    struct pr_event     event = {.index = index, .fields = value_map()};
    const struct value *payload = value_get(sent, "payload");
    const struct value *seq = value_get(sent, "seq");
    const char         *type = type_of(value_get(sent, "type"));
    double              at_s;

    if (sent->kind != VALUE_MAP) {
        return event_failed(arena, index, "", ret_pointer, "must be an object", err);
    }
    TRY(check_members(arena, sent, index, ret_pointer, err));
    if (type == NULL) {
        return event_failed(arena, index, "/type", ret_pointer,
                            "must be edit, command, test, commit or annotation", err);
    }
    if (!iso_time_read(value_text_or(value_get(sent, "ts"), ""), &at_s)) {
        return event_failed(arena, index, "/ts", ret_pointer,
                            "must be a time as ISO 8601 writes it, such as"
                            " 2024-05-01T12:34:56Z",
                            err);
    }
    if (payload == NULL || payload->kind != VALUE_MAP) {
        return event_failed(arena, index, "/payload", ret_pointer, "must be an object", err);
    }
    if (seq != NULL && seq->kind != VALUE_NULL &&
        (seq->kind != VALUE_WHOLE || seq->as.whole < 0)) {
        return event_failed(arena, index, "/seq", ret_pointer, "must be a whole number from 0",
                            err);
    }
    event.payload = payload;
    event.has_seq = seq != NULL && seq->kind == VALUE_WHOLE;
    event.seq = event.has_seq ? seq->as.whole : 0;
    *ret_pointer = arena_format(arena, "/events/%zu", index);
    TRY(name_event(&event, sent, err));
    event.kind = arena_text(arena, value_get(sent, "type")->as.text);
    value_put(arena, &event.fields, "type", value_text(type));
    value_put(arena, &event.fields, "ts_client_s", value_real(at_s));
    put_payload(arena, &event, type, payload);
    *ret_event = event;
    return 0;
}

static void events_read(struct arena *arena, const struct value *sent, struct pr_batch *batch)
{
    batch->events = arena_zero(arena, sent->count + 1, sizeof(*batch->events));
    batch->refusals = arena_zero(arena, sent->count + 1, sizeof(*batch->refusals));
    for (uint32_t i = 0; i < sent->count; i++) {
        const char *pointer = "";
        struct err  why = {0};

        if (event_read(arena, &sent->as.items[i], i, &batch->events[batch->event_count], &pointer,
                       &why) == 0) {
            batch->event_count++;
            continue;
        }
        batch->refusals[batch->refusal_count++] = (struct chunk_refusal){
            .index = i,
            .seq = -1,
            .code = why.code,
            .message = arena_text(arena, bytes_of(why.story)),
            .pointer = pointer,
        };
    }
}

/* -------- the head -------- */

/* The digits behind the #, and exactly one / before it. */
bool pr_id_ok(struct bytes text)
{
    size_t slash = 0;
    size_t slashes = 0;
    size_t hash = 0;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c <= ' ' || c == 0x7f || (hash > 0 && (c < '0' || c > '9'))) {
            return false;
        }
        if (c == '/') {
            slash = i;
            slashes++;
        } else if (c == '#') {
            hash = i;
        }
    }
    return slashes == 1 && slash > 0 && hash > slash + 1 && hash + 1 < text.size;
}

static int need_text(struct arena *arena, const struct value *body, const char *pointer,
                     const char **ret_text, const char **ret_pointer, struct err *err)
{
    const struct value *found = value_at(body, pointer);

    *ret_pointer = pointer;
    if (found == NULL || found->kind != VALUE_TEXT || found->as.text.size == 0 ||
        memchr(found->as.text.data, '\0', found->as.text.size) != NULL) {
        return err_set(err, ERR_SCHEMA, found == NULL ? "is missing" : "must be text, not empty");
    }
    *ret_text = arena_text(arena, found->as.text);
    return 0;
}

static void put_text_of(struct arena *arena, struct value *map, const char *name,
                        const struct value *from, const char *otherwise)
{
    bool is_text = from != NULL && from->kind == VALUE_TEXT;

    if (is_text || otherwise != NULL) {
        value_put(arena, map, name, is_text ? *from : value_text(otherwise));
    }
}

static struct value head_of(struct arena *arena, const struct value *body,
                            const struct pr_batch *batch)
{
    struct value session = value_map(), task = value_map(), repo = value_map();
    struct value consent = value_map(), environment = value_map(), head = value_map();
    struct value pr = value_map();
    const struct value *languages = value_at(body, "/repo/language");

    /* Their users agreed to everything before there was a choice to send. */
    value_put(arena, &consent, "rationales", value_flag(true));
    value_put(arena, &consent, "commands", value_flag(true));
    value_put(arena, &consent, "snapshots", value_flag(true));
    value_put(arena, &session, "participant_id", value_text(batch->user_id));
    value_put(arena, &session, "consent", consent);
    value_put(arena, &task, "id", value_text(batch->pr_id));
    put_text_of(arena, &task, "title", value_at(body, "/pr/title"), batch->pr_id);
    value_put(arena, &pr, "pr", *value_get(body, "pr"));
    value_put(arena, &task, "metadata", pr);
    put_text_of(arena, &repo, "origin", value_at(body, "/repo/name"), "");
    value_put(arena, &repo, "start_commit", value_text(""));
    put_text_of(arena, &repo, "branch", value_at(body, "/repo/branch"), NULL);
    if (languages != NULL && languages->kind != VALUE_NULL) {
        struct value metadata = value_map();

        value_put(arena, &metadata, "language", *languages);
        value_put(arena, &repo, "metadata", metadata);
    }
    put_text_of(arena, &environment, "os", value_at(body, "/developer/os"), NULL);
    put_text_of(arena, &environment, "ide_version", value_at(body, "/developer/ide_version"), NULL);
    value_put(arena, &head, "session", session);
    value_put(arena, &head, "task", task);
    value_put(arena, &head, "repo", repo);
    if (environment.count > 0) {
        value_put(arena, &head, "environment", environment);
    }
    return head;
}

/* Objects of a batch, and the members each may have. */
static const struct {
    const char *pointer;
    bool        required;
    const char *members[8];
} objects[] = {
    {"", true, {"trace_id", "repo", "pr", "developer", "timeline", "events"}},
    {"/repo", true, {"name", "branch", "language"}},
    {"/pr", true, {"pr_id", "title", "status", "created_at", "merged_at"}},
    {"/developer", true, {"user_id", "ide_version", "os"}},
    {"/timeline", false, {"start_time", "end_time", "duration_seconds"}},
};

static int check_object(struct arena *arena, const struct value *body, size_t row,
                        const char **ret_pointer, struct err *err)
{
    const struct value *object =
        objects[row].pointer[0] == '\0' ? body : value_at(body, objects[row].pointer);

    *ret_pointer = objects[row].pointer;
    if (!objects[row].required && (object == NULL || object->kind == VALUE_NULL)) {
        return 0;
    }
    if (object == NULL || object->kind != VALUE_MAP) {
        return err_set(err, ERR_SCHEMA, object == NULL ? "is missing" : "must be an object");
    }
    for (uint32_t i = 0; i < object->count; i++) {
        struct bytes name = object->as.members[i].name;
        size_t       at = 0;

        while (objects[row].members[at] != NULL && !bytes_is(name, objects[row].members[at])) {
            at++;
        }
        if (objects[row].members[at] == NULL) {
            *ret_pointer = arena_format(arena, "%s/%.128s", objects[row].pointer,
                                        arena_text(arena, name));
            return err_set(err, ERR_SCHEMA, "is no field of this object");
        }
    }
    return 0;
}

static int whole_read(struct arena *arena, const struct value *body, size_t events_most,
                      struct pr_batch *batch, const char **ret_pointer, struct err *err)
{
    const struct value *trace = value_get(body, "trace_id");
    const struct value *status = value_at(body, "/pr/status");
    const struct value *events = value_get(body, "events");

    for (size_t row = 0; row < COUNT_OF(objects); row++) {
        TRY(check_object(arena, body, row, ret_pointer, err));
    }
    TRY(need_text(arena, body, "/pr/pr_id", &batch->pr_id, ret_pointer, err));
    if (!pr_id_ok(bytes_of(batch->pr_id))) {
        return err_set(err, ERR_SCHEMA, "must be owner/repo#number");
    }
    TRY(need_text(arena, body, "/developer/user_id", &batch->user_id, ret_pointer, err));
    *ret_pointer = "/pr/status";
    if (status != NULL && !value_is_text(status, "open") && !value_is_text(status, "merged") &&
        !value_is_text(status, "closed")) {
        return err_set(err, ERR_SCHEMA, "must be open, merged or closed");
    }
    *ret_pointer = "/trace_id";
    if (trace != NULL && trace->kind != VALUE_NULL) {
        if (trace->kind != VALUE_TEXT || !subject_name_ok(trace->as.text)) {
            return err_set(err, ERR_SCHEMA, "is no trace's name");
        }
        batch->trace_id = arena_text(arena, trace->as.text);
    }
    *ret_pointer = "/events";
    if (events == NULL || events->kind != VALUE_LIST) {
        return err_set(err, ERR_SCHEMA, events == NULL ? "is missing" : "must be a list");
    }
    if (events->count > events_most) {
        return err_set(err, ERR_TOO_LARGE,
                       "has %u entries; at most %zu are allowed, send more batches", events->count,
                       events_most);
    }
    return 0;
}

/* Where of a head's fields the batch has its own. */
static const char *batch_pointer(const char *head_pointer)
{
    static const struct {
        const char *head, *batch;
    } places[] = {
        {"/session/participant_id", "/developer/user_id"}, {"/task/id", "/pr/pr_id"},
        {"/task/title", "/pr/title"},                      {"/repo/origin", "/repo/name"},
        {"/repo/branch", "/repo/branch"},                  {"/environment/os", "/developer/os"},
        {"/environment/ide_version", "/developer/ide_version"},
    };

    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (strcmp(places[i].head, head_pointer) == 0) {
            return places[i].batch;
        }
    }
    return "";
}

int pr_batch_read(struct arena *arena, const struct value *body, size_t events_most,
                  struct pr_batch *ret_batch, const char **ret_pointer, struct err *err)
{
    struct pr_batch batch = {0};
    struct check    check = {.arena = arena};

    TRY(whole_read(arena, body, events_most, &batch, ret_pointer, err));
    batch.head = head_of(arena, body, &batch);
    if (trace_head_check(&check, &batch.head, err) < 0) {
        *ret_pointer = batch_pointer(check.problems[0].pointer);
        err_clear(err); /* it names a field that the client did not send */
        return err_set(err, ERR_SCHEMA, "%s", check.problems[0].message);
    }
    events_read(arena, value_get(body, "events"), &batch);
    *ret_batch = batch;
    *ret_pointer = "";
    return 0;
}

/* -------- as a chunk -------- */

static void put_output(struct arena *arena, struct value *artifacts, const struct pr_event *event)
{
    struct value artifact = value_map();
    const char  *name = arena_format(arena, "%s.stdout", event->id);

    if (value_get(artifacts, name) != NULL) {
        return; /* the same event twice has the same output twice */
    }
    value_put(arena, &artifact, "type", value_text("stdout"));
    value_put(arena, &artifact, "event_id", value_text(event->id));
    value_put(arena, &artifact, "content", *event->output);
    put_named(arena, artifacts, bytes_of(name), artifact);
}

void pr_batch_chunk(struct arena *arena, const struct pr_batch *batch, const char *chunk_id,
                    int64_t chunk_seq, struct buf *out)
{
    struct value chunk = value_map(), events = value_list(), artifacts = value_map();

    for (size_t i = 0; i < batch->event_count; i++) {
        const struct pr_event *event = &batch->events[i];
        struct value           ours = value_map();

        for (uint32_t j = 0; j < event->fields.count; j++) {
            put_named(arena, &ours, event->fields.as.members[j].name,
                      event->fields.as.members[j].value);
        }
        value_put(arena, &ours, "id", value_text(event->id));
        value_put(arena, &ours, "seq", value_whole(event->seq));
        value_append(arena, &events, ours);
        if (event->output != NULL) {
            put_output(arena, &artifacts, event);
        }
    }
    value_put(arena, &chunk, "chunk_id", value_text(chunk_id));
    value_put(arena, &chunk, "chunk_seq", value_whole(chunk_seq));
    value_put(arena, &chunk, "events", events);
    if (artifacts.count > 0) {
        value_put(arena, &chunk, "artifacts", artifacts);
    }
    msgpack_write(out, &chunk);
}

/* "/events/2/cmd" of the chunk is "/events/5/payload/command" of the batch. */
static const char *translated(struct arena *arena, const struct pr_event *event,
                              const char *pointer)
{
    const char *at = strchr(pointer + strlen("/events/"), '/');
    const char *end;
    const char *from = NULL; /* of several names the one that was sent */
    bool        is_sent = false;

    if (at == NULL) {
        return arena_format(arena, "/events/%zu", event->index);
    }
    at++;
    end = at + strcspn(at, "/");
    if (strcmp(at, "seq") == 0 || strcmp(at, "type") == 0) {
        return arena_format(arena, "/events/%zu/%s", event->index, at);
    }
    if (strcmp(at, "ts_client_s") == 0) {
        return arena_format(arena, "/events/%zu/ts", event->index);
    }
    for (size_t i = 0; !is_sent && i < COUNT_OF(mappings); i++) {
        if (strcmp(mappings[i].kind, event->kind) == 0 &&
            strlen(mappings[i].to) == (size_t)(end - at) &&
            strncmp(mappings[i].to, at, (size_t)(end - at)) == 0) {
            const struct value *sent = value_get(event->payload, mappings[i].from);

            is_sent = sent != NULL && sent->kind != VALUE_NULL;
            from = from == NULL || is_sent ? mappings[i].from : from;
        }
    }
    if (from != NULL) {
        return arena_format(arena, "/events/%zu/payload/%s%s", event->index, from, end);
    }
    return arena_format(arena, "/events/%zu/payload%s", event->index,
                        strncmp(at, "metadata", 8) == 0 ? end : "");
}

/* A copy: the batch is translated again when its transaction is. */
static struct problem *translated_more(struct arena *arena, const struct pr_event *event,
                                       const struct chunk_refusal *refusal)
{
    struct problem *more = arena_get(arena, (refusal->more_count + 1) * sizeof(*more));

    for (size_t i = 0; i < refusal->more_count; i++) {
        more[i] = (struct problem){.pointer = translated(arena, event, refusal->more[i].pointer),
                                   .message = refusal->more[i].message};
    }
    return more;
}

void pr_batch_translate(struct arena *arena, const struct pr_batch *batch,
                        struct chunk_refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (refusals[i].index < batch->event_count) {
            const struct pr_event *event = &batch->events[refusals[i].index];

            refusals[i].index = event->index;
            refusals[i].pointer = translated(arena, event, refusals[i].pointer);
            refusals[i].more = translated_more(arena, event, &refusals[i]);
        }
    }
}
