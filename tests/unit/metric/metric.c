// SPDX-License-Identifier: MIT
#include "metric/metric.h"

#include <pthread.h>

#include "lib/test.h"

static bool written(const char *line)
{
    CLEANUP(buf) struct buf out = {0};

    metric_write(&out);
    return strstr(buf_text(&out), line) != NULL;
}

TEST(metric, counts_what_was_added)
{
    int64_t before = metric_value(METRIC_stage_settled, 3);

    metric_add(METRIC_stage_settled, 3, 1);
    metric_add(METRIC_stage_settled, 3, 2);
    CHECK_NUMBER(metric_value(METRIC_stage_settled, 3) - before, 3);
    CHECK_NUMBER(metric_value(METRIC_stage_settled, 2), 0);
}

TEST(metric, writes_a_series_for_each_value_of_the_table)
{
    metric_set(METRIC_accounting_events, 2, 41);
    CHECK(written("# TYPE prt_accounting_events gauge\n"));
    CHECK(written("\nprt_accounting_events{state=\"pending\"} 41\n"));
    CHECK(written("\nprt_accounting_events{state=\"dead\"} 0\n"));
    CHECK(!written("prt_accounting_events{state=\"\"}"));
}

TEST(metric, writes_only_the_labels_that_were_named)
{
    CHECK(!written("prt_http_requests_total{"));
    metric_label(METRIC_http_requests, 1, "GET /healthz");
    metric_add(METRIC_http_requests, 1, 1);
    CHECK(written("\nprt_http_requests_total{route=\"GET /healthz\"} 1\n"));
}

TEST(metric, a_histogram_is_cumulative_and_in_seconds)
{
    metric_time(METRIC_stage_time, 0, 100);     /* on the bound of the first bucket */
    metric_time(METRIC_stage_time, 0, 700000);  /* between half a second and one */
    metric_time(METRIC_stage_time, 0, 3600000000);
    CHECK(written("\nprt_stage_time_seconds_bucket{le=\"0.0001\"} 1\n"));
    CHECK(written("\nprt_stage_time_seconds_bucket{le=\"0.5\"} 1\n"));
    CHECK(written("\nprt_stage_time_seconds_bucket{le=\"1\"} 2\n"));
    CHECK(written("\nprt_stage_time_seconds_bucket{le=\"600\"} 2\n"));
    CHECK(written("\nprt_stage_time_seconds_bucket{le=\"+Inf\"} 3\n"));
    CHECK(written("\nprt_stage_time_seconds_sum 3600.700100\n"));
    CHECK(written("\nprt_stage_time_seconds_count 3\n"));
    CHECK_NUMBER(metric_value(METRIC_stage_time, 0), 3);
}

TEST(metric, sizes_have_buckets_of_powers_of_two)
{
    metric_size(METRIC_stage_batch, 0, 3);
    CHECK(written("\nprt_stage_batch_bucket{le=\"2\"} 0\n"));
    CHECK(written("\nprt_stage_batch_bucket{le=\"4\"} 1\n"));
    CHECK(written("\nprt_stage_batch_sum 3\n"));
}

TEST(metric, an_index_beyond_the_series_counts_as_the_last_one)
{
    metric_add(METRIC_http_refusals, 10000, 1);
    CHECK_NUMBER(metric_value(METRIC_http_refusals, METRIC_SERIES - 1), 1);
}

TEST(metric, tells_about_its_own_process)
{
    CHECK(written("\nprt_process_memory_bytes "));
    metric_value(METRIC_process_memory_bytes, 0);
    CHECK(metric_value(METRIC_process_memory_bytes, 0) > 1024 * 1024);
    CHECK(metric_value(METRIC_process_files_open, 0) >= 3);
}

static void *add_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10000; i++) {
        metric_add(METRIC_http_body_bytes, 0, 1);
    }
    return NULL;
}

TEST(metric, loses_nothing_between_threads)
{
    pthread_t thread[4];
    int64_t   before = metric_value(METRIC_http_body_bytes, 0);

    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&thread[i], NULL, add_many, NULL) == 0);
    }
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(thread[i], NULL);
    }
    CHECK_NUMBER(metric_value(METRIC_http_body_bytes, 0) - before, 40000);
}

TEST(metric, every_line_carries_the_label_of_the_process)
{
    metric_setup("role", "qa");
    CHECK(written("\nprt_http_connections{role=\"qa\"} 0\n"));
    CHECK(written("\nprt_stage_settled_total{role=\"qa\",how=\"done\"} 0\n"));
    CHECK(written("\nprt_stage_batch_bucket{role=\"qa\",le=\"4\"} "));
    metric_setup(NULL, NULL);
}
