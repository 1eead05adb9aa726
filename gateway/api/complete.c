// SPDX-License-Identifier: MIT
/*
 * complete.c - POST …/complete: the client has said all it wants to say.
 *
 * Answered when the trace is finalized; when the wait is over before, 202 with what is known: the
 * message is stored, and finalize does its work whether or not anybody waits.
 */
#include <string.h>

#include "gateway/api/publish.h"
#include "gateway/api/resources.h"
#include "store/read_store.h"
#include "trace/field.h"
#include "value/msgpack.h"

static void answer_completing(struct exchange *x, int64_t num_events)
{
    struct value answer = value_map();

    value_put(x->arena, &answer, "status", value_text("completing"));
    value_put(x->arena, &answer, "trace_id", value_text(x->param[0]));
    value_put(x->arena, &answer, "num_events",
              num_events < 0 ? value_null() : value_whole(num_events));
    value_put(x->arena, &answer, "qa_job_id", value_null());
    answer_value(x, 202, &answer);
}

static int count_events(struct reader *reader, struct exchange *x, struct err *err)
{
    struct store    *store = reader_store(reader, err);
    struct trace_row row;

    /* The number is a courtesy: without the database the answer is true without it. */
    if (store == NULL ||
        read_trace(store, x->arena, caller_of(x)->tenant, x->param[0], &row, err) < 0) {
        row.num_events = -1;
    }
    answer_completing(x, row.num_events);
    return READ_ANSWERED;
}

static void stored(struct exchange *x)
{
    answer_completing(x, -1);
}

static int late(struct exchange *x)
{
    struct err err = {0};

    return readers_put_read(gateway_of(x)->readers, x, count_events, &err);
}

static const struct publish_answers answers = {stored, NULL, late};

static int check_count(const struct value *body, const char *name, const char **ret_pointer,
                       struct err *err)
{
    const struct value *count = value_get(body, name);

    if (count != NULL && (count->kind != VALUE_WHOLE || count->as.whole < 0)) {
        *ret_pointer = strcmp(name, "num_chunks") == 0 ? "/num_chunks" : "/last_chunk_seq";
        return err_set(err, ERR_SCHEMA, "must be a whole number from 0");
    }
    return 0;
}

static int read_complete(struct exchange *x, struct value *ret_body, const char **ret_pointer,
                         struct err *err)
{
    *ret_pointer = NULL;
    TRY(body_read(x, x->arena, ret_body, err));
    *ret_pointer = "";
    if (ret_body->kind != VALUE_MAP) {
        return err_set(err, ERR_SCHEMA, "must be an object");
    }
    for (uint32_t i = 0; i < ret_body->count; i++) {
        struct bytes name = ret_body->as.members[i].name;

        if (!bytes_is(name, "num_chunks") && !bytes_is(name, "last_chunk_seq")) {
            struct check check = {.arena = x->arena};

            (void)check_failed(&check, "is neither num_chunks nor last_chunk_seq");
            (void)check_in(&check, name);
            *ret_pointer = check.problems[0].pointer;
            return err_set(err, ERR_SCHEMA, "is neither num_chunks nor last_chunk_seq");
        }
    }
    TRY(check_count(ret_body, "num_chunks", ret_pointer, err));
    return check_count(ret_body, "last_chunk_seq", ret_pointer, err);
}

void trace_complete(struct exchange *x)
{
    CLEANUP(buf) struct buf msgpack = {0};
    struct publish publish;
    struct value   body;
    const char    *pointer;
    struct err     err = {0};

    if (read_complete(x, &body, &pointer, &err) < 0) {
        if (err.code == ERR_SCHEMA && pointer != NULL) {
            refuse_field(x, pointer, &err);
        } else {
            exchange_refuse(x, &err);
        }
        return;
    }
    publish_start(x, MESSAGE_COMPLETE, x->param[0], &publish);
    msgpack_write(&msgpack, &body);
    publish.body = buf_bytes(&msgpack);
    publish.answers = &answers;
    if (publish_message(x, &publish, &err) < 0) {
        exchange_refuse(x, &err);
    }
}
