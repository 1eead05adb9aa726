// SPDX-License-Identifier: MIT
#include "gateway/http/head.h"

#include <string.h>

#include "base/arena.h"
#include "lib/test.h"

static char room[HEAD_MOST + 64];

static int read_text(const char *text, struct head *head, struct err *err)
{
    size_t size = 0;

    TRY(head_find(bytes_of(text), &size, err));
    CHECK_NUMBER(size, strlen(text));
    memcpy(room, text, strlen(text) + 1);
    return head_read(room, size, head, err);
}

TEST(head, is_taken_apart)
{
    struct head head;
    struct err  err = {0};

    CHECK_WORKS(
        read_text("POST /v1/a%20b?x=1&y=2&x=3&empty=&none HTTP/1.1\r\nHost: h\r\n"
                  "Content-Type:text/plain\r\nX-Odd: \t a b \t\r\nX-None:\r\nx-odd: second\r\n"
                  "Content-Length: 12\r\n\r\n",
                  &head, &err));
    CHECK_TEXT(head.method, "POST");
    CHECK_TEXT(head.path, "/v1/a%20b");
    CHECK_NUMBER(head.length, 12);
    CHECK(head.keep && !head.chunked && !head.expects);
    CHECK_TEXT(head_field(&head, "content-type"), "text/plain");
    CHECK_TEXT(head_field(&head, "X-ODD"), "a b");
    CHECK_TEXT(head_field(&head, "X-None"), "");
    CHECK(head_field(&head, "X-No") == NULL);
    CHECK(bytes_is(head_query(&head, "x"), "1"));
    CHECK(bytes_is(head_query(&head, "y"), "2"));
    CHECK(head_query(&head, "empty").data != NULL && head_query(&head, "empty").size == 0);
    CHECK(head_query(&head, "none").data == NULL);
    CHECK(head_query(&head, "z").data == NULL);
}

TEST(head, gives_its_query_piece_by_piece)
{
    const char  *at = "&a=1&&b=&c&=4&d=x=y&";
    const char  *none = NULL;
    const char  *seen = "";
    struct bytes name, value;

    CLEANUP(arena) struct arena *arena = arena_new();
    while (head_query_next(&at, &name, &value)) {
        seen = arena_format(arena, "%s[%s|%s]", seen, arena_text(arena, name),
                            value.data == NULL ? "-" : arena_text(arena, value));
    }
    CHECK_TEXT(seen, "[a|1][b|][c|-][|4][d|x=y]");
    CHECK(!head_query_next(&none, &name, &value));
    CHECK(!head_query_next(&at, &name, &value));
}

TEST(head, says_how_the_connection_goes_on)
{
    static const struct {
        const char *text;
        bool        keep, chunked, expects;
    } all[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true, false, false},
        {"GET / HTTP/1.0\r\n\r\n", false, false, false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, false, false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: CLOSE\r\n\r\n", false, false, false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: te, close\r\n\r\n", false, false, false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", true, false, false},
        {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n", true, true, false},
        {"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n", true, false, true},
        {"GET http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n", true, false, false},
        {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", true, false, false},
    };

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct head head;
        struct err  err = {0};

        CHECK_WORKS(read_text(all[i].text, &head, &err));
        CHECK_NUMBER(head.keep, all[i].keep);
        CHECK_NUMBER(head.chunked, all[i].chunked);
        CHECK_NUMBER(head.expects, all[i].expects);
    }
}

TEST(head, that_two_readers_could_read_in_two_ways_is_refused)
{
#define FIRST "POST / HTTP/1.1\r\nHost: h\r\n"
    static const struct {
        const char   *text;
        enum err_code code;
    } all[] = {
        {"GET / HTTP/1.1\nHost: h\n\n", ERR_HEAD_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: h\r\nA: b\nC: d\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "A: b\rC: d\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST " folded: x\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "A: b\r\n c\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "A : b\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST ": b\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "no colon\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "A: \x01\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "A: \x7f\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "Content-Length: 5, 5\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "Content-Length: +5\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "Content-Length: 0x5\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "Content-Length:\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "Content-Length: 9999999999999999999\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_HEAD_MALFORMED},
        {FIRST "Transfer-Encoding: gzip\r\n\r\n", ERR_CODING_UNKNOWN},
        {FIRST "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_CODING_UNKNOWN},
        {FIRST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
         ERR_CODING_UNKNOWN},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_CODING_UNKNOWN},
        {FIRST "Host: other\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GET / HTTP/1.1\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GET / HTTP/1.2\r\nHost: h\r\n\r\n", ERR_VERSION_UNKNOWN},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", ERR_VERSION_UNKNOWN},
        {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", ERR_VERSION_UNKNOWN},
        {"GET / http/1.1\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GET http://h?a=/b HTTP/1.1\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GET http://h#/b HTTP/1.1\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GET a HTTP/1.1\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GET /\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {"GE(T / HTTP/1.1\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {" / HTTP/1.1\r\nHost: h\r\n\r\n", ERR_HEAD_MALFORMED},
        {"\r\n", ERR_HEAD_MALFORMED},
    };

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct head head;
        struct err  err = {0};

        CHECK_FAILS(read_text(all[i].text, &head, &err), all[i].code);
    }
}

TEST(head, with_a_nul_is_refused)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n";
    struct head       head;
    struct err        err = {0};
    size_t            size = 0;

    CHECK_WORKS(head_find((struct bytes){(const uint8_t *)text, sizeof(text) - 1}, &size, &err));
    CHECK_NUMBER(size, sizeof(text) - 1);
    memcpy(room, text, sizeof(text));
    CHECK_FAILS(head_read(room, size, &head, &err), ERR_HEAD_MALFORMED);
}

TEST(head, has_its_bounds)
{
    CLEANUP(buf) struct buf text = {0};
    struct head             head;
    struct err              err = {0};
    size_t                  size = 0;

    buf_put_text(&text, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
    while (text.size < HEAD_MOST - 4) {
        buf_put_byte(&text, 'a');
    }
    buf_put_text(&text, "\r\n\r\n");
    CHECK_WORKS(read_text(buf_text(&text), &head, &err));
    text.size -= 4;
    buf_put_text(&text, "a");
    CHECK_WORKS(head_find(buf_bytes(&text), &size, &err)); /* not over yet */
    CHECK_NUMBER(size, 0);
    buf_put_text(&text, "\r\n\r\n");
    CHECK_FAILS(head_find(buf_bytes(&text), &size, &err), ERR_HEAD_TOO_LARGE);
    text.size = 0;
    buf_put_text(&text, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 1; i < HEAD_FIELDS; i++) {
        buf_put_text(&text, "A: b\r\n");
    }
    size = text.size;
    buf_put_text(&text, "\r\n");
    CHECK_WORKS(read_text(buf_text(&text), &head, &err));
    text.size = size;
    buf_put_text(&text, "A: b\r\n\r\n");
    CHECK_FAILS(read_text(buf_text(&text), &head, &err), ERR_HEAD_TOO_LARGE);
}

/* ------------------------------------ chunked ------------------------------------ */

/* What the pieces give, fed `step` bytes at a time; "refused", or "more" if it is not over. */
static const char *joined(const char *text, size_t step)
{
    static char    out[256];
    struct chunked chunked = {0};
    struct err     err = {0};
    size_t         size = 0;

    for (size_t at = 0; at < strlen(text); at += step) {
        size_t       left = strlen(text) - at;
        struct bytes bytes = {(const uint8_t *)text + at, left < step ? left : step};
        struct bytes piece = {0};
        int          there;

        while ((there = chunked_next(&chunked, &bytes, &piece, &err)) > 0) {
            memcpy(out + size, piece.data, piece.size);
            size += piece.size;
        }
        if (there < 0) {
            return err.code == ERR_HEAD_TOO_LARGE ? "large" : "refused";
        }
        if (bytes.size > 0) { /* behind the end */
            out[size++] = '|';
            break;
        }
    }
    out[size] = '\0';
    return chunked.at == CHUNKED_OVER ? out : "more";
}

TEST(chunked, is_joined_however_it_comes)
{
    static const char *const all[][2] = {
        {"0\r\n\r\n", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello"},
        {"0005;name=\"value\"\r\nhello\r\n00\r\nTrailer: x\r\nOther: y\r\n\r\n", "hello"},
        {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
        {"a \r\n0123456789\r\n0\r\n\r\n", "0123456789"},
        {"5\r\nhel", "more"},
        {"5\r\nhello\r\n0\r\n", "more"},
        {"g\r\n", "refused"},
        {"\r\n", "refused"},
        {"-1\r\n", "refused"},
        {"5\nhello\r\n", "refused"},
        {"5;a\nb\r\nhello\r\n", "refused"},
        {"5\r\nhello!\r\n", "refused"},
        {"5\r\nhello\n", "refused"},
        {"5x\r\nhello\r\n", "refused"},
        {"1234567890123456\r\n", "refused"},
        {"0\r\nTrailer\n\r\n", "refused"},
    };

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        for (size_t step = 1; step < 20; step++) {
            CHECK_TEXT(joined(all[i][0], step), all[i][1]);
        }
    }
    CHECK_TEXT(joined("1\r\nx\r\n0\r\n\r\nGET", 100), "x|");
}

TEST(chunked, bounds_what_nobody_reads)
{
    CLEANUP(buf) struct buf text = {0};

    buf_put_text(&text, "0\r\n");
    for (int i = 0; i < 2000; i++) {
        buf_put_text(&text, "A: b\r\n");
    }
    CHECK_TEXT(joined(buf_text(&text), 100), "large");
}
