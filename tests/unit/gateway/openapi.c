// SPDX-License-Identifier: MIT
/* The description of the API: every route stands in it, and the file in the tree is what it says. */
#include "base/fd.h"
#include "gateway/api/gateway.h"
#include "gateway/api/openapi.h"
#include "lib/test.h"
#include "value/json.h"

TEST(openapi, in_the_tree_is_fresh)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      made = {0};
    struct bytes                 stored;
    struct err                   err = {0};

    CHECK_WORKS(file_read(arena, SOURCE_DIR "/schemas/generated/openapi.json", 1 << 20, &stored,
                          &err));
    CHECK_WORKS(openapi_write(&made, &err));
    if (!bytes_equal(stored, buf_bytes(&made))) {
        test_failed(__FILE__, __LINE__,
                    "schemas/generated/openapi.json is not what the tables say; run"
                    " `ninja generate` and look at the difference");
    }
}

TEST(openapi, says_which_role_a_route_needs)
{
    static const struct {
        const char *at, *role;
    } all[] = {
        {"/paths/~1v1~1traces/post/security/0/apiKey/0", "ingest"},
        {"/paths/~1v1~1traces/get/security/0/apiKey/0", "read"},
        {"/paths/~1v1~1traces~1{trace}/delete/security/0/apiKey/0", "admin"},
        {"/paths/~1v1~1traces~1{trace}~1complete/post/security/1/apiKey/0", "ingest"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      made = {0};
    struct value_limits          limits = {.bytes = 1 << 20, .depth = 64, .values = 100000};
    struct value                 document;
    struct err                   err = {0};

    CHECK_WORKS(openapi_write(&made, &err));
    CHECK_WORKS(json_read(arena, buf_bytes(&made), &limits, &document, &err));
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        CHECK(value_is_text(value_at(&document, all[i].at), all[i].role));
    }
}

TEST(openapi, describes_every_route_and_no_other)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      made = {0};
    struct value_limits          limits = {.bytes = 1 << 20, .depth = 64, .values = 100000};
    struct value                 document;
    const struct value          *paths;
    size_t                       described = 0;
    struct err                   err = {0};

    CHECK_WORKS(openapi_write(&made, &err));
    CHECK_WORKS(json_read(arena, buf_bytes(&made), &limits, &document, &err));
    paths = value_get(&document, "paths");
    for (size_t i = 0; i < gateway_route_count; i++) {
        CHECK(value_get(paths, gateway_routes[i].path) != NULL);
    }
    for (uint32_t i = 0; paths != NULL && i < paths->count; i++) {
        described += paths->as.members[i].value.count;
    }
    CHECK_NUMBER((int64_t)described, (int64_t)gateway_route_count);
}
