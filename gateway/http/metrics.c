// SPDX-License-Identifier: MIT
#include "gateway/http/server.h"
#include "metric/metric.h"

void http_metrics(struct exchange *x)
{
    CLEANUP(buf) struct buf text = {0};

    metric_write(&text);
    exchange_answer(x, 200, METRIC_CONTENT_TYPE, arena_bytes(x->arena, buf_bytes(&text)));
}
