// SPDX-License-Identifier: MIT
#include "workers/validate/segment.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"

/* segments/<YYYYMMDD>/<random hex>: the day lets a sweep look at a day's objects alone. */
void segment_name(struct batch *batch)
{
    time_t    now = (time_t)(clock_us() / 1000000);
    struct tm day;
    uint8_t   name[16];
    char      hex[2 * sizeof(name) + 1];

    (void)gmtime_r(&now, &day);
    random_bytes(name, sizeof(name));
    hex_write(hex, (struct bytes){name, sizeof(name)});
    (void)snprintf(batch->segment_key, SEGMENT_KEY, "segments/%04d%02d%02d/%s",
                   (day.tm_year + 1900) % 10000, day.tm_mon + 1, day.tm_mday, hex);
}

int segment_put(struct batch *batch, struct err *err)
{
    return blob_put(batch->blob, BUCKET_CHUNKS, batch->segment_key, buf_bytes(&batch->lines),
                    "application/x-ndjson", err);
}
