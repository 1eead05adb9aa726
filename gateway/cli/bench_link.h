// SPDX-License-Identifier: MIT
/*
 * bench_link.h - a keep-alive connection of the load generator, with one request under way.
 *
 * Never blocks; its owner waits on the epoll it was put into, edge-triggered.
 */
#ifndef PRT_CLI_BENCH_LINK_H
#define PRT_CLI_BENCH_LINK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum { ANSWER_ROOM = 64 * 1024, LINK_LOST = -1, LINK_WAITS = 0 };

struct link {
    int        fd;
    int64_t    trace;     /* whose chunk is under way */
    int64_t    due_us;    /* when it should have been sent */
    bool       measured;  /* it was due while counting */
    bool       under_way; /* until it is answered */
    struct buf request;
    size_t     sent;
    char       answer[ANSWER_ROOM];
    size_t     got;
};

/* Connects; what is under way is sent from its start. */
WARN_UNUSED int link_up(struct link *link, int epoll, const struct sockaddr_in *to,
                        struct err *err);
void            link_down(struct link *link);

/* link->request is to be sent; it was due then. */
void link_begin(struct link *link, int64_t due_us, bool measured);

/* Sends as much as goes: LINK_WAITS or LINK_LOST. */
int link_push(struct link *link);

/* The status of a whole answer, which lies in link->answer until the next call; else LINK_WAITS or
 * LINK_LOST. To be called until it gives no status. */
int link_pull(struct link *link);

#endif
