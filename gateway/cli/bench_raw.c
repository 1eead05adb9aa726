// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/clock.h"
#include "farm/farm.h"
#include "gateway/cli/bench.h"

enum { BATCH = 512, SECONDS = 3 };

/* PRT_RESULT drops its oldest messages when full and nobody's work hangs on it. */
static const char subject[] = "prt.result.bench.bench.bench";

int bench_raw(struct cli *cli, const struct bench_plan *plan, double *ret_rate, struct err *err)
{
    struct bench_body  body;
    struct publication batch[BATCH];
    struct farm        farm;
    int64_t            began;
    int64_t            count = 0;
    int                done = 0;

    bench_body_make(cli->arena, plan, &body);
    bench_body_set(&body, "trace-00000000000000000000000000000000", 0);
    for (int i = 0; i < BATCH; i++) {
        batch[i] = (struct publication){.subject = subject, .body = buf_bytes(&body.bytes)};
    }
    if (farm_open(&farm, &cli->config, FARM_STREAM, "prt bench", 0, err) < 0) {
        buf_done(&body.bytes);
        return -1;
    }
    began = clock_mono_us();
    while (done == 0 && clock_mono_us() - began < SECONDS * 1000000LL) {
        done = stream_publish_all(farm.stream, batch, BATCH, err);
        count += BATCH;
    }
    *ret_rate = (double)count / ((double)(clock_mono_us() - began) / 1e6);
    if (done == 0) {
        done = stream_purge(farm.stream, "PRT_RESULT", subject, err);
    }
    farm_close(&farm);
    buf_done(&body.bytes);
    return done;
}
