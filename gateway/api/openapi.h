// SPDX-License-Identifier: MIT
/*
 * openapi.h - the API described for programs: an OpenAPI 3.1 document, made from the table of routes
 * and what openapi.c says of each. schemas/generated/openapi.json is the same, for readers.
 */
#ifndef PRT_GATEWAY_API_OPENAPI_H
#define PRT_GATEWAY_API_OPENAPI_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "gateway/http/route.h"

/* Appended. BUG when a route is not described, or what is described is no route. */
WARN_UNUSED int openapi_write(struct buf *out, struct err *err);

/* Which query parameters a route takes is said there too: no others are let in. */
bool openapi_query_has(const struct route *route, struct bytes name);
/* "limit, type", or "none" */
const char *openapi_query_names(struct arena *arena, const struct route *route);

#endif
