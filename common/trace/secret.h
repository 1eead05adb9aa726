// SPDX-License-Identifier: MIT
/*
 * secret.h - the rules of schemas/redact.def: is there a secret around this anchor?
 *
 * Each looks at a bounded stretch around the anchor, or at one that no other anchor of the same rule
 * looks at, so that the whole stays linear in the size of the text. Pure.
 */
#ifndef PRT_TRACE_SECRET_H
#define PRT_TRACE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "trace/redact.h"

struct secret_rule;

/* One place: the anchor of `rule` begins at `at` and ends at `after`. Nothing before `floor` may be
 * taken (it was replaced already). */
struct secret_place {
    const struct secret_rule *rule;
    struct bytes              text;
    size_t                    floor;
    size_t                    at, after;
};

/* What is to be replaced. */
struct secret_span {
    size_t from, to;
};

struct secret_rule {
    enum secret_kind kind;
    struct bytes     anchor;
    size_t           at;       /* where in the anchor the bytes begin that are looked for first */
    bool             any_case;
    bool (*find)(const struct secret_place *place, struct secret_span *ret_span);
    bool (*is_char)(uint8_t c);
    size_t      least, most;
    const char *good, *bad; /* samples, for the tests */
};

extern const struct secret_rule secret_rules[];
extern const size_t             secret_rule_count;

/* The first secret at or behind `floor`, before which nothing is taken; NULL if there is none. */
const struct secret_rule *secret_next(struct bytes text, size_t floor,
                                      struct secret_span *ret_span);

/* -------- letters, for every file of rules -------- */
bool char_is_digit(uint8_t c);
bool char_is_letter(uint8_t c);
bool char_is_word(uint8_t c);  /* letter, digit or _ */
bool char_is_value(uint8_t c); /* of a value without quotes */
bool char_is_base64(uint8_t c);

bool secret_text_at(struct bytes text, size_t at, const char *what);

/* Does the anchor stand here? In any case if its rule says so. */
bool secret_anchor_at(const struct secret_rule *rule, struct bytes text, size_t at);

/* assigned.c: a literal behind a name. */
bool secret_assigned(const struct secret_place *place, struct secret_span *ret_span);
bool secret_mixed(const struct secret_place *place, struct secret_span *ret_span);

/* private_key.c: from its header on; back from its footer. */
bool secret_private_key(const struct secret_place *place, struct secret_span *ret_span);
bool secret_key_tail(const struct secret_place *place, struct secret_span *ret_span);

/* stand_in.c: a variable, a template, the name of a field, "changeme", "xxxx"; "12345678", "fedcba". */
bool secret_is_placeholder(struct bytes value);
bool secret_is_sequence(struct bytes value);

/* Does a token of another rule begin here? It has a better name for it. */
bool secret_token_begins(struct bytes text, size_t at);

#endif
