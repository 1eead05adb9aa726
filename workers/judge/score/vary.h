// SPDX-License-Identifier: MIT
/*
 * vary.h - the same session told differently: what must not change a judge's mind.
 *
 * Pure but for the arena.
 */
#ifndef PRT_JUDGE_VARY_H
#define PRT_JUDGE_VARY_H

#include "base/arena.h"
#include "value/value.h"

enum variation {
    VARY_PADDING,    /* a note that says nothing behind every event */
    VARY_RENAMING,   /* other names for the files */
    VARY_REORDERING, /* neighbours change places where neither changes nor tests anything */
    VARY_PRAISE,     /* notes that praise the session and ask for full scores */
    VARIATIONS
};
const char *variation_name(enum variation variation); /* "padding" */

/* A new document; the old one's parts are shared. Sequence numbers are doubled where events are put
 * between, in qa.claims too. */
struct value vary(struct arena *arena, const struct value *document, enum variation variation);

#endif
