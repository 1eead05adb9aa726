// SPDX-License-Identifier: MIT
#include "blob/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct entity {
    const char *name;
    char        means;
} entities[] = {
    {"&amp;", '&'},   {"&lt;", '<'},  {"&gt;", '>'},   {"&quot;", '"'},
    {"&apos;", '\''}, {"&#34;", '"'}, {"&#39;", '\''},
};

/* Skips to just behind `tag` ("<Key" or "</Key") where a tag of that name really ends. */
static bool skip_tag(struct bytes *rest, const char *tag, const uint8_t **ret_begin)
{
    size_t size = strlen(tag);

    for (;;) {
        const uint8_t *at = rest->size == 0 ? NULL : memmem(rest->data, rest->size, tag, size);
        const uint8_t *end;
        size_t         left;

        if (at == NULL) {
            return false;
        }
        left = rest->size - (size_t)(at - rest->data) - size;
        *rest = (struct bytes){at + size, left};
        if (left == 0) {
            return false;
        }
        if (strchr("> \t\r\n/", at[size]) == NULL || at[size] == '\0') {
            continue; /* a longer name that begins the same */
        }
        end = memchr(rest->data, '>', left);
        if (end == NULL) {
            return false;
        }
        *ret_begin = at;
        *rest = (struct bytes){end + 1, left - (size_t)(end + 1 - rest->data)};
        return true;
    }
}

bool xml_next(struct bytes *rest, const char *name, struct bytes *ret_inside)
{
    char           tag[64];
    const uint8_t *begin;
    const uint8_t *inside;

    (void)snprintf(tag, sizeof(tag), "<%s", name);
    if (!skip_tag(rest, tag, &begin)) {
        return false;
    }
    inside = rest->data;
    if (inside[-2] == '/') {
        *ret_inside = (struct bytes){inside, 0}; /* <name/> */
        return true;
    }
    (void)snprintf(tag, sizeof(tag), "</%s", name);
    if (!skip_tag(rest, tag, &begin)) {
        return false;
    }
    *ret_inside = (struct bytes){inside, (size_t)(begin - inside)};
    return true;
}

const char *xml_text(struct arena *arena, struct bytes xml, const char *name)
{
    struct bytes inside;
    char        *text;
    char        *to;

    if (!xml_next(&xml, name, &inside)) {
        return NULL;
    }
    text = arena_text(arena, inside);
    to = text;
    for (const char *from = text; *from != '\0';) {
        size_t which = 0;

        while (which < COUNT_OF(entities) &&
               strncmp(from, entities[which].name, strlen(entities[which].name)) != 0) {
            which++;
        }
        if (which < COUNT_OF(entities)) {
            from += strlen(entities[which].name);
            *to++ = entities[which].means;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return text;
}
