// SPDX-License-Identifier: MIT
/* Between two looks of finalize at a trace's rows others change them: here its chunks are locked meanwhile. */
#include <pthread.h>

#include "base/clock.h"
#include "parts/ingest/questions.h"
#include "parts/ingest/world.h"

#define WAITING                                                                                    \
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"                     \
    " AND wait_event_type = 'Lock'"

struct beside {
    struct world *world;
    struct err    err;
    int           failed;
};

static void *finalize_beside(void *arg)
{
    struct beside *beside = arg;

    beside->failed = finalize(beside->world, "t", &beside->err);
    return NULL;
}

static void run(struct world *world, const struct statement *statement)
{
    struct err err = {0};

    CHECK_WORKS(store_run(world->farm.store, statement, NULL, NULL, &err));
}

/* What finalize says when `change` is made while it reads the lines of trace t. */
static enum err_code finalized_across(struct world *world, const struct statement *change)
{
    static const struct statement lock = {"lock_chunks", "LOCK TABLE trace_chunks", 0};
    CLEANUP(world) struct world  *holder = world_beside(world);
    struct beside                 beside = {.world = world_beside(world)};
    CLEANUP(world) struct world  *other = beside.world;
    struct err                    err = {0};
    pthread_t                     thread;

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 5);
    put_message(world, "t", MESSAGE_COMPLETE, "{}");
    validated(world);
    CHECK_WORKS(store_begin(holder->farm.store, &err));
    run(holder, &lock);
    CHECK_NUMBER(pthread_create(&thread, NULL, finalize_beside, &beside), 0);
    for (int i = 0; i < 2000 && ask(world, WAITING, NULL) == 0; i++) {
        clock_sleep_us(5000);
    }
    CHECK_NUMBER(ask(world, WAITING, NULL), 1);
    run(holder, change);
    CHECK_WORKS(store_commit(holder->farm.store, &err));
    (void)pthread_join(thread, NULL);
    CHECK(beside.failed < 0);
    return beside.err.code;
}

TEST(meanwhile, a_trace_that_is_erased_as_its_document_is_written_is_not_said_to_be_damaged)
{
    static const struct statement erase = {
        "erase_it",
        "WITH gone AS (DELETE FROM trace_chunks) UPDATE traces SET status = 'erased', num_events = 0",
        0};
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};
    int64_t                      size;

    CHECK_NUMBER(finalized_across(world, &erase), ERR_TRACE_ERASED);
    CHECK_FAILS(blob_size(world->farm.blob, BUCKET_TRACES, "t/trace.json", &size, &err),
                ERR_BLOB_MISSING);
}

/* Who takes it up then may have written the document before this one looks again. */
TEST(meanwhile, a_trace_that_is_made_anew_as_its_document_is_written_keeps_it_and_is_tried_again)
{
    static const struct statement anew = {
        "make_anew", "UPDATE traces SET status = 'completing', rebuilt = rebuilt + 1", 0};
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    CHECK_NUMBER(finalized_across(world, &anew), ERR_TRACE_NOT_READY);
    CHECK(document_of(world, "t").size > 0);
    CHECK_WORKS(finalize(world, "t", &err));
}
