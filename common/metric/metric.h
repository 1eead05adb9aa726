// SPDX-License-Identifier: MIT
/*
 * metric.h - what a process counts: counters, gauges and histograms of schemas/metric.def.
 *
 * Counting is one relaxed atomic addition, from any thread, and allocates nothing. The labels are
 * fixed while the program starts (metric_setup, metric_label); after that only cells change.
 *
 *     metric_add(METRIC_stage_settled, STAGE_DONE, 1);
 *     metric_time(METRIC_stage_time, 0, clock_mono_us() - began_us);
 */
#ifndef PRT_METRIC_METRIC_H
#define PRT_METRIC_METRIC_H

#include <stdint.h>

#include "base/bytes.h"

enum metric {
#define METRIC(name, kind, label, values, help) METRIC_##name,
#include "schemas/metric.def"
#undef METRIC
    METRICS
};

enum { METRIC_SERIES = 64 }; /* most values a label may have; what lies beyond counts as the last */

/* Once, before other threads start: a label that every line of this process carries, for example
 * role="qa". NULL, NULL for none. Texts are borrowed for ever. */
void metric_setup(const char *label, const char *value);

/* Names value `index` of a metric whose row has an empty list. While starting only; text is
 * borrowed for ever. */
void metric_label(enum metric metric, unsigned index, const char *value);

/* `index` is the place of the label's value in its row, 0 where there is no label. */
void metric_add(enum metric metric, unsigned index, int64_t more); /* counters, gauges; < 0 for gauges */
void metric_set(enum metric metric, unsigned index, int64_t value); /* gauges */
void metric_time(enum metric metric, unsigned index, int64_t took_us); /* SECONDS */
void metric_size(enum metric metric, unsigned index, int64_t size);    /* SIZES */

/* What a counter or gauge stands at; of a histogram, how many observations it has. */
int64_t metric_value(enum metric metric, unsigned index);

/* Everything in Prometheus' text form (version 0.0.4), appended. Fills in the process_* gauges. */
void metric_write(struct buf *out);
#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
