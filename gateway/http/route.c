// SPDX-License-Identifier: MIT
#include "gateway/http/route.h"

#include <stdbool.h>
#include <string.h>

#include "gateway/http/field.h"

enum { SEGMENTS = 12 };

struct path {
    size_t      count;
    const char *segment[SEGMENTS]; /* decoded */
};

static int path_split(struct arena *arena, const char *text, struct path *ret_path, struct err *err)
{
    struct path path = {0};

    while (*text == '/' && path.count < SEGMENTS) {
        size_t size = strcspn(text + 1, "/");
        struct bytes raw = {(const uint8_t *)text + 1, size};

        path.segment[path.count] = field_decode(arena, raw, false);
        if (path.segment[path.count] == NULL) {
            return err_set(err, ERR_MALFORMED, "path segment %zu is not percent-encoded UTF-8"
                           " without NULs", path.count + 1);
        }
        path.count++;
        text += 1 + size;
    }
    if (*text != '\0') {
        return err_set(err, ERR_ROUTE_UNKNOWN, "no route begins like this or has so many segments");
    }
    *ret_path = path;
    return 0;
}

/* Does the pattern fit? Fills in the parameters as it goes. */
static bool pattern_fits(const char *pattern, const struct path *path, const char **ret_param)
{
    size_t params = 0;

    for (size_t i = 0; i < path->count; i++) {
        size_t size;

        if (*pattern != '/') {
            return false;
        }
        pattern++;
        size = strcspn(pattern, "/");
        if (*pattern == '{') {
            if (*path->segment[i] == '\0' || params == ROUTE_PARAMS) {
                return false;
            }
            ret_param[params++] = path->segment[i];
        } else if (strlen(path->segment[i]) != size ||
                   memcmp(path->segment[i], pattern, size) != 0) {
            return false;
        }
        pattern += size;
    }
    return *pattern == '\0';
}

static void allow_add(char *allow, const char *method)
{
    size_t used = strlen(allow);

    if (used + strlen(method) + 3 <= ROUTE_ALLOW) {
        if (used > 0) {
            memcpy(allow + used, ", ", 2);
            used += 2;
        }
        memcpy(allow + used, method, strlen(method) + 1);
    }
}

int route_find(const struct route *routes, size_t count, struct arena *arena, const char *method,
               const char *path_text, struct route_match *ret_match, struct err *err)
{
    struct route_match match = {0};
    struct path        path;
    const char        *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;

    ret_match->allow[0] = '\0';
    TRY(path_split(arena, path_text, &path, err));
    for (size_t i = 0; i < count; i++) {
        const char *param[ROUTE_PARAMS] = {0};

        if (!pattern_fits(routes[i].path, &path, param)) {
            continue;
        }
        if (strcmp(routes[i].method, wanted) == 0) {
            match.route = &routes[i];
            match.index = (unsigned)i;
            memcpy(match.param, param, sizeof(param));
            *ret_match = match;
            return 0;
        }
        allow_add(match.allow, routes[i].method);
        if (strcmp(routes[i].method, "GET") == 0) {
            allow_add(match.allow, "HEAD");
        }
    }
    if (match.allow[0] != '\0') {
        memcpy(ret_match->allow, match.allow, sizeof(match.allow));
        return err_set(err, ERR_METHOD_WRONG, "%.16s; this path takes %s", method, match.allow);
    }
    return err_set(err, ERR_ROUTE_UNKNOWN, "no route fits this path");
}
