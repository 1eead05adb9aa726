// SPDX-License-Identifier: MIT
#include "gateway/cli/when.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"

#define US_PER_S 1000000LL

struct unit {
    char    name;
    int64_t seconds;
};
static const struct unit units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

/* "7d": so long before now. */
static bool read_ago(const char *text, int64_t now_us, int64_t *ret_us)
{
    char *end;
    long  count = strtol(text, &end, 10);

    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (end != text && end[0] == units[i].name && end[1] == '\0' && count >= 0 &&
            count < 1000000) {
            *ret_us = now_us - count * units[i].seconds * US_PER_S;
            return true;
        }
    }
    return false;
}

static bool read_seconds(const char *text, int64_t *ret_us)
{
    char  *end;
    double seconds;

    if (strspn(text, "0123456789.") != strlen(text)) {
        return false;
    }
    seconds = strtod(text, &end);
    if (*end != '\0' || seconds < 1e8 || seconds > 1e11) {
        return false; /* "2026" is a year, and not understood */
    }
    *ret_us = llround(seconds * (double)US_PER_S);
    return true;
}

static bool read_date(const char *text, int64_t *ret_us)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M", "%Y-%m-%d"};

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct tm   parts = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &parts);

        if (end != NULL && *end == '\0') {
            *ret_us = mktime(&parts) * US_PER_S;
            return true;
        }
        if (end != NULL && strcmp(end, "Z") == 0) {
            *ret_us = timegm(&parts) * US_PER_S;
            return true;
        }
    }
    return false;
}

int when_read(const char *option, const char *text, int64_t now_us, int64_t *ret_us,
              struct err *err)
{
    if (read_ago(text, now_us, ret_us) || read_seconds(text, ret_us) || read_date(text, ret_us)) {
        return 0;
    }
    return err_set(err, ERR_USAGE, "%s: \"%s\" is no time; " WHEN_HELP, option, text);
}

void when_text(char ret_text[WHEN_TEXT], int64_t at_us)
{
    time_t    at = (time_t)(at_us / US_PER_S);
    struct tm parts;

    (void)localtime_r(&at, &parts);
    if (at_us == 0 || strftime(ret_text, WHEN_TEXT, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        (void)snprintf(ret_text, WHEN_TEXT, "-");
    }
}
