// SPDX-License-Identifier: MIT
#include <time.h>

#include "http/client.h"
#include "lib/test.h"

static int64_t retry_after(const char *value)
{
    struct http_header header = {"retry-after", value};
    struct http_answer answer = {.headers = &header, .header_count = value == NULL ? 0 : 1};

    return http_retry_after_ms(&answer);
}

TEST(http, reads_retry_after_in_seconds)
{
    CHECK_NUMBER(retry_after("0"), 0);
    CHECK_NUMBER(retry_after("120"), 120000);
    CHECK_NUMBER(retry_after(NULL), -1);
    CHECK_NUMBER(retry_after(""), -1);
    CHECK_NUMBER(retry_after("soon"), -1);
    CHECK_NUMBER(retry_after("-5"), -1);
    CHECK_NUMBER(retry_after("99999999999999999999"), -1);
}

TEST(http, reads_retry_after_as_a_date)
{
    char      text[64];
    time_t    at = time(NULL) + 100;
    struct tm parts;

    CHECK(strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&at, &parts)) > 0);
    CHECK(retry_after(text) > 90000 && retry_after(text) <= 100000);
    CHECK_NUMBER(retry_after("Fri, 24 May 2013 00:00:00 GMT"), 0);
}

TEST(http, encodes_all_but_the_unreserved_characters)
{
    CLEANUP(buf) struct buf out = {0};

    http_encode(&out, BYTES("aZ09-._~/ +%\xc3\xa9\0"), false);
    http_encode(&out, BYTES("/b"), true);
    CHECK_TEXT(buf_text(&out), "aZ09-._~%2F%20%2B%25%C3%A9%00/b");
}
