// SPDX-License-Identifier: MIT
/*
 * connection.c - bytes in, bytes out: a connection goes from phase to phase as far as it gets.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/http/inside.h"
#include "metric/metric.h"

enum {
    TURNS = 16, /* requests and reads of one connection before others have theirs */
    LINGER_MS = 2000,
    LINGER_MOST = 64 * 1024 * 1024
};

/* ------------------------------- beginning, ending ------------------------------- */

/* A poller's connections stay its own: what another thread still knows of them leads here. */
static struct connection *take_place(struct poller *poller)
{
    struct connection *c = poller->free;

    if (c != NULL) {
        poller->free = c->next_free;
        return c;
    }
    c = mem_zero(1, sizeof(*c));
    c->poller = poller;
    c->index = poller->first_index + (unsigned)poller->made++;
    atomic_store_explicit(&poller->server->connections[c->index], c, memory_order_release);
    return c;
}

int64_t connection_idle_limit(const struct connection *c)
{
    return c->poller->now_us + c->poller->server->settings.idle_ms * 1000;
}

static void await_head(struct connection *c)
{
    c->phase = PHASE_HEAD;
    c->head_begun = false;
    c->limit_us = connection_idle_limit(c);
}

void connection_begin(struct poller *poller, int fd)
{
    struct connection *c = take_place(poller);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};

    if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        fd_close(fd);
        c->next_free = poller->free;
        poller->free = c;
        return;
    }
    c->fd = fd;
    c->sending.head.size = c->sending.head_at = 0; /* what the one before was not sent */
    c->readable = c->hung_up = c->close_after = false;
    c->place = poller->count;
    poller->connections[poller->count++] = c;
    await_head(c);
    atomic_fetch_add(&poller->server->taken, 1);
    metric_add(METRIC_http_connections, 0, 1);
}

void connection_close(struct connection *c)
{
    struct poller *poller = c->poller;

    if (c->phase == PHASE_BODY || c->phase == PHASE_AWAY || c->phase == PHASE_ANSWER) {
        request_end(c, false);
    }
    fd_close(c->fd);
    c->fd = -1;
    buf_done(&c->saved);
    poller->connections[c->place] = poller->connections[--poller->count];
    poller->connections[c->place]->place = c->place;
    atomic_fetch_sub(&poller->server->taken, 1);
    metric_add(METRIC_http_connections, 0, -1);
    c->next_free = poller->closed; /* free after this round, which may know of events of it */
    poller->closed = c;
}

/* ------------------------------------ phases ------------------------------------ */

static enum step close_now(struct connection *c)
{
    connection_close(c);
    return STEP_GONE;
}

/* The head's bytes live as long as the exchange; the blank lines before it are nobody's. */
static enum step step_head(struct connection *c, struct bytes *in)
{
    struct err err = {0};
    size_t     size = 0;
    char      *head;

    while (in->size >= 2 && memcmp(in->data, "\r\n", 2) == 0) {
        in->data += 2;
        in->size -= 2;
    }
    if (in->size > 0 && !c->head_begun) {
        c->head_begun = true;
        c->limit_us = connection_idle_limit(c);
    }
    if (in->size == 0 || (in->size == 1 && in->data[0] == '\r')) {
        return STEP_MORE;
    }
    if (head_find(*in, &size, &err) < 0) {
        request_begin(c);
        request_refuse(c, &err);
        return STEP_ON;
    }
    if (size == 0) {
        return STEP_MORE;
    }
    request_begin(c);
    head = arena_get(c->exchange.arena, size + 1);
    memcpy(head, in->data, size);
    head[size] = '\0';
    in->data += size;
    in->size -= size;
    return request_head(c, head, size);
}

/* A client that is still sending would lose an answer that is followed by a reset. */
static enum step step_linger(struct connection *c, struct bytes *in)
{
    c->dropped += (int64_t)in->size;
    in->size = 0;
    return c->dropped > LINGER_MOST ? close_now(c) : STEP_MORE;
}

static enum step step_answer(struct connection *c)
{
    enum sent sent = answer_push(c);

    if (sent == SENT_BROKEN) {
        return close_now(c);
    }
    if (c->sending.moved) { /* whoever only sends does not keep it */
        c->limit_us = connection_idle_limit(c);
        c->limit_us = c->limit_us < c->sent_by_us ? c->limit_us : c->sent_by_us;
    }
    if (sent == SENT_ENOUGH) {
        poller_ready(c->poller, c);
    }
    if (sent != SENT_ALL) {
        return STEP_STOP;
    }
    request_end(c, true);
    if (!c->close_after) {
        await_head(c);
        return STEP_ON;
    }
    (void)shutdown(c->fd, SHUT_WR);
    c->phase = PHASE_LINGER;
    c->limit_us = c->poller->now_us + LINGER_MS * 1000;
    c->dropped = 0;
    return STEP_ON;
}

static enum step step(struct connection *c, struct bytes *in)
{
    switch (c->phase) {
    case PHASE_HEAD:
        return step_head(c, in);
    case PHASE_BODY:
        return request_body(c, in);
    case PHASE_ANSWER:
        return step_answer(c);
    case PHASE_LINGER:
        return step_linger(c, in);
    case PHASE_AWAY:
        break;
    }
    return STEP_STOP;
}

/* What is read beyond the request has to be kept while that is with another thread: of bodies that
 * say how long they are nothing is, of others no more than of a head. */
static size_t read_most(const struct connection *c, size_t have)
{
    size_t most = c->phase == PHASE_LINGER                     ? POLLER_ROOM
                  : c->phase == PHASE_BODY && !c->head.chunked ? (size_t)c->body_left
                                                               : HEAD_MOST + 1;

    return most < POLLER_ROOM - have ? most : POLLER_ROOM - have;
}

/* Reads behind what is left of `in`. 1: there is more; 0: not now; -1: the connection is gone. */
static int read_more(struct connection *c, struct bytes *in)
{
    uint8_t *room = c->poller->room;
    size_t   most = read_most(c, in->size);
    ssize_t  got;

    if (!c->readable) {
        return 0;
    }
    memmove(room, in->data, in->size);
    in->data = room;
    do {
        got = recv(c->fd, room + in->size, most, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) {
        c->readable = false;
        return 0;
    }
    if (got <= 0) {
        return -1;
    }
    /* Less than there was room for: all that was there. What comes now is told anew; only the end
     * was told already, if it was there. */
    c->readable = (size_t)got == most || c->hung_up;
    in->size += (size_t)got;
    return 1;
}

void connection_run(struct connection *c)
{
    struct poller *poller = c->poller;
    struct bytes   in = {poller->room, c->saved.size};
    enum step      what = STEP_ON;
    int            turns = 0;

    if (c->saved.size > 0) {
        memcpy(poller->room, c->saved.data, c->saved.size);
        c->saved.size = 0;
    }
    while (what != STEP_STOP) {
        enum phase before = c->phase;

        what = step(c, &in);
        if (what == STEP_GONE) {
            return;
        }
        if ((what == STEP_MORE || before == PHASE_ANSWER) && what != STEP_STOP && ++turns > TURNS) {
            poller_ready(poller, c);
            break;
        }
        if (what == STEP_MORE) {
            int got = read_more(c, &in);

            if (got < 0) {
                connection_close(c);
                return;
            }
            what = got == 0 ? STEP_STOP : STEP_ON;
        }
    }
    if (in.size > 0) {
        buf_put(&c->saved, in);
    } else if (c->saved.room > 0) {
        buf_done(&c->saved);
    }
}

/* ------------------------------------ what happens ------------------------------------ */

void connection_event(struct connection *c, uint32_t events)
{
    if (c->fd < 0) {
        return; /* closed in this round */
    }
    c->readable = c->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    c->hung_up = c->hung_up || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (c->phase != PHASE_AWAY) {
        connection_run(c);
    }
}

void connection_back(struct connection *c)
{
    if (request_back(c) == STEP_ON) {
        connection_run(c);
    }
}

void connection_expired(struct connection *c)
{
    struct err err = {0};

    if (c->phase == PHASE_HEAD && c->head_begun) {
        request_begin(c);
        (void)err_set(&err, ERR_BODY_SLOW, "not even the head was in after %lld ms",
                      (long long)c->poller->server->settings.idle_ms);
    } else if (c->phase == PHASE_BODY) {
        (void)err_set(&err, ERR_BODY_SLOW, "the body, or its next block, was not in after %lld ms",
                      (long long)c->poller->server->settings.body_ms);
    } else {
        connection_close(c);
        return;
    }
    request_refuse(c, &err);
    connection_run(c);
}
