// SPDX-License-Identifier: MIT
/*
 * bench.h - prt bench: load through the gateway until it is chained and committed.
 *
 * The load generator is cheap: one thread, epoll, keep-alive connections, bodies built once and
 * patched. Closed loop: each connection has one request under way. Open loop (--rate): requests are
 * due at fixed times, and a latency counts from when the request was due, so that a stalled farm
 * can't hide its stall (coordinated omission).
 */
#ifndef PRT_CLI_BENCH_H
#define PRT_CLI_BENCH_H

#include "farm/farm.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/histogram.h"

struct bench_plan {
    int64_t     connections;
    int64_t     traces;      /* at least one for each connection, which takes its own in turn */
    int64_t     warm_events; /* in each trace before counting starts */
    int64_t     events;      /* in a chunk */
    int64_t     event_bytes; /* about, as JSON */
    int64_t     seconds;
    int64_t     warm_seconds; /* before counting starts */
    int64_t     rate;         /* chunks a second in all; 0: closed loop */
    bool        async;        /* Prefer: respond-async */
    bool        outage;       /* validate stands still while counting, then catches up */
    bool        raw;          /* then the same bytes straight into JetStream */
    const char *keep;         /* file of the traces, or NULL */
    const char *compare;      /* file of an earlier run's --json, or NULL */
};

WARN_UNUSED int bench_plan_read(struct bench_plan *ret_plan, int argc, char **argv,
                                struct err *err);

struct bench_result {
    int64_t          chunks;     /* answered 2xx while counting */
    int64_t          refused;    /* answered anything else */
    int64_t          broken;     /* connections lost */
    int64_t          unanswered; /* due while counting, and never answered */
    int64_t          body_bytes;
    double           seconds;
    struct histogram latency_us; /* of what was due while counting */
    int              first_bad_status;
    char             first_bad[200];
};

/* Ids and tokens are in the arena. */
struct bench_trace {
    const char *trace;
    const char *token;
    int64_t     chunks, events; /* answered 2xx, also while warming up */
};

/* There is room for all that the plan wants; `count` of them are open. */
struct bench_traces {
    struct bench_trace *list;
    int64_t             count;
};

/* What an earlier run left in plan->keep; the file may be missing. Raises plan->traces to their
 * number. */
WARN_UNUSED int bench_traces_read(struct cli *cli, struct bench_plan *plan,
                                  struct bench_traces *ret_traces, struct err *err);
WARN_UNUSED int bench_traces_keep(const struct bench_plan *plan, const struct bench_traces *traces,
                                  struct err *err);

/* Opens what is not open yet of plan->traces, then loads them. `counting` is called as counting
 * begins and once what was sent meanwhile is answered. */
typedef int (*bench_counting)(void *arg, bool on, struct err *err);
WARN_UNUSED int bench_load(struct cli *cli, const struct bench_plan *plan,
                           struct bench_traces *traces, bench_counting counting, void *arg,
                           struct bench_result *ret_result, struct err *err);

/* A chunk built once; what differs from one to the next has its place and a fixed width. */
struct bench_body {
    struct buf bytes;
    size_t     chunk_id, chunk_seq;
    size_t    *event_id, *event_seq, *event_ts; /* one for each event */
    int64_t    events;
};
void bench_body_make(struct arena *arena, const struct bench_plan *plan,
                     struct bench_body *ret_body);

/* Makes it chunk number `chunk` of the trace ("trace-" and 32 hex digits); its events from `seq`
 * on. */
void bench_body_set(struct bench_body *body, const char *trace, int64_t chunk, int64_t seq);

/* CPU and memory of the farm's processes, children (Postgres backends) summed into their parent. */
struct bench_usage {
    const char *name;
    pid_t       pid;
    double      cpu_s;
    int64_t     rss_bytes;
};
WARN_UNUSED int bench_usage_read(struct cli *cli, struct bench_usage **ret_list, size_t *ret_count,
                                 struct err *err);
/* CPU seconds that all programs of the machine have used, and what its host took from it. */
double bench_machine_busy_s(void);

/* Appends a plain recommendation for sizing. */
void bench_advice(const struct value *result, const struct bench_plan *plan, struct buf *out);

/* What an earlier run printed with --json. */
WARN_UNUSED int bench_earlier(struct cli *cli, const char *path, struct value *ret_earlier,
                              struct err *err);
/* A list of {what, before, now, ratio}. */
struct value bench_compare(struct cli *cli, const struct value *before, const struct value *now);
/* The setting in which the two runs differ, or NULL. */
const char *bench_unlike(const struct value *before, const struct value *now);

/* No validate worker writes from begin to end. All-zero is none under way. */
enum { OUTAGE_SECONDS_MOST = 20 }; /* who waits at the database for 30 s gives up */
struct bench_outage {
    struct farm farm;
    int64_t     chunks; /* messages that waited at its end, and what was left of their events */
    int64_t     events;
    double      seconds; /* until all of them were committed and settled */
};
WARN_UNUSED int bench_outage_begin(struct cli *cli, struct bench_outage *outage, struct err *err);
/* Returns once validate has caught up. */
WARN_UNUSED int bench_outage_end(struct bench_outage *outage, struct err *err);
void            bench_outage_done(struct bench_outage *outage);

/* The same bytes straight into JetStream by an asynchronous publisher. */
struct bench_raw {
    int64_t chunks;
    double  rate;   /* a second */
    double  cpu_us; /* of publisher and nats-server, a chunk */
};
WARN_UNUSED int bench_raw(struct cli *cli, const struct bench_plan *plan, struct bench_raw *ret_raw,
                          struct err *err);

#endif
