// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "trace/field.h"
#include "trace/redact.h"

/* -------- saying what is wrong -------- */

bool check_failed(struct check *check, const char *fmt, ...)
{
    char    words[512];
    va_list args;

    if (check->problem_count == PROBLEMS_MOST) {
        check->problems_omitted++;
        return false;
    }
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    check->problems[check->problem_count++] =
        (struct problem){.pointer = "", .message = arena_text(check->arena, bytes_of(words))};
    return false;
}

static const char *pointer_in(struct arena *arena, struct bytes name, const char *inner)
{
    size_t rest = strlen(inner);
    char  *pointer = arena_get(arena, 1 + 2 * name.size + rest + 1);
    size_t at = 0;

    pointer[at++] = '/';
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '~' || name.data[i] == '/') {
            pointer[at++] = '~';
            pointer[at++] = name.data[i] == '~' ? '0' : '1';
        } else if (name.data[i] == 0) {
            pointer[at++] = '?'; /* a pointer is a C string */
        } else {
            pointer[at++] = (char)name.data[i];
        }
    }
    memcpy(pointer + at, inner, rest + 1);
    return pointer;
}

bool check_in_since(struct check *check, size_t first, struct bytes name)
{
    for (size_t i = first; i < check->problem_count; i++) {
        check->problems[i].pointer = pointer_in(check->arena, name, check->problems[i].pointer);
    }
    return false;
}

static bool failed_at(struct check *check, size_t first, size_t index)
{
    for (size_t i = first; i < check->problem_count; i++) {
        check->problems[i].pointer =
            arena_format(check->arena, "/%zu%s", index, check->problems[i].pointer);
    }
    return false;
}

bool check_in(struct check *check, struct bytes name)
{
    return check_in_since(check, 0, name);
}

bool check_at(struct check *check, size_t index)
{
    return failed_at(check, 0, index);
}

enum { SHOWN_BYTES = 40 };

/* The start of a text, without secrets (a cut one would not be found any more), cut between
 * characters and without control characters. */
static const char *text_start(struct arena *arena, struct bytes text)
{
    struct redactions uncounted = {{0}};
    size_t            size;
    char             *start;

    text = redact_text(arena, text, &uncounted);
    size = text.size;
    if (size > SHOWN_BYTES) {
        size = SHOWN_BYTES;
        while (size > 0 && (text.data[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    start = arena_text(arena, (struct bytes){text.data, size});
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)start[i] < 0x20 || start[i] == 0x7f) {
            start[i] = '?';
        }
    }
    return arena_format(arena, "\"%s%s\"", start, size < text.size ? "..." : "");
}

const char *value_words(struct arena *arena, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NULL:
        return "null";
    case VALUE_FLAG:
        return value->as.flag ? "true" : "false";
    case VALUE_WHOLE:
        return arena_format(arena, "%lld", (long long)value->as.whole);
    case VALUE_REAL:
        return arena_format(arena, "%.17g", value->as.real);
    case VALUE_TEXT:
        return text_start(arena, value->as.text);
    case VALUE_LIST:
        return "a list";
    case VALUE_MAP:
        return "an object";
    }
    return "something else";
}

size_t text_chars(struct bytes text)
{
    size_t chars = 0;

    for (size_t i = 0; i < text.size; i++) {
        chars += (text.data[i] & 0xc0) != 0x80;
    }
    return chars;
}

/* -------- one value against one field -------- */

static bool check_text(struct check *check, struct bytes text, double least, double most)
{
    size_t chars;

    if ((double)text.size < least) { /* least is 0 or 1 */
        return check_failed(check, "must not be empty");
    }
    if (most == 0 || (double)text.size <= most) {
        return true;
    }
    chars = text_chars(text); /* only what may be too long is counted */
    if ((double)chars <= most) {
        return true;
    }
    return check_failed(check, "has %zu characters; at most %.0f are allowed", chars, most);
}

static bool check_name(struct check *check, struct bytes text, double least, double most)
{
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) {
        return check_failed(check, "must not hold a NUL character");
    }
    return check_text(check, text, least, most);
}

static bool check_hash(struct check *check, struct bytes text)
{
    bool hex = text.size == 64;

    for (size_t i = 0; hex && i < text.size; i++) {
        uint8_t c = text.data[i];

        hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    return hex || check_failed(check, "must be 64 lower-case hex digits");
}

static bool check_choice(struct check *check, const struct field *field, struct bytes text)
{
    const char *word = field->of;

    while (*word != '\0') {
        size_t size = strcspn(word, "|");

        if (size == text.size && memcmp(word, text.data, size) == 0) {
            return true;
        }
        word += size + (word[size] == '|');
    }
    return check_failed(check, "must be one of %s, and is %s", field->of,
                        text_start(check->arena, text));
}

static bool is_whole(const struct value *value, double *ret_number)
{
    if (value->kind == VALUE_WHOLE) {
        *ret_number = (double)value->as.whole;
        return true;
    }
    *ret_number = value->kind == VALUE_REAL ? value->as.real : 0;
    return value->kind == VALUE_REAL && isfinite(*ret_number) && floor(*ret_number) == *ret_number;
}

static bool check_whole(struct check *check, const struct value *value, double least, double most)
{
    double number;

    if (!is_whole(value, &number) || number < least || number > most) {
        return check_failed(check, "must be a whole number from %.0f to %.0f, and is %s", least,
                            most, value_words(check->arena, value));
    }
    return true;
}

static bool check_real(struct check *check, const struct field *field, const struct value *value)
{
    double number = value_real_or(value, NAN);

    if (!(number >= field->least && number <= field->most)) { /* NaN is neither */
        return check_failed(check, "must be a number from %.0f to %.0f, and is %s", field->least,
                            field->most, value_words(check->arena, value));
    }
    return true;
}

static bool check_item(struct check *check, const struct field *field, struct value *item)
{
    switch (field->kind) {
    case FIELD_TEXTS:
        if (item->kind != VALUE_TEXT) {
            return check_failed(check, "must be text, and is %s", value_words(check->arena, item));
        }
        return check_text(check, item->as.text, 0, TEXT_ITEM_CHARS);
    case FIELD_WHOLES:
        return check_whole(check, item, 0, 9007199254740991);
    case FIELD_OBJECTS:
        return object_check(check, field->object, item, NULL);
    default: /* EVENTS: each is judged alone */
        return true;
    }
}

static bool check_list(struct check *check, const struct field *field, struct value *value)
{
    bool good = true;

    if ((double)value->count > field->most) {
        return check_failed(check, "has %u items; at most %.0f are allowed", value->count,
                            field->most);
    }
    if (field->kind == FIELD_EVENTS) {
        return true;
    }
    for (uint32_t i = 0; i < value->count; i++) {
        size_t first = check->problem_count;

        if (!check_item(check, field, &value->as.items[i])) {
            good = failed_at(check, first, i);
        }
    }
    return good;
}

static bool check_counts(struct check *check, struct value *value)
{
    bool good = true;

    for (uint32_t i = 0; i < value->count; i++) {
        size_t first = check->problem_count;

        if (!check_whole(check, &value->as.members[i].value, 0, 9007199254740991)) {
            good = check_in_since(check, first, value->as.members[i].name);
        }
    }
    return good;
}

/* What a kind wants to see, and how it is called. */
static const struct {
    enum value_kind kind;
    const char     *words;
} wanted[] = {
    [FIELD_TEXT] = {VALUE_TEXT, "text"},
    [FIELD_NAME] = {VALUE_TEXT, "text"},
    [FIELD_ID] = {VALUE_TEXT, "text"},
    [FIELD_PATH] = {VALUE_TEXT, "text"},
    [FIELD_HASH] = {VALUE_TEXT, "text"},
    [FIELD_CONST] = {VALUE_TEXT, "text"},
    [FIELD_CHOICE] = {VALUE_TEXT, "text"},
    [FIELD_FLAG] = {VALUE_FLAG, "true or false"},
    [FIELD_FLAG_OR_NULL] = {VALUE_FLAG, "true, false or null"},
    [FIELD_TEXTS] = {VALUE_LIST, "a list of texts"},
    [FIELD_WHOLES] = {VALUE_LIST, "a list of whole numbers"},
    [FIELD_OBJECT] = {VALUE_MAP, "an object"},
    [FIELD_OBJECTS] = {VALUE_LIST, "a list of objects"},
    [FIELD_FREE] = {VALUE_MAP, "an object"},
    [FIELD_COUNTS] = {VALUE_MAP, "an object"},
    [FIELD_EVENTS] = {VALUE_LIST, "a list"},
    [FIELD_INLINE] = {VALUE_MAP, "an object"},
};

static bool check_kind(struct check *check, const struct field *field, const struct value *value)
{
    if (value->kind == wanted[field->kind].kind ||
        (field->kind == FIELD_FLAG_OR_NULL && value->kind == VALUE_NULL)) {
        return true;
    }
    return check_failed(check, "must be %s, and is %s", wanted[field->kind].words,
                        value_words(check->arena, value));
}

static bool check_field(struct check *check, const struct field *field, struct value *value)
{
    switch (field->kind) {
    case FIELD_WHOLE:
        return check_whole(check, value, field->least, field->most);
    case FIELD_REAL:
    case FIELD_TIME:
        return check_real(check, field, value);
    default:
        break;
    }
    if (!check_kind(check, field, value)) {
        return false;
    }
    switch (field->kind) {
    case FIELD_TEXT:
        return check_text(check, value->as.text, field->least, field->most);
    case FIELD_NAME:
        return check_name(check, value->as.text, field->least, field->most);
    case FIELD_ID:
        return check_name(check, value->as.text, field->least, (double)check->id_chars);
    case FIELD_PATH:
        return check_name(check, value->as.text, field->least, (double)check->path_chars);
    case FIELD_HASH:
        return check_hash(check, value->as.text);
    case FIELD_CONST:
    case FIELD_CHOICE:
        return check_choice(check, field, value->as.text);
    case FIELD_TEXTS:
    case FIELD_WHOLES:
    case FIELD_OBJECTS:
    case FIELD_EVENTS:
        return check_list(check, field, value);
    case FIELD_OBJECT:
        return object_check(check, field->object, value, NULL);
    case FIELD_COUNTS:
        return check_counts(check, value);
    default: /* flags are what their kind says; FREE and INLINE are not looked into here */
        return true;
    }
}

/* -------- an object -------- */

static bool check_members(struct check *check, const struct object *object, struct value *value,
                          struct value **slots, uint32_t *ret_seen)
{
    uint32_t seen = 0;
    bool     good = true;

    for (uint32_t i = 0; i < value->count; i++) {
        struct value_member *member = &value->as.members[i];
        int                  index = object_field(object, member->name);
        size_t               first = check->problem_count;

        if (index < 0) {
            if (object->open) {
                continue;
            }
            check_failed(check, "is not a field of %s", object->name);
            good = check_in_since(check, first, member->name);
            continue;
        }
        if (object->fields[index].need == FIELD_SERVER) {
            continue;
        }
        if (!check_field(check, &object->fields[index], &member->value)) {
            good = check_in_since(check, first, member->name);
        }
        seen |= 1U << index;
        slots[index] = &member->value;
    }
    *ret_seen = seen;
    return good;
}

static void check_missing(struct check *check, const struct object *object, uint32_t missing)
{
    for (; missing != 0; missing &= missing - 1) {
        size_t first = check->problem_count;

        check_failed(check, "is missing");
        check_in_since(check, first, object->fields[__builtin_ctz(missing)].name);
    }
}

bool object_check(struct check *check, const struct object *object, struct value *value,
                  struct value **slots)
{
    struct value *own[FIELDS_MOST];
    const char   *wrong;
    uint32_t      seen = 0;
    uint32_t      missing;
    bool          good;

    if (value->kind != VALUE_MAP) {
        return check_failed(check, "must be an object, and is %s",
                            value_words(check->arena, value));
    }
    if (slots == NULL) {
        slots = own;
    }
    memset(slots, 0, object->count * sizeof(struct value *));
    good = check_members(check, object, value, slots, &seen);
    missing = object->required & ~seen;
    check_missing(check, object, missing);
    if (!good || missing != 0) {
        return false;
    }
    wrong = object->rule->holds == NULL ? NULL : object->rule->holds(object, slots);
    return wrong == NULL || check_failed(check, "%s", wrong);
}
