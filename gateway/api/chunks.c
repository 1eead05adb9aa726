// SPDX-License-Identifier: MIT
/*
 * chunks.c - POST …/events:ingest and GET …/chunks/{chunk}: a chunk goes in, a verdict comes out.
 *
 * The hot path: the body becomes msgpack without a tree and is otherwise looked at only for the
 * chunk's name; everything else is for validate to say.
 */
#include <string.h>

#include "gateway/api/publish.h"
#include "gateway/api/resources.h"
#include "http/client.h"
#include "store/read_store.h"
#include "value/msgpack.h"

struct posted {
    struct bytes chunk_id;
};

/* {"status":"accepted", ...}: stored in JetStream, not yet judged. */
static void answer_accepted(struct exchange *x)
{
    CLEANUP(buf) struct buf url = {0};
    struct posted *posted = x->work;
    struct value   answer = value_map();

    buf_format(&url, "/v1/traces/%s/chunks/", x->param[0]);
    http_encode(&url, posted->chunk_id, false);
    value_put(x->arena, &answer, "status", value_text("accepted"));
    value_put(x->arena, &answer, "chunk_id", value_bytes(posted->chunk_id));
    value_put(x->arena, &answer, "status_url", value_bytes(arena_bytes(x->arena, buf_bytes(&url))));
    answer_value(x, 202, &answer);
}

static const struct publish_answers answers = {answer_accepted, NULL, NULL};

static int read_chunk_id(struct exchange *x, struct bytes msgpack, struct bytes *ret_id,
                         struct err *err)
{
    struct bytes              raw;
    struct value              id;
    const struct value_limits limits = {.bytes = msgpack.size, .depth = 2, .values = 4};

    if (!msgpack_find(msgpack, "chunk_id", &raw)) {
        return err_set(err, ERR_SCHEMA, "is missing");
    }
    if (msgpack_read(x->arena, raw, &limits, false, &id, err) < 0 || id.kind != VALUE_TEXT ||
        id.as.text.size == 0 || memchr(id.as.text.data, '\0', id.as.text.size) != NULL) {
        return err_set(err, ERR_SCHEMA, "must be text of 1 to %lld characters",
                       (long long)gateway_of(x)->config->id_max);
    }
    if ((int64_t)id.as.text.size > 4 * gateway_of(x)->config->id_max) {
        return err_set(err, ERR_SCHEMA, "has more than %lld characters",
                       (long long)gateway_of(x)->config->id_max);
    }
    *ret_id = arena_bytes(x->arena, id.as.text);
    return 0;
}

static void post(struct exchange *x, struct scratch *scratch)
{
    struct posted *posted = arena_zero(x->arena, 1, sizeof(*posted));
    struct publish publish;
    struct err     err = {0};

    publish_start(x, MESSAGE_CHUNK, x->param[0], &publish);
    if (body_to_msgpack(x, &scratch->body, &err) < 0) {
        exchange_refuse(x, &err);
        return;
    }
    if (read_chunk_id(x, buf_bytes(&scratch->body), &posted->chunk_id, &err) < 0) {
        refuse_field(x, "/chunk_id", &err);
        return;
    }
    x->work = posted;
    publish.body = buf_bytes(&scratch->body);
    publish.answers = &answers;
    if (publish_message(x, &publish, &err) < 0) {
        exchange_refuse(x, &err);
    }
}

void chunk_post(struct exchange *x)
{
    struct gateway *gateway = gateway_of(x);
    struct scratch *scratch = scratch_take(gateway);

    post(x, scratch);
    scratch_give(gateway, scratch);
}

/* ------------------------------------ its verdict ------------------------------------ */

static int show(struct reader *reader, struct exchange *x, struct err *err)
{
    struct store    *store = reader_store(reader, err);
    struct chunk_row row;
    struct bytes     verdict;

    if (store == NULL) {
        return -1;
    }
    TRY(read_chunk(store, x->arena, caller_of(x)->tenant, x->param[0], x->param[1], &row, err));
    verdict = bytes_of(row.verdict);
    if (row.http >= 400) {
        exchange_answer(x, row.http, "application/problem+json", verdict);
    } else {
        answer_json(x, row.http, verdict);
    }
    return READ_ANSWERED;
}

void chunk_show(struct exchange *x)
{
    read_with(x, show);
}
