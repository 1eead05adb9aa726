// SPDX-License-Identifier: MIT
#include "gateway/cli/bench_link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"

int link_up(struct link *link, int epoll, const struct sockaddr_in *to, struct err *err)
{
    struct epoll_event watch = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = link};
    int                on = 1;

    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd < 0 ||
        (connect(link->fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS) ||
        setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, link->fd, &watch) < 0) {
        return err_errno(err, "connecting to the gateway");
    }
    link->sent = 0;
    link->got = 0;
    return 0;
}

void link_down(struct link *link)
{
    fd_close(link->fd);
    link->fd = -1;
}

void link_begin(struct link *link, int64_t due_us, bool measured)
{
    link->sent = 0;
    link->got = 0;
    link->under_way = true;
    link->due_us = due_us;
    link->measured = measured;
}

static bool for_now(int error)
{
    return error == EAGAIN || error == EINTR || error == ENOTCONN;
}

int link_push(struct link *link)
{
    while (link->under_way && link->sent < link->request.size) {
        ssize_t put = send(link->fd, link->request.data + link->sent,
                           link->request.size - link->sent, MSG_NOSIGNAL);

        if (put < 0) {
            return for_now(errno) ? LINK_WAITS : LINK_LOST;
        }
        link->sent += (size_t)put;
    }
    return LINK_WAITS;
}

/* The status once a whole answer lies in the buffer, else 0. */
static int whole_answer(struct link *link)
{
    const char *end;
    const char *length;

    link->answer[link->got] = '\0';
    end = strstr(link->answer, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    length = strcasestr(link->answer, "content-length:");
    if (length == NULL || length > end ||
        link->got < (size_t)(end + 4 - link->answer) + strtoul(length + 15, NULL, 10)) {
        return 0;
    }
    return atoi(link->answer + 9);
}

int link_pull(struct link *link)
{
    for (;;) {
        ssize_t got = recv(link->fd, link->answer + link->got, ANSWER_ROOM - 1 - link->got, 0);
        int     status;

        if (got <= 0) {
            return got < 0 && for_now(errno) ? LINK_WAITS : LINK_LOST;
        }
        link->got += (size_t)got;
        status = whole_answer(link);
        if (status != 0) {
            link->got = 0;
            link->under_way = false;
            return status;
        }
    }
}
