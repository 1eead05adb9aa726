// SPDX-License-Identifier: MIT
#include "trace/iso_time.h"

#include <string.h>
#include <time.h>

enum { FRACTION_MOST = 9, ISO_MOST = 40 };

struct cursor {
    const char *at; /* ends in NUL */
};

static bool take_digits(struct cursor *cursor, int count, int least, int most, int *ret_number)
{
    int number = 0;

    for (int i = 0; i < count; i++) {
        if (*cursor->at < '0' || *cursor->at > '9') {
            return false;
        }
        number = number * 10 + (*cursor->at++ - '0');
    }
    *ret_number = number;
    return number >= least && number <= most;
}

static bool take(struct cursor *cursor, const char *any_of)
{
    if (*cursor->at == '\0' || strchr(any_of, *cursor->at) == NULL) {
        return false;
    }
    cursor->at++;
    return true;
}

static bool take_fraction(struct cursor *cursor, double *seconds)
{
    double scale = 1;
    int    digits = 0;

    if (!take(cursor, ".,")) {
        return true;
    }
    for (; *cursor->at >= '0' && *cursor->at <= '9'; digits++, cursor->at++) {
        if (digits < FRACTION_MOST) {
            scale /= 10;
            *seconds += (*cursor->at - '0') * scale;
        }
    }
    return digits > 0;
}

/* Seconds east of UTC. */
static bool take_zone(struct cursor *cursor, int *ret_east)
{
    bool west = *cursor->at == '-';
    int  hours;
    int  minutes = 0;

    *ret_east = 0;
    if (*cursor->at == '\0' || take(cursor, "Zz")) {
        return true;
    }
    if (!take(cursor, "+-") || !take_digits(cursor, 2, 0, 23, &hours)) {
        return false;
    }
    if (*cursor->at != '\0') {
        (void)take(cursor, ":");
        if (!take_digits(cursor, 2, 0, 59, &minutes)) {
            return false;
        }
    }
    *ret_east = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool iso_time_read(struct bytes text, double *ret_seconds)
{
    char          copy[ISO_MOST];
    struct cursor cursor = {copy};
    struct tm     day = {0};
    struct tm     check;
    double        seconds;
    time_t        whole;
    int           east;

    if (text.size >= sizeof(copy) || memchr(text.data, '\0', text.size) != NULL) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (!take_digits(&cursor, 4, 1970, 9999, &day.tm_year) || !take(&cursor, "-") ||
        !take_digits(&cursor, 2, 1, 12, &day.tm_mon) || !take(&cursor, "-") ||
        !take_digits(&cursor, 2, 1, 31, &day.tm_mday) || !take(&cursor, "Tt ") ||
        !take_digits(&cursor, 2, 0, 23, &day.tm_hour) || !take(&cursor, ":") ||
        !take_digits(&cursor, 2, 0, 59, &day.tm_min) ||
        (take(&cursor, ":") && !take_digits(&cursor, 2, 0, 60, &day.tm_sec))) {
        return false;
    }
    day.tm_year -= 1900;
    day.tm_mon -= 1;
    check = day;
    whole = timegm(&check);
    seconds = 0;
    if (check.tm_mday != day.tm_mday && day.tm_sec < 60) {
        return false; /* the 31st of a short month */
    }
    if (!take_fraction(&cursor, &seconds) || !take_zone(&cursor, &east) || *cursor.at != '\0') {
        return false;
    }
    *ret_seconds = (double)(whole - east) + seconds;
    return *ret_seconds >= 0;
}
