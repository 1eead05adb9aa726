// SPDX-License-Identifier: MIT
/*
 * server.h - the HTTP/1.1 server: a few event loops, thousands of connections, one table of routes.
 *
 * Bodies are bounded one by one and together; a body that comes too slowly is 408; a connection
 * that stays silent is closed. Every answer has X-Request-Id, every refusal is problem+json.
 */
#ifndef PRT_GATEWAY_HTTP_SERVER_H
#define PRT_GATEWAY_HTTP_SERVER_H

#include "gateway/http/exchange.h"
#include "gateway/http/route.h"

/* Another source of events that one event loop looks after beside its connections. */
struct http_guest {
    int fd; /* something poll can wait for */
    /* On the loop's thread, before each of its rounds; `ready`: there is something at fd. */
    void (*round)(void *arg, bool ready);
    void *arg;
};

struct http_settings {
    const char         *listen; /* a numeric address, v4 or v6 */
    int                 port;   /* 0: a free one */
    int                 threads;
    int                 connections;
    int64_t             idle_ms;
    int64_t             body_ms;     /* a body, or a block of a streamed one, must be in by then */
    int64_t             body_most;   /* MOST_BODY */
    int64_t             stream_most; /* MOST_STREAM */
    int64_t             memory_most; /* of all bodies held in memory */
    int64_t             copies_most; /* of all copies; of one owner's half of it */
    int64_t             pace; /* bytes a second that a reader must take; 0: any number */
    const struct route *routes;
    size_t              route_count;
    /* Called when a request's head is in, before its body: may the caller do this? It may leave
     * what it found in x->caller. -1: the request is refused with *err and its body is not kept.
     * NULL: everybody may do everything. */
    int (*admit)(struct exchange *x, struct err *err);
    /* Called before the route's handler: true lets it run. False: this has answered, or has held
     * the exchange and says exchange_again or answers and resumes. NULL: always true. */
    bool (*enter)(struct exchange *x);
    const struct http_guest *guests; /* one for each thread, borrowed; NULL: none */
    void                    *owner;
};

WARN_UNUSED int http_server_open(struct http_server **ret_server,
                                 const struct http_settings *settings, struct err *err);
int             http_server_port(const struct http_server *server);

/* Takes no more connections, closes those that have had their answer, and waits until no request is
 * open, but at most `grace_ms`. */
void http_server_drain(struct http_server *server, int64_t grace_ms);
/* Ends the waits as their deadlines would, and then the server. Held exchanges must be resumed by
 * their holders: this waits for them. After it tickets can still be claimed (all in vain): those
 * who may do so are stopped before http_server_close frees the rest. */
void http_server_stop(struct http_server *server);
void http_server_close(struct http_server *server); /* stops it if it was not stopped */
DEFINE_CLEANUP(http_server, struct http_server *, http_server_close)

/* Handler of GET /metrics. */
void http_metrics(struct exchange *x);

#endif
