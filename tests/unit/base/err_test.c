// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <errno.h>

#include "base/utf8.h"

TEST(err, always_returns_minus_one)
{
    struct err err = {0};

    CHECK_NUMBER(err_set(&err, ERR_BUG, "x"), -1);
    CHECK_NUMBER(err_add(&err, "y"), -1);
    CHECK_NUMBER(err_errno(&err, "z"), -1);
}

TEST(err, tells_the_outermost_context_first)
{
    struct err err = {0};

    (void)err_set(&err, ERR_CHAIN_BROKEN, "event %d", 12);
    (void)err_add(&err, "trace %s", "7f3a");
    (void)err_add(&err, "sealing");
    CHECK_TEXT(err.story, "sealing: trace 7f3a: event 12");
    CHECK(err.code == ERR_CHAIN_BROKEN);
}

TEST(err, replaces_what_was_there)
{
    struct err err = {0};

    (void)err_set(&err, ERR_STORE_DOWN, "first");
    err.retry_after_ms = 500;
    (void)err_set(&err, ERR_BUG, "second");
    CHECK_TEXT(err.story, "second");
    CHECK_NUMBER(err.retry_after_ms, 0);
}

TEST(err, may_tell_its_old_story_anew)
{
    struct err err = {0};

    (void)err_set(&err, ERR_NOT_FOUND, "the old one");
    (void)err_set(&err, ERR_CONFIG_WRONG, "wrapped (%s)", err.story);
    CHECK_TEXT(err.story, "wrapped (the old one)");
    (void)err_add(&err, "again: %s", err.story);
    CHECK_TEXT(err.story, "again: wrapped (the old one): wrapped (the old one)");
}

TEST(err, tells_callers_no_story_of_the_farms_own)
{
    struct err err = {0};
    struct err told = {0};

    (void)err_set(&err, ERR_STORE_DOWN, "connecting to 10.0.0.7 failed");
    err.retry_after_ms = 500;
    err_for_caller(&err, "request 7f3a", &told);
    CHECK_TEXT(told.story, "send it again later; the farm's log tells why: request 7f3a");
    CHECK_NUMBER(told.code, ERR_STORE_DOWN);
    CHECK_NUMBER(told.retry_after_ms, 500);
    (void)err_set(&err, ERR_BUG, "no row in traces");
    err_for_caller(&err, "request 7f3a", &told);
    CHECK_TEXT(told.story, "tell whoever runs this farm; the farm's log tells why: request 7f3a");
    (void)err_set(&err, ERR_CHAIN_BROKEN, "event 12");
    err_for_caller(&err, "request 7f3a", &told);
    CHECK_TEXT(told.story, "event 12");
}

TEST(err, cuts_long_stories_at_the_end)
{
    struct err err = {0};
    char       text[2000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&err, ERR_BUG, "%s", text);
    CHECK_NUMBER(strlen(err.story), sizeof(err.story) - 1);
    (void)err_add(&err, "front");
    CHECK(strncmp(err.story, "front: xxx", 10) == 0);
    CHECK_NUMBER(strlen(err.story), sizeof(err.story) - 1);
    (void)err_add(&err, "%s", text);
    CHECK_NUMBER(strlen(err.story), sizeof(err.story) - 1);
}

TEST(err, tells_utf8_wherever_it_cuts)
{
    struct err err = {0};
    char       text[1200];

    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t at = shift; at + 4 < sizeof(text); at += 4) {
            memcpy(text + at, "\xf0\x9f\x98\x80", 5);
        }
        (void)err_set(&err, ERR_BUG, "%s", text);
        CHECK(strlen(err.story) > sizeof(err.story) - 5);
        CHECK_NUMBER(utf8_wrong_at(bytes_of(err.story)), strlen(err.story));
        CHECK(strchr(err.story, '?') == NULL);
        (void)err_add(&err, "%.*s", (int)shift, "yyyy");
        CHECK_NUMBER(utf8_wrong_at(bytes_of(err.story)), strlen(err.story));
    }
    (void)err_set(&err, ERR_BUG, "a file named \xff\xfe");
    CHECK_TEXT(err.story, "a file named ?" "?");
}

TEST(err, knows_a_full_disk_from_other_refusals)
{
    struct err err = {0};

    errno = ENOSPC;
    (void)err_errno(&err, "writing %s", "a");
    CHECK(err.code == ERR_DISK_FULL);
    CHECK_TEXT(err.story, "writing a: No space left on device");
    errno = EDQUOT;
    (void)err_errno(&err, "writing");
    CHECK(err.code == ERR_DISK_FULL);
    errno = EACCES;
    (void)err_errno(&err, "opening");
    CHECK(err.code == ERR_SYSTEM);
    errno = 99999;
    (void)err_errno(&err, "opening");
    CHECK_TEXT(err.story, "opening: unknown error");
}

TEST(err, has_a_whole_row_for_every_code)
{
    for (int i = 1; i < ERR_CODES; i++) {
        enum err_code code = (enum err_code)i;

        CHECK_NUMBER(err_by_name(err_name(code)), i);
        CHECK(strlen(err_name(code)) > 0 && strlen(err_name(code)) < 31);
        CHECK(strspn(err_name(code), "abcdefghijklmnopqrstuvwxyz_") == strlen(err_name(code)));
        CHECK(strlen(err_words(code)) > 0 && strlen(err_reason(code)) > 0);
        CHECK(err_http(code) >= 400 && err_http(code) < 600);
    }
    CHECK_NUMBER(err_by_name("no_such_row"), -1);
    CHECK_NUMBER(err_by_name("MALFORMED"), -1);
}
