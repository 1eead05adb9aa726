// SPDX-License-Identifier: MIT
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lib/jetstream.h"
#include "lib/test.h"
#include "world.h"

TEST(publish, tells_the_sequence_a_message_was_stored_at)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(arena) struct arena   *arena = arena_new();
    const struct publication       one = {
              .subject = "prt.ingest.acme.t.chunk", .body = BYTES("body\0with a NUL"), .id = "one"};
    struct stored_msg stored;
    struct err        err = {0};
    uint64_t          first = 0;
    uint64_t          again = 0;

    CHECK_WORKS(stream_publish(stream, &one, &first, &err));
    CHECK_WORKS(stream_get(stream, arena, "PRT_INGEST", first, &stored, &err));
    CHECK(bytes_equal(stored.body, one.body));
    CHECK_TEXT(stored.subject, one.subject);
    CHECK_TEXT(stored.id, "one");
    CHECK_NUMBER(stored.seq, first);
    CHECK(stored.stored_us > clock_us() - 60 * 1000000LL && stored.stored_us <= clock_us());

    /* The same id again is dropped, and says where the first one is. */
    CHECK_WORKS(stream_publish(stream, &one, &again, &err));
    CHECK_NUMBER(again, first);
}

TEST(publish, stores_many_in_order_beyond_the_window)
{
    enum { COUNT = 1000 };
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(arena) struct arena   *arena = arena_new();
    static struct publication      all[COUNT];
    struct stream_state            state;
    struct err                     err = {0};

    for (size_t i = 0; i < COUNT; i++) {
        all[i] = (struct publication){
            .subject = "prt.work.qa.acme.t",
            .body = bytes_of(arena_format(arena, "%zu", i)),
            .id = arena_format(arena, "many-%zu", i),
        };
    }
    CHECK_WORKS(stream_publish_all(stream, all, COUNT, &err));
    CHECK_WORKS(stream_state(stream, "PRT_WORK", &state, &err));
    CHECK_NUMBER(state.messages, COUNT);
    for (size_t i = 0; i < COUNT; i += 111) {
        struct stored_msg stored;

        CHECK_WORKS(stream_get(stream, arena, "PRT_WORK", state.first_seq + i, &stored, &err));
        CHECK(bytes_equal(stored.body, all[i].body));
    }
    /* A repeated outbox changes nothing. */
    CHECK_WORKS(stream_publish_all(stream, all, COUNT, &err));
    CHECK_WORKS(stream_state(stream, "PRT_WORK", &state, &err));
    CHECK_NUMBER(state.messages, COUNT);
}

struct counts {
    atomic_int stored, failed;
    int        begun;
};

static void count_answer(void *arg, uint64_t seq, const struct err *failed)
{
    struct counts *counts = arg;

    atomic_fetch_add(failed == NULL && seq > 0 ? &counts->stored : &counts->failed, 1);
}

static bool all_answered(void *arg)
{
    struct counts *counts = arg;

    return atomic_load(&counts->stored) + atomic_load(&counts->failed) >= 200;
}

TEST(publish, answers_each_asynchronous_message_once)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    const struct publication       one = {.subject = "prt.ingest.acme.t.chunk", .body = BYTES("x")};
    struct counts                  counts = {0};
    struct err                     err = {0};

    for (int i = 0; i < 200; i++) {
        CHECK_WORKS(stream_publish_async(stream, &one, count_answer, &counts, &err));
    }
    CHECK(wait_for(all_answered, &counts));
    CHECK_NUMBER(counts.stored, 200);
    CHECK_NUMBER(counts.failed, 0);
}

TEST(publish, refuses_more_than_the_window_and_ends_what_a_frozen_server_holds)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    const struct publication       one = {.subject = "prt.ingest.acme.t.chunk", .body = BYTES("x")};
    struct counts                  counts = {0};
    struct err                     err = {0};

    jetstream_freeze();
    for (int i = 0; i < 256; i++) {
        CHECK_WORKS(stream_publish_async(stream, &one, count_answer, &counts, &err));
    }
    CHECK_FAILS(stream_publish_async(stream, &one, count_answer, &counts, &err), ERR_OVERLOADED);
    CHECK(wait_for(all_answered, &counts));
    jetstream_thaw();
    CHECK_NUMBER(counts.stored, 0);
}

static bool none_in_flight(void *arg)
{
    struct counts *counts = arg;

    return atomic_load(&counts->stored) + atomic_load(&counts->failed) == counts->begun;
}

/* Begins up to `most` publishes of 256 KiB each, until one is refused. */
static void publish_large(struct stream *stream, int most, struct counts *counts, struct err *err)
{
    enum { BODY_BYTES = 256 * 1024 };
    CLEANUP(buf) struct buf body = {0};
    struct publication      one = {.subject = "prt.ingest.acme.t.chunk"};

    buf_reserve(&body, BODY_BYTES);
    memset(body.data, 'x', BODY_BYTES);
    body.size = BODY_BYTES;
    one.body = buf_bytes(&body);
    while (counts->begun < most &&
           stream_publish_async(stream, &one, count_answer, counts, err) == 0) {
        counts->begun++;
    }
}

TEST(publish, holds_so_much_and_no_more_for_a_server_that_does_not_read)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    struct counts                  counts = {0};
    struct err                     err = {0};

    jetstream_freeze();
    publish_large(stream, 120, &counts, &err);
    CHECK_NUMBER(err.code, ERR_OVERLOADED);
    CHECK(strstr(err.story, "does not read") != NULL);
    CHECK(counts.begun > 8); /* 2 MiB: it is not the window that is full */
    jetstream_thaw();
    CHECK(wait_for(none_in_flight, &counts)); /* stored, or late where the machine is busy */
    CHECK(world_publish(stream, 1));
}

TEST(publish, waits_while_the_server_reads_slower_than_we_write)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    struct counts                  counts = {0};
    struct err                     err = {0};

    publish_large(stream, 200, &counts, &err); /* 50 MiB of the 64 the stream may hold */
    CHECK_NUMBER(err.code, ERR_NONE);
    CHECK(wait_for(none_in_flight, &counts));
    CHECK_NUMBER(atomic_load(&counts.failed), 0);
}

TEST(publish, says_that_a_stream_is_full_and_drops_nothing)
{
    struct stream_settings         settings = world_settings();
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(stream) struct stream *small = NULL;
    CLEANUP(buf) struct buf        body = {0};
    struct publication             one = {.subject = "prt.ingest.acme.t.chunk"};
    struct stream_state            before, after;
    struct err                     err = {0};
    int                            stored = 0;

    settings.ingest_bytes = 1 << 20;
    CHECK_WORKS(stream_open(&small, &settings, &err));
    CHECK_WORKS(stream_setup(small, &err));
    buf_reserve(&body, 100000);
    memset(body.data, 'x', 100000);
    body.size = 100000;
    one.body = buf_bytes(&body);
    while (stored < 100 && stream_publish(small, &one, NULL, &err) == 0) {
        stored++;
    }
    CHECK_NUMBER(err.code, ERR_STREAM_FULL);
    CHECK(stored >= 9 && stored <= 10);
    CHECK(strstr(err.story, "PRT_INGEST_BYTES") != NULL);
    CHECK_WORKS(stream_state(small, "PRT_INGEST", &before, &err));
    CHECK_FAILS(stream_publish_all(small, &one, 1, &err), ERR_STREAM_FULL);
    CHECK_WORKS(stream_state(small, "PRT_INGEST", &after, &err));
    CHECK_NUMBER(after.messages, before.messages);
    CHECK_NUMBER(after.first_seq, before.first_seq);

    /* Room again: nothing has to be restarted. */
    CHECK_WORKS(stream_purge(small, "PRT_INGEST", "prt.ingest.acme.t.chunk", &err));
    CHECK_WORKS(stream_publish(small, &one, NULL, &err));
    CHECK_WORKS(stream_setup(stream, &err)); /* the limit of the other tests again */
}

TEST(publish, refuses_a_message_over_the_servers_limit)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    CLEANUP(buf) struct buf        body = {0};
    struct publication             one = {.subject = "prt.ingest.acme.t.chunk"};
    struct err                     err = {0};

    buf_reserve(&body, 2 << 20);
    memset(body.data, 'x', 2 << 20);
    body.size = 2 << 20;
    one.body = buf_bytes(&body);
    CHECK_FAILS(stream_publish(stream, &one, NULL, &err), ERR_TOO_LARGE);
}

TEST(publish, lets_no_subject_become_a_second_command)
{
    static const char *const subjects[] = {
        "",
        "prt.ingest.acme.a b.chunk",
        "prt.ingest.acme.a\tb.chunk",
        "prt.ingest.acme.a 0\r\n\r\nPUB prt.ingest.other.t.erase 0\r\n\r\nPUB x.chunk",
    };
    CLEANUP(stream) struct stream *stream = world_stream();
    const struct publication sane = {.subject = "prt.ingest.acme.t.chunk", .body = BYTES("x")};
    struct err               err = {0};

    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        const struct publication one = {.subject = subjects[i], .body = BYTES("{}")};

        CHECK_FAILS(stream_publish(stream, &one, NULL, &err), ERR_BUG);
    }
    CHECK_WORKS(stream_publish(stream, &sane, NULL, &err));
}

TEST(publish, says_when_no_stream_takes_the_subject)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    const struct publication       one = {.subject = "prt.nowhere", .body = BYTES("x")};
    struct err                     err = {0};

    CHECK_FAILS(stream_publish(stream, &one, NULL, &err), ERR_STREAM_DOWN);
    CHECK(strstr(err.story, "no stream takes this subject") != NULL);
}

struct heard {
    atomic_int count;
    char       subject[160];
    char       body[16];
};

static void hear(void *arg, const char *subject, struct bytes body)
{
    struct heard *heard = arg;

    (void)snprintf(heard->subject, sizeof(heard->subject), "%s", subject);
    (void)snprintf(heard->body, sizeof(heard->body), "%.*s", (int)body.size,
                   (const char *)body.data);
    atomic_fetch_add(&heard->count, 1);
}

static bool was_heard(void *arg)
{
    return atomic_load(&((struct heard *)arg)->count) > 0;
}

TEST(reply, reaches_the_one_who_listens)
{
    CLEANUP(stream) struct stream *gateway = world_stream();
    CLEANUP(stream) struct stream *worker = world_stream();
    struct heard                   heard = {0};
    const char                    *inbox = NULL;
    char                           subject[160];
    struct err                     err = {0};

    CHECK_WORKS(stream_listen(gateway, hear, &heard, &inbox, &err));
    CHECK_FAILS(stream_listen(gateway, hear, &heard, &inbox, &err), ERR_BUG);
    (void)snprintf(subject, sizeof(subject), "%s.42", inbox);
    CHECK_WORKS(stream_reply(worker, subject, BYTES("verdict"), &err));
    CHECK(wait_for(was_heard, &heard));
    CHECK_TEXT(heard.subject, subject);
    CHECK_TEXT(heard.body, "verdict");

    /* Nobody listens any more: no error, and nothing waits. */
    CHECK_WORKS(stream_reply(worker, "_INBOX.gone.1", BYTES("verdict"), &err));
}
