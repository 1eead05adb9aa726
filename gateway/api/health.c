// SPDX-License-Identifier: MIT
/*
 * health.c - is the process alive, is everything there that it needs, and what does it accept?
 */
#include "base/clock.h"
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
    struct gateway *gateway = gateway_of(x);

    (void)reader;
    for (int i = 1; i < gateway->config->http_threads; i++) {
        TRY(stream_connected(gateway->loops[i].stream, err));
    }
    return stream_check(gateway->loops[0].stream, CHECK_MS, err);
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
} dependencies[DEPENDENCIES] = {
    {"stream", check_stream},
    {"store", check_store},
    {"blob", check_blob},
};

static void look(struct reader *reader, struct exchange *x, struct readiness *readiness,
                 struct err *err)
{
    readiness->began_us = clock_mono_us();
    readiness->ready = true;
    for (size_t i = 0; i < COUNT_OF(dependencies); i++) {
        readiness->found[i] = "ok";
        err_clear(err);
        if (dependencies[i].check(reader, x, err) < 0) {
            readiness->ready = false;
            readiness->found[i] = err_name(err->code); /* the story names hosts: for the log */
            LOG(NULL, DEBUG, "dependency not ready", KV("dependency", dependencies[i].name),
                KV("code", readiness->found[i]), KV("story", err->story));
        }
    }
}

/* All who asked while one look took its seconds are answered by the next one. */
static int check_all(struct reader *reader, struct exchange *x, struct err *err)
{
    struct readiness *readiness = &gateway_of(x)->readiness;
    struct value      answer = value_map();

    if (readiness->began_us == 0 || readiness->began_us < x->began_mono_us) {
        look(reader, x, readiness, err);
    }
    for (size_t i = 0; i < COUNT_OF(dependencies); i++) {
        value_put(x->arena, &answer, dependencies[i].name, value_text(readiness->found[i]));
    }
    value_put(x->arena, &answer, "status", value_text(readiness->ready ? "ready" : "not ready"));
    if (!readiness->ready) {
        exchange_header(x, "Retry-After", "1");
    }
    answer_value(x, readiness->ready ? 200 : 503, &answer);
    return READ_ANSWERED;
}

void ready_show(struct exchange *x)
{
    struct err err = {0};

    if (readers_put(gateway_of(x)->checker, x, check_all, &err) < 0) {
        exchange_refuse(x, &err);
    }
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
        {"tenant_requests_per_second", config->tenant_rate},
    };
    struct value answer = value_map();

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        value_put(x->arena, &answer, limits[i].name, value_whole(limits[i].most));
    }
    answer_value(x, 200, &answer);
}
