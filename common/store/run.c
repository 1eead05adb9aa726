// SPDX-License-Identifier: MIT
#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/connection.h"

/* -------------------------------- preparing -------------------------------- */

static bool type_readable(Oid type)
{
    switch (type) {
    case OID_BOOL:
    case OID_BYTEA:
    case OID_NAME:
    case OID_INT8:
    case OID_INT2:
    case OID_INT4:
    case OID_TEXT:
    case OID_JSON:
    case OID_FLOAT8:
    case OID_VARCHAR:
    case OID_UUID:
        return true;
    default:
        return false;
    }
}

/* What the server made of the statement: the types of its parameters, which arguments are fitted
 * to, and of its columns, which the readers below must be able to read. */
static int statement_learn(struct store *store, const struct statement *statement,
                           struct prepared *ret_prepared, struct err *err)
{
    CLEANUP(result) PGresult *shape = NULL;

    if (PQsendDescribePrepared(store->conn, statement->name) == 0) {
        return connection_failed(store, statement->name, NULL, err);
    }
    TRY(connection_result(store, statement->name, &shape, err));
    if (PQnparams(shape) != statement_params(statement) || PQnparams(shape) > STORE_ARGS) {
        return err_set(err, ERR_BUG, "statement %s has %d parameters, its table says %d",
                       statement->name, PQnparams(shape), statement_params(statement));
    }
    for (int i = 0; i < PQnfields(shape); i++) {
        if (!type_readable(PQftype(shape, i))) {
            return err_set(err, ERR_BUG, "statement %s: column %s has type %u: cast it",
                           statement->name, PQfname(shape, i), PQftype(shape, i));
        }
    }
    ret_prepared->statement = statement;
    for (int i = 0; i < statement_params(statement); i++) {
        ret_prepared->param[i] = PQparamtype(shape, i);
    }
    return 0;
}

static int statement_want(struct store *store, const struct statement *statement,
                          const struct prepared **ret_prepared, struct err *err)
{
    CLEANUP(result) PGresult *result = NULL;
    struct prepared           learned = {0};

    for (size_t i = 0; i < store->prepared_count; i++) {
        if (store->prepared[i].statement == statement) {
            *ret_prepared = &store->prepared[i];
            return 0;
        }
    }
    if (store->sent_count > 0) {
        TRY(store_wait(store, err)); /* what is learned of it is read at once */
    }
    if (PQsendPrepare(store->conn, statement->name, statement->sql, 0, NULL) == 0) {
        return connection_failed(store, statement->name, NULL, err);
    }
    TRY(connection_result(store, statement->name, &result, err));
    TRY(statement_learn(store, statement, &learned, err));
    if (store->prepared_count == store->prepared_room) {
        store->prepared_room = store->prepared_room == 0 ? 32 : store->prepared_room * 2;
        store->prepared =
            mem_more(store->prepared, store->prepared_room * sizeof(*store->prepared));
    }
    store->prepared[store->prepared_count] = learned;
    *ret_prepared = &store->prepared[store->prepared_count++];
    return 0;
}

int store_prepare(struct store *store, const struct statement *statement, struct err *err)
{
    const struct prepared *prepared = NULL;

    TRY(connection_want(store, err));
    return statement_want(store, statement, &prepared, err);
}

/* -------------------------------- arguments -------------------------------- */

static bool is_text(Oid type)
{
    return type == OID_TEXT || type == OID_VARCHAR || type == OID_NAME || type == OID_JSON;
}

/* A bigint into a narrower column; false if it does not fit there. */
static bool whole_narrow(struct args *args, int at, Oid type)
{
    uint64_t wire;
    int64_t  whole;

    memcpy(&wire, args->value[at], sizeof(wire));
    whole = (int64_t)be64toh(wire);
    if (type == OID_INT4 && whole == (int32_t)whole) {
        uint32_t *small = arena_get(args->arena, sizeof(*small));

        *small = htobe32((uint32_t)whole);
        args->value[at] = (const char *)small;
        args->length[at] = sizeof(*small);
        return true;
    }
    if (type == OID_INT2 && whole == (int16_t)whole) {
        uint16_t *small = arena_get(args->arena, sizeof(*small));

        *small = htobe16((uint16_t)whole);
        args->value[at] = (const char *)small;
        args->length[at] = sizeof(*small);
        return true;
    }
    return false;
}

/* Fits the arguments, on the caller's copy, to what the server expects. */
static int args_fit(struct args *args, const struct prepared *prepared, struct err *err)
{
    const struct statement *statement = prepared->statement;

    if (args->count != statement_params(statement)) {
        return err_set(err, ERR_BUG, "statement %s takes %d arguments, got %d", statement->name,
                       statement_params(statement), args->count);
    }
    for (int i = 0; i < args->count; i++) {
        Oid have = args->type[i];
        Oid want = prepared->param[i];

        if (args->value[i] == NULL || have == want || (is_text(have) && is_text(want)) ||
            (have == OID_BYTEA && want == OID_UUID && args->length[i] == 16) ||
            (have == OID_INT8 && whole_narrow(args, i, want))) {
            continue;
        }
        return err_set(err, ERR_BUG, "statement %s: argument %d has type %u, the server wants %u",
                       statement->name, i + 1, have, want);
    }
    return 0;
}

/* -------------------------------- running -------------------------------- */

struct rows {
    PGresult *result;
};

static int send_one(struct store *store, const struct statement *statement, const struct args *args,
                    bool in_pipeline, struct err *err)
{
    const struct prepared *prepared = NULL;
    struct args            fitted = {0};

    if (args != NULL) {
        fitted = *args;
    }
    TRY(connection_want(store, err));
    if (store->pushed) {
        TRY(store_wait(store, err));
    }
    TRY(statement_want(store, statement, &prepared, err));
    TRY(args_fit(&fitted, prepared, err));
    if (in_pipeline) {
        TRY(pipeline_open(store, err));
        TRY(pipeline_plan(store, statement_keeps_plan(statement), err));
    }
    if (PQsendQueryPrepared(store->conn, statement->name, fitted.count, fitted.value, fitted.length,
                            fitted.format, 1) == 0) {
        return connection_failed(store, statement->name, NULL, err);
    }
    return 0;
}

int store_send(struct store *store, const struct statement *statement, const struct args *args,
               int64_t affects, struct err *err)
{
    if (!store->in_transaction) {
        return err_set(err, ERR_BUG, "statement %s is sent ahead outside a transaction",
                       statement->name);
    }
    TRY(send_one(store, statement, args, true, err));
    pipeline_note(store, statement->name, affects);
    return 0;
}

/* Is there anything to be said to the server before this statement? */
static bool shares_the_way(const struct store *store, const struct statement *statement)
{
    return store->in_transaction && (store->begin_owed || store->sent_count > 0 ||
                                     store->keeps_plans != statement_keeps_plan(statement));
}

static int run_once(struct store *store, const struct statement *statement, const struct args *args,
                    PGresult **ret_result, struct err *err)
{
    const bool in_pipeline = shares_the_way(store, statement);

    TRY(send_one(store, statement, args, in_pipeline, err));
    if (!in_pipeline) {
        return connection_result(store, statement->name, ret_result, err);
    }
    pipeline_note(store, statement->name, -1);
    return pipeline_wait(store, ret_result, err);
}

int store_run(struct store *store, const struct statement *statement, const struct args *args,
              struct rows **ret_rows, struct err *err)
{
    CLEANUP(result) PGresult *result = NULL;

    TRY(run_once(store, statement, args, &result, err));
    if (ret_rows != NULL) {
        struct rows *rows = mem_get(sizeof(*rows));

        rows->result = TAKE(result);
        *ret_rows = rows;
    }
    return 0;
}

/* -------------------------------- results -------------------------------- */

void rows_free(struct rows *rows)
{
    if (rows != NULL) {
        PQclear(rows->result);
        free(rows);
    }
}

size_t rows_count(const struct rows *rows)
{
    return (size_t)PQntuples(rows->result);
}

int64_t rows_affected(const struct rows *rows)
{
    return strtoll(PQcmdTuples(rows->result), NULL, 10);
}

bool rows_null(const struct rows *rows, size_t row, int column)
{
    return PQgetisnull(rows->result, (int)row, column) != 0;
}

int64_t rows_whole(const struct rows *rows, size_t row, int column)
{
    const char *value = PQgetvalue(rows->result, (int)row, column);
    uint16_t    two;
    uint32_t    four;
    uint64_t    eight;

    if (rows_null(rows, row, column)) {
        return 0;
    }
    switch (PQftype(rows->result, column)) {
    case OID_INT2:
        memcpy(&two, value, sizeof(two));
        return (int16_t)be16toh(two);
    case OID_INT4:
        memcpy(&four, value, sizeof(four));
        return (int32_t)be32toh(four);
    default:
        assert(PQftype(rows->result, column) == OID_INT8);
        memcpy(&eight, value, sizeof(eight));
        return (int64_t)be64toh(eight);
    }
}

double rows_real(const struct rows *rows, size_t row, int column)
{
    uint64_t bits;
    double   real;

    if (rows_null(rows, row, column)) {
        return 0;
    }
    assert(PQftype(rows->result, column) == OID_FLOAT8);
    memcpy(&bits, PQgetvalue(rows->result, (int)row, column), sizeof(bits));
    bits = be64toh(bits);
    memcpy(&real, &bits, sizeof(real));
    return real;
}

bool rows_flag(const struct rows *rows, size_t row, int column)
{
    if (rows_null(rows, row, column)) {
        return false;
    }
    assert(PQftype(rows->result, column) == OID_BOOL);
    return *PQgetvalue(rows->result, (int)row, column) != 0;
}

struct bytes rows_bytes(const struct rows *rows, size_t row, int column)
{
    if (rows_null(rows, row, column)) {
        return (struct bytes){NULL, 0};
    }
    return (struct bytes){(const uint8_t *)PQgetvalue(rows->result, (int)row, column),
                          (size_t)PQgetlength(rows->result, (int)row, column)};
}

const char *rows_text(const struct rows *rows, size_t row, int column)
{
    return rows_null(rows, row, column) ? NULL : PQgetvalue(rows->result, (int)row, column);
}
