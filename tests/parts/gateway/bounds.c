// SPDX-License-Identifier: MIT
/* The HTTP server alone: what is slow, too large, or goes on for ever. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "lib/test.h"
#include "wire.h"

TEST(bounds, who_is_slow_is_given_up_and_told_if_a_request_had_begun)
{
    if (!opened(16, 500)) {
        return;
    }
    CLEANUP(fd) int silent = connected();
    CLEANUP(fd) int begun = connected();
    CLEANUP(fd) int body = connected();
    say(begun, "GET /greet HT");
    say(body, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel");
    CHECK_TEXT(heard(silent, ROOM - 1), "");
    CHECK(is(heard(begun, ROOM - 1), 408, ""));
    CHECK(is(heard(body, ROOM - 1), 408, ""));
    closed();
}

TEST(bounds, a_refused_body_is_read_past_and_the_connection_goes_on)
{
    CLEANUP(buf) struct buf body = {0};

    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    for (int i = 0; i < 300000; i++) {
        buf_put_text(&body, "0123456789");
    }
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n");
    say(fd, buf_text(&body));
    CHECK(is(answer(fd), 413, ""));
    say(fd, "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
    CHECK(is(answer(fd), 404, ""));
    say(fd, "GET /greet HTTP/1.1\r\n" HOST "\r\n");
    CHECK(is(answer(fd), 200, "\r\n\r\nhello"));
    closed();
}

/* One that breaks off, or goes on for ever, is still refused for what it was. */
TEST(bounds, a_refusal_stays_what_it_was_however_its_body_goes_on)
{
    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int silent = connected();
    CLEANUP(fd) int broken = connected();
    say(silent, "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel");
    say(broken, "POST /nowhere HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nnone\r\n");
    CHECK(is(heard(broken, ROOM - 1), 404, ""));
    CHECK(is(heard(silent, ROOM - 1), 404, ""));
    closed();
}

TEST(bounds, a_body_that_is_much_too_large_is_told_so)
{
    enum { SENT = PIECES_MOST + 65 * 1024 * 1024, BLOCK = 1024 * 1024 };
    CLEANUP(buf) struct buf block = {0};

    if (!opened(16, 5000)) {
        return;
    }
    for (int i = 0; i < BLOCK; i++) {
        buf_put_byte(&block, 'x');
    }
    CLEANUP(fd) int fd = connected();
    say(fd, "PUT /pieces HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n");
    for (int64_t sent = 0; sent < SENT;) {
        ssize_t size = send(fd, block.data, block.size, MSG_NOSIGNAL);

        if (size <= 0) {
            break;
        }
        sent += size;
    }
    CHECK(is(heard(fd, ROOM - 1), 413, ""));
    closed();
}

TEST(bounds, who_reads_nothing_is_given_up_whatever_it_sends)
{
    int64_t until = clock_mono_us() + PATIENCE_S * 1000000LL;

    if (!opened(16, 500)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    say(fd, "GET /file HTTP/1.1\r\n" HOST "\r\n");
    while (send(fd, "G", 1, MSG_NOSIGNAL) == 1 && clock_mono_us() < until) {
        clock_sleep_ms(50);
    }
    CHECK(clock_mono_us() < until);
    closed();
}

/* The server's end of a connection: it is in this process. */
static int other_end(int fd)
{
    struct sockaddr_in own, other;
    socklen_t          size = sizeof(own);

    CHECK_NUMBER(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    for (int i = 3; i < 1024; i++) {
        size = sizeof(other);
        if (getpeername(i, (struct sockaddr *)&other, &size) == 0 &&
            other.sin_family == AF_INET && other.sin_port == own.sin_port) {
            return i;
        }
    }
    return -1;
}

/* There is room for it once the client reads what was sent before. */
TEST(bounds, a_client_that_asks_first_is_told_also_when_there_was_no_room_for_it)
{
    static char filler[ROOM];
    int64_t     filled = 0;
    ssize_t     size;

    if (!opened(16, 5000)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    say(fd, "GET /greet HTTP/1.1\r\n" HOST "\r\n");
    CHECK(is(answer(fd), 200, "hello"));
    for (int i = 0; i < 20; i++) { /* some of it still goes on its way */
        while ((size = send(other_end(fd), filler, sizeof(filler), MSG_DONTWAIT)) > 0) {
            filled += size;
            i = 0;
        }
        clock_sleep_ms(10);
    }
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    clock_sleep_ms(100);
    while (filled > 0 && (size = recv(fd, filler, filled < ROOM ? (size_t)filled : ROOM, 0)) > 0) {
        filled -= size;
    }
    CHECK(is(answer(fd), 100, "\r\n\r\n"));
    say(fd, "hello");
    CHECK(is(answer(fd), 200, "\r\n\r\nhello"));
    closed();
}

TEST(bounds, who_reads_a_little_now_and_then_is_given_up)
{
    static char room[ROOM];
    int64_t     total = 0;
    int64_t     until;
    ssize_t     got;

    if (!opened_at_pace(16, 1000, 4 * FILE_BYTES)) {
        return;
    }
    CLEANUP(fd) int fd = connected();
    say(fd, "GET /file HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    until = clock_mono_us() + 3 * 1000000;
    while (clock_mono_us() < until && (got = recv(fd, room, sizeof(room), 0)) > 0) {
        total += got;
        clock_sleep_ms(5);
    }
    while ((got = recv(fd, room, sizeof(room), 0)) > 0) {
        total += got;
    }
    CHECK(total < FILE_BYTES);
    closed();
}

/* The rest of a refusal is read, of another answer it is not. */
static bool much_is_refused(int fd)
{
    say(fd, "GET /much HTTP/1.1\r\n" HOST "\r\n");
    return strcmp(heard(fd, 12), "HTTP/1.1 503") == 0 &&
           strstr(answer(fd), "\r\nRetry-After: 1\r\n") != NULL;
}

TEST(bounds, answers_in_memory_that_nobody_reads_are_bounded_together)
{
    enum { SLOW = MEMORY_MOST / MUCH };
    int fd[SLOW];
    int times = 0;

    if (!opened(16, 5000)) {
        return;
    }
    for (int i = 0; i < SLOW; i++) {
        fd[i] = connected();
        CHECK(!much_is_refused(fd[i]));
    }
    CLEANUP(fd) int next = connected();
    CHECK(much_is_refused(next));
    for (int i = 0; i < SLOW; i++) {
        (void)close(fd[i]);
    }
    while (times < 1000 && much_is_refused(next)) {
        clock_sleep_ms(10);
        times++;
    }
    CHECK(times < 1000);
    closed();
}
