// SPDX-License-Identifier: MIT
/*
 * client.h - HTTP requests to others (the object store, the judge's model, our own gateway).
 *
 * One client keeps its connections and is for one thread. Bodies are given or streamed; answers are
 * bounded or streamed. A connection that fails (5 s for connecting) or stalls is HTTP_DOWN; no whole
 * answer within timeout_ms, once the request was on its way, is HTTP_SLOW; a status is never an error here: the caller reads it. Redirects are not followed. A URL that can't
 * be used is CONFIG_WRONG, a header with a line break USAGE. Stories hold no query and no password.
 *
 * The process must ignore SIGPIPE.
 */
#ifndef PRT_HTTP_CLIENT_H
#define PRT_HTTP_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

struct http_client;

struct http_header {
    const char *name;
    const char *value;
};

struct http_request {
    const char               *method;
    const char               *url; /* sent as it is: already encoded */
    const struct http_header *headers;
    size_t                    header_count;
    struct bytes              body;      /* used when body_read is NULL */
    int64_t                   body_size; /* of a streamed body; must be known */
    /* Fills room with `size` bytes at most, returns how many, 0 at the end, -1 to abort (SYSTEM;
     * the caller knows why). */
    ssize_t (*body_read)(void *from, void *room, size_t size);
    void *body_from;
    /* When set, a 2xx body goes here piece by piece (0, or -1 to abort); other bodies are kept. */
    int (*answer_write)(void *to, struct bytes piece);
    void   *answer_to;
    size_t  answer_most; /* kept body: TOO_LARGE above */
    int64_t timeout_ms;  /* of the whole exchange; 0: none */
    int64_t stall_ms;    /* no byte moved for so long (seen within a second): HTTP_DOWN; 0: none */
    bool    unpack;      /* takes a compressed answer and unpacks it; answer_most counts unpacked */
    const atomic_bool *stop; /* NULL, or set by another thread: STOPPING within a second */
};

struct http_answer {
    int                 status;
    struct bytes        body;    /* in the arena */
    struct http_header *headers; /* names in lower case */
    size_t              header_count;
};

/* unix_socket: NULL, or the path to connect to instead of the URL's host. ca_file: NULL for the
 * system's. Proxies are taken from the usual environment variables, unless one is given. */
struct http_client *http_client_new(const char *unix_socket, const char *ca_file);
/* A proxy's URL, or "" for none at all; before the first request. */
void http_client_use_proxy(struct http_client *client, const char *proxy);
void http_client_free(struct http_client *client);
DEFINE_CLEANUP(http_client, struct http_client *, http_client_free)

WARN_UNUSED int http_send(struct http_client *client, struct arena *arena,
                          const struct http_request *request, struct http_answer *ret_answer,
                          struct err *err);

/* NULL if there is none. */
const char *http_answer_header(const struct http_answer *answer, const char *lower_name);

/* Retry-After of an answer in milliseconds (seconds or an HTTP date), or -1. */
int64_t http_retry_after_ms(const struct http_answer *answer);

/* Percent-encodes all but RFC 3986 unreserved characters; `/` too unless keep_slash. Appended. */
void http_encode(struct buf *out, struct bytes text, bool keep_slash);

#endif
