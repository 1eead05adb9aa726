// SPDX-License-Identifier: MIT
/*
 * main.c - prt-worker ROLE: load, open, work, drain.
 *
 * The main thread waits for signals; each job of the role is a loop on a thread of its own, with a
 * farm of its own, so that stages share nothing.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/version.h"
#include "config/config.h"
#include "farm/farm.h"
#include "farm/ready.h"
#include "gateway/http/server.h"
#include "log/log.h"
#include "metric/metric.h"
#include "workers/loop.h"
#include "workers/stage.h"

enum {
    EXIT_FINE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    SERVERS_WAIT_MS = 60000, /* for servers that are still starting */
    JOBS_MOST = 64,
    HEALTH_CONNECTIONS = 64,
    HEALTH_MEMORY = HEALTH_CONNECTIONS * 256 * 1024, /* one /metrics takes over 64 KiB */
    LOOK_MS = 200
};

struct role {
    struct stage_row    row;
    const struct stage *stage;
    unsigned            keys;
};

/* Only these two chain and sign. qa runs beside hostile code and judge talks to the Internet: what
 * they do not hold, nobody takes from them. */
enum { KEYS_validate = FARM_KEYS, KEYS_finalize = FARM_KEYS, KEYS_qa = 0, KEYS_judge = 0 };

static const struct role roles[] = {
#define STAGE(role, stream, takes, lease_s, tries, batch)                                          \
    {{#role, #stream, takes, lease_s, tries, batch}, &role##_stage, KEYS_##role},
#include "schemas/pipeline.def"
#undef STAGE
};

/* One loop, its thread and everything it stands on. */
struct job {
    struct farm  farm;
    struct loop *loop;
    pthread_t    thread;
    bool         runs;
    atomic_bool  ended;
    bool         failed;
};

struct worker {
    const struct role  *role;
    struct config       config;
    struct job          jobs[JOBS_MOST];
    size_t              job_count;
    struct http_server *http;
    struct log_scope    log;
};

/* ------------------------------------- signals ------------------------------------- */

static sem_t                 wake;
static volatile sig_atomic_t stops; /* how often we were told to stop */

static void when_told_to_stop(int number)
{
    (void)number;
    stops++;
    (void)sem_post(&wake);
}

/* While servers are waited for nothing is held. Without a handler no signal would end the first process
 * of a container. */
static void when_told_before_start(int number)
{
    _exit(128 + number);
}

static void when_pipe_broke(int number)
{
    (void)number; /* EPIPE says it where it happened. Not SIG_IGN, which programs we run inherit. */
}

static void catch_signal(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

/* ------------------------------------- health ------------------------------------- */

static struct worker *served; /* by the three routes below */

static void get_healthz(struct exchange *x)
{
    exchange_answer(x, 200, "application/json", BYTES("{\"status\":\"ok\"}"));
}

static void get_readyz(struct exchange *x)
{
    for (size_t i = 0; i < served->job_count; i++) {
        if (!loop_is_well(served->jobs[i].loop)) {
            exchange_answer(x, 503, "application/json",
                            BYTES("{\"status\":\"waiting\",\"detail\":\"stopping, or something the"
                                  " stage needs does not answer; the log says what\"}"));
            return;
        }
    }
    exchange_answer(x, 200, "application/json", BYTES("{\"status\":\"ready\"}"));
}

static int serve_health(struct worker *worker, struct err *err)
{
    static const struct route routes[] = {
        {"GET", "/metrics", http_metrics, 0, MOST_NONE, NULL},
        {"GET", "/healthz", get_healthz, 0, MOST_NONE, NULL},
        {"GET", "/readyz", get_readyz, 0, MOST_NONE, NULL},
    };
    const struct http_settings settings = {
        .listen = worker->config.http_listen,
        .port = (int)worker->config.metrics_port,
        .threads = 1,
        .connections = HEALTH_CONNECTIONS,
        .idle_ms = 30000,
        .body_ms = 5000,
        .body_most = 1024,
        .stream_most = 1024,
        .memory_most = HEALTH_MEMORY,
        .routes = routes,
        .route_count = COUNT_OF(routes),
    };

    served = worker;
    return http_server_open(&worker->http, &settings, err);
}

/* -------------------------------------- jobs -------------------------------------- */

static void tell_waiting(const struct err *err)
{
    LOG(NULL, WARN, "servers waited for", KV("why", err_name(err->code)), KV("story", err->story),
        KV("most_ms", SERVERS_WAIT_MS));
}

static int job_open(struct job *job, const struct worker *worker, struct err *err)
{
    static const struct farm_wait start = {SERVERS_WAIT_MS, tell_waiting};
    char                          name[64];

    (void)snprintf(name, sizeof(name), "prt-worker %s", worker->role->row.role);
    TRY(farm_open(&job->farm, &worker->config,
                  FARM_STREAM | FARM_STORE | FARM_BLOB | worker->role->keys, name, &start, err));
    return loop_open(&job->loop, &job->farm, &worker->role->row, worker->role->stage, err);
}

static void *job_run(void *arg)
{
    struct job *job = arg;
    struct err  err = {0};

    if (loop_run(job->loop, &err) < 0) {
        LOG(NULL, ERROR, "worker gave up", KV("why", err_name(err.code)), KV("story", err.story));
        job->failed = true;
    }
    atomic_store(&job->ended, true);
    (void)sem_post(&wake);
    return NULL;
}

static int jobs_open(struct worker *worker, struct err *err)
{
    size_t count = strcmp(worker->role->row.role, "qa") == 0 ? (size_t)worker->config.qa_jobs : 1;

    for (size_t i = 0; i < count && i < JOBS_MOST; i++) {
        worker->job_count++; /* also when it opens by half: to be closed */
        TRY(job_open(&worker->jobs[i], worker, err));
    }
    return 0;
}

static int jobs_start(struct worker *worker, struct err *err)
{
    for (size_t i = 0; i < worker->job_count; i++) {
        struct job *job = &worker->jobs[i];

        if (pthread_create(&job->thread, NULL, job_run, job) != 0) {
            return err_set(err, ERR_SYSTEM, "no thread could be started");
        }
        job->runs = true;
    }
    return 0;
}

static size_t jobs_running(const struct worker *worker)
{
    size_t count = 0;

    for (size_t i = 0; i < worker->job_count; i++) {
        count += worker->jobs[i].runs && !atomic_load(&worker->jobs[i].ended);
    }
    return count;
}

static void wait_a_while(void)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)sem_timedwait(&wake, &until);
}

/* True when all ended by themselves; false when the grace is over, or a second signal came. */
static bool drain(struct worker *worker)
{
    int64_t until = clock_mono_us() + worker->config.stop_grace * 1000;
    int     told = stops;

    for (size_t i = 0; i < worker->job_count; i++) {
        loop_stop(worker->jobs[i].loop, worker->config.stop_grace);
    }
    while (jobs_running(worker) > 0 && clock_mono_us() < until && stops == told) {
        wait_a_while();
    }
    return jobs_running(worker) == 0;
}

static void worker_close(struct worker *worker)
{
    http_server_close(worker->http);
    for (size_t i = 0; i < worker->job_count; i++) {
        struct job *job = &worker->jobs[i];

        if (job->runs) {
            (void)pthread_join(job->thread, NULL);
        }
        loop_close(job->loop);
        farm_close(&job->farm);
    }
}

static int work(struct worker *worker, struct err *err)
{
    bool failed = false;

    TRY(jobs_open(worker, err));
    TRY(serve_health(worker, err));
    catch_signal(SIGTERM, when_told_to_stop);
    catch_signal(SIGINT, when_told_to_stop);
    TRY(jobs_start(worker, err));
    farm_tell_ready();
    LOG(&worker->log, INFO, "worker ready", KV("version", version_text), KV("pid", getpid()),
        KV("jobs", worker->job_count), KV("metrics_port", http_server_port(worker->http)));
    while (stops == 0 && jobs_running(worker) == worker->job_count) {
        (void)sem_wait(&wake);
    }
    LOG(&worker->log, INFO, "worker stopping", KV("grace_ms", worker->config.stop_grace));
    if (!drain(worker)) {
        for (size_t i = 0; i < worker->job_count; i++) {
            loop_hand_back(worker->jobs[i].loop);
        }
        LOG(&worker->log, WARN, "worker stopped", KV("handed_back", (bool)true));
        _exit(EXIT_FINE); /* a stage is still at work: nothing it stands on may be closed */
    }
    for (size_t i = 0; i < worker->job_count; i++) {
        failed = failed || worker->jobs[i].failed;
    }
    if (failed) {
        return err_set(err, ERR_STREAM_DOWN, "the connection to NATS is closed for good");
    }
    LOG(&worker->log, INFO, "worker stopped", KV("handed_back", (bool)false));
    return 0;
}

/* ----------------------------------- command line ----------------------------------- */

static void list_roles(FILE *out)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        (void)fprintf(out, "  %-10s takes %s from %s\n", roles[i].row.role, roles[i].row.takes,
                      roles[i].row.stream);
    }
}

static void help(void)
{
    (void)printf(
        "prt-worker ROLE: one worker of the farm. Start as many of each role as you like, on any"
        " machine.\n\nRoles:\n");
    list_roles(stdout);
    (void)printf(
        "\n  --explain  the pipeline and the settings in force\n"
        "  --version  the version of this program\n  --help     this\n\n"
        "SIGTERM and SIGINT drain: what is held is finished, or handed back after"
        " PRT_STOP_GRACE.\n/metrics, /healthz and /readyz are served on PRT_METRICS_PORT.\n\n"
        "Settings, from the environment:\n");
    config_help(stdout);
}

static int explain(void)
{
    struct config config;
    struct err    err = {0};

    (void)printf("Streams\n");
#define STREAM(name, subjects, retention, keeps, when_full, what)                                  \
    (void)printf("  %-10s  %-14s  %-10s  keeps %-11s  when full %-11s  %s\n", #name, subjects,     \
                 #retention, #keeps, #when_full, what);
#include "schemas/pipeline.def"
#undef STREAM
    (void)printf("\nStages\n  %-10s  %-10s  %-20s  %7s  %5s  %5s\n", "role", "stream", "takes",
                 "lease_s", "tries", "batch");
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        const struct stage_row *row = &roles[i].row;

        (void)printf("  %-10s  %-10s  %-20s  %7lld  %5llu  %5zu\n", row->role, row->stream,
                     row->takes, (long long)row->lease_s, (unsigned long long)row->tries,
                     row->batch);
    }
    (void)printf("\nErrors\n");
    for (int code = ERR_NONE + 1; code < ERR_CODES; code++) {
        static const char *const fates[] = {"RETRY", "WAIT", "REJECT"};

        (void)printf("  %-20s  %-6s  %3d  %-14s  %s\n", err_name((enum err_code)code),
                     fates[err_fate((enum err_code)code)], err_http((enum err_code)code),
                     err_reason((enum err_code)code), err_words((enum err_code)code));
    }
    (void)printf("\nSettings\n");
    if (config_load(&config, &err) < 0) {
        (void)fprintf(stderr, "prt-worker: %s\n", err.story);
        return EXIT_USAGE;
    }
    config_print(&config, stdout, false);
    return EXIT_FINE;
}

static const struct role *find_role(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (strcmp(roles[i].row.role, name) == 0) {
            return &roles[i];
        }
    }
    return NULL;
}

static int run(const struct role *role)
{
    static struct worker worker;
    struct err           err = {0};
    int                  failed;

    if (config_load(&worker.config, &err) < 0) {
        (void)fprintf(stderr, "prt-worker: %s\n", err.story);
        return EXIT_USAGE;
    }
    log_setup(strcmp(worker.config.log, "json") == 0, log_level_of(worker.config.log_level));
    metric_setup("role", role->row.role);
    worker.role = role;
    worker.log = (struct log_scope){.field = {KV("role", role->row.role)}, .count = 1};
    (void)sem_init(&wake, 0, 0);
    catch_signal(SIGPIPE, when_pipe_broke);
    catch_signal(SIGTERM, when_told_before_start);
    catch_signal(SIGINT, when_told_before_start);
    failed = work(&worker, &err);
    if (failed < 0) {
        LOG(&worker.log, ERROR, "worker failed", KV("why", err_name(err.code)),
            KV("story", err.story));
        for (size_t i = 0; i < worker.job_count; i++) {
            if (worker.jobs[i].runs) {
                loop_stop(worker.jobs[i].loop, 0);
            }
        }
    }
    worker_close(&worker);
    return failed < 0 ? EXIT_FAILED : EXIT_FINE;
}

int main(int argc, char **argv)
{
    const struct role *role;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        help();
        return EXIT_FINE;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return version_print("prt-worker");
    }
    if (argc == 2 && strcmp(argv[1], "--explain") == 0) {
        return explain();
    }
    role = argc == 2 ? find_role(argv[1]) : NULL;
    if (role == NULL) {
        (void)fprintf(stderr, "prt-worker: %s%s; the roles are:\n",
                      argc == 2 ? "there is no role " : "one role is needed",
                      argc == 2 ? argv[1] : "");
        list_roles(stderr);
        return EXIT_USAGE;
    }
    return run(role);
}
