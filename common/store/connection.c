// SPDX-License-Identifier: MIT
#include "store/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Longer than the server's own limit, so that the server gives up first and says why. */
enum { ANSWER_TIMEOUT_MS = 90 * 1000 };

/*
 * What our sessions ask of the server, before the settings in the connection string, which win.
 *
 * Every question of ours is for a few rows by their keys. A plan that is kept, or made for a table
 * that has no statistics yet, may read all rows of a trace instead, which is as good while the
 * table is empty and ruin when it has grown by a million rows. So plans are made anew each time
 * (0.1 ms a statement), unless there is but one (PLAN_KEPT), and reach rows through indexes alone.
 * The timeouts end locks that a frozen worker would hold for ever.
 */
static const char session_options[] =
    "-c plan_cache_mode=force_custom_plan -c enable_seqscan=off -c enable_hashjoin=off"
    " -c enable_mergejoin=off -c jit=off -c statement_timeout=60s -c lock_timeout=30s"
    " -c idle_in_transaction_session_timeout=60s -c timezone=UTC";

struct sqlstate_row {
    const char   *prefix;
    enum err_code code;
};

/* The first row whose prefix fits decides. */
/* clang-format off */
static const struct sqlstate_row sqlstates[] = {
    {"08", ERR_STORE_DOWN},      /* connection exceptions */
    {"23505", ERR_STORE_CLASH},  /* unique violation */
    {"25006", ERR_STORE_DOWN},   /* read-only: a standby that is not promoted yet */
    {"28", ERR_STORE_DOWN},      /* not let in */
    {"3D000", ERR_STORE_DOWN},   /* the database is not there (yet) */
    {"40", ERR_STORE_CLASH},     /* serialization failure, deadlock */
    {"42P01", ERR_STORE_BEHIND}, /* no such table */
    {"42501", ERR_STORE_DOWN},   /* no right to a table */
    {"42703", ERR_STORE_BEHIND}, /* no such column */
    {"42883", ERR_STORE_BEHIND}, /* no such function */
    {"53100", ERR_DISK_FULL},
    {"53", ERR_STORE_DOWN},      /* out of memory, of connections */
    {"55P03", ERR_STORE_CLASH},  /* waited too long for a lock */
    {"57", ERR_STORE_DOWN},      /* shutting down, crashed, took too long */
    {"58", ERR_STORE_DOWN},      /* I/O errors of the server */
};
/* clang-format on */

static enum err_code code_of(const char *sqlstate)
{
    for (size_t i = 0; sqlstate != NULL && i < COUNT_OF(sqlstates); i++) {
        if (strncmp(sqlstate, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0) {
            return sqlstates[i].code;
        }
    }
    return ERR_STORE_REFUSED;
}

void connection_drop(struct store *store)
{
    PQfinish(store->conn);
    store->conn = NULL;
    store->prepared_count = 0;
    store->sent_count = 0;
    store->pushed = false;
    store->lost = store->in_transaction && !store->begin_owed;
}

/* libpq's messages end in a newline and may have several lines. */
static void first_line(char *ret, size_t room, const char *text)
{
    size_t length = strcspn(text == NULL ? "" : text, "\n");

    if (length >= room) {
        length = room - 1;
    }
    memcpy(ret, text == NULL ? "" : text, length);
    ret[length] = '\0';
}

int connection_failed(struct store *store, const char *what, const PGresult *result,
                      struct err *err)
{
    const char   *sqlstate = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    enum err_code code;
    char          words[256];

    if (sqlstate == NULL) {
        first_line(words, sizeof(words), store->conn == NULL ? "" : PQerrorMessage(store->conn));
        connection_drop(store);
        return err_set(err, ERR_STORE_DOWN, "%s: the connection to PostgreSQL broke: %s", what,
                       words);
    }
    /* The primary message only: details quote values of the row. */
    first_line(words, sizeof(words), PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    code = code_of(sqlstate);
    first_line(store->constraint, sizeof(store->constraint),
               code == ERR_STORE_CLASH ? PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME)
                                       : NULL);
    if (PQstatus(store->conn) != CONNECTION_OK) {
        connection_drop(store);
    }
    return err_set(err, code, "%s: %s (SQLSTATE %s)", what, words, sqlstate);
}

static void notice_ignore(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* A server that went away while nothing was asked of it has left its farewell in the socket. */
static bool still_there(struct store *store)
{
    struct pollfd look = {.fd = PQsocket(store->conn), .events = POLLIN};

    while (PQstatus(store->conn) == CONNECTION_OK && poll(&look, 1, 0) > 0) {
        if (PQconsumeInput(store->conn) == 0) {
            return false;
        }
    }
    return PQstatus(store->conn) == CONNECTION_OK;
}

/* What is told as stored has to be there after the server was killed, whatever the server, the database
 * or the role has for a default. Who has it off in the connection string knows what it costs. */
static int want_durable(struct store *store, struct err *err)
{
    static const char sql[] = "SELECT set_config('synchronous_commit', 'on', false) FROM pg_settings"
                              " WHERE name = 'synchronous_commit' AND setting = 'off'"
                              " AND source <> 'client'";
    CLEANUP(result) PGresult *result = NULL;

    if (PQsendQuery(store->conn, sql) == 0) {
        return connection_failed(store, "asking for durable commits", NULL, err);
    }
    return connection_result(store, "asking for durable commits", &result, err);
}

int connection_want(struct store *store, struct err *err)
{
    char patience[16];
    /* What stands before dbname gives way to the same setting in the url, what stands behind wins.
     */
    const char *const names[] = {
        "connect_timeout",           "keepalives_idle", "tcp_user_timeout", "options",
        "fallback_application_name", "dbname",          "client_encoding",  NULL};
    const char *const values[] = {patience,       "10",       "30000", session_options,
                                  store->program, store->url, "UTF8",  NULL};
    char              words[256];

    if (store->lost) {
        return err_set(err, ERR_STORE_DOWN, "the connection broke earlier in this transaction");
    }
    if (store->conn != NULL &&
        ((store->in_transaction && !store->begin_owed) || still_there(store))) {
        return 0;
    }
    connection_drop(store);
    (void)snprintf(patience, sizeof(patience), "%d", store->timeout_ms < 5000 ? 2 : 5);
    store->conn = PQconnectdbParams(names, values, 1);
    if (PQstatus(store->conn) != CONNECTION_OK) {
        first_line(words, sizeof(words), PQerrorMessage(store->conn));
        connection_drop(store);
        return err_set(err, ERR_STORE_DOWN, "connecting to PostgreSQL: %s", words);
    }
    (void)PQsetNoticeReceiver(store->conn, notice_ignore, NULL);
    if (want_durable(store, err) < 0) {
        connection_drop(store);
        return -1;
    }
    store->connects++;
    return 0;
}

int64_t store_connects(const struct store *store)
{
    return store->connects;
}

/* Waits until a result can be taken without blocking. */
static int wait_for_result(struct store *store, int64_t deadline_us, const char *what,
                           struct err *err)
{
    while (PQisBusy(store->conn) != 0) {
        struct pollfd wait = {.fd = PQsocket(store->conn), .events = POLLIN};
        int64_t       left_ms = (deadline_us - clock_mono_us() + 999) / 1000;
        int           ready;

        if (left_ms <= 0) {
            connection_drop(store);
            return err_set(err, ERR_STORE_DOWN, "%s: PostgreSQL gave no answer in %lld ms", what,
                           (long long)store->timeout_ms);
        }
        ready = poll(&wait, 1, (int)left_ms);
        if (ready < 0 && errno != EINTR) {
            return connection_failed(store, what, NULL, err);
        }
        if (ready > 0 && PQconsumeInput(store->conn) == 0) {
            return connection_failed(store, what, NULL, err);
        }
    }
    return 0;
}

bool connection_result_good(const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        return true;
    default:
        return false;
    }
}

int connection_read(struct store *store, const char *what, PGresult **ret_result, struct err *err)
{
    int64_t                   deadline_us = clock_mono_us() + store->timeout_ms * 1000;
    CLEANUP(result) PGresult *last = NULL;

    for (;;) {
        PGresult *next;

        TRY(wait_for_result(store, deadline_us, what, err));
        next = PQgetResult(store->conn);
        if (next == NULL) {
            break;
        }
        /* The first failure is the story; what the server says after it follows from it. */
        if (last == NULL || connection_result_good(last)) {
            PQclear(last);
            last = next;
        } else {
            PQclear(next);
        }
    }
    *ret_result = TAKE(last);
    return 0;
}

int connection_result(struct store *store, const char *what, PGresult **ret_result, struct err *err)
{
    CLEANUP(result) PGresult *last = NULL;

    TRY(connection_read(store, what, &last, err));
    if (last == NULL || !connection_result_good(last)) {
        return connection_failed(store, what, last, err);
    }
    *ret_result = TAKE(last);
    return 0;
}

int connection_exec(struct store *store, const char *sql, const char *what, PGresult **ret_result,
                    struct err *err)
{
    TRY(connection_want(store, err));
    TRY(store_wait(store, err));
    if (PQsendQuery(store->conn, sql) == 0) {
        return connection_failed(store, what, NULL, err);
    }
    return connection_result(store, what, ret_result, err);
}

int store_open(struct store **ret_store, const char *url, const char *program, struct err *err)
{
    CLEANUP(store) struct store *store = mem_zero(1, sizeof(*store));

    if (PQisthreadsafe() == 0) {
        return err_set(err, ERR_SYSTEM, "this libpq was built without threads");
    }
    store->url = mem_text(url);
    store->program = mem_text(program);
    store->timeout_ms = ANSWER_TIMEOUT_MS;
    TRY(connection_want(store, err));
    *ret_store = TAKE(store);
    return 0;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    PQfinish(store->conn);
    mem_free(store->url);
    mem_free(store->program);
    free(store->prepared);
    free(store->sent);
    free(store);
}

int store_check(struct store *store, int64_t timeout_ms, struct err *err)
{
    CLEANUP(result) PGresult *result = NULL;
    int64_t                   usual_ms = store->timeout_ms;
    int                       failed;

    store->timeout_ms = timeout_ms;
    failed =
        connection_exec(store, "SELECT 1", "asking PostgreSQL for a sign of life", &result, err);
    store->timeout_ms = usual_ms;
    return failed;
}

void store_wait_at_most(struct store *store, int64_t timeout_ms)
{
    store->timeout_ms = timeout_ms;
}

const char *store_clash_constraint(const struct store *store)
{
    return store->constraint;
}

/* -------------------------------- transactions -------------------------------- */

int store_begin(struct store *store, struct err *err)
{
    if (store->in_transaction) {
        return err_set(err, ERR_BUG, "a transaction is begun inside another");
    }
    store->in_transaction = true;
    store->begin_owed = true;
    return 0;
}

int store_commit(struct store *store, struct err *err)
{
    CLEANUP(result) PGresult *result = NULL;

    if (store == NULL || !store->in_transaction) {
        return err_set(err, ERR_BUG, "a commit without a transaction");
    }
    if (store->begin_owed) {
        store->in_transaction = store->begin_owed = false;
        return 0;
    }
    TRY(connection_exec(store, "COMMIT", "committing", &result, err));
    store->in_transaction = false;
    store->keeps_plans = false;
    /* The server answers COMMIT of a failed transaction with success and the word ROLLBACK. */
    if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        return err_set(err, ERR_STORE_REFUSED, "committing: a statement had failed, rolled back");
    }
    return 0;
}

void store_rollback(struct store *store)
{
    CLEANUP(result) PGresult *result = NULL;
    struct err                ignored = {0};

    if (store == NULL || !store->in_transaction) {
        return;
    }
    if (store->sent_count > 0) {
        (void)!store_wait(store, &ignored);
    }
    if (store->conn != NULL && !store->begin_owed &&
        connection_exec(store, "ROLLBACK", "rolling back", &result, &ignored) < 0) {
        connection_drop(store); /* the server rolls back what its client left */
    }
    store->in_transaction = store->begin_owed = false;
    store->keeps_plans = false;
    store->lost = false;
}
