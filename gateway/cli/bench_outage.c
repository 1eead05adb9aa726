// SPDX-License-Identifier: MIT
/*
 * An outage of validate: a lock in the database holds its workers while the load is counted, so
 * that acknowledging has the machine alone and a backlog grows; then the lock goes, and how fast
 * they catch up is measured. Whatever ends this program ends the lock.
 */
#include "base/clock.h"
#include "gateway/cli/bench.h"
#include "store/trace_store.h"

enum { LOOK_MS = 20, STANDS_STILL_US = 60 * 1000000 };

static const char stream[] = "PRT_INGEST";
static const char consumer[] = "validate";

static int backlog(struct bench_outage *outage, int64_t *ret_chunks, struct err *err)
{
    struct consumer_state state;

    TRY(stream_consumer_state(outage->farm.stream, stream, consumer, &state, err));
    *ret_chunks = (int64_t)(state.pending + state.in_flight);
    return 0;
}

int bench_outage_begin(struct cli *cli, struct bench_outage *outage, struct err *err)
{
    if (farm_open(&outage->farm, &cli->config, FARM_STREAM_AS_IS | FARM_STORE, "prt bench", NULL,
                  err) < 0) {
        return err_add(err, "--outage wants the farm's own stream and database");
    }
    TRY(store_begin(outage->farm.store, err));
    return traces_hold(outage->farm.store, err);
}

static int wait_until_done(struct bench_outage *outage, struct err *err)
{
    int64_t left = outage->chunks;
    int64_t least = left;
    int64_t fell_us = clock_mono_us();

    while (left > 0) {
        clock_sleep_ms(LOOK_MS);
        TRY(backlog(outage, &left, err));
        if (left < least) {
            least = left;
            fell_us = clock_mono_us();
        }
        if (clock_mono_us() - fell_us > STANDS_STILL_US) {
            return err_set(err, ERR_BUG, "%lld messages have waited for validate for %d s now",
                           (long long)left, STANDS_STILL_US / 1000000);
        }
    }
    return 0;
}

int bench_outage_end(struct bench_outage *outage, struct err *err)
{
    struct trace_accounts before, after;
    int64_t               began;

    TRY(trace_accounts_read(outage->farm.store, &before, err));
    TRY(backlog(outage, &outage->chunks, err));
    began = clock_mono_us();
    store_rollback(outage->farm.store);
    TRY(wait_until_done(outage, err));
    outage->seconds = (double)(clock_mono_us() - began) / 1e6;
    TRY(trace_accounts_read(outage->farm.store, &after, err));
    outage->events = after.chained - before.chained;
    return 0;
}

void bench_outage_done(struct bench_outage *outage)
{
    farm_close(&outage->farm);
}
