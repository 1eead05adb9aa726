// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "gateway/cli/plain.h"
#include "lib/test.h"

static void check_printed(struct bytes text, const char *want)
{
    char  *got = NULL;
    size_t size = 0;
    FILE  *out = open_memstream(&got, &size);

    plain_print(out, text);
    (void)fclose(out);
    CHECK_TEXT(got, want);
    free(got);
}

TEST(plain, leaves_nothing_that_steers_a_terminal)
{
    check_printed(BYTES("a fix"), "a fix");
    check_printed(BYTES("\033]0;x\007\033[2Ktrue\r\n\tgone\177"), " ]0;x  [2Ktrue   gone ");
    check_printed(BYTES("a\xc2\x9b"
                        "31mb\xc2\x85"),
                  "a 31mb "); /* CSI in one character */
    check_printed(BYTES("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xc2\xa0"),
                  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xc2\xa0");
    check_printed(BYTES("cut \xc2"), "cut \xc2");
}

TEST(plain, lines_in_pieces_steer_no_terminal)
{
    static const char *const pieces[] = {"ok \xc3", "\xbc\n\ta\033[31mb\r\xc2",
                                         "\x9b" "31m \xc2", "\xa0" "\xc2\x85 \xe2\x82\xac\xc2"};
    char  *got = NULL;
    size_t size = 0;
    FILE  *out = open_memstream(&got, &size);
    bool   held = false;

    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        plain_lines(out, bytes_of(pieces[i]), &held);
    }
    (void)fclose(out);
    CHECK_TEXT(got, "ok \xc3\xbc\n\ta?[31mb??31m \xc2\xa0? \xe2\x82\xac");
    free(got);
}

TEST(plain, cuts_between_characters)
{
    CHECK_NUMBER(plain_cut(BYTES("abc"), 2), 2);
    CHECK_NUMBER(plain_cut(BYTES("abc"), 3), 3);
    CHECK_NUMBER(plain_cut(BYTES("a\xe2\x82\xac"
                                 "c"),
                           2),
                 4);
    CHECK_NUMBER(plain_cut(BYTES("\xc3\xbc\xc3\xbc"), 0), 0);
}
