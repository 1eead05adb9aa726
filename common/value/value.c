// SPDX-License-Identifier: MIT
#include "value/value.h"

#include <string.h>

struct value value_null(void)
{
    return (struct value){.kind = VALUE_NULL};
}

struct value value_flag(bool flag)
{
    return (struct value){.kind = VALUE_FLAG, .as.flag = flag};
}

struct value value_whole(int64_t whole)
{
    return (struct value){.kind = VALUE_WHOLE, .as.whole = whole};
}

struct value value_real(double real)
{
    return (struct value){.kind = VALUE_REAL, .as.real = real};
}

struct value value_text(const char *text)
{
    return value_bytes(bytes_of(text));
}

struct value value_bytes(struct bytes text)
{
    return (struct value){.kind = VALUE_TEXT, .as.text = text};
}

struct value value_list(void)
{
    return (struct value){.kind = VALUE_LIST};
}

struct value value_map(void)
{
    return (struct value){.kind = VALUE_MAP};
}

/* The arena takes nothing back: doubling wastes at most as much again as the list holds. */
static void *grow(struct arena *arena, struct value *container, void *old, size_t each)
{
    void *more;

    if (container->count < container->room) {
        return old;
    }
    if (container->room > UINT32_MAX / 2) {
        mem_gone(SIZE_MAX);
    }
    container->room = container->room == 0 ? 4 : container->room * 2;
    if (container->room <= container->count) { /* it was read, not built: room is 0 */
        container->room = container->count + 4;
    }
    more = arena_get(arena, container->room * each);
    if (container->count > 0) {
        memcpy(more, old, container->count * each);
    }
    return more;
}

void value_append(struct arena *arena, struct value *list, struct value item)
{
    list->as.items = grow(arena, list, list->as.items, sizeof(item));
    list->as.items[list->count++] = item;
}

void value_put(struct arena *arena, struct value *map, const char *name, struct value item)
{
    map->as.members = grow(arena, map, map->as.members, sizeof(struct value_member));
    map->as.members[map->count++] = (struct value_member){bytes_of(name), item};
}

static const struct value *member(const struct value *map, struct bytes name)
{
    if (map == NULL || map->kind != VALUE_MAP) {
        return NULL;
    }
    for (uint32_t i = 0; i < map->count; i++) {
        if (bytes_equal(map->as.members[i].name, name)) {
            return &map->as.members[i].value;
        }
    }
    return NULL;
}

const struct value *value_get(const struct value *map, const char *name)
{
    return member(map, bytes_of(name));
}

bool value_is_text(const struct value *value, const char *text)
{
    return value != NULL && value->kind == VALUE_TEXT && bytes_is(value->as.text, text);
}

struct bytes value_text_or(const struct value *value, const char *otherwise)
{
    if (value != NULL && value->kind == VALUE_TEXT) {
        return value->as.text;
    }
    return bytes_of(otherwise);
}

int64_t value_whole_or(const struct value *value, int64_t otherwise)
{
    return value != NULL && value->kind == VALUE_WHOLE ? value->as.whole : otherwise;
}

double value_real_or(const struct value *value, double otherwise)
{
    if (value != NULL && value->kind == VALUE_WHOLE) {
        return (double)value->as.whole;
    }
    return value != NULL && value->kind == VALUE_REAL ? value->as.real : otherwise;
}

bool value_flag_or(const struct value *value, bool otherwise)
{
    return value != NULL && value->kind == VALUE_FLAG ? value->as.flag : otherwise;
}

/* Is this member's name the pointer's token, with ~1 for / and ~0 for ~ ? */
static bool is_token(struct bytes name, const char *token, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < size; i++, at++) {
        char c = token[i];

        if (c == '~') {
            i++;
            if (i == size || (token[i] != '0' && token[i] != '1')) {
                return false;
            }
            c = token[i] == '0' ? '~' : '/';
        }
        if (at >= name.size || name.data[at] != (uint8_t)c) {
            return false;
        }
    }
    return at == name.size;
}

static const struct value *item_at(const struct value *list, const char *token, size_t size)
{
    uint64_t index = 0;

    if (size == 0 || size > 10 || (token[0] == '0' && size > 1)) {
        return NULL;
    }
    for (size_t i = 0; i < size; i++) {
        if (token[i] < '0' || token[i] > '9') {
            return NULL;
        }
        index = index * 10 + (uint64_t)(token[i] - '0');
    }
    return index < list->count ? &list->as.items[index] : NULL;
}

static const struct value *step(const struct value *value, const char *token, size_t size)
{
    if (value->kind == VALUE_LIST) {
        return item_at(value, token, size);
    }
    for (uint32_t i = 0; value->kind == VALUE_MAP && i < value->count; i++) {
        if (is_token(value->as.members[i].name, token, size)) {
            return &value->as.members[i].value;
        }
    }
    return NULL;
}

const struct value *value_at(const struct value *value, const char *pointer)
{
    while (value != NULL && *pointer != '\0') {
        size_t size;

        if (*pointer != '/') {
            return NULL;
        }
        pointer++;
        size = strcspn(pointer, "/");
        value = step(value, pointer, size);
        pointer += size;
    }
    return value;
}
