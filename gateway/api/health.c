// SPDX-License-Identifier: MIT
/*
 * health.c - is the process alive, is everything there that it needs, and what does it accept?
 */
#include "gateway/api/gateway.h"
#include "gateway/api/resources.h"
#include "log/log.h"

enum { CHECK_MS = 1000 };

void health_show(struct exchange *x)
{
    answer_json(x, 200, BYTES("{\"status\":\"ok\"}"));
}

static int check_stream(struct reader *reader, struct exchange *x, struct err *err)
{
    (void)reader;
    return stream_check(gateway_of(x)->farm.stream, CHECK_MS, err);
}

static int check_store(struct reader *reader, struct exchange *x, struct err *err)
{
    struct store *store = reader_store(reader, err);

    (void)x;
    return store == NULL ? -1 : store_check(store, CHECK_MS, err);
}

static int check_blob(struct reader *reader, struct exchange *x, struct err *err)
{
    struct blob_store *blob = reader_blob(reader, err);

    (void)x;
    return blob == NULL ? -1 : blob_store_check(blob, CHECK_MS, err);
}

static const struct {
    const char *name;
    int (*check)(struct reader *reader, struct exchange *x, struct err *err);
} dependencies[] = {
    {"stream", check_stream},
    {"store", check_store},
    {"blob", check_blob},
};

static int check_all(struct reader *reader, struct exchange *x, struct err *err)
{
    struct value answer = value_map();
    bool         ready = true;

    for (size_t i = 0; i < COUNT_OF(dependencies); i++) {
        const char *found = "ok";

        err_clear(err);
        if (dependencies[i].check(reader, x, err) < 0) {
            ready = false;
            found = err_name(err->code); /* the story names hosts: it is for the log */
            LOG(NULL, DEBUG, "dependency not ready", KV("dependency", dependencies[i].name),
                KV("code", found), KV("story", err->story));
        }
        value_put(x->arena, &answer, dependencies[i].name, value_text(found));
    }
    value_put(x->arena, &answer, "status", value_text(ready ? "ready" : "not ready"));
    answer_value(x, ready ? 200 : 503, &answer);
    return READ_ANSWERED;
}

void ready_show(struct exchange *x)
{
    read_with(x, check_all);
}

void limits_show(struct exchange *x)
{
    const struct config *config = gateway_of(x)->config;
    const struct {
        const char *name;
        int64_t     most;
    } limits[] = {
        {"body_bytes", config->body_max},
        {"chunk_events", config->chunk_events_max},
        {"event_bytes", config->event_max},
        {"depth", config->depth_max},
        {"id_chars", config->id_max},
        {"path_chars", config->path_max},
        {"artifact_bytes", config->artifact_max},
        {"trace_events", config->trace_events_max},
        {"requests_per_second", config->key_rate},
    };
    struct value answer = value_map();

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        value_put(x->arena, &answer, limits[i].name, value_whole(limits[i].most));
    }
    answer_value(x, 200, &answer);
}
