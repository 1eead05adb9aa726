// SPDX-License-Identifier: MIT
/*
 * answer.c - what a handler said, as bytes on the connection.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "base/fd.h"
#include "gateway/http/inside.h"

enum { FILE_TURN = 1024 * 1024, PUSH_TRIES = 8 }; /* before other connections have their turn */

static const char *reason(int status)
{
    static const struct {
        int         status;
        const char *words;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].words;
        }
    }
    return "Status";
}

/* ---------------------------------- the head ---------------------------------- */

static void put_field(struct buf *head, const char *name, const char *value)
{
    buf_put_text(head, name);
    buf_put_text(head, ": ");
    buf_put_text(head, value);
    buf_put_text(head, "\r\n");
}

static const char *date_now(struct poller *poller, int64_t now_us)
{
    time_t    now = (time_t)(now_us / 1000000);
    struct tm utc;

    if (poller->date_s != now) {
        poller->date_s = now;
        (void)strftime(poller->date, sizeof(poller->date), "%a, %d %b %Y %H:%M:%S GMT",
                       gmtime_r(&now, &utc));
    }
    return poller->date;
}

static void put_head(struct connection *c, int64_t size)
{
    struct answer *answer = &c->inside.answer;
    struct buf    *head = &c->sending.head;
    char           number[64];

    (void)snprintf(number, sizeof(number), "HTTP/1.1 %d ", answer->status);
    buf_put_text(head, number);
    buf_put_text(head, reason(answer->status));
    buf_put_text(head, "\r\n");
    put_field(head, "Date",
              date_now(c->poller,
                       c->exchange.whole_us > 0 ? c->exchange.whole_us : c->exchange.began_us));
    if (answer->content_type != NULL) {
        put_field(head, "Content-Type", answer->content_type);
    }
    put_field(head, "X-Request-Id", c->exchange.request_id);
    for (size_t i = 0; i < answer->header_count; i++) {
        put_field(head, answer->header[i].name, answer->header[i].value);
    }
    if (c->close_after) {
        put_field(head, "Connection", "close");
    }
    if (answer->status != 204 && answer->status != 304) { /* these have no body by what they are */
        (void)snprintf(number, sizeof(number), "%lld", (long long)size);
        put_field(head, "Content-Length", number);
    }
    buf_put_text(head, "\r\n");
}

/* ---------------------------------- the body ---------------------------------- */

static void add_part(struct sending *sending, const uint8_t *data, int64_t offset, int64_t size)
{
    if (size > 0) {
        sending->list[sending->parts++] =
            (struct part){.data = data, .offset = offset, .left = size};
    }
}

static void add_parts(struct sending *sending, const struct answer *answer)
{
    switch (answer->kind) {
    case ANSWER_BYTES:
        add_part(sending, answer->bytes.data, 0, (int64_t)answer->bytes.size);
        break;
    case ANSWER_FD:
        add_part(sending, NULL, answer->offset, answer->size);
        break;
    case ANSWER_SPLICED:
        add_part(sending, NULL, 0, answer->at);
        add_part(sending, answer->bytes.data, 0, (int64_t)answer->bytes.size);
        add_part(sending, NULL, answer->at, answer->size - answer->at);
        break;
    }
}

/* Nothing to send; but what has begun, a "100 Continue", comes whole. */
static void start_sending(struct sending *sending)
{
    if (sending->head_at == 0 || sending->head_at == sending->head.size) {
        sending->head.size = sending->head_at = 0;
    }
    sending->part = sending->parts = 0;
}

/* Whoever takes a byte now and then would keep what the answer takes for ever. */
static int64_t sent_by_us(const struct connection *c, int64_t size)
{
    const int64_t pace = c->exchange.server->settings.pace;

    return pace == 0 ? INT64_MAX
                     : connection_idle_limit(c) + (int64_t)((double)size / (double)pace * 1e6);
}

void answer_open(struct connection *c)
{
    struct sending *sending = &c->sending;
    int64_t         size = 0;

    start_sending(sending);
    add_parts(sending, &c->inside.answer);
    for (int i = 0; i < sending->parts; i++) {
        size += sending->list[i].left;
    }
    c->sent_by_us = sent_by_us(c, size);
    if (atomic_load(&c->exchange.server->draining)) {
        c->close_after = true;
    }
    put_head(c, size);
    if (!exchange_wants_body(&c->exchange) || c->inside.answer.status == 204 ||
        c->inside.answer.status == 304) {
        sending->parts = 0;
    }
}

/* ---------------------------------- sending ---------------------------------- */

/* SENT_ALL: of this try. */
static enum sent outcome(ssize_t sent)
{
    return sent > 0                      ? SENT_ALL
           : sent < 0 && errno == EAGAIN ? SENT_BLOCKED
           : sent < 0 && errno == EINTR  ? SENT_ALL
                                         : SENT_BROKEN;
}

/* What is left of the head, and the memory that follows it. */
static enum sent send_memory(struct connection *c)
{
    struct sending *sending = &c->sending;
    struct part    *part = sending->part < sending->parts ? &sending->list[sending->part] : NULL;
    size_t          head = sending->head.size - sending->head_at;
    struct iovec    pieces[2] = {{sending->head.data + sending->head_at, head}, {NULL, 0}};
    struct msghdr   message = {.msg_iov = pieces, .msg_iovlen = 1};
    int             more = 0;
    ssize_t         sent;

    if (part != NULL && part->data != NULL) {
        pieces[1] = (struct iovec){(void *)(part->data + part->offset), (size_t)part->left};
        message.msg_iovlen = 2;
        more = sending->part + 1 < sending->parts ? MSG_MORE : 0;
    } else if (part != NULL) {
        more = MSG_MORE;
    }
    sent = sendmsg(c->fd, &message, MSG_NOSIGNAL | more);
    if (sent > 0) {
        size_t of_head = (size_t)sent < head ? (size_t)sent : head;

        sending->head_at += of_head;
        if (message.msg_iovlen == 2) {
            part->offset += sent - (ssize_t)of_head;
            part->left -= sent - (ssize_t)of_head;
        }
    }
    return outcome(sent);
}

static enum sent send_file(struct connection *c, struct part *part)
{
    off_t   offset = part->offset;
    size_t  size = part->left < FILE_TURN ? (size_t)part->left : FILE_TURN;
    ssize_t sent = sendfile(c->fd, c->inside.answer.fd, &offset, size);

    if (sent > 0) {
        part->offset += sent;
        part->left -= sent;
    }
    return outcome(sent); /* broken: the file is shorter than it was */
}

enum sent answer_push(struct connection *c)
{
    struct sending *sending = &c->sending;

    sending->moved = false;
    for (int tries = 0; tries < PUSH_TRIES; tries++) {
        struct part *part;
        enum sent    sent;

        while (sending->part < sending->parts && sending->list[sending->part].left == 0) {
            sending->part++;
        }
        if (sending->head_at == sending->head.size && sending->part == sending->parts) {
            return SENT_ALL;
        }
        part = &sending->list[sending->part];
        sent = sending->head_at == sending->head.size && part->data == NULL ? send_file(c, part)
                                                                            : send_memory(c);
        if (sent != SENT_ALL) {
            return sent;
        }
        sending->moved = true;
    }
    return SENT_ENOUGH;
}

void answer_go_on(struct connection *c)
{
    start_sending(&c->sending);
    buf_put_text(&c->sending.head, "HTTP/1.1 100 Continue\r\n\r\n");
    answer_go_on_push(c);
}

/* Broken: then reading finds out too. */
void answer_go_on_push(struct connection *c)
{
    if (c->sending.head_at < c->sending.head.size) {
        (void)answer_push(c);
    }
}
