// SPDX-License-Identifier: MIT
/*
 * api_key_store.h - the table api_keys as prt keys keeps it: keys by the SHA-256 of their text,
 * which itself is stored nowhere. A revoked key's row stays.
 */
#ifndef PRT_STORE_API_KEY_STORE_H
#define PRT_STORE_API_KEY_STORE_H

#include "store/store.h"

struct api_key {
    const char *hash; /* 64 hex digits; the first 12 are its name for people */
    const char *tenant, *role, *label;
    int64_t     created_us, revoked_us; /* 0: in force */
};

WARN_UNUSED int api_key_add(struct store *store, struct arena *arena, const uint8_t hash[32],
                            const struct api_key *key, struct err *err);

/* All of them, the oldest first. */
WARN_UNUSED int api_keys_list(struct store *store, struct arena *arena, struct api_key **ret_keys,
                              size_t *ret_count, struct err *err);

/* Those whose hash begins so: *ret_count of them are there; revoked is only one that stands alone.
 * Revoking a revoked key changes nothing. */
WARN_UNUSED int api_key_revoke(struct store *store, struct arena *arena, const char *hash_start,
                               int64_t now_us, int64_t *ret_count, struct err *err);

extern const struct statement api_key_statements[];
extern const size_t           api_key_statement_count;

#endif
