// SPDX-License-Identifier: MIT
#include "workers/validate/segment.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"

/* segments/<YYYYMMDD>/<random hex>: the day lets a sweep look at a day's objects alone. */
static void name_it(char ret_key[SEGMENT_KEY])
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

static void *put(void *arg)
{
    struct segment *segment = arg;
    struct batch   *batch = segment->batch;

    (void)!blob_put(batch->blob, BUCKET_CHUNKS, batch->segment_key, buf_bytes(&batch->lines),
                    "application/x-ndjson", &segment->err);
    return NULL;
}

void segment_begin(struct segment *segment, struct batch *batch)
{
    segment->batch = batch;
    name_it(batch->segment_key);
    segment->under_way = pthread_create(&segment->thread, NULL, put, segment) == 0;
    if (!segment->under_way) {
        (void)put(segment); /* one behind the other, then */
    }
}

void segment_done(struct segment *segment)
{
    if (segment->under_way) {
        (void)pthread_join(segment->thread, NULL);
        segment->under_way = false;
    }
}

int segment_finish(struct segment *segment, struct err *err)
{
    segment_done(segment);
    if (segment->err.code != ERR_NONE) {
        *err = segment->err;
        return -1;
    }
    return 0;
}
