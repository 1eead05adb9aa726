// SPDX-License-Identifier: MIT
/*
 * home_store.h - by which word the object store is known that holds what the rows name.
 */
#ifndef PRT_STORE_HOME_STORE_H
#define PRT_STORE_HOME_STORE_H

#include "store/store.h"

/* *ret_word is NULL where none is known yet; else in the arena. */
WARN_UNUSED int home_read(struct store *store, struct arena *arena, const char **ret_word,
                          struct err *err);

/* Inside a transaction: one process at a time until its end. */
WARN_UNUSED int home_lock(struct store *store, struct err *err);
WARN_UNUSED int home_save(struct store *store, struct arena *arena, const char *word,
                          struct err *err);

extern const struct statement home_statements[];
extern const size_t           home_statement_count;

#endif
