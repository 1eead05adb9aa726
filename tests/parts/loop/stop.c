// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "lib/jetstream.h"
#include "lib/test.h"
#include "world.h"

static bool has_begun(void *arg)
{
    (void)arg;
    return atomic_load(&toy_begun) > 0;
}

/* What is handed back is there for others, and nothing waits for a lease. */
static bool none_in_flight(void *arg)
{
    struct world         *world = arg;
    struct consumer_state state;
    struct err            err = {0};

    return stream_consumer_state(world->farm.stream, "PRT_WORK", "toy", &state, &err) == 0 &&
           state.in_flight == 0;
}

TEST(loop, finishes_what_it_holds_when_it_is_told_to_stop)
{
    CLEANUP(world) struct world world = {0};

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    CHECK(world_send(&world, "slow-1", NULL, NULL));
    CHECK(world_send(&world, "ok-2", NULL, NULL));
    CHECK(wait_until(has_begun, NULL));
    loop_stop(world.loop, 60000);
    CHECK(!loop_is_well(world.loop));
    atomic_store(&toy_let_go, true);
    (void)pthread_join(world.thread, NULL);
    loop_close(TAKE(world.loop));
    CHECK_NUMBER(world.ended, 0);
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 1);
    CHECK_NUMBER(world_count(&world, "PRT_WORK"), 1); /* the second was not begun */
    CHECK(wait_until(none_in_flight, &world));
}

TEST(loop, hands_long_work_back_when_the_grace_period_runs_out)
{
    CLEANUP(world) struct world world = {0};

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    CHECK(world_send(&world, "slow-1", NULL, NULL));
    CHECK(wait_until(has_begun, NULL));
    loop_stop(world.loop, 30);
    (void)pthread_join(world.thread, NULL);
    loop_close(TAKE(world.loop));
    CHECK_NUMBER(world.ended, 0);
    CHECK_NUMBER(atomic_load(&toy_stopped), 1);
    CHECK_NUMBER(world_count(&world, "PRT_DEAD"), 0);

    /* The next worker takes it up, and it is the first try still. */
    atomic_store(&toy_let_go, true);
    CHECK(world_run(&world, &toy_stage));
    CHECK(world_idle(&world));
    CHECK_NUMBER(atomic_load(&toy_last_try), 1);
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 1);
}

TEST(loop, goes_on_when_the_broker_comes_back)
{
    CLEANUP(world) struct world world = {0};
    char                        trace[32];

    if (!world_open(&world) || !world_run(&world, &toy_batch_stage)) {
        return;
    }
    for (int i = 0; i < 10; i++) {
        (void)snprintf(trace, sizeof(trace), "ok-%d", i);
        CHECK(world_send(&world, trace, NULL, NULL));
    }
    CHECK(world_idle(&world));
    jetstream_kill();
    CHECK(jetstream_start_again());
    CHECK(world_send_again(&world, "ok-after"));
    CHECK(world_idle(&world));
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 11);
}

static bool is_extended(void *arg)
{
    return clock_mono_us() > *(int64_t *)arg;
}

TEST(loop, keeps_a_delivery_beyond_its_lease_while_the_stage_extends_it)
{
    CLEANUP(world) struct world world = {0};
    int64_t                     past_lease;

    if (!world_open(&world) || !world_run(&world, &toy_stage)) {
        return;
    }
    CHECK(world_send(&world, "slow-1", NULL, NULL));
    CHECK(wait_until(has_begun, NULL));
    past_lease = clock_mono_us() + 2500000; /* two leases and a half */
    CHECK(wait_until(is_extended, &past_lease));
    atomic_store(&toy_let_go, true);
    CHECK(world_idle(&world));
    CHECK_NUMBER(atomic_load(&toy_begun), 1); /* nobody else was given it */
    CHECK_NUMBER(world_count(&world, "PRT_RESULT"), 1);
}
