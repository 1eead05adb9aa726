// SPDX-License-Identifier: MIT
#include "pack/name.h"

#include <stddef.h>
#include <string.h>

enum { PART_MOST = 255 };

/* The length of the part that starts at `at`. */
static size_t part_size(const char *at)
{
    return strcspn(at, "/");
}

static bool part_is(const char *at, size_t size, const char *text)
{
    return strlen(text) == size && memcmp(at, text, size) == 0;
}

int name_clean(char *ret_name, const char *raw, struct err *err)
{
    size_t used = 0;

    if (raw == NULL || raw[0] == '\0') {
        return err_set(err, ERR_ARCHIVE_REFUSED, "odd_name: an entry has no name");
    }
    if (raw[0] == '/') {
        return err_set(err, ERR_ARCHIVE_REFUSED, "absolute_path: %.200s", raw);
    }
    for (const char *at = raw; *at != '\0';) {
        size_t size = part_size(at);

        if (part_is(at, size, "..")) {
            return err_set(err, ERR_ARCHIVE_REFUSED, "parent_path: %.200s", raw);
        }
        if (size > PART_MOST || used + size + 2 > PACK_NAME_MOST) {
            return err_set(err, ERR_ARCHIVE_REFUSED, "odd_name: too long: %.200s", raw);
        }
        if (size > 0 && !part_is(at, size, ".")) {
            if (used > 0) {
                ret_name[used++] = '/';
            }
            memcpy(ret_name + used, at, size);
            used += size;
        }
        at += size;
        at += *at == '/' ? 1 : 0;
    }
    ret_name[used] = '\0';
    return 0;
}

bool name_link_inside(const char *link, const char *target)
{
    ptrdiff_t depth = 0;

    if (target[0] == '/' || target[0] == '\0') {
        return false;
    }
    for (const char *at = link; *at != '\0'; at++) {
        depth += *at == '/' ? 1 : 0;
    }
    for (const char *at = target; *at != '\0';) {
        size_t size = part_size(at);

        if (part_is(at, size, "..")) {
            depth--;
        } else if (size > 0 && !part_is(at, size, ".")) {
            depth++;
        }
        if (depth < 0) {
            return false;
        }
        at += size;
        at += *at == '/' ? 1 : 0;
    }
    return true;
}

bool name_is_git(const char *name)
{
    for (const char *at = name; *at != '\0';) {
        size_t size = part_size(at);

        if (part_is(at, size, ".git")) {
            return true;
        }
        at += size;
        at += *at == '/' ? 1 : 0;
    }
    return false;
}
