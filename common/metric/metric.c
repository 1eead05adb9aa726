// SPDX-License-Identifier: MIT
#include "metric/metric.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

enum kind { COUNTER, GAUGE, SECONDS, SIZES };

static const struct row {
    const char *name;
    enum kind   kind;
    const char *label;
    const char *values;
    const char *help;
} rows[METRICS] = {
#define METRIC(name, kind, label, values, help) {#name, kind, label, values, help},
#include "schemas/metric.def"
#undef METRIC
};

/* Upper bounds of the buckets; one more, +Inf, lies behind the last. */
static const int64_t time_bounds_us[] = {
    100,     250,     500,       1000,      2500,      5000,       10000,      25000,     50000,
    100000,  250000,  500000,    1000000,   2500000,   5000000,    10000000,   30000000,  60000000,
    120000000, 300000000, 600000000,
};
static const int64_t size_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

enum { BUCKETS_MOST = COUNT_OF(time_bounds_us) + 1 };

/* One series. A counter or gauge lives in `value`; a histogram has its sum there. */
struct series {
    _Atomic int64_t value;
    _Atomic int64_t bucket[];
};

enum { PLAIN_BYTES = sizeof(struct series) };
enum { HISTOGRAM_BYTES = sizeof(struct series) + BUCKETS_MOST * sizeof(_Atomic int64_t) };

/* Cells lie in the program's zeroed data, so that nothing needs opening: METRIC_SERIES of them for
 * every row, touched only where they are used. */
#define METRIC(name, kind, label, values, help)                                                    \
    static _Alignas(64) unsigned char cells_##name[METRIC_SERIES *                                 \
                                                   ((kind) >= SECONDS ? HISTOGRAM_BYTES            \
                                                                      : PLAIN_BYTES)];
#include "schemas/metric.def"
#undef METRIC

static unsigned char *const cells[METRICS] = {
#define METRIC(name, kind, label, values, help) cells_##name,
#include "schemas/metric.def"
#undef METRIC
};

static const char *labels[METRICS][METRIC_SERIES]; /* those of metric_label */
static const char *common_label;
static const char *common_value;
static int64_t     started_us;

void metric_setup(const char *label, const char *value)
{
    common_label = label;
    common_value = value;
    started_us = clock_us();
}

void metric_label(enum metric metric, unsigned index, const char *value)
{
    if (index < METRIC_SERIES) {
        labels[metric][index] = value;
    }
}

static struct series *series_at(enum metric metric, unsigned index)
{
    size_t size = rows[metric].kind >= SECONDS ? HISTOGRAM_BYTES : PLAIN_BYTES;

    if (index >= METRIC_SERIES) {
        index = METRIC_SERIES - 1;
    }
    return (struct series *)(cells[metric] + index * size);
}

static void cell_add(_Atomic int64_t *cell, int64_t more)
{
    atomic_fetch_add_explicit(cell, more, memory_order_relaxed);
}

static int64_t cell_get(_Atomic int64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

void metric_add(enum metric metric, unsigned index, int64_t more)
{
    cell_add(&series_at(metric, index)->value, more);
}

void metric_set(enum metric metric, unsigned index, int64_t value)
{
    atomic_store_explicit(&series_at(metric, index)->value, value, memory_order_relaxed);
}

static void observe(struct series *series, const int64_t *bounds, size_t count, int64_t value)
{
    size_t at = 0;

    while (at < count && value > bounds[at]) {
        at++;
    }
    cell_add(&series->bucket[at], 1);
    cell_add(&series->value, value);
}

void metric_time(enum metric metric, unsigned index, int64_t took_us)
{
    observe(series_at(metric, index), time_bounds_us, COUNT_OF(time_bounds_us), took_us);
}

void metric_size(enum metric metric, unsigned index, int64_t size)
{
    observe(series_at(metric, index), size_bounds, COUNT_OF(size_bounds), size);
}

static size_t bound_count(enum kind kind)
{
    return kind == SECONDS ? COUNT_OF(time_bounds_us) : COUNT_OF(size_bounds);
}

static int64_t observations(enum kind kind, struct series *series)
{
    int64_t total = 0;

    for (size_t i = 0; i <= bound_count(kind); i++) {
        total += cell_get(&series->bucket[i]);
    }
    return total;
}

int64_t metric_value(enum metric metric, unsigned index)
{
    struct series *series = series_at(metric, index);

    if (rows[metric].kind >= SECONDS) {
        return observations(rows[metric].kind, series);
    }
    return cell_get(&series->value);
}

/* ------------------------------------ writing ------------------------------------ */

/* The label's value `index` of a row, or size 0 when there is none. */
static struct bytes label_value(enum metric metric, unsigned index)
{
    const char *at = rows[metric].values;

    if (*at == '\0') {
        return labels[metric][index] == NULL ? BYTES("") : bytes_of(labels[metric][index]);
    }
    for (; index > 0; index--) {
        at = strchr(at, '|');
        if (at == NULL) {
            return BYTES("");
        }
        at++;
    }
    return (struct bytes){(const uint8_t *)at, strcspn(at, "|")};
}

/* Name and labels of a line; `bound` is the bucket's, or NULL. */
static void put_name(struct buf *out, enum metric metric, const char *ending, struct bytes value,
                     const char *bound)
{
    const char *between = "{";

    buf_format(out, "prt_%s%s", rows[metric].name, ending);
    if (common_label != NULL) {
        buf_format(out, "%s%s=\"%s\"", between, common_label, common_value);
        between = ",";
    }
    if (value.size > 0) {
        buf_format(out, "%s%s=\"%.*s\"", between, rows[metric].label, (int)value.size,
                   (const char *)value.data);
        between = ",";
    }
    if (bound != NULL) {
        buf_format(out, "%sle=\"%s\"", between, bound);
        between = ",";
    }
    buf_put_text(out, *between == ',' ? "} " : " ");
}

static void put_bounded(struct buf *out, enum kind kind, int64_t value)
{
    if (kind == SECONDS) {
        buf_format(out, "%.6f\n", (double)value / 1e6);
    } else {
        buf_format(out, "%lld\n", (long long)value);
    }
}

static void put_histogram(struct buf *out, enum metric metric, struct bytes value,
                          struct series *series)
{
    enum kind   kind = rows[metric].kind;
    const char *unit = kind == SECONDS ? "_seconds" : "";
    char        ending[32];
    char        bound[32];
    int64_t     total = 0;

    (void)snprintf(ending, sizeof(ending), "%s_bucket", unit);
    for (size_t i = 0; i < bound_count(kind); i++) {
        if (kind == SECONDS) {
            (void)snprintf(bound, sizeof(bound), "%g", (double)time_bounds_us[i] / 1e6);
        } else {
            (void)snprintf(bound, sizeof(bound), "%lld", (long long)size_bounds[i]);
        }
        total += cell_get(&series->bucket[i]);
        put_name(out, metric, ending, value, bound);
        buf_format(out, "%lld\n", (long long)total);
    }
    total += cell_get(&series->bucket[bound_count(kind)]);
    put_name(out, metric, ending, value, "+Inf");
    buf_format(out, "%lld\n", (long long)total);
    (void)snprintf(ending, sizeof(ending), "%s_sum", unit);
    put_name(out, metric, ending, value, NULL);
    put_bounded(out, kind, cell_get(&series->value));
    (void)snprintf(ending, sizeof(ending), "%s_count", unit);
    put_name(out, metric, ending, value, NULL);
    buf_format(out, "%lld\n", (long long)total);
}

static void put_row(struct buf *out, enum metric metric)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "histogram"};
    static const char *const endings[] = {"_total", "", "_seconds", ""};
    const struct row        *row = &rows[metric];
    unsigned                 count = *row->label == '\0' ? 1 : METRIC_SERIES;

    buf_format(out, "# HELP prt_%s%s %s\n# TYPE prt_%s%s %s\n", row->name, endings[row->kind],
               row->help, row->name, endings[row->kind], types[row->kind]);
    for (unsigned i = 0; i < count; i++) {
        struct bytes value = *row->label == '\0' ? BYTES("") : label_value(metric, i);

        if (*row->label != '\0' && value.size == 0) {
            continue;
        }
        if (row->kind >= SECONDS) {
            put_histogram(out, metric, value, series_at(metric, i));
        } else {
            put_name(out, metric, endings[row->kind], value, NULL);
            buf_format(out, "%lld\n", (long long)metric_value(metric, i));
        }
    }
}

static int64_t files_open(void)
{
    DIR    *dir = opendir("/proc/self/fd");
    int64_t count = -3; /* ".", ".." and the directory itself */

    if (dir == NULL) {
        return 0;
    }
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static int64_t resident_bytes(void)
{
    FILE     *file = fopen("/proc/self/statm", "re");
    long long pages = 0;

    if (file == NULL) {
        return 0;
    }
    if (fscanf(file, "%*s %lld", &pages) != 1) {
        pages = 0;
    }
    (void)fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void fill_process(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        metric_set(METRIC_process_cpu_time, 0,
                   usage.ru_utime.tv_sec * 1000000LL + usage.ru_utime.tv_usec);
        metric_set(METRIC_process_cpu_time, 1,
                   usage.ru_stime.tv_sec * 1000000LL + usage.ru_stime.tv_usec);
    }
    metric_set(METRIC_process_memory_bytes, 0, resident_bytes());
    metric_set(METRIC_process_files_open, 0, files_open());
    metric_set(METRIC_process_started, 0, started_us / 1000000);
}

void metric_write(struct buf *out)
{
    fill_process();
    for (int i = 0; i < METRICS; i++) {
        put_row(out, (enum metric)i);
    }
}
