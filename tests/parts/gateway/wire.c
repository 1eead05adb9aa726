// SPDX-License-Identifier: MIT
/* The HTTP server alone, on a server with routes of its own: bytes on the wire in every way they
 * come. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/http/server.h"
#include "lib/test.h"
#include "wire.h"

static struct http_server *server;
static char                file_path[64];
static pthread_t           resumer; /* of the last held exchange */
static _Atomic int         held;

static void greet(struct exchange *x)
{
    exchange_answer(x, 200, "text/plain", BYTES("hello"));
}

static void echo(struct exchange *x)
{
    exchange_answer(x, 200, "text/plain", arena_bytes(x->arena, buf_bytes(&x->body)));
}

static void *answer_elsewhere(void *arg)
{
    struct exchange *x = arg;

    exchange_answer(x, 200, "text/plain", arena_bytes(x->arena, buf_bytes(&x->body)));
    exchange_resume(x);
    return NULL;
}

static void hold(struct exchange *x)
{
    exchange_hold(x);
    CHECK(pthread_create(&resumer, NULL, answer_elsewhere, x) == 0);
    CHECK(pthread_detach(resumer) == 0);
}

static void too_late(struct exchange *x)
{
    exchange_answer(x, 200, "text/plain", BYTES("late"));
    exchange_resume(x);
}

static void wait_long(struct exchange *x)
{
    held++;
    (void)exchange_wait(x, clock_mono_us() + 300 * 1000, too_late);
}

/* On the event loop's own thread: what happens meanwhile is told to it at once. */
static void stand_still(struct exchange *x)
{
    held = 1;
    while (held != 0) {
        clock_sleep_ms(1);
    }
    greet(x);
}

static int file_open(void)
{
    return open(file_path, O_RDONLY | O_CLOEXEC);
}

static void send_a_file(struct exchange *x)
{
    exchange_answer_fd(x, 200, "text/plain", file_open(), 0, FILE_BYTES);
}

static void send_spliced(struct exchange *x)
{
    exchange_answer_spliced(x, 200, "text/plain", file_open(), FILE_BYTES, 7, BYTES("<inserted>"));
}

static void *take_elsewhere(void *arg)
{
    struct exchange *x = arg;

    x->work = (void *)((uintptr_t)x->work + x->body.size);
    x->body.size = 0;
    exchange_resume(x);
    return NULL;
}

static int piece(struct exchange *x, struct err *err)
{
    (void)err;
    exchange_hold(x);
    CHECK(pthread_create(&resumer, NULL, take_elsewhere, x) == 0);
    CHECK(pthread_detach(resumer) == 0);
    return 0;
}

static void pieces_over(struct exchange *x)
{
    exchange_answer(
        x, 200, "text/plain",
        bytes_of(arena_format(x->arena, "%zu bytes", (size_t)(uintptr_t)x->work + x->body.size)));
}

static void answer_much(struct exchange *x)
{
    uint8_t *much = arena_zero(x->arena, MUCH, 1);

    exchange_answer(x, 200, "text/plain", (struct bytes){much, MUCH});
}

static void nothing_there(struct exchange *x)
{
    exchange_answer(x, 304, NULL, BYTES(""));
}

static const struct route routes[] = {
    {"GET", "/greet", greet, 0, MOST_NONE, NULL},
    {"POST", "/echo", echo, 0, MOST_BODY, NULL},
    {"POST", "/held", hold, 0, MOST_BODY, NULL},
    {"GET", "/wait", wait_long, 0, MOST_NONE, NULL},
    {"GET", "/stand", stand_still, 0, MOST_NONE, NULL},
    {"GET", "/file", send_a_file, 0, MOST_NONE, NULL},
    {"GET", "/spliced", send_spliced, 0, MOST_NONE, NULL},
    {"GET", "/much", answer_much, 0, MOST_NONE, NULL},
    {"GET", "/same", nothing_there, 0, MOST_NONE, NULL},
    {"PUT", "/pieces", pieces_over, 0, MOST_STREAM, piece},
};

static uint8_t file_byte(int64_t at)
{
    return (uint8_t)('a' + at % 23 + at / 4096 % 3);
}

bool opened(int connections, int64_t idle_ms)
{
    return opened_at_pace(connections, idle_ms, 0);
}

bool opened_at_pace(int connections, int64_t idle_ms, int64_t pace)
{
    struct err                 err = {0};
    CLEANUP(buf) struct buf    bytes = {0};
    CLEANUP(fd) int            fd = -1;
    const struct http_settings settings = {
        .listen = "127.0.0.1",
        .threads = connections == 1 ? 1 : 2,
        .connections = connections,
        .idle_ms = idle_ms,
        .body_ms = 1000,
        .body_most = 1024 * 1024,
        .stream_most = PIECES_MOST,
        .memory_most = MEMORY_MOST,
        .pace = pace,
        .routes = routes,
        .route_count = COUNT_OF(routes),
    };

    (void)snprintf(file_path, sizeof(file_path), "/tmp/prt-wire-XXXXXX");
    fd = mkstemp(file_path);
    for (int64_t i = 0; i < FILE_BYTES; i++) {
        buf_put_byte(&bytes, file_byte(i));
    }
    CHECK_WORKS(fd_write_all(fd, buf_bytes(&bytes), &err));
    CHECK_WORKS(http_server_open(&server, &settings, &err));
    return server != NULL;
}

void closed(void)
{
    http_server_close(server);
    server = NULL;
    (void)unlink(file_path);
}

/* -------- raw clients -------- */

int connected(void)
{
    struct sockaddr_in   at = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)http_server_port(server))};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int                  fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int                  small = 8192;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
    CHECK_NUMBER(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    CHECK_NUMBER(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

void say(int fd, const char *text)
{
    struct err err = {0};

    CHECK_WORKS(fd_write_all(fd, bytes_of(text), &err));
}

const char *heard(int fd, size_t most)
{
    static char room[ROOM];
    size_t      size = 0;
    ssize_t     got;

    while (size < most && (got = recv(fd, room + size, most - size, 0)) > 0) {
        size += (size_t)got;
    }
    room[size] = '\0';
    return room;
}

const char *answer(int fd)
{
    static char room[ROOM];
    size_t      size = 0;
    const char *end = NULL;
    const char *length;
    long        left;

    while (end == NULL && size < sizeof(room) - 1 && recv(fd, room + size, 1, 0) == 1) {
        room[++size] = '\0';
        end = size >= 4 && memcmp(room + size - 4, "\r\n\r\n", 4) == 0 ? room + size : NULL;
    }
    length = end == NULL ? NULL : strstr(room, "Content-Length: ");
    left = length == NULL ? 0 : strtol(length + 16, NULL, 10);
    for (; left > 0 && recv(fd, room + size, 1, 0) == 1; left--) {
        room[++size] = '\0';
    }
    return room;
}

bool is(const char *said, int status, const char *body)
{
    char first[32];

    (void)snprintf(first, sizeof(first), "HTTP/1.1 %d ", status);
    return strncmp(said, first, strlen(first)) == 0 && strlen(said) >= strlen(body) &&
           strcmp(said + strlen(said) - strlen(body), body) == 0;
}

TEST(wire, a_request_may_come_byte_by_byte)
{
    static const char *const asks[] = {
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
        "\r\n\r\nPOST /echo HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: t\r\n\r\n",
        "POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
        "GET /greet HTTP/1.1\r\n" HOST "\r\n",
    };

    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        for (const char *c = asks[i]; *c != '\0'; c++) {
            CHECK_NUMBER(send(fd, c, 1, MSG_NOSIGNAL), 1);
        }
        CHECK(is(answer(fd), 200, "\r\n\r\nhello"));
        say(fd, asks[i]); /* and at once */
        CHECK(is(answer(fd), 200, "\r\n\r\nhello"));
    }
    closed();
}

TEST(wire, requests_behind_each_other_are_answered_in_order)
{
    enum { MANY = 100 };
    CLEANUP(buf) struct buf all = {0};

    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    for (int i = 0; i < MANY; i++) {
        buf_format(&all, "POST /%s HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n%04d",
                   i % 3 == 0 ? "held" : "echo", i);
    }
    say(fd, buf_text(&all));
    for (int i = 0; i < MANY; i++) {
        char want[16];

        (void)snprintf(want, sizeof(want), "\r\n\r\n%04d", i);
        CHECK(is(answer(fd), 200, want));
    }
    closed();
}

TEST(wire, what_is_not_proper_http_is_told_so_and_ends_the_connection)
{
    static const struct {
        const char *ask;
        int         status;
        const char *code;
    } all[] = {
        {"GET / HTTP/1.1\n\n", 400, "head_malformed"},
        {"nonsense\r\n\r\n", 400, "head_malformed"},
        {"GET /greet HTTP/2.0\r\n" HOST "\r\n", 505, "version_unknown"},
        {"GET /greet HTTP/1.1\r\n\r\n", 400, "head_malformed"},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501, "coding_unknown"},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n",
         400, "head_malformed"},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
         "head_malformed"},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\n", 400, "head_malformed"},
    };

    if (!opened(64, 5000)) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        CLEANUP(fd) int fd = connected();
        const char     *said;

        say(fd, all[i].ask);
        /* Smuggled behind it: must not be answered. */
        say(fd, "GET /greet HTTP/1.1\r\n" HOST "\r\n");
        said = heard(fd, ROOM - 1);
        CHECK(is(said, all[i].status, ""));
        CHECK(strstr(said, all[i].code) != NULL);
        CHECK(strstr(said, "Connection: close\r\n") != NULL);
        CHECK(strstr(said, "X-Request-Id: ") != NULL);
        CHECK(strstr(said, "hello") == NULL);
    }
    closed();
}

TEST(wire, a_head_without_end_is_431_while_it_is_still_coming)
{
    CLEANUP(buf) struct buf much = {0};

    if (!opened(16, 5000)) {
        return;
    }
    buf_put_text(&much, "GET /greet HTTP/1.1\r\n" HOST "A: ");
    while (much.size < 40000) {
        buf_put_byte(&much, 'a');
    }
    CLEANUP(fd) int fd = connected();
    say(fd, buf_text(&much));
    CHECK(is(answer(fd), 431, ""));
    closed();
}

TEST(wire, a_client_that_asks_first_is_told_to_go_on_or_not)
{
    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    CHECK(is(answer(fd), 100, "\r\n\r\n"));
    say(fd, "hello");
    CHECK(is(answer(fd), 200, "\r\n\r\nhello"));
    say(fd,
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n");
    CHECK(is(heard(fd, ROOM - 1), 413, ""));
    closed();
}

/* The bytes behind the head, compared as they come; at the end the connection is closed. */
static int64_t same_bytes(int fd, int64_t insert_at, const char *insert)
{
    const int64_t inserted = (int64_t)strlen(insert);
    static char   room[ROOM];
    int64_t       at = 0;
    ssize_t       got;
    char          last[4] = {0};

    while (memcmp(last, "\r\n\r\n", 4) != 0 && recv(fd, room, 1, 0) == 1) {
        memmove(last, last + 1, 3);
        last[3] = room[0];
    }
    while ((got = recv(fd, room, sizeof(room), 0)) > 0) {
        for (ssize_t i = 0; i < got; i++, at++) {
            char want = at < insert_at              ? (char)file_byte(at)
                        : at < insert_at + inserted ? insert[at - insert_at]
                                                    : (char)file_byte(at - inserted);

            if (room[i] != want) {
                return -at;
            }
        }
    }
    return at;
}

TEST(wire, a_large_file_goes_to_a_slow_reader_whole_and_others_do_not_wait)
{
    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int slow = connected();
    CLEANUP(fd) int spliced = connected();
    say(slow, "GET /file HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    say(spliced, "GET /spliced HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    for (int i = 0; i < 8; i++) {
        CLEANUP(fd) int fd = connected();

        say(fd, "GET /greet HTTP/1.1\r\n" HOST "\r\n");
        CHECK(is(answer(fd), 200, "\r\n\r\nhello"));
    }
    CHECK_NUMBER(same_bytes(slow, INT64_MAX - 1, ""), FILE_BYTES);
    CHECK_NUMBER(same_bytes(spliced, 7, "<inserted>"), FILE_BYTES + 10);
    closed();
}

TEST(wire, head_and_304_have_no_body)
{
    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    say(fd, "HEAD /file HTTP/1.1\r\n" HOST "\r\nGET /same HTTP/1.1\r\n" HOST "\r\n"
            "GET /greet HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    const char *said = heard(fd, ROOM - 1);

    CHECK(strstr(said, "Content-Length: 25165824\r\n\r\nHTTP/1.1 304 Not Modified\r\n") != NULL);
    CHECK(strstr(said, "\r\n\r\nHTTP/1.1 200 OK\r\n") != NULL);
    CHECK(is(said, 200, "\r\n\r\nhello"));
    closed();
}

TEST(wire, a_streamed_body_waits_for_who_takes_it)
{
    enum { BYTES_IN_ALL = 3 * 1024 * 1024 + 17 };
    CLEANUP(buf) struct buf body = {0};

    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    for (int i = 0; i < BYTES_IN_ALL; i++) {
        buf_put_byte(&body, 'x');
    }
    say(fd, "PUT /pieces HTTP/1.1\r\n" HOST "Content-Length: 3145745\r\n\r\n");
    say(fd, buf_text(&body));
    say(fd, "PUT /pieces HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n300011\r\n");
    CHECK(is(answer(fd), 200, "\r\n\r\n3145745 bytes"));
    say(fd, buf_text(&body));
    say(fd, "\r\n0\r\n\r\nGET /greet HTTP/1.1\r\n" HOST "\r\n");
    CHECK(is(answer(fd), 200, "\r\n\r\n3145745 bytes"));
    CHECK(is(answer(fd), 200, "\r\n\r\nhello"));
    closed();
}

TEST(wire, of_more_connections_than_there_may_be_the_others_wait_while_all_are_at_work)
{
    if (!opened(2, 5000)) {
        return;
    }
    CLEANUP(fd) int first = connected();
    CLEANUP(fd) int second = connected();
    CLEANUP(fd) int third = connected();

    say(first, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    say(second, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    say(third, "GET /greet HTTP/1.1\r\n" HOST "\r\n");
    CHECK(is(answer(first), 200, "\r\n\r\nlate"));
    CHECK(is(answer(second), 200, "\r\n\r\nlate"));
    CHECK(is(answer(third), 200, "\r\n\r\nhello"));
    closed();
}

/* One that has had its answer, and one that says half a head, for ever. */
TEST(wire, a_silent_connection_makes_place_for_another)
{
    char byte;

    if (!opened(2, 60000)) {
        return;
    }
    CLEANUP(fd) int first = connected();
    CLEANUP(fd) int second = connected();

    say(first, "GET /greet HTTP/1.1\r\n" HOST "\r\n");
    CHECK(is(answer(first), 200, "\r\n\r\nhello"));
    say(second, "GET /greet HTTP/1.1\r\n");

    CLEANUP(fd) int third = connected();
    CLEANUP(fd) int fourth = connected();

    say(third, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    say(fourth, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    CHECK(is(answer(third), 200, "\r\n\r\nlate"));
    CHECK(is(answer(fourth), 200, "\r\n\r\nlate"));
    CHECK(recv(first, &byte, 1, 0) <= 0);
    CHECK(recv(second, &byte, 1, 0) <= 0);
    closed();
}

/* The loop learns in one look that the only connection is gone and that another one waits. */
TEST(wire, who_comes_as_another_leaves_gets_the_place)
{
    if (!opened(1, 5000)) {
        return;
    }
    int leaves = connected();

    held = 0;
    say(leaves, "GET /stand HTTP/1.1\r\n" HOST "\r\n");
    while (held == 0) {
        clock_sleep_ms(1);
    }
    (void)close(leaves);
    CLEANUP(fd) int comes = connected();
    say(comes, "GET /greet HTTP/1.1\r\n" HOST "\r\n");
    held = 0;
    CHECK(is(answer(comes), 200, "\r\n\r\nhello"));
    closed();
}

TEST(wire, who_hangs_up_while_it_is_waited_for_does_no_harm)
{
    if (!opened(64, 5000)) {
        return;
    }
    held = 0;
    for (int i = 0; i < 32; i++) {
        int fd = connected();

        say(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
        (void)close(fd);
    }
    CLEANUP(fd) int fd = connected();
    say(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    CHECK(is(answer(fd), 200, "\r\n\r\nlate"));
    CHECK_NUMBER(held, 33);
    closed();
}

TEST(wire, an_answer_while_it_drains_is_the_last_of_its_connection)
{
    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    held = 0;
    say(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    while (held == 0) {
        clock_sleep_ms(1);
    }
    http_server_drain(server, 10000);
    const char *said = heard(fd, ROOM - 1);

    CHECK(is(said, 200, "\r\n\r\nlate"));
    CHECK(strstr(said, "Connection: close\r\n") != NULL);
    closed();
}
