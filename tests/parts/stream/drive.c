// SPDX-License-Identifier: MIT
/*
 * drive.c - a stream on an event loop of the caller's, as the gateway's loops have it.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "lib/jetstream.h"
#include "lib/test.h"
#include "world.h"

enum { LOOK_MS = 500, OTHERS_MOST = 100 };

/* The loop's thread publishes as much as it is told to; all but `owed` is the thread's. */
struct driver {
    struct stream *stream;
    pthread_t      thread;
    int            fd, wake_fd;
    atomic_int     owed;  /* publishes it is asked for */
    size_t         bytes; /* of each */
    atomic_bool    stop;
    atomic_int     stored, failed, refused;
    atomic_int     astray; /* callbacks on another thread */
    atomic_int     heard;
};

static void note(struct driver *driver, atomic_int *what)
{
    if (!pthread_equal(driver->thread, pthread_self())) {
        atomic_fetch_add(&driver->astray, 1);
    }
    atomic_fetch_add(what, 1);
}

static void was_stored(void *arg, uint64_t seq, const struct err *failed)
{
    struct driver *driver = arg;

    note(driver, failed == NULL && seq > 0 ? &driver->stored : &driver->failed);
}

static void has_heard(void *arg, const char *subject, struct bytes body)
{
    struct driver *driver = arg;

    (void)subject;
    (void)body;
    note(driver, &driver->heard);
}

static void publish_one(struct driver *driver)
{
    CLEANUP(buf) struct buf body = {0};
    struct publication      one = {.subject = "prt.ingest.acme.t.chunk"};
    struct err              err = {0};

    buf_reserve(&body, driver->bytes);
    memset(body.data, 'x', driver->bytes);
    body.size = driver->bytes;
    one.body = buf_bytes(&body);
    if (stream_publish_async(driver->stream, &one, was_stored, driver, &err) < 0) {
        atomic_fetch_add(&driver->refused, 1);
    }
}

static void *drive(void *arg)
{
    struct driver *driver = arg;

    stream_round(driver->stream, false);
    while (!atomic_load(&driver->stop)) {
        struct pollfd fds[2] = {{driver->fd, POLLIN, 0}, {driver->wake_fd, POLLIN, 0}};
        eventfd_t     count;

        (void)poll(fds, 2, LOOK_MS);
        (void)!eventfd_read(driver->wake_fd, &count);
        for (; atomic_load(&driver->owed) > 0; atomic_fetch_sub(&driver->owed, 1)) {
            publish_one(driver);
        }
        stream_round(driver->stream, fds[0].revents != 0);
    }
    return NULL;
}

static void driver_ask(struct driver *driver, int count)
{
    atomic_fetch_add(&driver->owed, count);
    (void)!eventfd_write(driver->wake_fd, 1);
}

/* The stream is open; after this the loop runs. */
static void driver_start(struct driver *driver, struct stream *stream)
{
    driver->stream = stream;
    driver->bytes = 1000;
    driver->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    stream_drive(stream, &driver->fd);
    (void)pthread_create(&driver->thread, NULL, drive, driver);
}

static void driver_stop(struct driver *driver)
{
    if (driver->stream != NULL) {
        atomic_store(&driver->stop, true);
        (void)!eventfd_write(driver->wake_fd, 1);
        (void)pthread_join(driver->thread, NULL);
        fd_close(driver->wake_fd);
    }
}

struct awaited {
    atomic_int *count;
    int         most;
};

static bool reached(void *arg)
{
    struct awaited *awaited = arg;

    return atomic_load(awaited->count) >= awaited->most;
}

static bool comes_to(atomic_int *count, int most)
{
    return wait_for(reached, &(struct awaited){count, most});
}

TEST(drive, publishes_and_calls_back_on_the_loop_alone)
{
    CLEANUP(stream) struct stream *worker = world_stream();
    CLEANUP(stream) struct stream *stream = world_stream();
    struct driver                  driver = {0};
    const char                    *inbox = NULL;
    char                           subject[160];
    struct err                     err = {0};

    CHECK_WORKS(stream_listen(stream, has_heard, &driver, &inbox, &err));
    driver_start(&driver, stream);
    for (int i = 1; i <= 50; i++) {
        driver_ask(&driver, 4);
        CHECK(comes_to(&driver.stored, 4 * i));
    }
    (void)snprintf(subject, sizeof(subject), "%s.1", inbox);
    CHECK_WORKS(stream_reply(worker, subject, BYTES("verdict"), &err));
    CHECK(comes_to(&driver.heard, 1));
    driver_stop(&driver);
    CHECK_NUMBER(driver.failed + driver.refused, 0);
    CHECK_NUMBER(driver.astray, 0);
}

/* A loop that sleeps for half a second at a time is woken for each. */
TEST(drive, other_threads_wake_the_loop_and_may_wait_for_the_server)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    struct driver                  driver = {0};
    struct err                     err = {0};

    driver_start(&driver, stream);
    for (int i = 0; i < OTHERS_MOST; i++) {
        const struct publication one = {.subject = "prt.ingest.acme.t.chunk", .body = BYTES("x")};

        CHECK_WORKS(stream_publish(stream, &one, NULL, &err));
        if (i % 10 == 0) {
            CHECK_WORKS(stream_check(stream, STREAM_WAIT_MS, &err));
        }
    }
    driver_stop(&driver);
}

TEST(drive, writes_while_it_waits_for_a_server_that_reads_slower)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    struct driver                  driver = {0};

    driver_start(&driver, stream);
    driver.bytes = 256 * 1024;
    driver_ask(&driver, 200); /* 50 MiB of the 64 the stream may hold */
    CHECK(comes_to(&driver.stored, 200));
    driver_stop(&driver);
    CHECK_NUMBER(driver.failed + driver.refused, 0);
}

TEST(drive, refuses_what_a_server_that_does_not_read_leaves_over_and_goes_on_after_it)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    struct driver                  driver = {0};

    driver_start(&driver, stream);
    driver.bytes = 256 * 1024;
    jetstream_freeze();
    driver_ask(&driver, 120);
    CHECK(comes_to(&driver.refused, 1));
    jetstream_thaw();
    CHECK(wait_for(reached, &(struct awaited){&driver.stored, 8}));
    driver_ask(&driver, 1);
    CHECK(wait_for(reached, &(struct awaited){&driver.stored, 9}));
    driver_stop(&driver);
}

static bool answers(void *arg)
{
    struct err err = {0};

    return stream_check(arg, 1000, &err) == 0;
}

TEST(drive, goes_on_with_a_server_that_was_killed_and_started_again)
{
    CLEANUP(stream) struct stream *stream = world_stream();
    struct driver                  driver = {0};

    driver_start(&driver, stream);
    driver_ask(&driver, 1);
    CHECK(comes_to(&driver.stored, 1));
    jetstream_kill();
    driver_ask(&driver, 3);
    CHECK(jetstream_start_again());
    CHECK(wait_for(answers, stream));
    driver_ask(&driver, 10);
    CHECK(comes_to(&driver.stored, 11));
    driver_stop(&driver);
    CHECK_NUMBER(driver.failed + driver.refused, 3);
}

/* What was published and not written yet when the loop ends: stream_close has it written. */
TEST(drive, what_was_published_last_is_not_lost_when_it_closes)
{
    CLEANUP(stream) struct stream *other = world_stream();
    struct stream                 *stream = world_stream();
    struct driver                  driver = {.bytes = 10};
    struct stream_state            state;
    struct err                     err = {0};

    driver.stream = stream;
    driver.thread = pthread_self();
    stream_drive(stream, &driver.fd);
    stream_round(stream, false);
    publish_one(&driver);
    stream_close(stream);
    CHECK_WORKS(stream_state(other, "PRT_INGEST", &state, &err));
    CHECK_NUMBER(state.messages, 1);
    CHECK_NUMBER(driver.stored + driver.failed, 1);
}
