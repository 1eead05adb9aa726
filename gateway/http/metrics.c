// SPDX-License-Identifier: MIT
#include "gateway/http/server.h"
#include "metric/metric.h"

enum {
    CONNECTIONS = 64,
    IDLE_MS = 30000,
    BODY_MS = 5000,
    BODY_MOST = 1024,
    MEMORY_MOST = 16 * 1024 * 1024 /* answers, mostly */
};

void http_metrics(struct exchange *x)
{
    CLEANUP(buf) struct buf text = {0};

    metric_write(&text);
    exchange_answer(x, 200, METRIC_CONTENT_TYPE, arena_bytes(x->arena, buf_bytes(&text)));
}

static void healthz(struct exchange *x)
{
    exchange_answer(x, 200, "application/json", BYTES("{\"status\":\"ok\"}"));
}

int http_server_open_metrics(struct http_server **ret_server, const char *listen, int port,
                             struct err *err)
{
    static const struct route routes[] = {
        {"GET", "/metrics", http_metrics, 0, MOST_NONE, NULL},
        {"GET", "/healthz", healthz, 0, MOST_NONE, NULL},
    };
    const struct http_settings settings = {
        .listen = listen,
        .port = port,
        .threads = 1,
        .connections = CONNECTIONS,
        .idle_ms = IDLE_MS,
        .body_ms = BODY_MS,
        .body_most = BODY_MOST,
        .stream_most = BODY_MOST,
        .memory_most = MEMORY_MOST,
        .routes = routes,
        .route_count = COUNT_OF(routes),
    };

    return http_server_open(ret_server, &settings, err);
}
