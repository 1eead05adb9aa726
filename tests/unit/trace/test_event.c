// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/test.h"
#include "trace/event.h"
#include "trace/field.h"
#include "unit/trace/chunks.h"
#include "value/json.h"
#include "value/msgpack.h"

#define SESSION                                                                                    \
    "'session':{'participant_id':'p','consent':{'rationales':true,'commands':true,'snapshots':"    \
    "false}}"
#define TASK "'task':{'id':'t','title':'T'}"
#define REPO "'repo':{'origin':'','start_commit':''}"

static int head_check(struct arena *arena, const char *json, const char **ret_pointer,
                      struct err *err)
{
    struct value_limits limits = {.bytes = 1 << 20, .depth = 64, .values = 10000};
    struct value        head;

    struct check        check = {.arena = arena};

    *ret_pointer = "(none)";
    TRY(msgpack_read(arena, chunk_msgpack(arena, json), &limits, false, &head, err));
    if (trace_head_check(&check, &head, err) < 0) {
        *ret_pointer = check.problems[0].pointer;
        return -1;
    }
    return 0;
}

TEST(event, types_have_names)
{
    for (int i = 0; i < EVENT_TYPES; i++) {
        CHECK_NUMBER(event_type_by_name(bytes_of(event_type_name((enum event_type)i))), i);
    }
    CHECK_TEXT(event_type_name(EVENT_rationale_note), "rationale_note");
    CHECK_NUMBER(event_type_by_name(BYTES("file_edi")), -1);
    CHECK_NUMBER(event_type_by_name(BYTES("")), -1);
}

TEST(event, tables_find_every_field_by_its_name_and_nothing_else)
{
    for (int i = 0; i < OBJECTS; i++) {
        const struct object *object = object_of((enum object_id)i);

        for (size_t k = 0; k < object->count; k++) {
            CHECK_NUMBER(object_field(object, object->fields[k].name), k);
            CHECK(k == 0 || bytes_compare(object->fields[k - 1].name, object->fields[k].name) < 0);
        }
        CHECK_NUMBER(object_field(object, BYTES("")), -1);
        CHECK_NUMBER(object_field(object, BYTES("no such field")), -1);
    }
}

TEST(head, is_taken_with_the_least_and_with_everything)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *pointer;
    struct err                   err;

    CHECK_WORKS(head_check(arena, "{" SESSION "," TASK "," REPO "}", &pointer, &err));
    CHECK_WORKS(head_check(
        arena,
        "{'session':{'participant_id':'p','role':'agent','consent':{'rationales':true,'commands':"
        "true,'snapshots':false},'client_clock':{'tz':'UTC','start_unix_s':1.5},'metadata':{'x':[1]"
        "}"
        "},'task':{'id':'t','title':'T','description':'d','known_failing_tests':['a','b'],'extra':{"
        "}"
        "},'repo':{'origin':'o','start_commit':'c','branch':'b','language_stats':[{'lang':'c',"
        "'ratio':0.5},{'lang':'py','ratio':1}]},'environment':{'os':'o','ide_version':'1',"
        "'python_version':'3','tools':[]},'experiment_id':'x'}",
        &pointer, &err));
}

TEST(head, names_the_field_that_is_wrong)
{
    static const struct {
        const char *json, *pointer;
    } row[] = {
        {"[]", ""},
        {"{" SESSION "," TASK "}", "/repo"},
        {"{" SESSION "," REPO "}", "/task"},
        {"{" TASK "," REPO "}", "/session"},
        {"{" SESSION "," TASK "," REPO ",'more':1}", "/more"},
        {"{'session':7," TASK "," REPO "}", "/session"},
        {"{'session':{'participant_id':''}," TASK "," REPO "}", "/session/participant_id"},
        {"{'session':{'participant_id':'p'}," TASK "," REPO "}", "/session/consent"},
        {"{'session':{'role':'boss'}," TASK "," REPO "}", "/session/role"},
        {"{'session':{'consent':{'rationales':1}}," TASK "," REPO "}",
         "/session/consent/rationales"},
        {"{'session':{'consent':{'rationales':true,'commands':true}}," TASK "," REPO "}",
         "/session/consent/snapshots"},
        {"{'session':{'client_clock':{'start_unix_s':-1}}," TASK "," REPO "}",
         "/session/client_clock/start_unix_s"},
        {"{" SESSION ",'task':{'id':'a\\u0000b'}," REPO "}", "/task/id"},
        {"{" SESSION ",'task':{'known_failing_tests':['a',1]}," REPO "}",
         "/task/known_failing_tests/1"},
        {"{" SESSION "," TASK
         ",'repo':{'language_stats':[{'lang':'c','ratio':1},{'lang':'c','ratio'"
         ":1.1}]}}",
         "/repo/language_stats/1/ratio"},
        {"{" SESSION "," TASK "," REPO ",'environment':{'a/b~c':1}}", "/environment/a~1b~0c"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *pointer;
    struct err                   err;

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        CHECK_FAILS(head_check(arena, row[i].json, &pointer, &err), ERR_SCHEMA);
        CHECK_TEXT(pointer, row[i].pointer);
        CHECK(strstr(err.story, row[i].pointer) != NULL);
    }
}

/* -------- the JSON Schema -------- */

TEST(schema, in_the_tree_is_fresh)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      made = {0};
    struct bytes                 stored;
    struct err                   err;

    CHECK_WORKS(
        file_read(arena, SOURCE_DIR "/schemas/generated/trace-1.0.json", 1 << 20, &stored, &err));
    trace_schema_write(&made);
    if (!bytes_equal(stored, buf_bytes(&made))) {
        test_failed(__FILE__, __LINE__,
                    "schemas/generated/trace-1.0.json is not what the tables say; run"
                    " `ninja generate` and look at the difference");
    }
}

TEST(schema, hash_is_that_of_the_canonical_form)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      text = {0};
    CLEANUP(buf) struct buf      canonical = {0};
    struct value_limits          limits = {.bytes = 1 << 20, .depth = 64, .values = 100000};
    struct value                 schema;
    char                         hex[HASH_HEX];
    struct err                   err;

    trace_schema_write(&text);
    CHECK_WORKS(json_read(arena, buf_bytes(&text), &limits, &schema, &err));
    CHECK_WORKS(jcs_write(&canonical, &schema, &err));
    sha256_hex(buf_bytes(&canonical), hex);
    CHECK_TEXT(trace_schema_hash(), hex);
}

TEST(schema, has_every_type_of_event_and_refuses_unknown_fields)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      text = {0};
    struct value_limits          limits = {.bytes = 1 << 20, .depth = 64, .values = 100000};
    struct value                 schema;
    struct err                   err;

    trace_schema_write(&text);
    CHECK_WORKS(json_read(arena, buf_bytes(&text), &limits, &schema, &err));
    for (int i = 0; i < EVENT_TYPES; i++) {
        const char         *name = event_type_name((enum event_type)i);
        const struct value *type =
            value_at(&schema, arena_format(arena, "/$defs/%s/properties/type/const", name));
        const struct value *more =
            value_at(&schema, arena_format(arena, "/$defs/%s/additionalProperties", name));

        CHECK(value_is_text(type, name));
        CHECK(more != NULL && !value_flag_or(more, true));
    }
    CHECK(value_at(&schema, "/$defs/rationale_note/anyOf/1/required/0") != NULL);
}
