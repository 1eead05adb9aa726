// SPDX-License-Identifier: MIT
/*
 * erase.c - DELETE /v1/traces/{trace}: the wish is stored, and validate fulfils it.
 */
#include <string.h>

#include "gateway/api/publish.h"
#include "gateway/api/resources.h"
#include "store/read_store.h"
#include "value/msgpack.h"

static void stored(struct exchange *x)
{
    struct value answer = value_map();

    value_put(x->arena, &answer, "status", value_text("erasing"));
    value_put(x->arena, &answer, "trace_id", value_text(x->param[0]));
    answer_value(x, 202, &answer);
}

static const struct publish_answers answers = {stored, NULL, NULL};

/* Also of a trace that is erased: where erasing was cut short, it goes on. */
static int erase(struct reader *reader, struct exchange *x, struct err *err)
{
    CLEANUP(buf) struct buf body = {0};
    struct publish  *publish = x->work;
    struct store    *store = reader_store(reader, err);
    struct trace_row row;

    if (store == NULL) {
        return -1;
    }
    if (read_trace(store, x->arena, publish->tenant, publish->trace, &row, err) < 0 &&
        err->code != ERR_TRACE_ERASED) {
        return -1;
    }
    err_clear(err);
    msgpack_put_map(&body, 0);
    publish->body = buf_bytes(&body);
    TRY(publish_message(x, publish, err));
    return READ_HANDED_ON;
}

void trace_erase(struct exchange *x)
{
    struct publish *publish = arena_zero(x->arena, 1, sizeof(*publish));

    publish_start(x, MESSAGE_ERASE, x->param[0], publish);
    publish->wants_verdict = false;
    publish->answers = &answers;
    x->work = publish;
    read_with(x, erase);
}
