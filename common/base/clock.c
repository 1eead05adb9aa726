// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t which)
{
    struct timespec now;

    (void)clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void clock_sleep_us(int64_t us)
{
    struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = (us % 1000000) * 1000};

    (void)nanosleep(&pause, NULL);
}

void clock_sleep_ms(int64_t ms)
{
    clock_sleep_us(ms * 1000);
}

/* The remainders change nothing: they tell the compiler that the text fits. */
void clock_text(char *ret_text, int64_t at_us)
{
    int64_t   fraction = at_us % 1000000;
    time_t    seconds = (time_t)(at_us / 1000000 - (fraction < 0));
    struct tm parts = {0};

    (void)gmtime_r(&seconds, &parts); /* 2^63 us lie within what it can hold */
    (void)snprintf(ret_text, CLOCK_TEXT, "%04d-%02u-%02uT%02u:%02u:%02u.%06uZ",
                   parts.tm_year + 1900, (unsigned)(parts.tm_mon + 1) % 100,
                   (unsigned)parts.tm_mday % 100, (unsigned)parts.tm_hour % 100,
                   (unsigned)parts.tm_min % 100, (unsigned)parts.tm_sec % 100,
                   (unsigned)(fraction < 0 ? fraction + 1000000 : fraction) % 1000000);
}
