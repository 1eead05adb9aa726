// SPDX-License-Identifier: MIT
/* Any bytes as what clients write into a request's path and header fields: all of it is understood,
 * ignored or refused, and what is understood lies within what it speaks of. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/utf8.h"
#include "gateway/http/field.h"
#include "gateway/http/route.h"

static void nothing(struct exchange *x)
{
    (void)x;
}

static const struct route routes[] = {
    {"GET", "/", nothing, 0, MOST_NONE, NULL},
    {"POST", "/v1/traces", nothing, 0, 1024, NULL},
    {"GET", "/v1/traces/{trace}", nothing, 0, MOST_NONE, NULL},
    {"POST", "/v1/traces/{trace}/events:ingest", nothing, 0, MOST_BODY, NULL},
    {"PUT", "/v1/traces/{trace}/artifacts/{name}", nothing, 0, MOST_STREAM, NULL},
    {"GET", "/v1/prs/{owner}/{repo}/{number}", nothing, 0, MOST_NONE, NULL},
};

static void check_text(const char *text)
{
    if (text != NULL) {
        MUST(utf8_wrong_at(bytes_of(text)) == strlen(text));
    }
}

static void check_route(struct arena *arena, const char *path)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", ""};
    struct route_match       match;

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        struct err err = {0};

        if (route_find(routes, COUNT_OF(routes), arena, methods[i], path, &match, &err) == 0) {
            MUST(match.index < COUNT_OF(routes) && match.route == &routes[match.index]);
            for (size_t j = 0; j < ROUTE_PARAMS; j++) {
                MUST(match.param[j] == NULL || match.param[j][0] != '\0');
                check_text(match.param[j]);
            }
        } else {
            MUST(err.code == ERR_ROUTE_UNKNOWN || err.code == ERR_METHOD_WRONG ||
                 err.code == ERR_MALFORMED);
        }
    }
}

static void check_range(const char *value)
{
    static const int64_t sizes[] = {0, 1, 1000, INT64_MAX};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct range range = field_range(value, sizes[i]);

        if (range.kind == RANGE_PART) {
            MUST(range.first >= 0 && range.size > 0 && range.first < sizes[i]);
            MUST(range.size <= sizes[i] - range.first);
        }
    }
}

static void check_fields(struct arena *arena, const char *value)
{
    struct prefer prefer = field_prefer(value);
    int64_t       whole = 0;
    struct err    err = {0};

    MUST(prefer.wait_ms >= -1);
    check_range(value);
    (void)field_type_is(value, "application/json");
    (void)field_accepts(value, "application/x-ndjson");
    (void)field_holds_tag(value, "\"close\"");
    if (field_request_id_ok(value)) {
        MUST(value[0] != '\0' && strlen(value) <= 64 && strspn(value, "\r\n\t \"") == 0);
    }
    if (field_traceparent_ok(value)) {
        MUST(strlen(value) == 55);
    }
    if (field_whole("x", value, -5, 1000, &whole, &err) == 0) {
        MUST(whole >= -5 && whole <= 1000);
    } else {
        MUST(err.code != ERR_NONE);
    }
    check_text(field_decode(arena, bytes_of(value), false));
    check_text(field_decode(arena, bytes_of(value), true));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *text = arena_text(arena, (struct bytes){data, size});

    check_fields(arena, text);
    check_route(arena, text);
    check_route(arena, arena_format(arena, "/v1/traces/%s", text));
    return 0;
}
