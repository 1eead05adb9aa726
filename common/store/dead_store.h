// SPDX-License-Identifier: MIT
/*
 * dead_store.h - the table dead_outbox: events refused after they had been answered "pending", on
 * their way to the dead letters. Written by validate under the lock of the trace's row.
 *
 * Rows live in the arena given to the call.
 */
#ifndef PRT_STORE_DEAD_STORE_H
#define PRT_STORE_DEAD_STORE_H

#include "store/store.h"

struct dead_record {
    int64_t      letter_no; /* reading only */
    int64_t      trace_no, stream_seq, stored_us;
    const char  *tenant, *trace; /* reading only */
    const char  *code;           /* error's name */
    const char  *story;
    struct bytes message;
};

/* Inside the transaction that refused them. */
WARN_UNUSED int dead_add(struct store *store, struct arena *arena, const struct dead_record *rows,
                         size_t count, struct err *err);

/* Up to `most`, oldest first, locked until the end of the transaction: nobody else gets them
 * meanwhile, and who erases their trace waits. */
WARN_UNUSED int dead_take(struct store *store, struct arena *arena, size_t most,
                          struct dead_record **ret_rows, size_t *ret_count, struct err *err);

WARN_UNUSED int dead_forget(struct store *store, struct arena *arena, const int64_t *letter_nos,
                            size_t count, struct err *err);

extern const struct statement dead_statements[];
extern const size_t           dead_statement_count;

#endif
