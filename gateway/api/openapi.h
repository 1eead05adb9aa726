// SPDX-License-Identifier: MIT
/*
 * openapi.h - the API described for programs: an OpenAPI 3.1 document, made from the table of routes
 * and what openapi.c says of each. schemas/generated/openapi.json is the same, for readers.
 */
#ifndef PRT_GATEWAY_API_OPENAPI_H
#define PRT_GATEWAY_API_OPENAPI_H

#include "base/bytes.h"
#include "base/err.h"

/* Appended. BUG when a route is not described, or what is described is no route. */
WARN_UNUSED int openapi_write(struct buf *out, struct err *err);

#endif
