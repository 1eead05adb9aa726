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

struct breath {
    int64_t ended_us; /* of the last callback */
};

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
    struct breath        breath; /* of their callback */
    struct publish_slot *slots;
    int                  slot_count;
    int                  first_free;
    int                  busy;
    pthread_mutex_t      lock; /* of all of this */
    pthread_cond_t       came_free;
    pthread_cond_t       keeper_wakes;
    pthread_t            keeper; /* ends publishes whose answer does not come */
    bool                 keeper_runs, keeper_rests, stopping;
    uint64_t             begun; /* publishes ever */
};

struct pusher {
    pthread_mutex_t lock;
    pthread_cond_t  wakes;
    pthread_t       thread;
    bool            runs, stopping, wanted;
    _Atomic int64_t asked_us; /* the last time */
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
    struct pusher          pusher;
    struct discard         discard;

    natsInbox        *reply_inbox;
    natsSubscription *replies;
    struct breath     breath; /* of their callback */
    reply_came        came;
    void             *came_arg;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  ended;
    int             threads; /* subscriptions and the connection: whose callbacks may still run */
};

/* A failed call of the library as a row; the story ends in the library's or the server's words. */
int stream_status(struct err *err, natsStatus status, jsErrCode code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* What the server says when it refuses to store. */
int stream_refusal(struct err *err, int code, const char *words);

/* STREAM_DOWN unless connected at this moment. */
int stream_connected(struct stream *stream, struct err *err);

/* Subscribes with a callback whose thread stream_close waits for. */
int stream_subscribe(struct stream *stream, natsSubscription **ret_sub, const char *subject,
                     natsMsgHandler handler, struct err *err);

/* Destroys it, some time soon. */
void stream_discard(struct stream *stream, natsMsg *msg);
void discard_done(struct stream *stream);

int  pusher_open(struct stream *stream, struct err *err);
void pusher_stop(struct stream *stream); /* before the connection is closed */

/* At the end of a callback: where messages come in quick succession, waits for a few more of them.
 * Handed over one by one each costs two switches of threads. */
void stream_breathe(struct breath *breath, natsSubscription *sub);

int  publisher_open(struct stream *stream, struct err *err);
void publisher_fail_all(struct stream *stream, const char *why);
void publisher_stop(struct stream *stream); /* fails what waits, joins the keeper */
void publisher_done(struct stream *stream); /* after the last callback */

#endif
