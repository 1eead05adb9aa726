// SPDX-License-Identifier: MIT
#include "workers/qa/pattern.h"

#include <fnmatch.h>
#include <string.h>

enum { PATTERN_MOST = 256 };

/* A directory on the way to the path, or the path itself. */
static bool directory_fits(const char *pattern, const char *path)
{
    char part[PATTERN_MOST];

    while (*path != '\0') {
        size_t size = strcspn(path, "/");

        if (size < sizeof(part) && path[size] == '/') {
            memcpy(part, path, size);
            part[size] = '\0';
            if (fnmatch(pattern, part, 0) == 0) {
                return true;
            }
        }
        path += size + (path[size] == '/' ? 1 : 0);
    }
    return false;
}

static bool name_fits(char *pattern, const char *path)
{
    size_t      size = strlen(pattern);
    const char *slash = strrchr(path, '/');

    if (size > 0 && pattern[size - 1] == '/') {
        pattern[size - 1] = '\0';
        return directory_fits(pattern, path);
    }
    if (strchr(pattern, '/') != NULL) {
        return fnmatch(pattern, path, FNM_PATHNAME) == 0;
    }
    return fnmatch(pattern, slash == NULL ? path : slash + 1, 0) == 0;
}

bool pattern_fits_text(const char *list, const char                      *path,
                       bool (*holds)(void *self, const char *text), void *self)
{
    char pattern[PATTERN_MOST];

    while (*list != '\0') {
        size_t size = strcspn(list, "|");
        char  *text;

        if (size > 0 && size < sizeof(pattern)) {
            memcpy(pattern, list, size);
            pattern[size] = '\0';
            text = strchr(pattern, ':');
            if (text != NULL) {
                *text++ = '\0';
            }
            if (name_fits(pattern, path) && (text == NULL || holds(self, text))) {
                return true;
            }
        }
        list += size + (list[size] == '|' ? 1 : 0);
    }
    return false;
}

static bool never(void *self, const char *text)
{
    (void)self;
    (void)text;
    return false;
}

bool pattern_fits(const char *list, const char *path)
{
    return pattern_fits_text(list, path, never, NULL);
}
