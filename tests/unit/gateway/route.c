// SPDX-License-Identifier: MIT
#include "gateway/http/route.h"

#include "gateway/api/gateway.h"
#include "lib/test.h"

static int find(struct arena *arena, const char *method, const char *path,
                struct route_match *match, struct err *err)
{
    return route_find(gateway_routes, gateway_route_count, arena, method, path, match, err);
}

TEST(route, finds_each_row_of_the_table_by_its_own_path)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < gateway_route_count; i++) {
        struct route_match match;
        struct err         err = {0};

        /* "{trace}" is a segment like any other. */
        CHECK_WORKS(find(arena, gateway_routes[i].method, gateway_routes[i].path, &match, &err));
        CHECK(match.route == &gateway_routes[i]);
        CHECK_NUMBER(match.index, i);
    }
}

TEST(route, gives_the_parameters_decoded_and_in_order)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct route_match match;
    struct err         err = {0};

    CHECK_WORKS(find(arena, "GET", "/v1/traces/trace-1/chunks/a%2Fb%20c", &match, &err));
    CHECK_TEXT(match.param[0], "trace-1");
    CHECK_TEXT(match.param[1], "a/b c");
    CHECK(match.param[2] == NULL);
}

TEST(route, knows_an_encoded_colon)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct route_match match;
    struct err         err = {0};

    CHECK_WORKS(find(arena, "POST", "/v1/traces/t/events%3Aingest", &match, &err));
    CHECK_TEXT(match.route->path, "/v1/traces/{trace}/events:ingest");
}

TEST(route, answers_head_where_get_is)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct route_match match;
    struct err         err = {0};

    CHECK_WORKS(find(arena, "HEAD", "/healthz", &match, &err));
    CHECK_FAILS(find(arena, "HEAD", "/v1/traces/t/complete", &match, &err), ERR_METHOD_WRONG);
}

TEST(route, tells_which_methods_a_path_takes)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct route_match match;
    struct err         err = {0};

    CHECK_FAILS(find(arena, "PATCH", "/v1/traces", &match, &err), ERR_METHOD_WRONG);
    CHECK_TEXT(match.allow, "POST, GET, HEAD");
    CHECK_FAILS(find(arena, "POST", "/v1/traces/t/artifacts/n", &match, &err), ERR_METHOD_WRONG);
    CHECK_TEXT(match.allow, "PUT, GET, HEAD");
}

TEST(route, does_not_know_other_paths)
{
    static const char *const unknown[] = {
        "",      "v1",         "/v1",           "/v1/traces/",  "/v1//traces",
        "/v2/traces", "/v1/traces/t/", "/healthz/x", "*",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n"};
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        struct route_match match;
        struct err         err = {0};

        CHECK_FAILS(find(arena, "GET", unknown[i], &match, &err), ERR_ROUTE_UNKNOWN);
        CHECK_TEXT(match.allow, "");
    }
}

TEST(route, refuses_a_path_that_is_not_properly_encoded)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct route_match match;
    struct err         err = {0};

    CHECK_FAILS(find(arena, "GET", "/v1/traces/%zz", &match, &err), ERR_MALFORMED);
    CHECK_FAILS(find(arena, "GET", "/v1/traces/a%00b", &match, &err), ERR_MALFORMED);
    CHECK_FAILS(find(arena, "GET", "/v1/traces/%ff", &match, &err), ERR_MALFORMED);
}

TEST(route, no_two_rows_answer_the_same)
{
    for (size_t i = 0; i < gateway_route_count; i++) {
        for (size_t k = i + 1; k < gateway_route_count; k++) {
            CHECK(strcmp(gateway_routes[i].method, gateway_routes[k].method) != 0 ||
                  strcmp(gateway_routes[i].path, gateway_routes[k].path) != 0);
        }
    }
}
