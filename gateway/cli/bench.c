// SPDX-License-Identifier: MIT
/* prt bench - how much this farm takes in: events a second, verdict latency, CPU and memory. */
#include "gateway/cli/bench.h"

#include <getopt.h>
#include <stdlib.h>
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
    struct err          err;
};

static double own_cpu_s(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void take_usage(void *arg, bool on)
{
    struct usage_pair *pair = arg;
    size_t             count = 0;

    pair->own_cpu_s = own_cpu_s() - pair->own_cpu_s;
    pair->at_us = clock_mono_us() - pair->at_us;
    if (bench_usage_read(pair->cli, on ? &pair->before : &pair->after, &count, &pair->err) == 0) {
        pair->count = on ? count : (count < pair->count ? count : pair->count);
    }
}

/* Until every trace holds what was answered 2xx; *ret_events of all. */
static int wait_committed(struct cli *cli, const struct bench_plan *plan,
                          const struct bench_trace *traces, int64_t *ret_events, struct err *err)
{
    int64_t deadline = clock_mono_us() + COMMIT_WAIT_US;

    *ret_events = 0;
    for (int i = 0; i < plan->traces; i++) {
        int64_t want = traces[i].sent * plan->events;
        int64_t have = -1;

        /* A verdict comes after the commit: of very many traces some are looked at. */
        if (!plan->async && i % (1 + plan->traces / LOOKS_MOST) != 0) {
            *ret_events += want;
            continue;
        }

        while (have < want) {
            struct value answer;

            TRY(cli_call(cli,
                         &(struct call){.method = "GET",
                                        .path = arena_format(cli->arena, "/v1/traces/%s", traces[i].trace)},
                         NULL, &answer, NULL, err));
            have = value_whole_or(value_get(&answer, "num_events"), 0);
            if (have < want) {
                if (clock_mono_us() > deadline) {
                    return err_set(err, ERR_BUG, "%s holds %lld events, and %lld were answered 2xx",
                                   traces[i].trace, (long long)have, (long long)want);
                }
                clock_sleep_ms(LOOK_AGAIN_MS);
            }
        }
        *ret_events += have;
    }
    return 0;
}

static void put_usage(struct cli *cli, const struct usage_pair *usage, int64_t events,
                      struct value *ret)
{
    double total = 0;
    struct value list = value_list();

    for (size_t i = 0; i < usage->count; i++) {
        struct value one = value_map();
        double       cpu = usage->after[i].cpu_s - usage->before[i].cpu_s;

        total += cpu;
        value_put(cli->arena, &one, "process", value_text(usage->after[i].name));
        value_put(cli->arena, &one, "cpu_s", value_real(cpu));
        value_put(cli->arena, &one, "cpu_s_per_million_events",
                  value_real(events > 0 ? cpu * 1e6 / (double)events : 0));
        value_put(cli->arena, &one, "rss_mib", value_real((double)usage->after[i].rss_bytes / 1048576.0));
        value_append(cli->arena, &list, one);
    }
    value_put(cli->arena, ret, "processes", list);
    value_put(cli->arena, ret, "cpu_us_per_event",
              value_real(events > 0 ? total * 1e6 / (double)events : 0));
}

static struct value result_value(struct cli *cli, const struct bench_plan *plan,
                                 const struct bench_result *result, const struct usage_pair *usage,
                                 int64_t committed, double committed_s, double raw_rate)
{
    struct value value = value_map();
    int64_t      events = result->chunks * plan->events;
    double       rate = (double)result->chunks / result->seconds;

    value_put(cli->arena, &value, "connections", value_whole(plan->connections));
    value_put(cli->arena, &value, "traces", value_whole(plan->traces));
    value_put(cli->arena, &value, "events_per_chunk", value_whole(plan->events));
    value_put(cli->arena, &value, "event_bytes", value_whole(plan->event_bytes));
    value_put(cli->arena, &value, "rate", value_real(plan->rate));
    value_put(cli->arena, &value, "respond_async", value_flag(plan->async));
    value_put(cli->arena, &value, "seconds", value_real(result->seconds));
    value_put(cli->arena, &value, "chunks", value_whole(result->chunks));
    value_put(cli->arena, &value, "chunks_per_s", value_real(rate));
    value_put(cli->arena, &value, "events_per_s", value_real(rate * plan->events));
    value_put(cli->arena, &value, "mb_per_s", value_real((double)result->body_bytes / result->seconds / 1e6));
    value_put(cli->arena, &value, "p50_ms", value_real((double)histogram_at(&result->latency_us, 0.5) / 1e3));
    value_put(cli->arena, &value, "p99_ms", value_real((double)histogram_at(&result->latency_us, 0.99) / 1e3));
    value_put(cli->arena, &value, "refused", value_whole(result->refused));
    value_put(cli->arena, &value, "broken", value_whole(result->broken));
    value_put(cli->arena, &value, "committed_events", value_whole(committed));
    value_put(cli->arena, &value, "committed_after_s", value_real(committed_s));
    value_put(cli->arena, &value, "counted_s", value_real((double)usage->at_us / 1e6));
    value_put(cli->arena, &value, "own_cpu_s", value_real(usage->own_cpu_s));
    value_put(cli->arena, &value, "own_cpu_us_per_chunk",
              value_real(result->chunks > 0 ? usage->own_cpu_s * 1e6 / (double)result->chunks : 0));
    put_usage(cli, usage, events, &value);
    if (raw_rate > 0) {
        value_put(cli->arena, &value, "raw_publisher_chunks_per_s", value_real(raw_rate));
        value_put(cli->arena, &value, "ratio_to_raw_publisher", value_real(rate / raw_rate));
    }
    return value;
}

static void print_result(const struct cli *cli, const struct value *value)
{
    static const char *const lines[] = {"chunks_per_s", "events_per_s", "mb_per_s", "p50_ms", "p99_ms",
                                        "cpu_us_per_event", "own_cpu_us_per_chunk",
                                        "raw_publisher_chunks_per_s", "ratio_to_raw_publisher"};
    const struct value *processes = value_get(value, "processes");

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (value_get(value, lines[i]) != NULL) {
            printf("%-28s %12.2f\n", lines[i], value_real_or(value_get(value, lines[i]), 0));
        }
    }
    printf("%-28s %12lld, all there after %.2f s\n", "committed events",
           (long long)value_whole_or(value_get(value, "committed_events"), 0),
           value_real_or(value_get(value, "committed_after_s"), 0));
    printf("\n%s%-22s %10s %22s %10s%s\n", BOLD(cli), "process", "CPU s", "CPU s per M events", "RSS MiB",
           PLAIN(cli));
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
    printf("\n%s%-40s %12s %12s %8s%s\n", BOLD(cli), "compared", "before", "now", "ratio", PLAIN(cli));
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

static int measure(struct cli *cli, const struct bench_plan *plan, bool raw,
                   const struct value *earlier, struct err *err)
{
    struct bench_trace *traces = NULL;
    struct usage_pair   usage = {.cli = cli};
    struct bench_result *result = arena_zero(cli->arena, 1, sizeof(*result));
    struct value        value;
    double              raw_rate = 0;
    double              committed_s;
    int64_t             committed;
    int64_t             ended_us;

    TRY(bench_load(cli, plan, &traces, take_usage, &usage, result, err));
    ended_us = clock_mono_us();
    if (result->chunks == 0) {
        return err_set(err, ERR_HTTP_REFUSED, "no chunk was taken; the first answer was %d %s",
                       result->first_bad_status, result->first_bad);
    }
    TRY(wait_committed(cli, plan, traces, &committed, err));
    committed_s = (double)(clock_mono_us() - ended_us) / 1e6;
    /* Last: what it wrote is still being removed for a while, and everybody who publishes waits. */
    if (raw) {
        TRY(bench_raw(cli, plan, &raw_rate, err));
    }
    value = result_value(cli, plan, result, &usage, committed, committed_s, raw_rate);
    return tell(cli, plan, &value, earlier, result);
}

int bench_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"connections", required_argument, NULL, 'c'},
                                            {"traces", required_argument, NULL, 't'},
                                            {"events", required_argument, NULL, 'e'},
                                            {"event-bytes", required_argument, NULL, 'b'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"async", no_argument, NULL, 'a'},
                                            {"raw", no_argument, NULL, 'w'},
                                            {"warm-events", required_argument, NULL, 'm'},
                                            {"compare", required_argument, NULL, 'f'},
                                            {NULL, 0, NULL, 0}};
    struct bench_plan plan = {.connections = 256, .events = 10, .event_bytes = 480, .seconds = 10,
                              .warm_seconds = 2};
    struct value      earlier;
    const char       *compare = NULL;
    bool              raw = false;
    int               option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c': plan.connections = atoi(optarg); break;
        case 't': plan.traces = atoi(optarg); break;
        case 'm': plan.warm_events = atol(optarg); break;
        case 'e': plan.events = atoi(optarg); break;
        case 'b': plan.event_bytes = atoi(optarg); break;
        case 's': plan.seconds = atol(optarg); break;
        case 'r': plan.rate = atof(optarg); break;
        case 'a': plan.async = true; break;
        case 'w': raw = true; break;
        case 'f': compare = optarg; break;
        default: return err_set(err, ERR_USAGE, "prt bench --help tells its options");
        }
    }
    if (plan.traces == 0) {
        plan.traces = plan.connections;
    }
    if (optind < argc || plan.traces < plan.connections || plan.traces > 1000000 || plan.connections < 1 || plan.connections > 20000 || plan.events < 1 ||
        plan.events > 1000 || plan.event_bytes < 300 || plan.event_bytes > 100000 || plan.seconds < 1) {
        return err_set(err, ERR_USAGE,
                       "bench wants 1..20000 connections, as many traces or more, 1..1000 events of 300..100000 bytes, 1 s or more");
    }
    if (compare != NULL) {
        TRY(bench_earlier(cli, compare, &earlier, err)); /* before the load, not after it */
    }
    return measure(cli, &plan, raw, compare == NULL ? NULL : &earlier, err);
}
