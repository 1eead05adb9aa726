// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "trace/event.h"
#include "trace/field.h"
#include "value/json.h"

/* -------- pieces -------- */

static struct value ref_to(struct arena *arena, const char *object)
{
    struct value ref = value_map();

    value_put(arena, &ref, "$ref", value_text(arena_format(arena, "#/$defs/%s", object)));
    return ref;
}

static void put_type(struct arena *arena, struct value *schema, const char *type)
{
    value_put(arena, schema, "type", value_text(type));
}

static void put_number(struct arena *arena, struct value *schema, const char *name, double number)
{
    value_put(arena, schema, name, value_whole((int64_t)number)); /* all of the table's are whole */
}

static void put_lengths(struct arena *arena, struct value *schema, const struct field *field)
{
    put_type(arena, schema, "string");
    if (field->least > 0) {
        put_number(arena, schema, "minLength", field->least);
    }
    if (field->most > 0) {
        put_number(arena, schema, "maxLength", field->most);
    }
}

static void put_range(struct arena *arena, struct value *schema, const char *type, double least,
                      double most)
{
    put_type(arena, schema, type);
    put_number(arena, schema, "minimum", least);
    put_number(arena, schema, "maximum", most);
}

static void put_choices(struct arena *arena, struct value *schema, const char *words)
{
    struct value choices = value_list();

    put_type(arena, schema, "string");
    while (*words != '\0') {
        size_t       size = strcspn(words, "|");
        struct bytes word = {(const uint8_t *)words, size};

        value_append(arena, &choices, value_bytes(word));
        words += size + (words[size] == '|');
    }
    value_put(arena, schema, "enum", choices);
}

static void put_list(struct arena *arena, struct value *schema, const struct field *field,
                     struct value items)
{
    put_type(arena, schema, "array");
    put_number(arena, schema, "maxItems", field->most);
    value_put(arena, schema, "items", items);
}

static void put_map(struct arena *arena, struct value *schema, struct value items)
{
    put_type(arena, schema, "object");
    value_put(arena, schema, "additionalProperties", items);
}

static struct value texts_item(struct arena *arena)
{
    struct value item = value_map();

    put_type(arena, &item, "string");
    put_number(arena, &item, "maxLength", TEXT_ITEM_CHARS);
    return item;
}

static struct value wholes_item(struct arena *arena)
{
    struct value item = value_map();

    put_range(arena, &item, "integer", 0, 9007199254740991);
    return item;
}

static struct value inline_item(struct arena *arena)
{
    struct value item = value_map();
    struct value any = value_list();
    struct value text = value_map();
    struct value map = value_map();

    put_type(arena, &text, "string");
    put_type(arena, &map, "object");
    value_append(arena, &any, ref_to(arena, "inline_artifact"));
    value_append(arena, &any, text);
    value_append(arena, &any, map);
    value_put(arena, &item, "anyOf", any);
    return item;
}

static struct value flag_or_null(struct arena *arena)
{
    struct value types = value_list();

    value_append(arena, &types, value_text("boolean"));
    value_append(arena, &types, value_text("null"));
    return types;
}

/* -------- a field, an object -------- */

static void put_kind(struct arena *arena, struct value *schema, const struct field *field)
{
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_ID:
    case FIELD_PATH:
        put_lengths(arena, schema, field);
        return;
    case FIELD_HASH:
        put_type(arena, schema, "string");
        value_put(arena, schema, "pattern", value_text("^[0-9a-f]{64}$"));
        return;
    case FIELD_CONST:
        value_put(arena, schema, "const", value_text(field->of));
        return;
    case FIELD_CHOICE:
        put_choices(arena, schema, field->of);
        return;
    case FIELD_WHOLE:
        put_range(arena, schema, "integer", field->least, field->most);
        return;
    case FIELD_REAL:
    case FIELD_TIME:
        put_range(arena, schema, "number", field->least, field->most);
        return;
    case FIELD_FLAG:
        put_type(arena, schema, "boolean");
        return;
    case FIELD_FLAG_OR_NULL:
        value_put(arena, schema, "type", flag_or_null(arena));
        return;
    case FIELD_TEXTS:
        put_list(arena, schema, field, texts_item(arena));
        return;
    case FIELD_WHOLES:
        put_list(arena, schema, field, wholes_item(arena));
        return;
    case FIELD_OBJECTS:
        put_list(arena, schema, field, ref_to(arena, field->of));
        return;
    case FIELD_EVENTS:
        put_list(arena, schema, field, ref_to(arena, "event"));
        return;
    case FIELD_OBJECT:
        value_put(arena, schema, "$ref", value_text(arena_format(arena, "#/$defs/%s", field->of)));
        return;
    case FIELD_FREE:
        put_type(arena, schema, "object");
        return;
    case FIELD_COUNTS:
        put_map(arena, schema, wholes_item(arena));
        return;
    case FIELD_INLINE:
        put_map(arena, schema, inline_item(arena));
        return;
    }
}

static struct value field_schema(struct arena *arena, const struct field *field, const char *type)
{
    struct value schema = value_map();

    if (field->words[0] != '\0') {
        value_put(arena, &schema, "description", value_text(field->words));
    }
    if (type != NULL && bytes_is(field->name, "type")) {
        value_put(arena, &schema, "const", value_text(type));
        return schema;
    }
    put_kind(arena, &schema, field);
    if (field->need == FIELD_SERVER) {
        value_put(arena, &schema, "readOnly", value_flag(true));
    }
    return schema;
}

static void put_rule(struct arena *arena, struct value *schema, const struct object_rule *rule)
{
    struct value_limits limits = {.bytes = 4096, .depth = 16, .values = 256};
    struct value        members;
    struct err          err;

    if (rule->schema == NULL) {
        return;
    }
    if (json_read(arena, bytes_of(rule->schema), &limits, &members, &err) < 0) {
        (void)fprintf(stderr, "a rule of field.c says no JSON: %s\n", err.story);
        abort();
    }
    for (uint32_t i = 0; i < members.count; i++) {
        value_put(arena, schema, arena_text(arena, members.as.members[i].name),
                  members.as.members[i].value);
    }
}

/* type: of an event, or NULL. */
static void put_object(struct arena *arena, struct value *schema, const struct object *object,
                       const char *type)
{
    struct value properties = value_map();
    struct value required = value_list();

    value_put(arena, schema, "description", value_text(object->words));
    put_type(arena, schema, "object");
    for (size_t i = 0; i < object->count; i++) {
        const struct field *field = &object->fields[i];

        value_put(arena, &properties, arena_text(arena, field->name),
                  field_schema(arena, field, type));
        if (field->need == FIELD_REQUIRED) {
            value_append(arena, &required, value_bytes(field->name));
        }
    }
    value_put(arena, schema, "properties", properties);
    if (required.count > 0) {
        value_put(arena, schema, "required", required);
    }
    value_put(arena, schema, "additionalProperties", value_flag(object->open));
    put_rule(arena, schema, object->rule);
}

/* -------- the whole -------- */

static struct value any_event(struct arena *arena)
{
    struct value schema = value_map();
    struct value one = value_list();

    for (int i = 0; i < EVENT_TYPES; i++) {
        value_append(arena, &one, ref_to(arena, event_type_name((enum event_type)i)));
    }
    value_put(arena, &schema, "description", value_text("one recorded act"));
    value_put(arena, &schema, "oneOf", one);
    return schema;
}

static struct value definitions(struct arena *arena)
{
    struct value defs = value_map();

    for (int i = 0; i < OBJECTS; i++) {
        const struct object *object = object_of((enum object_id)i);
        int                  type = event_type_by_name(bytes_of(object->name));
        struct value         schema = value_map();

        if (i == OBJECT_trace) {
            continue; /* it is the schema itself */
        }
        if (i == OBJECT_event) {
            schema = any_event(arena);
        } else {
            put_object(arena, &schema, object, type < 0 ? NULL : object->name);
        }
        value_put(arena, &defs, object->name, schema);
    }
    return defs;
}

static struct value trace_schema(struct arena *arena)
{
    struct value schema = value_map();

    value_put(arena, &schema, "$schema",
              value_text("https://json-schema.org/draft/2020-12/schema"));
    value_put(arena, &schema, "$id", value_text("urn:prt:schema:trace-1.0"));
    value_put(arena, &schema, "title", value_text("Trace 1.0"));
    put_object(arena, &schema, object_of(OBJECT_trace), NULL);
    value_put(arena, &schema, "$defs", definitions(arena));
    return schema;
}

void trace_schema_write(struct buf *out)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 schema = trace_schema(arena);

    json_pretty(out, &schema);
    buf_put_byte(out, '\n');
}

static char schema_hash[HASH_HEX];

static void make_hash(void)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      canonical = {0};
    struct value                 schema = trace_schema(arena);
    struct err                   err;

    if (jcs_write(&canonical, &schema, &err) < 0) {
        (void)fprintf(stderr, "the trace schema has no canonical form: %s\n", err.story);
        abort();
    }
    sha256_hex(buf_bytes(&canonical), schema_hash);
}

const char *trace_schema_hash(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_hash);
    return schema_hash;
}
