// SPDX-License-Identifier: MIT
/*
 * stream.h - JetStream: publish, pull, settle, and core replies. The only part that speaks NATS.
 *
 * A connection reconnects by itself for ever; while it is gone calls fail with STREAM_DOWN and
 * nothing waits without end. A stream at its size limit is STREAM_FULL. Safe from several threads
 * unless a function says otherwise; callbacks run on a thread of the connection (pump.c), or on the
 * event loop that drives it, and must neither block nor call what waits for the server.
 */
#ifndef PRT_STREAM_STREAM_H
#define PRT_STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct stream_settings {
    const char *url; /* several with commas between */
    const char *user, *password;
    const char *name; /* of this process, shown by the server */
    int         replicas;
    int64_t     ingest_keep_ms, ingest_bytes, dead_keep_ms;
    int         publish_window; /* async publishes in flight */
};

enum { STREAM_WAIT_MS = 5000 }; /* for any answer of the server */

struct stream;
WARN_UNUSED int stream_open(struct stream **ret_stream, const struct stream_settings *settings,
                            struct err *err);
void            stream_close(struct stream *stream);
DEFINE_CLEANUP(stream, struct stream *, stream_close)

/* The connection is gone for good (credentials refused twice): only a new one helps. */
bool stream_is_closed(struct stream *stream);

/* Makes the streams and consumers of schemas/pipeline.def where missing, and brings those that are
 * there up to the settings. What JetStream cannot change is CONFIG_WRONG: the story names the
 * stream, the property, what is and what should be. Safe at any time, from many processes. */
WARN_UNUSED int stream_setup(struct stream *stream, struct err *err);

/* STREAM_DOWN unless connected at this moment. */
WARN_UNUSED int stream_connected(struct stream *stream, struct err *err);
/* The same, and JetStream answers within that time. */
WARN_UNUSED int stream_check(struct stream *stream, int64_t timeout_ms, struct err *err);

/* From now on, until stream_close, an event loop of the caller's does what the connection's own
 * thread did: it calls stream_round before it first waits for events, *ret_fd's among them, and then
 * after each of its rounds, so that what was published in one goes out in one write. Calls that wait
 * for the server are for other threads then. */
void stream_drive(struct stream *stream, int *ret_fd);
/* Writes what was published, reads what has come if `readable`, runs callbacks; waits for nothing.
 * One thread's. */
void stream_round(struct stream *stream, bool readable);

/* ---------------------------------- publishing ---------------------------------- */

/* Headers of our messages. Msg-Id is the stream's duplicate check. A message without any is cheaper
 * for everybody: the library takes it as it lies, 16 us of the gateway's CPU for a chunk. */
#define STREAM_HEADER_ID      "Nats-Msg-Id"
#define STREAM_HEADER_PARENT  "traceparent" /* W3C trace context */
#define STREAM_HEADER_REPLAY  "Prt-Replay"  /* the replay, or retry, that made the message */

struct publication {
    const char  *subject;
    struct bytes body;
    const char  *id, *parent, *replay; /* NULL: header not sent */
};

/* Returns when the stream has stored it. */
WARN_UNUSED int stream_publish(struct stream *stream, const struct publication *what,
                               uint64_t *ret_seq, struct err *err);

/* All of them, in order, pipelined; returns when the last is stored. On -1 some may be stored: say
 * them again with the same ids. None waits longer than STREAM_WAIT_MS for its answer. */
WARN_UNUSED int stream_publish_all(struct stream *stream, const struct publication *what,
                                   size_t count, struct err *err);

/* Returns at once where the server keeps up. Where 4 MiB wait to be read by it, waits until it has,
 * as writing to a socket would; for at most half a second, and not again before it has read. `done`
 * is called exactly once, later or before the return, with failed NULL when the stream has stored
 * it at seq. A failed one may be stored nevertheless: its answer may be what was lost. -1
 * (OVERLOADED: the window is full or the server reads nothing, STREAM_DOWN, TOO_LARGE): done is
 * never called. Not to be called from a callback. On the event loop that drives the stream it waits
 * as well, and writes meanwhile. */
typedef void (*publish_done)(void *arg, uint64_t seq, const struct err *failed);
WARN_UNUSED int stream_publish_async(struct stream *stream, const struct publication *what,
                                     publish_done done, void *arg, struct err *err);

/* Core NATS, at most once: verdicts. Lost if nobody listens. */
WARN_UNUSED int stream_reply(struct stream *stream, const char *inbox, struct bytes body,
                             struct err *err);

/* Returns when the server has read all that was said so far. */
void stream_flush(struct stream *stream);

/* Listens for replies: subject prefix "<ret_inbox>." + anything. Callback borrows its arguments.
 * One listener a stream. ret_inbox lives as long as the stream. */
typedef void (*reply_came)(void *arg, const char *subject, struct bytes body);
WARN_UNUSED int stream_listen(struct stream *stream, reply_came came, void *arg,
                              const char **ret_inbox, struct err *err);

/* ------------------------------------ pulling ------------------------------------ */

/* One consumer's messages, by own pull requests on one inbox: nats.c 3.4's Fetch can write past its
 * array. A pull is for one thread. */
struct pull;
struct stream_msg;

struct pull_settings {
    const char *stream_name, *consumer;
    int         batch; /* messages a request asks for */
    int         ahead; /* requests open while the caller works; 0: asks only in pull_next */
    size_t      bytes; /* most a request brings; 0 for no limit */
};

/* The consumer must be there. Until pull_close at most batch * (ahead + 1) messages are held beside
 * those handed out. */
WARN_UNUSED int pull_open(struct pull **ret_pull, struct stream *stream,
                          const struct pull_settings *settings, struct err *err);

/* Hands back what pull_next has not handed out; what was handed out stays with the caller. */
void pull_close(struct pull *pull);
DEFINE_CLEANUP(pull, struct pull *, pull_close)

/* Up to `most` messages and about `most_bytes` (always at least one message when one is there).
 * Waits up to wait_ms for the first and up to fill_ms more for the rest. 0 messages is no error;
 * STREAM_DOWN when the wait is over and the server is gone, or when the consumer is not there any
 * more. The array holds `most`. */
WARN_UNUSED int pull_next(struct pull *pull, size_t most, size_t most_bytes, int64_t wait_ms,
                          int64_t fill_ms, struct stream_msg **ret_msgs, size_t *ret_count,
                          struct err *err);

const char  *msg_subject(const struct stream_msg *msg);
struct bytes msg_body(const struct stream_msg *msg);
const char  *msg_header(const struct stream_msg *msg, const char *name); /* or NULL */
uint64_t     msg_seq(const struct stream_msg *msg);                      /* in the stream */
uint64_t     msg_tries(const struct stream_msg *msg);                    /* 1 the first time */
uint64_t     msg_nth(const struct stream_msg *msg); /* how many-th its consumer was sent; from 1 */
int64_t      msg_stored_us(const struct stream_msg *msg);
void         msg_free(struct stream_msg *msg);
DEFINE_CLEANUP(stream_msg, struct stream_msg *, msg_free)

/* Settling. ack is not waited for unless `sure`; a lost one means a redelivery that changes
 * nothing. progress extends the lease and may be called from a second thread; LEASE_LOST when the
 * lease ran out before (by this process's clock: best effort, results are fenced in the database as
 * well). A message outlives its pull, but not its stream. */
void            msg_ack(struct stream_msg *msg, bool sure);
void            msg_nak(struct stream_msg *msg, int64_t delay_ms);
void            msg_term(struct stream_msg *msg);
WARN_UNUSED int msg_progress(struct stream_msg *msg, struct err *err);

/* ------------------------------------ looking ------------------------------------ */

struct consumer_state {
    uint64_t ack_floor; /* every message up to this stream sequence is settled */
    uint64_t pending;   /* not yet delivered */
    uint64_t in_flight; /* delivered, not settled */
    uint64_t redelivered;
    uint64_t waiting; /* pull requests that wait */
};
struct stream_state {
    uint64_t messages, bytes, first_seq, last_seq;
    int64_t  first_us; /* when its oldest message was stored; 0: it has none */
};
WARN_UNUSED int stream_consumer_state(struct stream *stream, const char *stream_name,
                                      const char *consumer, struct consumer_state *ret_state,
                                      struct err *err);
WARN_UNUSED int stream_state(struct stream *stream, const char *stream_name,
                             struct stream_state *ret_state, struct err *err);

/* One stored message; NOT_FOUND if it is gone. Body in the arena, headers apart from the id left
 * out. For replay and dead letters. */
struct stored_msg {
    const char  *subject;
    struct bytes body;
    const char  *id;
    uint64_t     seq;
    int64_t      stored_us;
};
WARN_UNUSED int stream_get(struct stream *stream, struct arena *arena, const char *stream_name,
                           uint64_t seq, struct stored_msg *ret_msg, struct err *err);

/* *ret_seq: the first under a subject (may hold wildcards) from `from` on; 0: there is none. The server
 * may read through all that the stream has from there. */
WARN_UNUSED int stream_next(struct stream *stream, const char *stream_name, const char *subject,
                            uint64_t from, uint64_t *ret_seq, struct err *err);

/* The newest under a subject. NOT_FOUND may also say that the newest was deleted, and nothing of older
 * ones: nats-server 2.9 (seen with 2.9.10) looks no further. */
WARN_UNUSED int stream_get_last(struct stream *stream, struct arena *arena, const char *stream_name,
                                const char *subject, struct stored_msg *ret_msg, struct err *err);
/* NOT_FOUND if it is gone. */
WARN_UNUSED int stream_delete(struct stream *stream, const char *stream_name, uint64_t seq,
                              struct err *err);
/* Removes what a stream need not keep, the oldest first, but nothing this consumer has not settled:
 * when one that refuses new messages at its size limit is nearly full (nine tenths), up to a fifth of
 * its messages; of a SETTLED one (schemas/pipeline.def) what is too old. What is not worked off stays,
 * and a full stream refuses until it is. */
WARN_UNUSED int stream_make_room(struct stream *stream, const char *stream_name,
                                 const char *consumer, struct err *err);

/* Deletes every message under a subject, one by one; no wildcards. */
WARN_UNUSED int stream_remove(struct stream *stream, const char *stream_name, const char *subject,
                              struct err *err);

/* The same at once, wildcards allowed, of a stream that nobody reads: nats-server 2.9 (seen with 2.9.10)
 * has every consumer pass over whatever it has not settled, of all subjects. */
WARN_UNUSED int stream_purge(struct stream *stream, const char *stream_name, const char *subject,
                             struct err *err);

/* -------- browsing: what a stream keeps, in order, without taking it from anybody -------- */
struct browse;
struct browse_settings {
    const char *stream_name; /* not a work queue */
    const char *subject;     /* only these; may hold wildcards; NULL: all */
    uint64_t    from_seq;    /* 0: from the first on */
    int64_t     from_us;     /* > 0: from what was stored then on; from_seq does not count */
    bool        bodies;      /* false: bodies come out empty, and much faster */
};
WARN_UNUSED int browse_open(struct browse **ret_browse, struct stream *stream,
                            const struct browse_settings *settings, struct err *err);
void            browse_close(struct browse *browse);
DEFINE_CLEANUP(browse, struct browse *, browse_close)

/* About how many messages there were at opening, for a progress bar. What is published later is not
 * browsed. */
uint64_t browse_total(const struct browse *browse);

/* The next one, in the arena; *ret_there is false behind the last. An hour without a call and the
 * server forgets the place: STREAM_DOWN, as in an outage; open it again from the last seq on. */
WARN_UNUSED int browse_next(struct browse *browse, struct arena *arena, struct stored_msg *ret_msg,
                            bool *ret_there, struct err *err);

#endif
