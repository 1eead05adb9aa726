// SPDX-License-Identifier: MIT
#include "trace/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -------- rules that fit no column -------- */

static const struct object_rule no_rule = {NULL, NULL};

static const char *note_says_something(const struct object *object, struct value *const *slots)
{
    if (slots[object_field(object, BYTES("structured"))] == NULL &&
        slots[object_field(object, BYTES("freeform"))] == NULL) {
        return "needs structured or freeform, and has neither";
    }
    return NULL;
}

static const struct object_rule says_one = {
    note_says_something,
    "{\"anyOf\":[{\"required\":[\"structured\"]},{\"required\":[\"freeform\"]}]}"};

/* -------- the tables -------- */

enum { OBJECT_none = -1 };

struct object_row {
    const char               *name;
    int                       base;
    bool                      open;
    const struct object_rule *rule;
    const char               *words;
};

static const struct object_row object_rows[] = {
#define CLOSED                                 false
#define OPEN                                   true
#define OBJECT(name, base, names, rule, words) {#name, OBJECT_##base, names, &rule, words},
#include "schemas/event_field.def"
#undef OBJECT
#undef CLOSED
#undef OPEN
};

struct field_row {
    enum object_id object;
    struct field   field;
};

static const struct field_row field_rows[] = {
#define FIELD(object, field, kind, need, least, most, of, words)                                   \
    {OBJECT_##object,                                                                              \
     {{(const uint8_t *)#field, sizeof(#field) - 1},                                               \
      {(const uint8_t *)"\"" #field "\":", sizeof(#field) + 2},                                    \
      FIELD_##kind,                                                                                \
      FIELD_##need,                                                                                \
      least,                                                                                       \
      most,                                                                                        \
      of,                                                                                          \
      NULL,                                                                                        \
      words}},
#include "schemas/event_field.def"
#undef FIELD
};

static struct object objects[OBJECTS];

/* Field names of one object differ in these; two that don't cost a second look. */
static size_t name_hash(struct bytes name)
{
    size_t first = name.data[0];
    size_t last = name.data[name.size - 1];
    size_t middle = name.data[name.size / 2];

    return (name.size * 11 + first * 3 + last * 7 + middle * 5) % FIELD_SLOTS;
}

/* A broken table must not go out: these end the process before main, on every machine alike. */
static void table_must(bool truth, const char *object, const char *what)
{
    if (!truth) {
        (void)fprintf(stderr, "schemas/event_field.def: object %s: %s\n", object, what);
        abort();
    }
}

static void take_fields(struct object *object, enum object_id from)
{
    for (size_t i = 0; i < COUNT_OF(field_rows); i++) {
        if (field_rows[i].object == from) {
            table_must(object->count < FIELDS_MOST, object->name, "too many fields");
            object->fields[object->count++] = field_rows[i].field;
        }
    }
}

static int compare_fields(const void *left, const void *right)
{
    const struct field *a = left;
    const struct field *b = right;

    return bytes_compare(a->name, b->name);
}

static const struct object *object_by_name(const char *name)
{
    for (size_t i = 0; i < OBJECTS; i++) {
        if (strcmp(object_rows[i].name, name) == 0) {
            return &objects[i];
        }
    }
    return NULL;
}

static void index_fields(struct object *object)
{
    for (size_t i = 0; i < object->count; i++) {
        struct field *field = &object->fields[i];
        size_t        at = name_hash(field->name);

        table_must(i == 0 || !bytes_equal(field[-1].name, field->name), object->name,
                   "a field stands twice");
        if (field->kind == FIELD_OBJECT || field->kind == FIELD_OBJECTS) {
            field->object = object_by_name(field->of);
            table_must(field->object != NULL, object->name, "a field is of no known object");
        }
        if (field->need == FIELD_REQUIRED) {
            object->required |= 1U << i;
        }
        while (object->slot[at] != 0) {
            at = (at + 1) % FIELD_SLOTS;
        }
        object->slot[at] = (uint8_t)(i + 1);
    }
}

__attribute__((constructor)) static void make_tables(void)
{
    for (size_t i = 0; i < OBJECTS; i++) {
        struct object *object = &objects[i];

        object->name = object_rows[i].name;
        object->open = object_rows[i].open;
        object->rule = object_rows[i].rule;
        object->words = object_rows[i].words;
        if (object_rows[i].base != OBJECT_none) {
            take_fields(object, (enum object_id)object_rows[i].base);
        }
        take_fields(object, (enum object_id)i);
        qsort(object->fields, object->count, sizeof(struct field), compare_fields);
        index_fields(object);
    }
}

const struct object *object_of(enum object_id id)
{
    return &objects[id];
}

int object_field(const struct object *object, struct bytes name)
{
    if (name.size == 0) {
        return -1;
    }
    for (size_t at = name_hash(name); object->slot[at] != 0; at = (at + 1) % FIELD_SLOTS) {
        size_t index = object->slot[at] - 1U;

        if (bytes_equal(object->fields[index].name, name)) {
            return (int)index;
        }
    }
    return -1;
}
