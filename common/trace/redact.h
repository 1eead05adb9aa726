// SPDX-License-Identifier: MIT
/*
 * redact.h - secrets leave before anything is stored: found by the rules of schemas/redact.def and
 * replaced by "[REDACTED:<kind>]".
 *
 * Pure. Linear in the size of the text.
 */
#ifndef PRT_TRACE_REDACT_H
#define PRT_TRACE_REDACT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "value/value.h"

enum secret_kind {
#define SECRET_KIND(name) SECRET_##name,
#include "schemas/redact.def"
#undef SECRET_KIND
    SECRET_KINDS
};

struct redactions {
    uint32_t count[SECRET_KINDS];
};

const char *secret_kind_name(enum secret_kind kind); /* "private_key" */

/* The text itself when nothing was found (the usual case, no copy), else a new one in the arena. */
struct bytes redact_text(struct arena *arena, struct bytes text, struct redactions *redactions);

/* Every string of the tree and every name of a member, in place. */
void redact_value(struct arena *arena, struct value *value, struct redactions *redactions);

/* {"kind":n} of the kinds that were found, canonical, appended; {} for none. */
void redactions_write(struct buf *out, const struct redactions *redactions);

#endif
