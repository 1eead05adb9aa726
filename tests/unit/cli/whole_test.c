// SPDX-License-Identifier: MIT
#include "gateway/cli/whole.h"

#include "lib/test.h"

TEST(whole, is_read_with_both_its_bounds)
{
    struct err err = {0};
    int64_t    number = 0;

    CHECK_WORKS(whole_read("--port", "0", 0, 65535, &number, &err));
    CHECK_NUMBER(number, 0);
    CHECK_WORKS(whole_read("--port", "65535", 0, 65535, &number, &err));
    CHECK_NUMBER(number, 65535);
}

TEST(whole, that_is_none_or_outside_is_refused_with_its_option_and_its_bounds)
{
    static const char *const wrong[] = {"",    "x",     "80x", "8 0", " 80", "-1",
                                        "1.5", "65536", "0x50", "99999999999999999999"};
    int64_t                  number = 7;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct err err = {0};

        CHECK_FAILS(whole_read("--port", wrong[i], 0, 65535, &number, &err), ERR_USAGE);
        CHECK(strstr(err.story, "--port") != NULL);
        CHECK(strstr(err.story, wrong[i]) != NULL);
        CHECK(strstr(err.story, "from 0 to 65535") != NULL);
    }
    CHECK_NUMBER(number, 7);
}
