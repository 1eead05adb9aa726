// SPDX-License-Identifier: MIT
#include "workers/settle.h"

#include "lib/test.h"

TEST(settle, acks_what_succeeded)
{
    CHECK(settlement_for(ERR_NONE, 1, 8) == SETTLE_ACK);
    CHECK(settlement_for(ERR_NONE, 80, 8) == SETTLE_ACK);
}

TEST(settle, puts_back_what_may_work_later)
{
    CHECK(settlement_for(ERR_STORE_CLASH, 1, 8) == SETTLE_NAK);
    CHECK(settlement_for(ERR_STORE_CLASH, 7, 8) == SETTLE_NAK);
}

TEST(settle, dead_letters_after_the_last_try)
{
    CHECK(settlement_for(ERR_SANDBOX_FAILED, 8, 8) == SETTLE_DEAD);
}

TEST(settle, never_gives_up_in_an_outage)
{
    for (int code = ERR_NONE + 1; code < ERR_CODES; code++) {
        if (err_fate((enum err_code)code) == FATE_WAIT) {
            CHECK(settlement_for((enum err_code)code, 80, 8) == SETTLE_NAK);
        }
    }
}

TEST(settle, never_retries_what_will_never_work)
{
    for (int code = ERR_NONE + 1; code < ERR_CODES; code++) {
        if (err_fate((enum err_code)code) == FATE_REJECT) {
            CHECK(settlement_for((enum err_code)code, 1, 8) == SETTLE_DEAD);
        }
    }
}

TEST(settle, pauses_the_worker_in_an_outage_and_not_for_one_trace)
{
    CHECK(settle_is_outage(ERR_STORE_DOWN));
    CHECK(settle_is_outage(ERR_JUDGE_BUSY));
    CHECK(!settle_is_outage(ERR_TRACE_NOT_READY));
    CHECK(!settle_is_outage(ERR_STOPPING));
    CHECK(!settle_is_outage(ERR_SCHEMA));
    CHECK(!settle_is_outage(ERR_NONE));
}

TEST(settle, stays_away_longer_from_time_to_time_and_as_long_as_asked)
{
    struct err err = {.code = ERR_STORE_DOWN};

    CHECK(settle_delay_ms(&err, 1) <= 250 && settle_delay_ms(&err, 1) > 180);
    CHECK(settle_delay_ms(&err, 3) <= 1000 && settle_delay_ms(&err, 3) > 740);
    CHECK(settle_delay_ms(&err, 1000000) <= 5000 && settle_delay_ms(&err, 1000000) > 3700);
    err.retry_after_ms = 42000;
    CHECK_NUMBER(settle_delay_ms(&err, 1), 42000);
    err.retry_after_ms = UINT32_MAX;
    CHECK_NUMBER(settle_delay_ms(&err, 1), 3600 * 1000);
    err.code = ERR_STOPPING;
    CHECK_NUMBER(settle_delay_ms(&err, 1), 0);
}

struct row {
    const char *role;
    int         lease_s;
    int         tries;
    int         batch;
};

static const struct row rows[] = {
#define STAGE(role, stream, takes, lease_s, tries, batch) {#role, lease_s, tries, batch},
#include "schemas/pipeline.def"
#undef STAGE
};

TEST(pipeline, has_tries_and_leases_that_hold)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK(rows[i].tries >= 2);
        CHECK(rows[i].lease_s >= 30); /* three heartbeats fit, and a batch with room to spare */
        CHECK(rows[i].batch >= 1);
    }
}
