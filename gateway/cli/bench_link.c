// SPDX-License-Identifier: MIT
#include "gateway/cli/bench_link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fd.h"

enum { ANSWER_MOST = 1 << 20 };

int link_up(struct link *link, int epoll, const struct sockaddr_in *to, struct err *err)
{
    struct epoll_event watch = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = link};
    int                on = 1;

    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd < 0 ||
        (connect(link->fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS) ||
        setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, link->fd, &watch) < 0) {
        return err_errno(err, "connecting to the gateway");
    }
    link->rest.size = 0;
    link->sent = 0;
    link->begun.size = 0;
    return 0;
}

void link_down(struct link *link)
{
    fd_close(link->fd);
    link->fd = -1;
}

void link_done(struct link *link)
{
    link_down(link);
    buf_done(&link->head);
    buf_done(&link->rest);
    buf_done(&link->begun);
}

static bool for_now(int error)
{
    return error == EAGAIN || error == EINTR || error == ENOTCONN;
}

int link_send(struct link *link, struct bytes head, struct bytes body)
{
    struct iovec  pieces[] = {{(void *)(uintptr_t)head.data, head.size},
                              {(void *)(uintptr_t)body.data, body.size}};
    struct msghdr whole = {.msg_iov = pieces, .msg_iovlen = 2};
    ssize_t       put = sendmsg(link->fd, &whole, MSG_NOSIGNAL);
    size_t        gone = put < 0 ? 0 : (size_t)put;

    link->rest.size = 0;
    link->sent = 0;
    if (put < 0 && !for_now(errno)) {
        return LINK_LOST;
    }
    if (gone < head.size) {
        buf_put(&link->rest, (struct bytes){head.data + gone, head.size - gone});
        gone = head.size;
    }
    if (gone < head.size + body.size) {
        gone -= head.size;
        buf_put(&link->rest, (struct bytes){body.data + gone, body.size - gone});
    }
    return LINK_WAITS;
}

int link_push(struct link *link)
{
    while (link->sent < link->rest.size) {
        ssize_t put = send(link->fd, link->rest.data + link->sent, link->rest.size - link->sent,
                           MSG_NOSIGNAL);

        if (put < 0) {
            return for_now(errno) ? LINK_WAITS : LINK_LOST;
        }
        link->sent += (size_t)put;
    }
    return LINK_WAITS;
}

/* Its status, or 0 if more of it has to come. */
static int whole_answer(const char *answer, size_t size)
{
    static const char length_field[] = "content-length:";
    const char       *line = answer;
    const char       *end;
    size_t            length = 0;

    while ((end = memchr(line, '\n', size - (size_t)(line - answer))) != NULL) {
        if (end - line <= 1) { /* the empty line */
            return size - (size_t)(end + 1 - answer) >= length ? atoi(answer + 9) : 0;
        }
        if (strncasecmp(line, length_field, sizeof(length_field) - 1) == 0) {
            length = strtoul(line + sizeof(length_field) - 1, NULL, 10);
        }
        line = end + 1;
    }
    return 0;
}

/* A request has one answer and no other is under way: after a whole one nothing else can come, and
 * no second recv has to say so. */
int link_pull(struct link *link, struct answer_room *room)
{
    for (;;) {
        ssize_t got = recv(link->fd, room->bytes, sizeof(room->bytes) - 1, 0);
        size_t  size;
        int     status;

        if (got <= 0) {
            return got < 0 && for_now(errno) ? LINK_WAITS : LINK_LOST;
        }
        room->bytes[got] = '\0';
        room->answer = room->bytes;
        size = (size_t)got;
        if (link->begun.size > 0) {
            buf_put(&link->begun, (struct bytes){(const uint8_t *)room->bytes, size});
            room->answer = buf_text(&link->begun);
            size = link->begun.size;
        }
        status = whole_answer(room->answer, size);
        if (status != 0) {
            link->begun.size = 0;
            link->under_way = false;
            return status;
        }
        if (size > ANSWER_MOST) {
            return LINK_LOST;
        }
        if (link->begun.size == 0) {
            buf_put(&link->begun, (struct bytes){(const uint8_t *)room->bytes, size});
        }
    }
}
