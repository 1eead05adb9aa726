// SPDX-License-Identifier: MIT
#include "gateway/api/gateway.h"
#include "gateway/api/resources.h"

enum { KIB = 1024, OPEN = 0 };

const struct route gateway_routes[] = {
/*    method  path                                    handler         needs                   most bytes   piece          */
    { "POST", "/v1/traces",                           trace_open,     ROLE_INGEST,            64 * KIB,    NULL           },
    { "GET",  "/v1/traces",                           trace_list,     ROLE_READ,              MOST_NONE,   NULL           },
    { "GET",  "/v1/traces/{trace}",                   trace_show,     ROLE_READ,              MOST_NONE,   NULL           },
    { "DELETE", "/v1/traces/{trace}",                 trace_erase,    ROLE_ADMIN,             MOST_NONE,   NULL           },
    { "POST", "/v1/traces/{trace}/events:ingest",     chunk_post,     ROLE_UPLOAD,            MOST_BODY,   NULL           },
    { "GET",  "/v1/traces/{trace}/chunks/{chunk}",    chunk_show,     ROLE_UPLOAD | ROLE_READ, MOST_NONE,  NULL           },
    { "POST", "/v1/traces/{trace}/complete",          trace_complete, ROLE_UPLOAD | ROLE_INGEST, 4 * KIB,     NULL           },
    { "GET",  "/v1/traces/{trace}/events",            event_list,     ROLE_READ,              MOST_NONE,   NULL           },
    { "GET",  "/v1/traces/{trace}/events.ndjson",     event_lines,    ROLE_READ,              MOST_NONE,   NULL           },
    { "PUT",  "/v1/traces/{trace}/artifacts/{name}",  artifact_put,   ROLE_UPLOAD,            MOST_STREAM, artifact_piece },
    { "GET",  "/v1/traces/{trace}/artifacts/{name}",  artifact_show,  ROLE_READ,              MOST_NONE,   NULL           },
    { "GET",  "/v1/traces/{trace}/qa/log",            qa_log_show,    ROLE_READ,              MOST_NONE,   NULL           },
    { "POST", "/ingest",                              batch_post,     ROLE_INGEST,            MOST_BODY,   NULL           },
    { "GET",  "/v1/prs/{owner}/{repo}/{number}",      pr_show,        ROLE_READ,              MOST_NONE,   NULL           },
    { "GET",  "/v1/limits",                           limits_show,    OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/v1/schemas/trace-1.0.json",           schema_show,    OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/openapi.json",                        openapi_show,   OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/docs",                                docs_show,      OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/docs.js",                             docs_script,    OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/healthz",                             health_show,    OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/readyz",                              ready_show,     OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/metrics",                             http_metrics,   OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/",                                    page_show,      OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/farm.css",                            page_style,     OPEN,                   MOST_NONE,   NULL           },
    { "GET",  "/farm.js",                             page_script,    OPEN,                   MOST_NONE,   NULL           },
};
const size_t gateway_route_count = COUNT_OF(gateway_routes);
