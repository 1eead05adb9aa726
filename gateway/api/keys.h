// SPDX-License-Identifier: MIT
/*
 * keys.h - API keys: a copy of the api_keys table in memory, read again every few seconds.
 *
 * Kept by the SHA-256 of the key, and compared in constant time. While the database is away the
 * copy stays in force. Safe from any thread.
 */
#ifndef PRT_GATEWAY_API_KEYS_H
#define PRT_GATEWAY_API_KEYS_H

#include <stdbool.h>

#include "base/err.h"
#include "gateway/api/caller.h"
#include "store/store.h"

struct keys;

/* dev_key: accept CONFIG_DEV_KEY as tenant `dev` in every role. */
struct keys *keys_new(bool dev_key);
void         keys_free(struct keys *keys);
DEFINE_CLEANUP(keys, struct keys *, keys_free)

/* Fills in roles, tenant (which lives in the arena) and rate. False: no such key in the copy. */
bool keys_find(struct keys *keys, struct arena *arena, const char *secret, struct caller *caller);

/* Reads the table again unless somebody has done so since `since_us` (clock_mono_us). */
WARN_UNUSED int keys_refresh(struct keys *keys, struct store *store, int64_t since_us,
                             struct err *err);
/* Is it time for the next reading? True for one caller only. */
bool keys_due(struct keys *keys);

/* Was the table read a moment ago, so that a key which is not in the copy is none? If not, it is
 * due from now on. */
bool keys_fresh(struct keys *keys);

#endif
