// SPDX-License-Identifier: MIT
#include "workers/segment.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "crypto/crypto.h"

/* The day lets a sweep look at a day's objects alone. */
void segment_name(char ret_key[SEGMENT_KEY])
{
    time_t    now = (time_t)(clock_us() / 1000000);
    struct tm day;
    uint8_t   name[16];
    char      hex[2 * sizeof(name) + 1];

    (void)gmtime_r(&now, &day);
    random_bytes(name, sizeof(name));
    hex_write(hex, (struct bytes){name, sizeof(name)});
    (void)snprintf(ret_key, SEGMENT_KEY, "segments/%04d%02d%02d/%s", (day.tm_year + 1900) % 10000,
                   day.tm_mon + 1, day.tm_mday, hex);
}

int segment_put(struct blob_store *blob, const char *key, struct bytes lines, struct err *err)
{
    return blob_put(blob, BUCKET_CHUNKS, key, lines, "application/x-ndjson", err);
}
