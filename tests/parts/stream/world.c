// SPDX-License-Identifier: MIT
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lib/jetstream.h"
#include "lib/test.h"

struct stream_settings world_settings(void)
{
    return (struct stream_settings){
        .url = jetstream_url(),
        .name = "test",
        .replicas = 1,
        .ingest_keep_ms = 3600 * 1000,
        .ingest_bytes = 64 << 20,
        .dead_keep_ms = 3600 * 1000,
        .publish_window = 256,
    };
}

struct stream *world_stream(void)
{
    static const char *const names[] = {"PRT_INGEST", "PRT_WORK", "PRT_DEAD", "PRT_TRIES"};
    struct stream_settings   settings = world_settings();
    struct stream           *stream = NULL;
    struct err               err = {0};
    bool                     fine = settings.url != NULL;

    fine = fine && stream_open(&stream, &settings, &err) == 0 && stream_setup(stream, &err) == 0;
    for (size_t i = 0; fine && i < COUNT_OF(names); i++) {
        fine = stream_purge(stream, names[i], ">", &err) == 0;
    }
    if (!fine) {
        test_failed(__FILE__, __LINE__, "no world: %s: %s", err_name(err.code), err.story);
        stream_close(stream);
        return NULL;
    }
    return stream;
}

bool world_publish(struct stream *stream, int count)
{
    struct err err = {0};

    for (int i = 0; i < count; i++) {
        char               text[16];
        struct publication one = {.subject = "prt.ingest.acme.t.chunk"};

        (void)snprintf(text, sizeof(text), "%d", i);
        one.body = bytes_of(text);
        if (stream_publish(stream, &one, NULL, &err) < 0) {
            test_failed(__FILE__, __LINE__, "publishing %d: %s", i, err.story);
            return false;
        }
    }
    return true;
}

struct pull *world_pull(struct stream *stream, const char *consumer, int batch, int ahead)
{
    const struct pull_settings settings = {
        .stream_name = strcmp(consumer, "validate") == 0 ? "PRT_INGEST" : "PRT_WORK",
        .consumer = consumer,
        .batch = batch,
        .ahead = ahead,
    };
    struct pull *pull = NULL;
    struct err   err = {0};

    if (pull_open(&pull, stream, &settings, &err) < 0) {
        test_failed(__FILE__, __LINE__, "pulling: %s", err.story);
    }
    return pull;
}

struct stream_msg *world_next(struct pull *pull)
{
    struct stream_msg *msg = NULL;
    size_t             count = 0;
    struct err         err = {0};
    int64_t            until = clock_mono_us() + 10 * 1000000;

    while (count == 0 && clock_mono_us() < until) {
        if (pull_next(pull, 1, SIZE_MAX, 200, 0, &msg, &count, &err) < 0) {
            clock_sleep_ms(10);
        }
    }
    return count == 0 ? NULL : msg;
}

bool wait_for(bool (*so)(void *arg), void *arg)
{
    int64_t until = clock_mono_us() + 20 * 1000000;

    while (!so(arg)) {
        if (clock_mono_us() > until) {
            return false;
        }
        clock_sleep_ms(10);
    }
    return true;
}
