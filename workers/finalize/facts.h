// SPDX-License-Identifier: MIT
/*
 * facts.h - the few members of a line that a document's numbers need, found without a tree.
 *
 * A tree of each line took two thirds of a document's CPU (4 us an event); this takes 0.3. It looks
 * at no more than where members begin and end, and may: the chain proves that the lines are those
 * that validate wrote from checked trees. What is no canonical object is refused where it is seen.
 *
 * Pure. Never reads outside of the line.
 */
#ifndef PRT_WORKERS_FINALIZE_FACTS_H
#define PRT_WORKERS_FINALIZE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct facts {
    int64_t      seq;             /* -1: none, or not a whole number */
    struct bytes id;
    int          type;            /* enum event_type, or -1 */
    double       at_s;            /* ts_client_s, or 0 */
    struct bytes file_path, diff; /* of a file_edit, else empty */
};

/* False if it is no object in canonical form, as far as that was looked at. The texts lie in the
 * line or in `texts`, which is overwritten. */
bool facts_read(struct bytes line, struct buf *texts, struct facts *ret_facts);

#endif
