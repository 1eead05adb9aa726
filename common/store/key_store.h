// SPDX-License-Identifier: MIT
/*
 * key_store.h - the table idempotency_keys: what was sent under which Idempotency-Key.
 *
 * The answer to a repeated request is kept where its effect is (a chunk's verdict), so a key here
 * only tells whether the same thing is being said again.
 */
#ifndef PRT_STORE_KEY_STORE_H
#define PRT_STORE_KEY_STORE_H

#include "store/store.h"
#include "store/trace_store.h"

struct key_record {
    struct bytes tenant, scope, key;
    uint8_t      content_hash[STORE_HASH];
    int          http;
    int64_t      created_us;
};

/* Those of the asked keys (tenant, scope, key) that are stored. In the arena. */
WARN_UNUSED int keys_known(struct store *store, struct arena *arena, const struct key_record *asked,
                           size_t count, struct key_record **ret_rows, size_t *ret_count,
                           struct err *err);

/* A key that is there already stays as it is. */
WARN_UNUSED int keys_add(struct store *store, struct arena *arena, const struct key_record *rows,
                         size_t count, struct err *err);

/* Forgets up to `most` keys that are older; *ret_count: how many. */
WARN_UNUSED int keys_expire(struct store *store, struct arena *arena, int64_t before_us,
                            int64_t most, int64_t *ret_count, struct err *err);

extern const struct statement key_statements[];
extern const size_t           key_statement_count;

#endif
