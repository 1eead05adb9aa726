// SPDX-License-Identifier: MIT
/*
 * bench_link.h - a keep-alive connection of the load generator, with one request under way.
 *
 * Never blocks; its owner waits on the epoll it was put into, edge-triggered. A request is sent
 * from where it was made and an answer read into a room that all connections share: a connection
 * has bytes of its own only where one call did not do, which is rare.
 */
#ifndef PRT_CLI_BENCH_LINK_H
#define PRT_CLI_BENCH_LINK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum { LINK_LOST = -1, LINK_WAITS = 0 };

struct link {
    int        fd;
    int64_t    trace;     /* whose chunk is under way */
    int64_t    due_us;    /* when it should have been sent */
    bool       measured;  /* it was due while counting */
    bool       under_way; /* until it is answered */
    int64_t    head_of;   /* the trace whose chunks `head` is for, or -1 */
    struct buf head;      /* of a request */
    struct buf rest;      /* what is left to send of the request ... */
    size_t     sent;      /* ... but for so much of it */
    struct buf begun;     /* of an answer that is not whole yet */
};

/* An answer is NUL-terminated and stays until the next one is read. */
struct answer_room {
    char        bytes[64 * 1024];
    const char *answer;
};

/* Connects; nothing is under way on it. */
WARN_UNUSED int link_up(struct link *link, int epoll, const struct sockaddr_in *to,
                        struct err *err);
void            link_down(struct link *link); /* what was under way is so still */
void            link_done(struct link *link);

/* Sends head and body, as much as goes now: LINK_WAITS or LINK_LOST. */
int link_send(struct link *link, struct bytes head, struct bytes body);

/* Sends more of it, if there is more: LINK_WAITS or LINK_LOST. */
int link_push(struct link *link);

/* The status of a whole answer, which ends the request; else LINK_WAITS or LINK_LOST. */
int link_pull(struct link *link, struct answer_room *room);

#endif
