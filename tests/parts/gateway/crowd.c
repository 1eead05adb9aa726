// SPDX-License-Identifier: MIT
/* Many requests that come in the same moment, on a server with routes of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "gateway/http/server.h"
#include "lib/test.h"

/* About as many as one look at epoll once took, where a library waited for one more. */
enum { CROWD = 130, LEAST = 124, ANSWER_S = 20 };

static int entered[2], gate[2]; /* the holding handler writes to the one and reads from the other */

static void hold(struct exchange *x)
{
    char byte;

    CHECK_NUMBER(write(entered[1], "x", 1), 1);
    CHECK_NUMBER(read(gate[0], &byte, 1), 1);
    exchange_answer(x, 200, "text/plain", BYTES("held"));
}

static void greet(struct exchange *x)
{
    exchange_answer(x, 200, "text/plain", BYTES("hello"));
}

static const struct route routes[] = {
    {"GET", "/hold", hold, 0, MOST_NONE, NULL},
    {"GET", "/greet", greet, 0, MOST_NONE, NULL},
};

static int connected(int port)
{
    struct sockaddr_in   at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct timeval patience = {.tv_sec = ANSWER_S};
    int                  fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_NUMBER(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    CHECK_NUMBER(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

static void ask(int fd, const char *path, const char *field)
{
    char text[128];
    int  size = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, field);

    CHECK_NUMBER(send(fd, text, (size_t)size, MSG_NOSIGNAL), size);
}

/* Whether an answer with this body came, within ANSWER_S. */
static bool answered(int fd, const char *body)
{
    char   text[1024];
    size_t had = 0;

    while (had < sizeof(text) - 1) {
        ssize_t got = recv(fd, text + had, sizeof(text) - 1 - had, 0);

        if (got <= 0) {
            return false;
        }
        had += (size_t)got;
        text[had] = '\0';
        if (strstr(text, "\r\n\r\n") != NULL && strcmp(strstr(text, "\r\n\r\n") + 4, body) == 0) {
            return true;
        }
    }
    return false;
}

static void crowd_is_answered(int threads)
{
    const struct http_settings               settings = {.listen = "127.0.0.1",
                                                         .threads = threads,
                                                         .connections = 1000,
                                                         .idle_ms = 600 * 1000,
                                                         .body_ms = 600 * 1000,
                                                         .memory_most = 1 << 20,
                                                         .routes = routes,
                                                         .route_count = COUNT_OF(routes)};
    CLEANUP(http_server) struct http_server *server = NULL;
    int                                      crowd[CROWD];
    char                                     byte;
    int                                      missing = 0;
    struct err                               err = {0};

    CHECK_NUMBER(pipe(entered), 0);
    CHECK_NUMBER(pipe(gate), 0);
    CHECK_WORKS(http_server_open(&server, &settings, &err));
    for (int i = 0; i < CROWD; i++) { /* each is known to its loop before it matters */
        crowd[i] = connected(http_server_port(server));
        ask(crowd[i], "/greet", "");
        CHECK(answered(crowd[i], "hello"));
    }
    for (int size = LEAST; size <= CROWD && missing == 0; size++) {
        int holder = connected(http_server_port(server));

        /* The loop has nothing left to do when this is answered, and then the crowd is there. */
        ask(holder, "/hold", "Connection: close\r\n");
        CHECK_NUMBER(read(entered[0], &byte, 1), 1);
        for (int i = 0; i < size; i++) {
            ask(crowd[i], "/greet", "");
        }
        CHECK_NUMBER(write(gate[1], "x", 1), 1);
        CHECK(answered(holder, "held"));
        for (int i = 0; i < size && missing == 0; i++) {
            missing += !answered(crowd[i], "hello");
        }
        fd_close(holder);
    }
    CHECK_NUMBER(missing, 0);
    for (int i = 0; i < CROWD; i++) {
        fd_close(crowd[i]);
    }
    for (int i = 0; i < 2; i++) {
        fd_close(entered[i]);
        fd_close(gate[i]);
    }
}

TEST(crowd, of_as_many_requests_as_one_look_takes_is_answered)
{
    crowd_is_answered(1);
}

TEST(crowd, is_answered_by_several_loops_too)
{
    crowd_is_answered(3);
}
