// SPDX-License-Identifier: MIT
/*
 * inside.h - what the server's own files know and nobody else.
 *
 *   server.c       opening, draining, stopping
 *   poller.c         a thread, its epoll, its connections: what happens, what takes too long
 *   connection.c   one connection: the phases below, bytes in, bytes out
 *   request.c      an exchange on its way: head, body, whole, end
 *   answer.c       what a handler said, as bytes on the connection
 *   exchange.c     what handlers call; holds and waits
 *
 *     accepted --> HEAD --> BODY --> (handler) --answered------> ANSWER --> HEAD
 *                            ^ |        | held, waiting             |
 *                            | v        v                           +-----> LINGER --> closed
 *                            +-AWAY -> AWAY --resumed--> ANSWER
 *
 * A connection belongs to its poller's thread in all phases but AWAY: then the exchange is whoever's
 * it was handed to, and the poller touches neither until it comes back through `resumed`.
 */
#ifndef PRT_GATEWAY_HTTP_INSIDE_H
#define PRT_GATEWAY_HTTP_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/http/exchange.h"
#include "gateway/http/head.h"
#include "gateway/http/server.h"

enum { ANSWER_HEADERS = 10 };
enum answer_kind { ANSWER_BYTES, ANSWER_FD, ANSWER_SPLICED };

struct answer {
    int              status; /* 0: nothing said yet */
    enum answer_kind kind;
    const char      *content_type;
    struct bytes     bytes; /* the body, or what is put in */
    int              fd;
    int64_t          offset, size, at;
    size_t           header_count;
    struct {
        const char *name, *value;
    } header[ANSWER_HEADERS];
};

struct exchange_inside {
    struct answer answer;
    bool          known;      /* the route was found */
    bool          discarding; /* refused: what still comes of the body is dropped */
    bool          whole;      /* the body is in */
    bool          handled;    /* the route's handler has run */
    bool          handed;     /* held or waiting; the poller's own note */
    bool          marked;
    unsigned      route_index;
    int64_t       body_most;
    int64_t       memory; /* counted for this body */
    int64_t       copied; /* counted for its copies ... */
    unsigned      copies_of; /* ... and whose they are */
    void (*late)(struct exchange *x);
};

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_AWAY, PHASE_ANSWER, PHASE_LINGER };

/* What is left to send: the head, then up to three pieces of memory or of a file. */
struct sending {
    struct buf head;
    size_t     head_at;
    int        part, parts;
    bool       moved; /* the last push sent something */
    struct part {
        const uint8_t *data; /* NULL: of the file */
        int64_t        offset, left;
    } list[3];
};

/* `state` is ticket << 2 | MARKED | WAITING; a ticket is generation << PLACE_BITS | index, so that
 * an old ticket never fits a new wait. Connections are made as they are needed and freed with the
 * server: a ticket may be claimed long after. */
enum { PLACE_BITS = 20, WAIT_OPEN = 1, WAIT_MARKED = 2 };
struct connection {
    _Atomic uint64_t state;
    _Atomic int64_t  deadline_us; /* of the wait */
    uint64_t         generation;
    unsigned         index; /* among the server's */

    struct poller *poller;
    size_t       place; /* among the poller's */
    int          fd;
    enum phase   phase;
    bool         readable;    /* there may be more to read than was read */
    bool         hung_up;     /* the other side sends no more */
    bool         queued;      /* in the poller's list `ready` */
    bool         head_begun;
    bool         close_after; /* the answer is the last one */
    int64_t      limit_us;    /* the phase takes no longer */
    int64_t      sent_by_us;  /* the answer, at the slowest pace */
    int64_t      dropped;     /* bytes, while lingering */
    struct buf   saved;       /* read and not used yet */

    struct head            head;
    struct chunked         chunked;
    int64_t                body_left; /* of Content-Length */
    struct sending         sending;
    struct exchange        exchange;
    struct exchange_inside inside;

    struct connection *next_resumed, *next_ready, *next_free;
};

enum { POLLER_ROOM = 64 * 1024 };
struct poller {
    struct http_server *server;
    int                 number;
    struct http_guest   guest; /* round NULL: none */
    pthread_t           thread;
    bool                started;
    int                 epoll_fd, wake_fd;
    bool                listening;
    int64_t             listen_again_us; /* after accept failed */
    int64_t             complain_us;     /* of it, not before */
    struct connection **connections; /* the open ones */
    size_t              count, made, most;
    unsigned            first_index;
    struct connection  *free, *closed;    /* closed: in this round */
    struct connection  *ready;            /* to be run again without an event */
    _Atomic(struct connection *) resumed; /* the newest first */
    _Atomic bool        stop;
    int64_t             now_us; /* monotonic, of this round */
    int64_t             date_s;
    char                date[40]; /* of date_s */
    uint8_t             room[POLLER_ROOM]; /* what is read goes here first */
};

enum { COPY_OWNERS = 256 }; /* who meet in one share it */
struct http_server {
    struct http_settings settings;
    struct poller        **pollers; /* settings.threads of them */
    int                  listen_fd;
    int                  port;
    uint32_t             id_start; /* request ids are this and a count */
    _Atomic uint32_t     id_count;
    _Atomic int64_t      memory;
    _Atomic int64_t      copies, copies_of[COPY_OWNERS];
    _Atomic unsigned     taken;    /* connections that are open */
    _Atomic int          open;     /* exchanges begun and not ended */
    _Atomic int          away;     /* exchanges on their way to, or with, another thread */
    _Atomic bool         draining;
    _Atomic bool         closing;  /* nothing is handed on any more */
    bool                 stopped;

    unsigned             most; /* connections; NULL: not made yet */
    _Atomic(struct connection *) *connections;
};

static inline struct connection *connection_of(struct exchange *x)
{
    return (struct connection *)((char *)x - offsetof(struct connection, exchange));
}

/* -------- poller.c -------- */
WARN_UNUSED int poller_open(struct poller **ret_poller, struct http_server *server, int number,
                          struct err *err);
WARN_UNUSED int poller_start(struct poller *poller, struct err *err);
void            poller_wake(struct poller *poller);
void            poller_close(struct poller *poller); /* stops it, closes its connections, frees it */
void            poller_resumed(struct poller *poller, struct connection *c); /* from any thread */
void            poller_ready(struct poller *poller, struct connection *c);

/* -------- connection.c; on the poller's thread -------- */
void connection_begin(struct poller *poller, int fd); /* there is a place */
void connection_event(struct connection *c, uint32_t events);
void connection_run(struct connection *c);
void connection_back(struct connection *c);    /* it was resumed */
void connection_expired(struct connection *c); /* its limit is over */
void connection_close(struct connection *c);
int64_t connection_idle_limit(const struct connection *c); /* from now on */

/* -------- request.c -------- */
enum step {
    STEP_ON,   /* there may be more to do */
    STEP_MORE, /* wants more bytes */
    STEP_STOP, /* waits for another thread, or for room to write */
    STEP_GONE  /* the connection is closed */
};
void      request_begin(struct connection *c);
/* With a head of c->exchange.arena. */
enum step request_head(struct connection *c, char *head, size_t size);
void      request_refuse(struct connection *c, const struct err *err); /* whatever came of it */
enum step request_body(struct connection *c, struct bytes *in);
enum step request_back(struct connection *c);
void      request_end(struct connection *c, bool sent);

/* -------- answer.c -------- */
void answer_open(struct connection *c);
/* "100 Continue", for who asks before it sends its body: what does not go out at once goes out when
 * there is room, or not at all where the answer comes first. */
void answer_go_on(struct connection *c);
void answer_go_on_push(struct connection *c);
enum sent {
    SENT_ALL,
    SENT_BLOCKED, /* there is no room for more; an event tells when there is */
    SENT_ENOUGH,  /* others have their turn */
    SENT_BROKEN
};
enum sent answer_push(struct connection *c);
void answer_drop(struct answer *answer); /* closes a file nobody sent */

/* -------- exchange.c -------- */
void exchange_copies_free(struct exchange *x);
/* Has those waits end whose deadline is over, or all -------- */
void wait_end(struct connection *c, int64_t now_us, bool all);

#endif
