// SPDX-License-Identifier: MIT
/* prt bench - how much this farm takes in: events a second, verdict latency, CPU and memory. */
#include "gateway/cli/bench.h"

#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "gateway/cli/call.h"
#include "value/json.h"

enum { COMMIT_WAIT_US = 60 * 1000000, LOOK_AGAIN_MS = 50, LOOKS_MOST = 1000 };

struct usage_pair {
    struct cli         *cli;
    struct bench_usage *before, *after;
    size_t              count;
    int64_t             at_us;     /* when counting began, then how long it took */
    double              own_cpu_s; /* of this process, the same */
    double              busy_s;    /* of the whole machine */
    struct err          err;
};

/* All that is measured in one run. */
struct measured {
    struct cli              *cli;
    const struct bench_plan *plan;
    struct bench_result     *result;
    struct usage_pair        usage;
    int64_t                  committed; /* events */
    double                   committed_s;
    struct bench_outage      outage;
    struct usage_pair        catching_up;
    struct bench_raw         raw;
};

static double own_cpu_s(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void take_usage(struct usage_pair *pair, bool on)
{
    size_t count = 0;

    if (!on) { /* looking through the processes is no part of the load */
        pair->own_cpu_s = own_cpu_s() - pair->own_cpu_s;
        pair->at_us = clock_mono_us() - pair->at_us;
        pair->busy_s = bench_machine_busy_s() - pair->busy_s;
    }
    if (bench_usage_read(pair->cli, on ? &pair->before : &pair->after, &count, &pair->err) == 0) {
        pair->count = on ? count : (count < pair->count ? count : pair->count);
    }
    if (on) {
        pair->busy_s = bench_machine_busy_s();
        pair->own_cpu_s = own_cpu_s();
        pair->at_us = clock_mono_us();
    }
}

static int counting(void *arg, bool on, struct err *err)
{
    struct measured *measured = arg;

    if (on && measured->plan->outage) {
        TRY(bench_outage_begin(measured->cli, &measured->outage, err));
    }
    take_usage(&measured->usage, on);
    return 0;
}

static int catch_up(struct measured *measured, struct err *err)
{
    take_usage(&measured->catching_up, true);
    TRY(bench_outage_end(&measured->outage, err));
    take_usage(&measured->catching_up, false);
    return 0;
}

static int wait_for_trace(struct cli *cli, const struct bench_trace *trace, struct err *err)
{
    const char *path = arena_format(cli->arena, "/v1/traces/%s", trace->trace);
    int64_t     had = -1;
    int64_t     grew_us = clock_mono_us();

    for (;;) {
        struct value answer;
        int64_t      have;

        TRY(cli_call(cli, &(struct call){.method = "GET", .path = path}, NULL, &answer, NULL, err));
        have = value_whole_or(value_get(&answer, "num_events"), 0);
        if (have >= trace->events) {
            return 0;
        }
        if (have > had) {
            had = have;
            grew_us = clock_mono_us();
        }
        if (clock_mono_us() - grew_us > COMMIT_WAIT_US) {
            return err_set(
                err, ERR_BUG, "%s holds %lld events for %d s now, and %lld were answered 2xx",
                trace->trace, (long long)have, COMMIT_WAIT_US / 1000000, (long long)trace->events);
        }
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
}

/* Until every trace holds what was answered 2xx; *ret_events of all. */
static int wait_committed(struct cli *cli, const struct bench_plan *plan,
                          const struct bench_traces *traces, int64_t *ret_events, struct err *err)
{
    *ret_events = 0;
    for (int64_t i = 0; i < traces->count; i++) {
        /* A verdict comes after the commit: of very many traces some are looked at. */
        if (plan->async || i % (1 + traces->count / LOOKS_MOST) == 0) {
            TRY(wait_for_trace(cli, &traces->list[i], err));
        }
        *ret_events += traces->list[i].events;
    }
    return 0;
}

static void put_usage(struct cli *cli, const struct usage_pair *usage, int64_t events,
                      struct value *ret)
{
    double       total = 0;
    struct value list = value_list();

    for (size_t i = 0; i < usage->count; i++) {
        struct value one = value_map();
        double       cpu = usage->after[i].cpu_s - usage->before[i].cpu_s;

        total += cpu;
        value_put(cli->arena, &one, "process", value_text(usage->after[i].name));
        value_put(cli->arena, &one, "cpu_s", value_real(cpu));
        value_put(cli->arena, &one, "cpu_s_per_million_events",
                  value_real(events > 0 ? cpu * 1e6 / (double)events : 0));
        value_put(cli->arena, &one, "rss_mib",
                  value_real((double)usage->after[i].rss_bytes / 1048576.0));
        value_append(cli->arena, &list, one);
    }
    value_put(cli->arena, ret, "processes", list);
    value_put(cli->arena, ret, "cpu_us_per_event",
              value_real(events > 0 ? total * 1e6 / (double)events : 0));
}

static void put_outage(struct arena *arena, const struct measured *measured, struct value *ret)
{
    const struct bench_outage *outage = &measured->outage;
    const struct usage_pair   *usage = &measured->catching_up;
    double                     cpu_s = 0;
    int64_t                    workers = 0;

    for (size_t i = 0; i < usage->count; i++) {
        cpu_s += usage->after[i].cpu_s - usage->before[i].cpu_s;
        workers += strncmp(usage->after[i].name, "worker-validate", 15) == 0 ? 1 : 0;
    }
    value_put(arena, ret, "outage_chunks", value_whole(outage->chunks));
    value_put(arena, ret, "caught_up_after_s", value_real(outage->seconds));
    value_put(arena, ret, "caught_up_events_per_s",
              value_real((double)outage->events / outage->seconds));
    value_put(arena, ret, "caught_up_by_workers", value_whole(workers));
    value_put(arena, ret, "caught_up_cores", value_real(cpu_s / outage->seconds));
}

static const struct {
    const char *name;
    double      of;
} quantiles[] = {{"p50_ms", 0.5}, {"p90_ms", 0.9}, {"p99_ms", 0.99}, {"max_ms", 1}};

static struct value result_value(struct cli *cli, const struct measured *measured)
{
    struct value               value = value_map();
    const struct bench_plan   *plan = measured->plan;
    const struct bench_result *result = measured->result;
    const struct usage_pair   *usage = &measured->usage;
    const struct histogram    *latency = &result->latency_us;
    int64_t                    events = result->chunks * plan->events;
    double                     rate = (double)result->chunks / result->seconds;

    value_put(cli->arena, &value, "connections", value_whole(plan->connections));
    value_put(cli->arena, &value, "traces", value_whole(plan->traces));
    value_put(cli->arena, &value, "events_per_chunk", value_whole(plan->events));
    value_put(cli->arena, &value, "event_bytes", value_whole(plan->event_bytes));
    value_put(cli->arena, &value, "rate", value_whole(plan->rate));
    value_put(cli->arena, &value, "respond_async", value_flag(plan->async));
    value_put(cli->arena, &value, "outage", value_flag(plan->outage));
    value_put(cli->arena, &value, "seconds", value_real(result->seconds));
    value_put(cli->arena, &value, "chunks", value_whole(result->chunks));
    value_put(cli->arena, &value, "chunks_per_s", value_real(rate));
    value_put(cli->arena, &value, "events_per_s", value_real(rate * (double)plan->events));
    value_put(cli->arena, &value, "mb_per_s",
              value_real((double)result->body_bytes / result->seconds / 1e6));
    for (size_t i = 0; i < COUNT_OF(quantiles); i++) {
        value_put(cli->arena, &value, quantiles[i].name,
                  value_real((double)histogram_at(latency, quantiles[i].of) / 1e3));
    }
    value_put(cli->arena, &value, "refused", value_whole(result->refused));
    value_put(cli->arena, &value, "broken", value_whole(result->broken));
    value_put(cli->arena, &value, "unanswered", value_whole(result->unanswered));
    value_put(cli->arena, &value, "committed_events", value_whole(measured->committed));
    value_put(cli->arena, &value, "committed_after_s", value_real(measured->committed_s));
    value_put(cli->arena, &value, "counted_s", value_real((double)usage->at_us / 1e6));
    value_put(cli->arena, &value, "machine_busy_s", value_real(usage->busy_s));
    value_put(cli->arena, &value, "own_cpu_s", value_real(usage->own_cpu_s));
    value_put(cli->arena, &value, "own_cpu_us_per_chunk",
              value_real(result->chunks > 0 ? usage->own_cpu_s * 1e6 / (double)result->chunks : 0));
    put_usage(cli, usage, events, &value);
    if (plan->outage) {
        put_outage(cli->arena, measured, &value);
    }
    if (plan->raw) {
        value_put(cli->arena, &value, "raw_publisher_chunks_per_s", value_real(measured->raw.rate));
        value_put(cli->arena, &value, "raw_publisher_cpu_us_per_chunk",
                  value_real(measured->raw.cpu_us));
        value_put(cli->arena, &value, "ratio_to_raw_publisher",
                  value_real(rate / measured->raw.rate));
    }
    return value;
}

static void print_result(const struct cli *cli, const struct value *value)
{
    static const char *const lines[] = {"chunks_per_s",
                                        "events_per_s",
                                        "mb_per_s",
                                        "p50_ms",
                                        "p90_ms",
                                        "p99_ms",
                                        "max_ms",
                                        "cpu_us_per_event",
                                        "own_cpu_us_per_chunk",
                                        "raw_publisher_chunks_per_s",
                                        "raw_publisher_cpu_us_per_chunk",
                                        "ratio_to_raw_publisher"};
    const struct value      *processes = value_get(value, "processes");
    const struct value      *outage = value_get(value, "outage_chunks");

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (value_get(value, lines[i]) != NULL) {
            printf("%-28s %12.2f\n", lines[i], value_real_or(value_get(value, lines[i]), 0));
        }
    }
    printf("%-28s %12lld, all there after %.2f s\n", "committed events",
           (long long)value_whole_or(value_get(value, "committed_events"), 0),
           value_real_or(value_get(value, "committed_after_s"), 0));
    if (outage != NULL) {
        printf("%-28s %12lld chunks in %.2f s: %.2f events/s, %.2f cores busy\n", "caught up",
               (long long)value_whole_or(outage, 0),
               value_real_or(value_get(value, "caught_up_after_s"), 0),
               value_real_or(value_get(value, "caught_up_events_per_s"), 0),
               value_real_or(value_get(value, "caught_up_cores"), 0));
    }
    printf("\n%s%-22s %10s %22s %10s%s\n", BOLD(cli), "process", "CPU s", "CPU s per M events",
           "RSS MiB", PLAIN(cli));
    for (uint32_t i = 0; processes != NULL && i < processes->count; i++) {
        const struct value *one = &processes->as.items[i];
        struct bytes        name = value_text_or(value_get(one, "process"), "");

        printf("%-22.*s %10.2f %22.2f %10.1f\n", (int)name.size, (const char *)name.data,
               value_real_or(value_get(one, "cpu_s"), 0),
               value_real_or(value_get(one, "cpu_s_per_million_events"), 0),
               value_real_or(value_get(one, "rss_mib"), 0));
    }
}

static void print_comparison(const struct cli *cli, const struct value *list, const char *unlike)
{
    printf("\n%s%-40s %12s %12s %8s%s\n", BOLD(cli), "compared", "before", "now", "ratio",
           PLAIN(cli));
    for (uint32_t i = 0; i < list->count; i++) {
        const struct value *one = &list->as.items[i];
        struct bytes        what = value_text_or(value_get(one, "what"), "");

        printf("%-40.*s %12.2f %12.2f %8.2f\n", (int)what.size, (const char *)what.data,
               value_real_or(value_get(one, "before"), 0), value_real_or(value_get(one, "now"), 0),
               value_real_or(value_get(one, "ratio"), 0));
    }
    if (unlike != NULL) {
        printf("The two runs differ in %s: the ratios say nothing about the farm alone.\n", unlike);
    }
}

static int tell(struct cli *cli, const struct bench_plan *plan, struct value *value,
                const struct value *earlier, const struct bench_result *result)
{
    CLEANUP(buf) struct buf advice = {0};
    struct value            compared = value_list();
    const char             *unlike = NULL;

    bench_advice(value, plan, &advice);
    value_put(cli->arena, value, "advice",
              value_bytes(arena_bytes(cli->arena, buf_bytes(&advice))));
    if (earlier != NULL) {
        compared = bench_compare(cli, earlier, value);
        unlike = bench_unlike(earlier, value);
        value_put(cli->arena, value, "compared", compared);
    }
    if (cli->json) {
        cli_print_json(value);
        return EXIT_DONE;
    }
    print_result(cli, value);
    if (earlier != NULL) {
        print_comparison(cli, &compared, unlike);
    }
    if (result->refused > 0) {
        printf("\n%lld requests were refused; the first with %d %s\n", (long long)result->refused,
               result->first_bad_status, result->first_bad);
    }
    printf("\n%.*s\n", (int)advice.size, (const char *)advice.data);
    return EXIT_DONE;
}

/* What the publisher and the nats-server use for a chunk, in us. */
static double raw_cpu_us(const struct usage_pair *usage, const struct bench_raw *raw)
{
    double cpu_s = usage->own_cpu_s;

    for (size_t i = 0; i < usage->count; i++) {
        if (strcmp(usage->after[i].name, "nats-server") == 0) {
            cpu_s += usage->after[i].cpu_s - usage->before[i].cpu_s;
        }
    }
    return raw->chunks > 0 ? cpu_s * 1e6 / (double)raw->chunks : 0;
}

/* Last: what it wrote is still being removed for a while, and everybody who publishes waits. */
static int measure_raw(struct cli *cli, const struct bench_plan *plan, struct bench_raw *ret_raw,
                       struct err *err)
{
    struct usage_pair usage = {.cli = cli};

    take_usage(&usage, true);
    TRY(bench_raw(cli, plan, ret_raw, err));
    take_usage(&usage, false);
    ret_raw->cpu_us = raw_cpu_us(&usage, ret_raw);
    return 0;
}

static int measure(struct measured *measured, struct bench_traces *traces, struct err *err)
{
    struct cli              *cli = measured->cli;
    const struct bench_plan *plan = measured->plan;
    int64_t                  ended_us;

    TRY(bench_load(cli, plan, traces, counting, measured, measured->result, err));
    ended_us = clock_mono_us();
    if (measured->result->chunks == 0) {
        return err_set(err, ERR_HTTP_REFUSED, "no chunk was taken; the first answer was %d %s",
                       measured->result->first_bad_status, measured->result->first_bad);
    }
    if (plan->outage) {
        TRY(catch_up(measured, err));
    }
    TRY(wait_committed(cli, plan, traces, &measured->committed, err));
    measured->committed_s = (double)(clock_mono_us() - ended_us) / 1e6;
    TRY(bench_traces_keep(plan, traces, err));
    return plan->raw ? measure_raw(cli, plan, &measured->raw, err) : 0;
}

int bench_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct bench_plan   plan;
    struct bench_traces traces;
    struct value        earlier;
    struct value        value;
    struct measured     measured = {.cli = cli,
                                    .plan = &plan,
                                    .result = arena_zero(cli->arena, 1, sizeof(struct bench_result)),
                                    .usage = {.cli = cli},
                                    .catching_up = {.cli = cli}};
    int                 done;

    TRY(bench_plan_read(&plan, argc, argv, err));
    if (plan.compare != NULL) {
        TRY(bench_earlier(cli, plan.compare, &earlier, err)); /* before the load, not after it */
    }
    TRY(bench_traces_read(cli, &plan, &traces, err));
    done = measure(&measured, &traces, err);
    bench_outage_done(&measured.outage);
    if (done < 0) {
        return -1;
    }
    value = result_value(cli, &measured);
    return tell(cli, &plan, &value, plan.compare == NULL ? NULL : &earlier, measured.result);
}
