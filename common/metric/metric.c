// SPDX-License-Identifier: MIT
#include "metric/metric.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

/* Upper bounds of the buckets, and as they are written; one more, +Inf, lies behind the last. */
struct bound {
    int64_t     most;
    const char *text;
};
static const struct bound time_bounds[] = {
    {100, "0.0001"},   {250, "0.00025"},  {500, "0.0005"},    {1000, "0.001"},
    {2500, "0.0025"},  {5000, "0.005"},   {10000, "0.01"},    {25000, "0.025"},
    {50000, "0.05"},   {100000, "0.1"},   {250000, "0.25"},   {500000, "0.5"},
    {1000000, "1"},    {2500000, "2.5"},  {5000000, "5"},     {10000000, "10"},
    {30000000, "30"},  {60000000, "60"},  {120000000, "120"}, {300000000, "300"},
    {600000000, "600"},
};
static const struct bound size_bounds[] = {
    {1, "1"},     {2, "2"},     {4, "4"},     {8, "8"},       {16, "16"},     {32, "32"},    {64, "64"},
    {128, "128"}, {256, "256"}, {512, "512"}, {1024, "1024"}, {2048, "2048"}, {4096, "4096"},
};

enum { BUCKETS_MOST = COUNT_OF(time_bounds) + 1 };

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

static void observe(struct series *series, const struct bound *bounds, size_t count, int64_t value)
{
    size_t at = 0;

    while (at < count && value > bounds[at].most) {
        at++;
    }
    cell_add(&series->bucket[at], 1);
    cell_add(&series->value, value);
}

void metric_time(enum metric metric, unsigned index, int64_t took_us)
{
    observe(series_at(metric, index), time_bounds, COUNT_OF(time_bounds), took_us);
}

void metric_size(enum metric metric, unsigned index, int64_t size)
{
    observe(series_at(metric, index), size_bounds, COUNT_OF(size_bounds), size);
}

static size_t bound_count(enum kind kind)
{
    return kind == SECONDS ? COUNT_OF(time_bounds) : COUNT_OF(size_bounds);
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

/* Name and labels of a line, up to the last quote. */
static void put_name(struct buf *out, enum metric metric, const char *ending, struct bytes value)
{
    const char *between = "{";

    buf_put_text(out, "prt_");
    buf_put_text(out, rows[metric].name);
    buf_put_text(out, ending);
    if (common_label != NULL) {
        buf_format(out, "%s%s=\"%s\"", between, common_label, common_value);
        between = ",";
    }
    if (value.size > 0) {
        buf_format(out, "%s%s=\"%.*s\"", between, rows[metric].label, (int)value.size,
                   (const char *)value.data);
    }
}

static bool has_labels(struct bytes value)
{
    return common_label != NULL || value.size > 0;
}

static void put_whole(struct buf *out, int64_t whole)
{
    char  digits[24];
    char *at = digits + sizeof(digits);
    bool  below = whole < 0;

    do {
        *--at = (char)('0' + (below ? -(whole % 10) : whole % 10));
        whole /= 10;
    } while (whole != 0);
    if (below) {
        *--at = '-';
    }
    buf_put(out, (struct bytes){(const uint8_t *)at, (size_t)(digits + sizeof(digits) - at)});
}

static void put_line(struct buf *out, enum metric metric, const char *ending, struct bytes value,
                     int64_t number)
{
    put_name(out, metric, ending, value);
    buf_put_text(out, has_labels(value) ? "} " : " ");
    put_whole(out, number);
    buf_put_byte(out, '\n');
}

/* The lines of one series differ in their bounds alone: what comes before is made once. They are
 * nearly all there is of a gateway's metrics, and its event loop writes them. */
static void put_histogram(struct buf *out, enum metric metric, struct bytes value,
                          struct series *series)
{
    enum kind               kind = rows[metric].kind;
    const bool              seconds = kind == SECONDS;
    const struct bound     *bounds = seconds ? time_bounds : size_bounds;
    CLEANUP(buf) struct buf start = {0};
    int64_t                 total = 0;

    put_name(&start, metric, seconds ? "_seconds_bucket" : "_bucket", value);
    buf_put_text(&start, has_labels(value) ? ",le=\"" : "{le=\"");
    for (size_t i = 0; i <= bound_count(kind); i++) {
        total += cell_get(&series->bucket[i]);
        buf_put(out, buf_bytes(&start));
        buf_put_text(out, i < bound_count(kind) ? bounds[i].text : "+Inf");
        buf_put_text(out, "\"} ");
        put_whole(out, total);
        buf_put_byte(out, '\n');
    }
    if (seconds) {
        put_name(out, metric, "_seconds_sum", value);
        buf_format(out, "%s %.6f\n", has_labels(value) ? "}" : "",
                   (double)cell_get(&series->value) / 1e6);
    } else {
        put_line(out, metric, "_sum", value, cell_get(&series->value));
    }
    put_line(out, metric, seconds ? "_seconds_count" : "_count", value, total);
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
            put_line(out, metric, endings[row->kind], value, metric_value(metric, i));
        }
    }
}

static int64_t files_open(void)
{
    struct stat info;
    DIR        *dir;
    int64_t     count = -3; /* ".", ".." and the directory itself */

    /* Linux tells their number from 6.2 on; before, thousands of connections have to be read. */
    if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0) {
        return info.st_size;
    }
    dir = opendir("/proc/self/fd");
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
