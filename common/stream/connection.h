// SPDX-License-Identifier: MIT
/*
 * connection.h - the inside of struct stream, for the files of this folder only.
 */
#ifndef PRT_STREAM_CONNECTION_H
#define PRT_STREAM_CONNECTION_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

#include "stream/stream.h"

/* One async publish that waits for its answer. The generation tells late answers from new ones. */
struct publish_slot {
    bool         busy;
    uint32_t     generation;
    int          next_free; /* -1: none */
    int64_t      deadline_us;
    publish_done done;
    void        *arg;
};

struct publisher {
    natsInbox           *inbox; /* answers come to <inbox>.<slot>.<generation> */
    natsSubscription    *answers;
    struct publish_slot *slots;
    int                  slot_count;
    int                  first_free;
    atomic_int           busy;
    int64_t              look_at_us; /* when late ones are looked for again; the pump's */
    bool                 unread_for_long; /* the server reads nothing: nobody waits for it again */
    pthread_mutex_t      lock;            /* of the slots, and of unread_for_long */
    pthread_cond_t       came_free;
};

enum { PUMP_READ_BYTES = 256 * 1024 }; /* at a time */

struct pump {
    natsConnection *nc;
    int             epoll_fd, wake_fd;
    atomic_int      fd;     /* the connection's, -1 while there is none */
    atomic_bool     wanted; /* something waits to be written */
    atomic_bool     asleep; /* and wants to be woken for it */
    atomic_bool     stopping;
    bool            sent_all, crowded, runs;
    bool            driven; /* by an event loop of the caller's: stream_drive */
    int64_t         ended_us; /* the last round */
    pthread_t       thread;
};

enum { DISCARD_MOST = 64 };

struct discard {
    pthread_mutex_t lock;
    natsMsg        *msgs[DISCARD_MOST];
    int             count;
    size_t          bytes;
};

struct stream {
    natsConnection        *nc;
    jsCtx                 *js;
    struct stream_settings settings; /* its texts are not kept */
    atomic_uint            reconnects;
    struct publisher       publisher;
    struct pump            pump;
    struct discard         discard;

    natsInbox                *reply_inbox;
    natsSubscription *_Atomic replies; /* set after what follows */
    reply_came                came;
    void                     *came_arg;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  ended;
    bool            connected; /* once: the connection's last callback is still to come */
};

/* A failed call of the library as a row; the story ends in the library's or the server's words. */
int stream_status(struct err *err, natsStatus status, jsErrCode code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* What the server says when it refuses to store. */
int stream_refusal(struct err *err, int code, const char *words);

/* How many messages there are under a subject without wildcards: told without looking for them. */
int stream_count_under(struct stream *stream, const char *stream_name, const char *subject,
                       uint64_t *ret_count, struct err *err);

/* How long a SETTLED stream keeps its messages; 0: it is no such stream. setup.c. */
int64_t setup_settled_keep_us(const struct stream *stream, const char *stream_name);

/* Messages for a round of the pump. */
int stream_subscribe(struct stream *stream, natsSubscription **ret_sub, const char *subject,
                     struct err *err);

/* Destroys it, some time soon. */
void stream_discard(struct stream *stream, natsMsg *msg);
void discard_done(struct stream *stream);

int        pump_open(struct stream *stream, struct err *err); /* before the connection */
natsStatus pump_options(struct stream *stream, natsOptions *options);
int        pump_start(struct stream *stream, struct err *err); /* once connected */
void       pump_stop(struct stream *stream); /* before the connection is closed */
bool       pump_is_ours(struct stream *stream); /* this thread writes and reads */
void       pump_push(struct stream *stream, int wait_ms); /* writes; waits for room if it must */
void       pump_done(struct stream *stream);

/* What has come, to whom it is for. On the pump's thread, each round. */
void publisher_round(struct stream *stream);
void replies_round(struct stream *stream);

int  publisher_open(struct stream *stream, struct err *err);
void publisher_fail_all(struct stream *stream, const char *why);
void publisher_done(struct stream *stream); /* after the last callback */

#endif
