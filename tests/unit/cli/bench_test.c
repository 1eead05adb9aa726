// SPDX-License-Identifier: MIT
#include "gateway/cli/bench.h"

#include <sys/socket.h>
#include <unistd.h>

#include "gateway/cli/bench_link.h"
#include "lib/test.h"
#include "value/json.h"

TEST(bench, numbers_each_event_of_a_chunk)
{
    static const int64_t         firsts[] = {0, 7, 95, 999999990};
    const struct value_limits    limits = {.bytes = 1 << 16, .depth = 8, .values = 1 << 10};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bench_plan            plan = {.events = 12, .event_bytes = 480};
    struct bench_body            body;

    bench_body_make(arena, &plan, &body);
    for (size_t i = 0; i < COUNT_OF(firsts); i++) {
        struct err          err = {0};
        struct value        value;
        const struct value *events;

        bench_body_set(&body, "trace-0123456789abcdef0123456789abcdef", 40 + (int64_t)i, firsts[i]);
        CHECK_WORKS(json_read(arena, buf_bytes(&body.bytes), &limits, &value, &err));
        CHECK_NUMBER(value_whole_or(value_get(&value, "chunk_seq"), -1), 40 + i);
        events = value_get(&value, "events");
        CHECK_NUMBER(events->count, 12);
        for (uint32_t j = 0; j < events->count; j++) {
            const struct value *event = &events->as.items[j];
            int64_t             seq = firsts[i] + j;
            const char         *id =
                arena_format(arena, "0123456789abcdef0123456789abcdef-%012lld", (long long)seq);

            CHECK(bytes_is(value_text_or(value_get(event, "id"), ""), id));
            CHECK_NUMBER(value_whole_or(value_get(event, "seq"), -1), seq);
            CHECK(value_real_or(value_get(event, "ts_client_s"), 0) == 1770000000.25 + (double)seq);
        }
    }
    buf_done(&body.bytes);
}

/* A link whose server is the other end. */
static struct link *link_to(int *ret_server)
{
    struct link *link = mem_zero(1, sizeof(*link));
    int          ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    link->fd = ends[0];
    *ret_server = ends[1];
    return link;
}

static void link_gone(struct link *link, int server)
{
    link_done(link);
    mem_free(link);
    (void)close(server);
}

TEST(bench, reads_an_answer_that_comes_in_pieces)
{
    static const char   answer[] = "HTTP/1.1 422 No\r\ncontent-Length: 5\r\nX: y\r\n\r\nstory";
    struct answer_room *room = mem_zero(1, sizeof(*room));
    int                 server;
    struct link        *link = link_to(&server);

    for (int round = 0; round < 2; round++) {
        link->under_way = true;
        for (size_t i = 0; i + 1 < sizeof(answer) - 1; i++) {
            CHECK(write(server, answer + i, 1) == 1);
            CHECK_NUMBER(link_pull(link, room), LINK_WAITS);
        }
        CHECK(link->under_way);
        CHECK(write(server, "y", 1) == 1);
        CHECK_NUMBER(link_pull(link, room), 422);
        CHECK_TEXT(room->answer, answer);
        CHECK(!link->under_way);
    }
    link_gone(link, server);
    mem_free(room);
}

TEST(bench, tells_a_connection_that_was_closed)
{
    struct answer_room *room = mem_zero(1, sizeof(*room));
    int                 server;
    struct link        *link = link_to(&server);

    CHECK(write(server, "HTTP/1.1 200 OK\r\n", 17) == 17);
    CHECK_NUMBER(link_pull(link, room), LINK_WAITS);
    CHECK(shutdown(server, SHUT_RDWR) == 0);
    CHECK_NUMBER(link_pull(link, room), LINK_LOST);
    CHECK_NUMBER(link_send(link, bytes_of("head"), bytes_of("body")), LINK_LOST);
    link_gone(link, server);
    mem_free(room);
}

TEST(bench, sends_later_what_does_not_go_at_once)
{
    enum { HEAD = 100, BODY = 1 << 20 };
    uint8_t     *whole = mem_get(HEAD + BODY);
    uint8_t     *got = mem_get(HEAD + BODY);
    size_t       size = 0;
    int          server;
    struct link *link = link_to(&server);

    for (size_t i = 0; i < HEAD + BODY; i++) {
        whole[i] = (uint8_t)(i * 31 >> 3);
    }
    CHECK_NUMBER(link_send(link, (struct bytes){whole, HEAD}, (struct bytes){whole + HEAD, BODY}),
                 LINK_WAITS);
    CHECK(link->rest.size > 0);
    while (size < HEAD + BODY) {
        ssize_t more = read(server, got + size, HEAD + BODY - size);

        size += more > 0 ? (size_t)more : 0;
        CHECK_NUMBER(link_push(link), LINK_WAITS);
        if (more < 0 && link->sent == link->rest.size) {
            break;
        }
    }
    CHECK_NUMBER(size, HEAD + BODY);
    CHECK(memcmp(whole, got, HEAD + BODY) == 0);
    mem_free(whole);
    mem_free(got);
    link_gone(link, server);
}
