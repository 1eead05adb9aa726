// SPDX-License-Identifier: MIT
/*
 * store.h - one connection to PostgreSQL: prepared statements, transactions.
 *
 * What we ask of a table stands in a table at the head of the one *_store.c that owns it; statements
 * are prepared by name on first use, and again after a reconnect. A lost connection is STORE_DOWN,
 * rolls back whatever was open, and the next call connects anew. Serialization failures and
 * deadlocks are STORE_CLASH, unique violations STORE_CLASH too (store_clash_constraint tells which);
 * a schema that does not fit is STORE_BEHIND.
 *
 * A struct store is for one thread.
 */
#ifndef PRT_STORE_STORE_H
#define PRT_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct store;

WARN_UNUSED int store_open(struct store **ret_store, const char *url, const char *program,
                           struct err *err);
void            store_close(struct store *store);
DEFINE_CLEANUP(store, struct store *, store_close)
WARN_UNUSED int store_check(struct store *store, int64_t timeout_ms, struct err *err);
/* How long an answer may take before the connection is given up: STORE_DOWN. */
void            store_wait_at_most(struct store *store, int64_t timeout_ms);
/* How often it has connected: what was read by another connection may be of another server. */
int64_t         store_connects(const struct store *store);

/* Of a statement that can be done in but one way, whatever is in its tables: inside a transaction it
 * is not planned anew each time. */
enum { PLAN_KEPT = 1 << 8 };

struct statement {
    const char *name;
    const char *sql;
    int         params; /* how many; or PLAN_KEPT | how many */
};

/* -------- arguments: built in order on the stack; at most STORE_ARGS; they borrow -------- */
enum { STORE_ARGS = 24 };
struct args {
    struct arena *arena;
    int           count;
    const char   *value[STORE_ARGS];
    int           length[STORE_ARGS];
    int           format[STORE_ARGS]; /* 0 text, 1 binary */
    uint32_t      type[STORE_ARGS];   /* OIDs where the server can't infer */
};
struct args args_start(struct arena *arena);
void        args_text(struct args *args, const char *text); /* NULL: SQL NULL */
void        args_bytes_text(struct args *args, struct bytes text);
void        args_whole(struct args *args, int64_t whole); /* bigint */
void        args_flag(struct args *args, bool flag);
void        args_real(struct args *args, double real); /* double precision */
void        args_bin(struct args *args, struct bytes bin); /* bytea */
void        args_null(struct args *args);
/* Arrays, for statements that work on many rows at once with unnest. A NULL element is data NULL. */
void        args_text_array(struct args *args, const struct bytes *items, size_t count);
void        args_whole_array(struct args *args, const int64_t *items, size_t count);
void        args_bin_array(struct args *args, const struct bytes *items, size_t count);

/* -------- running: an argument is fitted to the width of the column it goes to, or refused -------- */
struct rows;
WARN_UNUSED int store_run(struct store *store, const struct statement *statement,
                          const struct args *args, struct rows **ret_rows, struct err *err);
/* Inside a transaction: sends a statement whose rows nobody wants, and does not wait. What waits for
 * the server next (store_run, store_wait, store_commit) fails where this one fails, or
 * where it affects another number of rows than `affects` (-1: any). store_push: the server begins with
 * what was sent, if it has not yet, while the caller does something else. */
WARN_UNUSED int store_send(struct store *store, const struct statement *statement,
                           const struct args *args, int64_t affects, struct err *err);
WARN_UNUSED int store_push(struct store *store, struct err *err);
WARN_UNUSED int store_wait(struct store *store, struct err *err);
/* Only asks the server whether it understands the statement. */
WARN_UNUSED int store_prepare(struct store *store, const struct statement *statement,
                              struct err *err);
void            rows_free(struct rows *rows);
DEFINE_CLEANUP(rows, struct rows *, rows_free)
size_t          rows_count(const struct rows *rows);
int64_t         rows_affected(const struct rows *rows);
bool            rows_null(const struct rows *rows, size_t row, int column);
int64_t         rows_whole(const struct rows *rows, size_t row, int column); /* int2, int4, int8 */
double          rows_real(const struct rows *rows, size_t row, int column);
bool            rows_flag(const struct rows *rows, size_t row, int column);
struct bytes    rows_bytes(const struct rows *rows, size_t row, int column); /* text, bytea, json, uuid: borrowed */
const char     *rows_text(const struct rows *rows, size_t row, int column);  /* borrowed, NUL-ended */

/* -------- transactions: rolled back at the end of the scope unless committed. The server hears of
 * one with its first statement -------- */
WARN_UNUSED int store_begin(struct store *store, struct err *err);
WARN_UNUSED int store_commit(struct store *store, struct err *err);
void            store_rollback(struct store *store); /* no-op when none is open */
DEFINE_CLEANUP(store_rollback, struct store *, store_rollback)
const char     *store_clash_constraint(const struct store *store); /* of the last STORE_CLASH, or "" */

/* -------- migrations: schemas/sql/NNNN_*.sql, compiled in, in order, under an advisory lock -------- */
struct migration {
    int         number;
    const char *name;
    const char *sql;
};
extern const struct migration store_migrations[];
extern const size_t           store_migration_count;
/* *ret_applied: how many were new. STORE_BEHIND when the database is newer than this program. */
WARN_UNUSED int store_migrate(struct store *store, int *ret_applied, struct err *err);
/* STORE_BEHIND unless the database is at exactly this program's schema. */
WARN_UNUSED int store_schema_check(struct store *store, struct err *err);

#endif
