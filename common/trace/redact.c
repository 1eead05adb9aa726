// SPDX-License-Identifier: MIT
#include "trace/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
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

/* -------- names --------
 *
 * Two names that held secrets must not become one: the second gets a number. Whoever sends a map of
 * nothing but such names must not get more than a look or two at each, so the names that are taken
 * lie in a table, by a hash that a sender can't aim at, with the number to be tried next. */

struct taken_name {
    struct bytes name; /* data NULL: nobody's place */
    unsigned     next;
};

struct taken_names {
    struct taken_name *places;
    size_t             room; /* a power of two; at least half of it stays empty */
    struct hmac       *hmac; /* NULL until a name was replaced */
};

/* The place that holds the name, or the empty one where it would be. */
static struct taken_name *place_of_name(const struct taken_names *taken, struct bytes name)
{
    uint8_t  hash[HASH_BYTES];
    uint64_t at;

    hmac_of(taken->hmac, &name, 1, hash);
    memcpy(&at, hash, sizeof(at));
    for (at &= taken->room - 1; taken->places[at].name.data != NULL;
         at = (at + 1) & (taken->room - 1)) {
        if (bytes_equal(taken->places[at].name, name)) {
            break;
        }
    }
    return &taken->places[at];
}

static bool take_name(struct taken_names *taken, struct bytes name)
{
    struct taken_name *place = place_of_name(taken, name);

    if (place->name.data != NULL) {
        return false;
    }
    *place = (struct taken_name){name, 2};
    return true;
}

/* All names of the map, with room for as many new ones. */
static void take_names(struct taken_names *taken, struct arena *arena, const struct value *map)
{
    uint8_t seed[HASH_BYTES];

    random_bytes(seed, sizeof(seed));
    taken->hmac = hmac_new((struct bytes){seed, sizeof(seed)});
    for (taken->room = 8; taken->room < 4 * (size_t)map->count; taken->room *= 2) {
    }
    taken->places = arena_zero(arena, taken->room, sizeof(*taken->places));
    for (uint32_t i = 0; i < map->count; i++) {
        (void)take_name(taken, map->as.members[i].name);
    }
}

static struct bytes free_name(struct taken_names *taken, struct arena *arena, struct bytes name)
{
    struct taken_name *place;

    if (take_name(taken, name)) {
        return name;
    }
    place = place_of_name(taken, name);
    for (;;) {
        struct bytes numbered = bytes_of(
            arena_format(arena, "%.*s %u", (int)name.size, (const char *)name.data, place->next++));

        if (take_name(taken, numbered)) {
            return numbered;
        }
    }
}

static void redact_names(struct arena *arena, struct value *map, struct redactions *redactions)
{
    struct taken_names taken = {0};

    for (uint32_t i = 0; i < map->count; i++) {
        struct value_member *member = &map->as.members[i];
        struct bytes         name = redact_text(arena, member->name, redactions);

        if (name.data == member->name.data) {
            continue;
        }
        if (taken.hmac == NULL) {
            take_names(&taken, arena, map);
        }
        member->name = free_name(&taken, arena, name);
    }
    hmac_free(taken.hmac);
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
        redact_names(arena, value, redactions);
        for (uint32_t i = 0; i < value->count; i++) {
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
