// SPDX-License-Identifier: MIT
/*
 * pipeline.c - statements that go to the server and back together.
 *
 *   off --pipeline_open--> on (statements are sent and noted) --pipeline_wait--> off
 *                           |                                    |
 *                           +-----store_push--> pushed ----------+
 *
 * Each way there and back is two processes that wake each other: a batch of validate's asked nine
 * times, and at 1,000 chunks/s waited for that longer than for what it had asked. The server does
 * nothing behind a statement that failed.
 */
#include <stdlib.h>

#include "store/connection.h"

void pipeline_note(struct store *store, const char *what, int64_t affects)
{
    if (store->sent_count == store->sent_room) {
        store->sent_room = store->sent_room == 0 ? 16 : store->sent_room * 2;
        store->sent = mem_more(store->sent, store->sent_room * sizeof(*store->sent));
    }
    store->sent[store->sent_count++] = (struct sent){what, affects};
}

static int pipeline_say(struct store *store, const char *sql, struct err *err)
{
    if (PQsendQueryParams(store->conn, sql, 0, NULL, NULL, NULL, NULL, 1) == 0) {
        return connection_failed(store, sql, NULL, err);
    }
    pipeline_note(store, sql, -1);
    return 0;
}

int pipeline_open(struct store *store, struct err *err)
{
    if (PQenterPipelineMode(store->conn) == 0) {
        return connection_failed(store, "sending several statements", NULL, err);
    }
    if (!store->begin_owed) {
        return 0;
    }
    store->begin_owed = false;
    return pipeline_say(store, "BEGIN", err);
}

int pipeline_plan(struct store *store, bool keep, struct err *err)
{
    if (store->keeps_plans == keep) {
        return 0;
    }
    store->keeps_plans = keep;
    return pipeline_say(store,
                        keep ? "SET LOCAL plan_cache_mode = force_generic_plan"
                             : "SET LOCAL plan_cache_mode = force_custom_plan",
                        err);
}

static int judge(struct store *store, const struct sent *sent, const PGresult *result,
                 struct err *err)
{
    int64_t affected;

    if (result == NULL || !connection_result_good(result)) {
        return connection_failed(store, sent->what, result, err);
    }
    affected = strtoll(PQcmdTuples((PGresult *)(uintptr_t)result), NULL, 10);
    if (sent->affects >= 0 && affected != sent->affects) {
        return err_set(err, ERR_BUG, "%s: %lld rows, not %lld", sent->what, (long long)affected,
                       (long long)sent->affects);
    }
    return 0;
}

/* Whatever failed, what the server says is read to its end, or the connection is dropped. */
static int read_all(struct store *store, PGresult **ret_last, struct err *err)
{
    struct err ignored = {0};
    int        failed = 0;

    for (size_t i = 0; i < store->sent_count; i++) {
        CLEANUP(result) PGresult *result = NULL;

        if (connection_read(store, store->sent[i].what, &result, failed < 0 ? &ignored : err) < 0) {
            return -1;
        }
        if (failed == 0) {
            failed = judge(store, &store->sent[i], result, err);
        } else if (result == NULL || PQresultStatus(result) != PGRES_PIPELINE_ABORTED) {
            connection_drop(store); /* it broke behind the statement that failed */
        }
        if (store->conn == NULL) {
            return -1;
        }
        PQclear(*ret_last);
        *ret_last = TAKE(result);
    }
    return failed;
}

int store_push(struct store *store, struct err *err)
{
    if (store->sent_count == 0 || store->pushed) {
        return 0;
    }
    /* With their end: the server's limit for idle transactions counts from there. */
    if (PQpipelineSync(store->conn) == 0) {
        return connection_failed(store, "sending several statements", NULL, err);
    }
    store->pushed = true;
    return 0;
}

int pipeline_wait(struct store *store, PGresult **ret_last, struct err *err)
{
    CLEANUP(result) PGresult *last = NULL;
    CLEANUP(result) PGresult *end = NULL;
    struct err                ignored = {0};
    int                       failed;

    TRY(store_push(store, err));
    store->pushed = false;
    failed = read_all(store, &last, err);
    store->sent_count = 0;
    if (store->conn == NULL) {
        return -1;
    }
    if (connection_read(store, "several statements", &end, failed < 0 ? &ignored : err) < 0) {
        return -1;
    }
    if (PQresultStatus(end) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(store->conn) == 0) {
        return connection_failed(store, "several statements", NULL, failed < 0 ? &ignored : err);
    }
    if (failed == 0 && ret_last != NULL) {
        *ret_last = TAKE(last);
    }
    return failed;
}

int store_wait(struct store *store, struct err *err)
{
    if (!store->begin_owed && store->sent_count == 0) {
        return 0;
    }
    TRY(connection_want(store, err));
    TRY(pipeline_open(store, err));
    return pipeline_wait(store, NULL, err);
}
