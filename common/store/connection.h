// SPDX-License-Identifier: MIT
/*
 * connection.h - the inside of struct store, for the files of this folder alone.
 *
 * states of a connection:
 *
 *   none --connect--> idle --store_begin--> open --store_commit, store_rollback--> idle
 *                      |                     |
 *                      +-----lost----> none  +--lost--> lost --store_rollback--> none
 *
 * In `lost` every call fails until the caller has left its transaction: nothing that was meant to
 * be inside it can slip into a new connection and commit by itself. The server hears of a transaction
 * with its first statement (`begin_owed` until then); before that none is lost.
 */
#ifndef PRT_STORE_CONNECTION_H
#define PRT_STORE_CONNECTION_H

#include <libpq-fe.h>

#include "store/store.h"

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_JSON = 114,
    OID_FLOAT8 = 701,
    OID_BYTEA_ARRAY = 1001,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_VARCHAR = 1043,
    OID_UUID = 2950,
    OID_UUID_ARRAY = 2951
};

struct prepared {
    const struct statement *statement;
    Oid                     param[STORE_ARGS]; /* what the server made of each $n */
};

/* A statement whose answer has not been read. */
struct sent {
    const char *what;
    int64_t     affects; /* rows; -1: any number */
};

struct store {
    char            *url;
    char            *program;
    PGconn          *conn;
    int64_t          connects; /* ever */
    bool             in_transaction;
    bool             begin_owed; /* the server does not know of it yet */
    bool             keeps_plans; /* the server; not so outside a transaction */
    bool             lost; /* the connection went away inside a transaction */
    int64_t          timeout_ms;
    char             constraint[64];
    struct prepared *prepared;
    size_t           prepared_count, prepared_room;
    struct sent     *sent;
    size_t           sent_count, sent_room;
    bool             pushed;  /* with the end of them: nothing can be sent behind them */
};

static inline void result_free(PGresult *result)
{
    PQclear(result);
}
DEFINE_CLEANUP(result, PGresult *, result_free)

static inline int statement_params(const struct statement *statement)
{
    return statement->params & ~PLAN_KEPT;
}

static inline bool statement_keeps_plan(const struct statement *statement)
{
    return (statement->params & PLAN_KEPT) != 0;
}

/* Connects unless connected. */
WARN_UNUSED int connection_want(struct store *store, struct err *err);

/* Drops the connection; inside a transaction the store is then `lost`. */
void connection_drop(struct store *store);

/* Waits for what the server says to what was sent, and for the end of it: the last result, or the
 * first that failed; NULL if it says nothing. A COPY's "ready for data" is a result too. */
WARN_UNUSED int connection_read(struct store *store, const char *what, PGresult **ret_result,
                                struct err *err);
bool            connection_result_good(const PGresult *result);

/* The same; a failed result is an error. */
WARN_UNUSED int connection_result(struct store *store, const char *what, PGresult **ret_result,
                                  struct err *err);

/* One SQL text without parameters (several statements with ; between). */
WARN_UNUSED int connection_exec(struct store *store, const char *sql, const char *what,
                                PGresult **ret_result, struct err *err);

/* -------- pipeline.c -------- */

/* From here on what is sent is to be noted, and read by pipeline_wait. Begins what is owed. */
WARN_UNUSED int pipeline_open(struct store *store, struct err *err);
/* Has the server keep its plans from here on, or not. */
WARN_UNUSED int pipeline_plan(struct store *store, bool keep, struct err *err);
void            pipeline_note(struct store *store, const char *what, int64_t affects);
/* Waits for all of it; *ret_last (may be NULL) is what the last one gave. */
WARN_UNUSED int pipeline_wait(struct store *store, PGresult **ret_last, struct err *err);

/* Turns a failed result, or a broken connection when result is NULL, into a row. */
int connection_failed(struct store *store, const char *what, const PGresult *result,
                      struct err *err);

#endif
