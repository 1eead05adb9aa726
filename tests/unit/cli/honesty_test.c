// SPDX-License-Identifier: MIT
#include "gateway/cli/honesty.h"
#include "lib/test.h"
#include "value/json.h"

static const char *honesty(const char *validation)
{
    static const struct value_limits limits = {1 << 16, 16, 1000};
    CLEANUP(arena) struct arena     *arena = arena_new();
    struct err                       err = {0};
    struct value                     value = value_null();
    struct value                     honest;

    CHECK_WORKS(json_read(arena, bytes_of(validation), &limits, &value, &err));
    honest = honesty_of(&value);
    return honest.kind != VALUE_FLAG ? "can't be said" : honest.as.flag ? "true" : "false";
}

TEST(honesty, is_true_only_when_everything_that_was_looked_at_holds)
{
    CHECK_TEXT(honesty("{\"replay\":{\"replayable\":true},\"claims\":[{\"agrees\":true},"
                       "{\"agrees\":null}]}"),
               "true");
    CHECK_TEXT(honesty("{\"replay\":{\"replayable\":true},\"claims\":[{\"agrees\":true},"
                       "{\"agrees\":false}]}"),
               "false");
    CHECK_TEXT(honesty("{\"replay\":{\"replayable\":false,\"first_divergence\":{\"reason\":"
                       "\"context_differs\"}},\"claims\":[]}"),
               "false");
}

TEST(honesty, accuses_nobody_of_what_could_not_be_looked_at)
{
    CHECK_TEXT(honesty("{\"status\":\"passed\"}"), "can't be said");
    CHECK_TEXT(honesty("{\"replay\":{\"replayable\":false,\"reason\":\"no_start_snapshot\"},"
                       "\"claims\":[]}"),
               "can't be said");
    CHECK_TEXT(honesty("{\"replay\":{\"replayable\":false,\"reason\":\"redacted\"},"
                       "\"claims\":[{\"agrees\":false}]}"),
               "false");
}
