// SPDX-License-Identifier: MIT
/*
 * route.h - which handler answers which method and path; the table's form and the search in it.
 *
 *     { "POST", "/v1/traces/{trace}/events:ingest", chunk_post, NEEDS_UPLOAD, MOST_BODY, NULL },
 *
 * A segment in braces takes any non-empty text, percent-decoded. Pure.
 */
#ifndef PRT_GATEWAY_HTTP_ROUTE_H
#define PRT_GATEWAY_HTTP_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct exchange;

/* Largest body: a number of bytes, or one of these, which the server's settings fill in. */
enum { MOST_NONE = 0, MOST_BODY = -1, MOST_STREAM = -2 };

struct route {
    const char *method;
    const char *path;
    void (*handle)(struct exchange *x); /* the request is whole: answer it, or hold or wait */
    unsigned    needs;                  /* bits of the server's owner; see http_settings.admit */
    int64_t     most_bytes;
    /* NULL: the body is collected in x->body. Else it is called with a full block in x->body,
     * empties it and returns 0, or holds the exchange until that is done; -1: the request is
     * refused. */
    int (*piece)(struct exchange *x, struct err *err);
};

enum { ROUTE_PARAMS = 4, ROUTE_ALLOW = 64 };

struct route_match {
    const struct route *route;
    unsigned            index; /* of the route in its table */
    const char         *param[ROUTE_PARAMS]; /* in the order of the path; in the arena */
    char                allow[ROUTE_ALLOW];  /* METHOD_WRONG: the methods the path takes */
};

/* ROUTE_UNKNOWN, METHOD_WRONG, or MALFORMED for a path that is not percent-encoded properly. HEAD
 * is answered by GET's route. */
WARN_UNUSED int route_find(const struct route *routes, size_t count, struct arena *arena,
                           const char *method, const char *path, struct route_match *ret_match,
                           struct err *err);

#endif
