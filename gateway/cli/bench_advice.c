// SPDX-License-Identifier: MIT
/* What a measurement says about sizing, and how it compares with an earlier one. */
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "gateway/cli/bench.h"
#include "value/json.h"

enum { FILE_MOST = 1 << 20 };

static const double core_full = 0.85;  /* of a core: a thread that runs so much has no time left */
static const double all_full = 0.90;   /* of all cores */
static const double others_much = 0.1; /* the kernel's own work for us is less */
static const double kept_up = 0.98;    /* of the rate that was given */

static double number(const struct value *value, const char *name)
{
    return value_real_or(value_get(value, name), 0);
}

static bool name_begins(const struct value *process, const char *prefix)
{
    struct bytes name = value_text_or(value_get(process, "process"), "");

    return name.size >= strlen(prefix) && memcmp(name.data, prefix, strlen(prefix)) == 0;
}

/* -------------------------------- advice -------------------------------- */

/* What to do about a pool that is full. */
static const struct {
    const char *process;
    const char *remedy;
} pools[] = {
    {"worker-validate", "start another validate worker: prt up --workers validate=N+1, or one more"
                        " replica of it"},
    {"worker-finalize", "start another finalize worker: prt up --workers finalize=N+1"},
    {"gateway", "give the gateway another event loop (PRT_HTTP_THREADS), or start another gateway"},
    {"nats-server", "give nats-server cores of its own: another machine, or fewer neighbours"},
    {"postgres", "give PostgreSQL cores of its own: another machine, or fewer neighbours"},
};

/* The process that used the most CPU, and how much of a core that was. */
static const struct value *busiest(const struct value *result, double *ret_cores)
{
    const struct value *processes = value_get(result, "processes");
    const struct value *most = NULL;

    *ret_cores = 0;
    for (uint32_t i = 0; processes != NULL && i < processes->count; i++) {
        double cores = number(&processes->as.items[i], "cpu_s") / number(result, "counted_s");

        if (cores > *ret_cores) {
            *ret_cores = cores;
            most = &processes->as.items[i];
        }
    }
    return most;
}

static const char *remedy_for(const struct value *process)
{
    for (size_t i = 0; i < COUNT_OF(pools); i++) {
        if (name_begins(process, pools[i].process)) {
            return pools[i].remedy;
        }
    }
    return "look what it does";
}

/* What comes at a and is caught up with at c leaves an outage behind in a / (c - a) of its time. */
static void advise_after_outage(const struct value *result, struct buf *out)
{
    double back = number(result, "caught_up_events_per_s") / number(result, "events_per_chunk");

    buf_format(
        out,
        "While validate stood still the farm took %.0f chunks/s, for %.1f us of CPU an event;"
        " then %.0f of its workers committed %.0f a second, with %.2f cores busy. ",
        number(result, "chunks_per_s"), number(result, "cpu_us_per_event"),
        number(result, "caught_up_by_workers"), back, number(result, "caught_up_cores"));
    buf_format(out,
               "Where %.0f chunks/s come in all the while, an outage of validate is made up for in"
               " as long as it took; where %.0f come, in three times as long.",
               back / 2, back * 3 / 4);
}

/* Of a rate that was given. */
static void advise_on_rate(const struct value *result, const struct bench_plan *plan,
                           struct buf *out)
{
    if (number(result, "chunks_per_s") < kept_up * (double)plan->rate) {
        buf_format(out,
                   "It took %.0f of the %lld chunks/s that were due: more than it can. Leave --rate"
                   " out to see how much it takes, and what would take more.",
                   number(result, "chunks_per_s"), (long long)plan->rate);
    } else {
        buf_format(out,
                   "The rate was given, so this is what it costs, not what the farm can do: leave"
                   " --rate out for that.");
    }
}

/* Of as much as the farm takes: what would take more? */
static void advise_on_most(const struct value *result, const struct bench_plan *plan, double idle,
                           struct buf *out)
{
    double              most_cores = 0;
    const struct value *most = busiest(result, &most_cores);
    struct bytes        name = value_text_or(value_get(most, "process"), "");

    if (idle < 1 - all_full) {
        buf_format(out,
                   "All cores are full; %.*s takes the most (%.2f). More cores, or the load"
                   " generator elsewhere, take more.",
                   (int)name.size, (const char *)name.data, most_cores);
    } else if (most_cores > core_full) {
        buf_format(out, "%.*s is the bottleneck (%.2f cores): %s.", (int)name.size,
                   (const char *)name.data, most_cores, remedy_for(most));
    } else {
        buf_format(out,
                   "No process is full: requests wait for each other, the disk or the network. More"
                   " connections (--connections %lld) or another validate worker use what is idle.",
                   (long long)plan->connections * 4);
    }
}

void bench_advice(const struct value *result, const struct bench_plan *plan, struct buf *out)
{
    double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    double cost_us = number(result, "cpu_us_per_event");
    double own = number(result, "own_cpu_s") / number(result, "counted_s");
    double busy = number(result, "machine_busy_s") / number(result, "counted_s");
    double farm = cost_us * number(result, "events_per_s") / 1e6;
    double others;

    busy = busy > farm + own ? busy : farm + own;
    others = busy - farm - own;
    if (cost_us <= 0) {
        buf_put_text(out, "No process of the farm was seen: run bench on the farm's machine.");
        return;
    }
    if (plan->outage) {
        advise_after_outage(result, out);
    } else {
        buf_format(out,
                   "An event costs the farm %.1f us of CPU: a core takes about %.0f events/s of"
                   " this kind. Of %.0f cores the farm used %.2f and this load generator %.2f. ",
                   cost_us, 1e6 / cost_us, cores, farm, own);
        if (plan->rate > 0) {
            advise_on_rate(result, plan, out);
        } else {
            advise_on_most(result, plan, 1 - busy / cores, out);
        }
    }
    if (others > others_much * cores) {
        buf_format(out, " Other programs had %.2f cores: this is what they left.", others);
    }
}

/* -------------------------------- comparison -------------------------------- */

int bench_earlier(struct cli *cli, const char *path, struct value *ret_earlier, struct err *err)
{
    const struct value_limits limits = {.bytes = FILE_MOST, .depth = 8, .values = FILE_MOST};
    struct bytes              json;

    if (file_read(cli->arena, path, FILE_MOST, &json, err) < 0 ||
        json_read(cli->arena, json, &limits, ret_earlier, err) < 0) {
        return err_add(err, "--compare %s wants what prt bench --json printed", path);
    }
    if (value_get(ret_earlier, "events_per_s") == NULL) {
        return err_set(err, ERR_USAGE,
                       "--compare %s: it is not what prt bench --json printed: it"
                       " has no events_per_s",
                       path);
    }
    return 0;
}

static void compare_one(struct cli *cli, struct value *out, const char *name, double before,
                        double now)
{
    struct value one = value_map();

    if (before <= 0) {
        return;
    }
    value_put(cli->arena, &one, "what", value_text(arena_text(cli->arena, bytes_of(name))));
    value_put(cli->arena, &one, "before", value_real(before));
    value_put(cli->arena, &one, "now", value_real(now));
    value_put(cli->arena, &one, "ratio", value_real(now / before));
    value_append(cli->arena, out, one);
}

static const struct value *process_named(const struct value *result, struct bytes name)
{
    const struct value *processes = value_get(result, "processes");

    for (uint32_t i = 0; processes != NULL && i < processes->count; i++) {
        const struct value *one = &processes->as.items[i];

        if (bytes_equal(value_text_or(value_get(one, "process"), ""), name)) {
            return one;
        }
    }
    return NULL;
}

struct value bench_compare(struct cli *cli, const struct value *before, const struct value *now)
{
    static const char *const figures[] = {"events_per_s",
                                          "p50_ms",
                                          "p99_ms",
                                          "cpu_us_per_event",
                                          "own_cpu_us_per_chunk",
                                          "caught_up_events_per_s",
                                          "ratio_to_raw_publisher"};
    const struct value      *processes = value_get(now, "processes");
    struct value             list = value_list();

    for (size_t i = 0; i < COUNT_OF(figures); i++) {
        compare_one(cli, &list, figures[i], number(before, figures[i]), number(now, figures[i]));
    }
    for (uint32_t i = 0; processes != NULL && i < processes->count; i++) {
        const struct value *one = &processes->as.items[i];
        struct bytes        name = value_text_or(value_get(one, "process"), "");
        const struct value *was = process_named(before, name);

        if (was != NULL) {
            compare_one(cli, &list,
                        arena_format(cli->arena, "%.*s, CPU s per M events", (int)name.size,
                                     (const char *)name.data),
                        number(was, "cpu_s_per_million_events"),
                        number(one, "cpu_s_per_million_events"));
        }
    }
    return list;
}

/* Two measurements of different load say nothing about the farm. */
const char *bench_unlike(const struct value *before, const struct value *now)
{
    static const char *const flags[] = {"respond_async", "outage"};
    static const char *const same[] = {"events_per_chunk", "event_bytes", "connections", "rate"};

    for (size_t i = 0; i < COUNT_OF(same); i++) {
        if (number(before, same[i]) != number(now, same[i])) {
            return same[i];
        }
    }
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        if (value_flag_or(value_get(before, flags[i]), false) !=
            value_flag_or(value_get(now, flags[i]), false)) {
            return flags[i];
        }
    }
    return NULL;
}
