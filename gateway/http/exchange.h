// SPDX-License-Identifier: MIT
/*
 * exchange.h - one request and its answer.
 *
 *   head in -> admit -> body in -> handle --answer--------------------------> sent -> gone
 *                                     |                                        ^
 *                                     +--hold--> (another thread) --answer, resume
 *                                     |                |                       |
 *                                     +--wait----------+--> claim --answer, resume
 *                                                                |
 *                                              deadline: late() -+
 *
 * An exchange belongs to one thread at a time: the event loop while `handle` runs; after
 * exchange_hold, whoever it was handed to, until exchange_resume; after exchange_wait nobody, until
 * one caller's exchange_claim (or the deadline) wins it. No thread is blocked by an exchange that
 * is held or waits.
 */
#ifndef PRT_GATEWAY_HTTP_EXCHANGE_H
#define PRT_GATEWAY_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "gateway/http/route.h"

struct http_server;
struct exchange_inside;

/* Borrowed memory lives as long as the exchange. */
struct exchange {
    const struct route     *route;
    const char             *method;
    const char             *path;                /* as sent, without the query */
    const char             *param[ROUTE_PARAMS]; /* decoded, in the order of the route's path */
    struct arena           *arena;
    struct buf              body; /* whole when `handle` runs, unless the route takes pieces */
    int64_t                 body_total; /* bytes received, pieces included */
    int64_t                 body_promised; /* by Content-Length; -1: in chunks, nobody knows */
    int64_t                 began_us;   /* clock_us when the head was in */
    int64_t                 began_mono_us; /* the same by clock_mono_us */
    int64_t                 whole_us;   /* clock_us when the body was whole */
    char                    request_id[65];
    char                    parent[56]; /* traceparent, or "" */
    struct http_server     *server;
    void                   *owner;    /* http_settings.owner */
    void                   *caller;   /* whatever admit found out about who calls */
    void                   *work;     /* the route's own, for pieces and waits */
    void (*work_done)(void *work);    /* called with `work` when the exchange ends; NULL: nothing */
    void                   *waits;    /* for whoever answers a wait */
    struct exchange_inside *inside;
};

/* -------- the request -------- */
/* A header field or NULL; only on the event loop's thread. The lines of one name are one list (RFC
 * 9110, 5.3), and of a field that is none two lines are no value that fits. */
const char *exchange_field(struct exchange *x, const char *name);
/* What stands behind the path's "?", as it was sent, for head_query_next; NULL: nothing. */
const char *exchange_query_text(struct exchange *x);
/* Query parameter, decoded; NULL: not there. MALFORMED: not percent-encoded UTF-8. */
WARN_UNUSED int exchange_query(struct exchange *x, const char *name, const char **ret_value,
                               struct err *err);
bool exchange_wants_body(const struct exchange *x); /* of the answer: false for HEAD */
/* Counts so many bytes more, which the request or its answer takes, among those that are set aside
 * for bodies; exchange_body_free gives them back, or the end. OVERLOADED when there are no more. */
WARN_UNUSED int exchange_count(struct exchange *x, int64_t bytes, struct err *err);
/* Counts so many bytes more of a file that was made for this answer alone, until the exchange ends: a
 * reader that is slow keeps it on the disk. OVERLOADED when those of all, or of this owner, would be
 * too many; TOO_LARGE when this one alone is. */
WARN_UNUSED int exchange_count_copy(struct exchange *x, uint64_t owner, int64_t bytes,
                                    struct err *err);
/* Gives the body's memory back before the exchange ends. */
void exchange_body_free(struct exchange *x);

/* -------- the answer; the last one said before the exchange goes on is sent -------- */
void exchange_answer(struct exchange *x, int status, const char *content_type, struct bytes body);
/* `size` bytes from `offset` of an open file, which is closed afterwards. */
void exchange_answer_fd(struct exchange *x, int status, const char *content_type, int fd,
                        int64_t offset, int64_t size);
/* The whole file of `size` bytes with `insert` put in before byte `at`. */
void exchange_answer_spliced(struct exchange *x, int status, const char *content_type, int fd,
                             int64_t size, int64_t at, struct bytes insert);
/* RFC 9457 problem+json; adds Retry-After where the row is worth a retry. */
void exchange_refuse(struct exchange *x, const struct err *err);
/* The same with a body made elsewhere, for errors that name fields. */
void exchange_refuse_with(struct exchange *x, const struct err *err, struct bytes problem);
void exchange_header(struct exchange *x, const char *name, const char *value); /* at most 10 */
int  exchange_status(const struct exchange *x); /* of the answer said so far, 0: none */
int  exchange_loop(struct exchange *x); /* the event loop it came in on, from 0 */

/* -------- handing it on -------- */
void exchange_hold(struct exchange *x);
void exchange_resume(struct exchange *x);
/* Instead of resume: has the route's handler run, again, on the event loop's thread. */
void exchange_again(struct exchange *x);

/* Nobody's until claimed. `late` is called, with the exchange claimed, once clock_mono_us is past
 * the deadline (by up to 50 ms); it answers and resumes, or hands on. The exchange must not be
 * touched after this returns: it may already be another's. */
uint64_t exchange_wait(struct exchange *x, int64_t deadline_us, void (*late)(struct exchange *x));
/* The ticket the next exchange_wait returns, for what has to name it before. */
uint64_t exchange_next_ticket(struct exchange *x);
/* The exchange that waits under this ticket, now the caller's alone; NULL: it has been claimed. */
struct exchange *exchange_claim(struct http_server *server, uint64_t ticket);
/* Leaves a mark on a waiting exchange for whoever claims it; false: it has been claimed. */
bool exchange_mark(struct http_server *server, uint64_t ticket);
bool exchange_marked(const struct exchange *x);

#endif
