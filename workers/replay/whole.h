// SPDX-License-Identifier: MIT
/*
 * whole.h - does what is stored of a trace fit together: its row, its chunks, their lines, the
 * index?
 *
 * Reads every stored line once. Knows nothing of the stream: a trace can be whole and still lack
 * what was sent last.
 */
#ifndef PRT_WORKERS_REPLAY_WHOLE_H
#define PRT_WORKERS_REPLAY_WHOLE_H

#include "blob/blob.h"
#include "store/trace_store.h"
#include "trace/chain.h"

struct whole {
    struct store      *store;
    struct blob_store *blob;
    struct hmac       *hmac; /* of the chain key */
    struct arena      *arena;
};

/* *ret_damage is NULL, or says in words what is missing or wrong. -1 only where that can't be told:
 * an outage. */
WARN_UNUSED int whole_check(const struct whole *whole, const struct trace_record *row,
                            const char **ret_damage, struct err *err);

/* The chain over the first `most` stored lines, or over all of them if there are fewer. What
 * whole_check calls damage is an error here. */
WARN_UNUSED int whole_chain(const struct whole *whole, const struct trace_record *row, int64_t most,
                            struct chain_head *ret_head, struct err *err);

#endif
