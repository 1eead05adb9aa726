// SPDX-License-Identifier: MIT
#include "gateway/cli/when.h"

#include <stdlib.h>
#include <time.h>

#include "lib/test.h"

#define NOW 1795218281000000LL

TEST(when, understands_ago_dates_and_seconds)
{
    struct err err = {0};
    int64_t    us = 0;

    (void)setenv("TZ", "UTC", 1);
    tzset();
    CHECK_WORKS(when_read("--since", "2h", NOW, &us, &err));
    CHECK_NUMBER(us, NOW - 7200 * 1000000LL);
    CHECK_WORKS(when_read("--since", "7d", NOW, &us, &err));
    CHECK_NUMBER(us, NOW - 7 * 86400 * 1000000LL);
    CHECK_WORKS(when_read("--since", "1700000000.25", NOW, &us, &err));
    CHECK_NUMBER(us, 1700000000250000LL);
    CHECK_WORKS(when_read("--since", "2023-11-14", NOW, &us, &err));
    CHECK_NUMBER(us, 1699920000000000LL);
    CHECK_WORKS(when_read("--since", "2023-11-14T22:13:20Z", NOW, &us, &err));
    CHECK_NUMBER(us, 1700000000000000LL);
    CHECK_WORKS(when_read("--since", "2023-11-14 22:13", NOW, &us, &err));
    CHECK_NUMBER(us, 1699999980000000LL);
}

TEST(when, takes_local_time_unless_told_otherwise)
{
    struct err err = {0};
    int64_t    us = 0;

    (void)setenv("TZ", "XST-2", 1);
    tzset();
    CHECK_WORKS(when_read("--since", "2023-11-14T22:13:20", NOW, &us, &err));
    CHECK_NUMBER(us, 1699992800000000LL);
    CHECK_WORKS(when_read("--since", "2023-11-14T22:13:20Z", NOW, &us, &err));
    CHECK_NUMBER(us, 1700000000000000LL);
}

TEST(when, refuses_what_is_no_time)
{
    static const char *const texts[] = {
        "",    "yesterday", "2026", "-2h",        "2w",
        "1e9", "5 h",       "h",    "2023-13-01", "2023-11-14T22:13:20+1"};
    struct err err = {0};
    int64_t    us = 0;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        CHECK_FAILS(when_read("--since", texts[i], NOW, &us, &err), ERR_USAGE);
    }
}

TEST(when, writes_what_it_reads)
{
    char       text[WHEN_TEXT];
    struct err err = {0};
    int64_t    us = 0;

    when_text(text, NOW);
    CHECK_WORKS(when_read("--since", text, NOW, &us, &err));
    CHECK_NUMBER(us, NOW);
    when_text(text, 0);
    CHECK_TEXT(text, "-");
}
