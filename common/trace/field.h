// SPDX-License-Identifier: MIT
/*
 * field.h - the rows of schemas/event_field.def as data, and the check that walks them.
 *
 * Each object's fields lie in canonical order (RFC 8785), so that a line can be written from the
 * fields that were found, without sorting.
 *
 * Pure. The tables are made before main and never change.
 */
#ifndef PRT_TRACE_FIELD_H
#define PRT_TRACE_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "value/value.h"

enum object_id {
#define OBJECT(name, base, names, rule, words) OBJECT_##name,
#include "schemas/event_field.def"
#undef OBJECT
    OBJECTS
};

enum field_kind {
    FIELD_TEXT,
    FIELD_NAME,
    FIELD_ID,
    FIELD_PATH,
    FIELD_HASH,
    FIELD_CONST,
    FIELD_CHOICE,
    FIELD_WHOLE,
    FIELD_REAL,
    FIELD_TIME,
    FIELD_FLAG,
    FIELD_FLAG_OR_NULL,
    FIELD_TEXTS,
    FIELD_WHOLES,
    FIELD_OBJECT,
    FIELD_OBJECTS,
    FIELD_FREE,
    FIELD_COUNTS,
    FIELD_EVENTS,
    FIELD_INLINE
};

enum field_need { FIELD_REQUIRED, FIELD_OPTIONAL, FIELD_SERVER };

struct field {
    struct bytes         name;
    struct bytes         quoted; /* "name": as it stands in a line */
    enum field_kind      kind;
    enum field_need      need;
    double               least, most;
    const char          *of;
    const struct object *object; /* of an OBJECT or OBJECTS */
    const char          *words;
};

/* What no row can say: NULL, or what is wrong; and how the JSON Schema says it. */
struct object_rule {
    const char *(*holds)(const struct object *object, struct value *const *slots);
    const char *schema; /* JSON members, or NULL */
};

enum { FIELDS_MOST = 32, FIELD_SLOTS = 128, TEXT_ITEM_CHARS = 65536 };

struct object {
    const char               *name;
    bool                      open;
    const struct object_rule *rule;
    const char               *words;
    size_t                    count;
    uint32_t                  required; /* bits by index of field */
    struct field              fields[FIELDS_MOST];
    uint8_t                   slot[FIELD_SLOTS]; /* index + 1 of a field by hash of its name */
};

const struct object *object_of(enum object_id id);

/* The field's index or -1. */
int object_field(const struct object *object, struct bytes name);

/* One thing that is wrong. */
struct problem {
    const char *pointer; /* RFC 6901, from where the check began: "/session/role" */
    const char *message;
};

enum { PROBLEMS_MOST = 8 };

/* What a check needs and what it says about what is wrong: the first problems in the order of the
 * members as sent, then what is missing. Who reports them sets the counts to 0 again. */
struct check {
    struct arena  *arena;
    size_t         id_chars, path_chars;
    struct problem problems[PROBLEMS_MOST];
    size_t         problem_count;
    size_t         problems_omitted; /* more than there is room for */
};

/* Is the value such an object? On success slots[i] is the member for fields[i], or NULL (slots may be
 * NULL; it has FIELDS_MOST places). Members are those of `value`. False adds problems. */
bool object_check(struct check *check, const struct object *object, struct value *value,
                  struct value **slots);

/* Adds a problem. Always false, so that a check can end in one line. */
bool check_failed(struct check *check, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts a member's name or an item's index in front of every pointer; false too. */
bool check_in(struct check *check, struct bytes name);
/* The same for problems[first] and those behind it: the ones before are of its neighbours. */
bool check_in_since(struct check *check, size_t first, struct bytes name);
bool check_at(struct check *check, size_t index);

/* A value in a few words, for messages: `text "abc"`, `2.5`, `a list`. */
const char *value_words(struct arena *arena, const struct value *value);

/* How many characters; the text is UTF-8. */
size_t text_chars(struct bytes text);

#endif
