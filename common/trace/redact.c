// SPDX-License-Identifier: MIT
#include "trace/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/secret.h"

static const char *const kind_names[] = {
#define SECRET_KIND(name) [SECRET_##name] = #name,
#include "schemas/redact.def"
#undef SECRET_KIND
};

const char *secret_kind_name(enum secret_kind kind)
{
    return kind_names[kind];
}

/* -------- which four bytes begin a closer look --------
 *
 * Nearly every byte of a trace belongs to no secret, so what counts is how fast it is passed over:
 * four bytes are hashed, whatever their case, and looked up. Rules of one place form a list. */

enum { GRAM_BYTES = 4, PLACE_BITS = 13, PLACES = 1 << PLACE_BITS, RULES_MOST = 255 };

static uint8_t places[PLACES]; /* index + 1 of the first link */
static struct {
    uint8_t rule;
    uint8_t next;
} links[RULES_MOST];
static size_t link_count;

static inline uint32_t place_of(const uint8_t *at)
{
    uint32_t gram;

    memcpy(&gram, at, sizeof(gram));
    return (gram | 0x20202020U) * 0x9e3779b1U >> (32 - PLACE_BITS);
}

static void add_link(size_t rule, uint32_t place)
{
    uint8_t head = places[place];

    if (head != 0 && links[head - 1].rule == rule) {
        return;
    }
    if (link_count == RULES_MOST) {
        (void)fprintf(stderr, "schemas/redact.def: too many rules\n");
        abort();
    }
    links[link_count].rule = (uint8_t)rule;
    links[link_count].next = head;
    places[place] = (uint8_t)++link_count;
}

/* An anchor of three bytes is looked for with every byte that may follow. */
__attribute__((constructor)) static void make_places(void)
{
    for (size_t i = 0; i < secret_rule_count; i++) {
        const struct secret_rule *rule = &secret_rules[i];
        uint8_t                   gram[GRAM_BYTES];
        size_t                    size = rule->anchor.size - rule->at;

        if (size >= GRAM_BYTES) {
            add_link(i, place_of(rule->anchor.data + rule->at));
            continue;
        }
        memcpy(gram, rule->anchor.data + rule->at, GRAM_BYTES - 1);
        for (unsigned last = 0x20; last < 0x80; last++) {
            if ((last & 0x20) != 0) {
                gram[GRAM_BYTES - 1] = (uint8_t)last;
                add_link(i, place_of(gram));
            }
        }
    }
}

/* The next position at or behind `at` whose four bytes may be of an anchor; text.size if none. */
static size_t next_place(struct bytes text, size_t at)
{
    while (at + 2 * GRAM_BYTES - 1 <= text.size) {
        const uint8_t *here = text.data + at;

        if ((places[place_of(here)] | places[place_of(here + 1)] | places[place_of(here + 2)] |
             places[place_of(here + 3)]) != 0) {
            break;
        }
        at += GRAM_BYTES;
    }
    for (; at + GRAM_BYTES <= text.size; at++) {
        if (places[place_of(text.data + at)] != 0) {
            return at;
        }
    }
    return text.size;
}

/* -------- finding and replacing -------- */

static const struct secret_rule *secret_at(struct bytes text, size_t floor, size_t at,
                                           struct secret_span *ret_span)
{
    for (uint8_t link = places[place_of(text.data + at)]; link != 0; link = links[link - 1].next) {
        const struct secret_rule *rule = &secret_rules[links[link - 1].rule];
        struct secret_place       place = {.rule = rule, .text = text, .floor = floor};

        if (at < floor + rule->at) {
            continue;
        }
        place.at = at - rule->at;
        place.after = place.at + rule->anchor.size;
        if (secret_anchor_at(rule, text, place.at) && rule->find(&place, ret_span) &&
            ret_span->from >= floor) {
            return rule;
        }
    }
    return NULL;
}

const struct secret_rule *secret_next(struct bytes text, size_t floor, struct secret_span *ret_span)
{
    for (size_t at = next_place(text, floor); at < text.size; at = next_place(text, at + 1)) {
        const struct secret_rule *rule = secret_at(text, floor, at, ret_span);

        if (rule != NULL) {
            return rule;
        }
    }
    return NULL;
}

struct bytes redact_text(struct arena *arena, struct bytes text, struct redactions *redactions)
{
    CLEANUP(buf) struct buf   out = {0};
    const struct secret_rule *rule;
    struct secret_span        span;
    size_t                    done = 0; /* up to here is in `out` */

    while ((rule = secret_next(text, done, &span)) != NULL) {
        buf_put(&out, (struct bytes){text.data + done, span.from - done});
        buf_format(&out, "[REDACTED:%s]", kind_names[rule->kind]);
        redactions->count[rule->kind]++;
        done = span.to;
    }
    if (done == 0) {
        return text;
    }
    buf_put(&out, (struct bytes){text.data + done, text.size - done});
    return arena_bytes(arena, buf_bytes(&out));
}

static bool is_taken(const struct value *map, uint32_t but, struct bytes name)
{
    for (uint32_t i = 0; i < map->count; i++) {
        if (i != but && bytes_equal(map->as.members[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Two names that held secrets must not become one. */
static void redact_name(struct arena *arena, struct value *map, uint32_t at,
                        struct redactions *redactions)
{
    struct value_member *member = &map->as.members[at];
    struct bytes         name = redact_text(arena, member->name, redactions);
    struct bytes         free_name = name;

    if (name.data == member->name.data) {
        return;
    }
    for (unsigned n = 2; is_taken(map, at, free_name); n++) {
        free_name = bytes_of(
            arena_format(arena, "%.*s %u", (int)name.size, (const char *)name.data, n));
    }
    member->name = free_name;
}

void redact_value(struct arena *arena, struct value *value, struct redactions *redactions)
{
    switch (value->kind) {
    case VALUE_TEXT:
        value->as.text = redact_text(arena, value->as.text, redactions);
        return;
    case VALUE_LIST:
        for (uint32_t i = 0; i < value->count; i++) {
            redact_value(arena, &value->as.items[i], redactions);
        }
        return;
    case VALUE_MAP:
        for (uint32_t i = 0; i < value->count; i++) {
            redact_name(arena, value, i, redactions);
            redact_value(arena, &value->as.members[i].value, redactions);
        }
        return;
    default:
        return;
    }
}

void redactions_write(struct buf *out, const struct redactions *redactions)
{
    uint8_t before = '{';

    for (size_t i = 0; i < SECRET_KINDS; i++) { /* their order is canonical */
        if (redactions->count[i] > 0) {
            buf_put_byte(out, before);
            buf_format(out, "\"%s\":%u", kind_names[i], redactions->count[i]);
            before = ',';
        }
    }
    buf_put_text(out, before == '{' ? "{}" : "}");
}
