// SPDX-License-Identifier: MIT
/*
 * inside.h - what server.c and exchange.c know and nobody else.
 */
#ifndef PRT_GATEWAY_HTTP_INSIDE_H
#define PRT_GATEWAY_HTTP_INSIDE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "gateway/http/exchange.h"
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

/* Who may touch a body that is arriving: the event loop, or the reaper that gives it up. */
enum arrival { ARRIVAL_OVER, ARRIVAL_OPEN, ARRIVAL_CUTTING, ARRIVAL_CUT };

struct exchange_inside {
    struct MHD_Connection *connection;
    struct answer          answer;
    bool                   known;      /* the route was found */
    bool                   discarding; /* refused: what still comes of the body is dropped */
    bool                   handled;    /* the route's handler has run */
    bool                   handed;     /* held or waiting; the event loop's own note */
    bool                   marked;
    unsigned               route_index;
    int64_t                body_most;
    int64_t                body_promised; /* Content-Length, or -1 */
    int64_t                memory;        /* counted for this body */
    void (*late)(struct exchange *x);
};

/* One place per connection. `state` is ticket << 2 | MARKED | WAITING; a ticket is
 * generation << SLOT_BITS | place, so that an old ticket never fits a new wait. */
enum { SLOT_BITS = 20, SLOT_WAITING = 1, SLOT_MARKED = 2 };
struct slot {
    _Atomic uint64_t state;
    _Atomic int64_t  deadline_us; /* of the wait */
    _Atomic int      arrival;
    _Atomic int64_t  arrival_us;  /* when the body must be in */
    unsigned         index;
    int              fd;
    uint64_t         generation;
    struct exchange  exchange;
    struct exchange_inside inside;
};

struct http_server {
    struct http_settings settings;
    struct MHD_Daemon  **daemons; /* settings.threads of them, NULL when stopped */
    int                  tick_fd; /* see daemon_tick */
    int                  listen_fd;
    int                  port;
    uint32_t             id_start; /* request ids are this and a count */
    _Atomic uint32_t     id_count;
    _Atomic int64_t      memory;
    _Atomic int          open;     /* exchanges begun and not ended */
    _Atomic int          away;     /* exchanges on their way to, or with, another thread */
    _Atomic bool         draining;
    _Atomic bool         closing;  /* nothing is handed on any more */
    bool                 stopped;

    pthread_mutex_t free_lock;
    struct slot   **slots;
    unsigned       *free_slots; /* a stack: the last one used is used next */
    unsigned        free_count;
    unsigned        slot_count;
    _Atomic unsigned slots_made;

    pthread_t       reaper;
    pthread_mutex_t reaper_lock;
    pthread_cond_t  reaper_wake;
    bool            reaper_stop;
};

static inline struct slot *slot_of(struct exchange *x)
{
    return (struct slot *)((char *)x - offsetof(struct slot, exchange));
}

/* reaper.c */
WARN_UNUSED int reaper_start(struct http_server *server, struct err *err);
void            reaper_stop(struct http_server *server);
void            reaper_end_waits(struct http_server *server, bool all);
/* Says the refusal on the bare socket and shuts it: where libmicrohttpd can't answer any more. */
void            connection_cut(struct exchange *x, int fd, const struct err *err);

/* request.c: libmicrohttpd's callbacks */
enum MHD_Result request_step(void *arg, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *data,
                             size_t *size, void **state);
void   request_end(void *arg, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode how);
void   request_connection(void *arg, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode how);
size_t request_keep_escapes(void *arg, struct MHD_Connection *connection, char *text);

/* answer.c */
enum MHD_Result answer_queue(struct exchange *x);
void            answer_forget(struct answer *answer); /* closes a file nobody sent */

#endif
