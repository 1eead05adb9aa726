// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

#include "gateway/cli/bench.h"
#include "gateway/cli/whole.h"

enum { ASYNC = 256, RAW, OUTAGE, KEEP, COMPARE }; /* numbers are below, by row */

static const struct {
    const char *name;
    size_t      place;
    int64_t     least, most;
} numbers[] = {
    {"connections", offsetof(struct bench_plan, connections), 1, 20000},
    {"traces", offsetof(struct bench_plan, traces), 1, 1000000},
    {"warm-events", offsetof(struct bench_plan, warm_events), 0, 10000000},
    {"events", offsetof(struct bench_plan, events), 1, 1000},
    {"event-bytes", offsetof(struct bench_plan, event_bytes), 300, 100000},
    {"seconds", offsetof(struct bench_plan, seconds), 1, 86400},
    {"rate", offsetof(struct bench_plan, rate), 1, 1000000},
};

static int read_number(struct bench_plan *plan, size_t row, const char *text, struct err *err)
{
    char option[32];

    (void)snprintf(option, sizeof(option), "--%s", numbers[row].name);
    return whole_read(option, text, numbers[row].least, numbers[row].most,
                       (int64_t *)((char *)plan + numbers[row].place), err);
}

int bench_plan_read(struct bench_plan *ret_plan, int argc, char **argv, struct err *err)
{
    struct option options[COUNT_OF(numbers) + 6] = {
        {"async", no_argument, NULL, ASYNC},           {"raw", no_argument, NULL, RAW},
        {"outage", no_argument, NULL, OUTAGE},         {"keep", required_argument, NULL, KEEP},
        {"compare", required_argument, NULL, COMPARE},
    };
    struct bench_plan plan = {
        .connections = 256, .events = 10, .event_bytes = 480, .seconds = 10, .warm_seconds = 2};
    int option;

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        options[5 + i] = (struct option){numbers[i].name, required_argument, NULL, (int)i};
    }
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case ASYNC:
            plan.async = true;
            break;
        case RAW:
            plan.raw = true;
            break;
        case OUTAGE:
            plan.outage = plan.async = true; /* a verdict would come too late */
            break;
        case KEEP:
            plan.keep = optarg;
            break;
        case COMPARE:
            plan.compare = optarg;
            break;
        case '?':
            return err_set(err, ERR_USAGE, "prt bench --help tells its options");
        default:
            TRY(read_number(&plan, (size_t)option, optarg, err));
            break;
        }
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "%s is no option: prt bench --help tells them",
                       argv[optind]);
    }
    if (plan.outage && plan.seconds > OUTAGE_SECONDS_MOST) {
        return err_set(err, ERR_USAGE,
                       "--outage wants --seconds %d or fewer: workers that wait for"
                       " longer come to other ends than waiting",
                       OUTAGE_SECONDS_MOST);
    }
    if (plan.traces == 0) {
        plan.traces = plan.connections;
    }
    if (plan.traces < plan.connections) {
        return err_set(err, ERR_USAGE,
                       "--traces %lld: each of the %lld connections has its own traces, so give as"
                       " many or more, or fewer --connections",
                       (long long)plan.traces, (long long)plan.connections);
    }
    *ret_plan = plan;
    return 0;
}
