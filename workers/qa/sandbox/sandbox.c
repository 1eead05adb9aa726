// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/sandbox.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "workers/qa/sandbox/engine.h"
#include "workers/qa/sandbox/host_view.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/sandbox/probe.h"

struct sandbox {
    struct arena                  *arena;
    const struct engine           *engine;
    void                          *self;
    struct image                   base;
    const struct sandbox_settings *settings;
};

/* The first choice is the fastest. */
static const struct engine *const engines[] = {&engine_runc, &engine_podman, &engine_docker};

/* What the wrapper prints when the container stands and its workspace is there. Until then whatever
 * goes wrong is the engine's failure, and afterwards it is the code's. */
#define STARTED "prt-sandbox-started\n"

/* How the wrapper says that the kernel killed for memory. */
#define OOM_EXIT      96
#define OOM_EXIT_TEXT "96"

enum { ARGV_MOST = 64, OUTER_GRACE_S = 60, PROBE_BYTES = 64 * 1024 };
enum { OUTER_ARGS = 4 }; /* timeout and what it is told */
enum { NAME_ROOM = 12 }; /* for an engine's name and what stands around it */

/* Below the first process inside, which times out by itself should the worker be gone for good and
 * cannot be killed from below. $1: copy the workspace in, or not. $3: where the cgroup is shown,
 * look afterwards whether the kernel killed for memory: engines see only the death of the first
 * process. */
static const char wrapper[] =
    "umask 022\n"
    "case $1 in copy) cp -R " SANDBOX_SNAPSHOT "/. " SANDBOX_WORKSPACE "/ || exit 125;; esac\n"
    "cd \"$2\" || exit 125\n"
    "look=$3\n"
    "shift 3\n"
    "printf '" STARTED "'\n"
    "case $look in no) exec \"$@\";; esac\n"
    "\"$@\"\n"
    "status=$?\n"
    "for at in /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events; do\n"
    "    [ -r $at ] || continue\n"
    "    while read -r key count; do\n"
    "        case $key:$count in oom_kill:0) ;; oom_kill:*) exit " OOM_EXIT_TEXT ";; esac\n"
    "    done <$at\n"
    "done\n"
    "exit $status\n";

struct gate {
    struct sink  to;
    int64_t      most, passed, dropped;
    size_t       matched; /* of STARTED; result only */
    bool         wants_start, started;
    int64_t      started_us; /* clock_mono_us */
    struct tail *tail;
};

/* Counts, cuts, and takes the wrapper's first line off. */
static int gate_take(void *self, struct bytes bytes, struct err *err)
{
    struct gate *gate = self;
    int64_t      give;

    while (gate->wants_start && !gate->started && bytes.size > 0) {
        if (bytes.data[0] != (uint8_t)STARTED[gate->matched]) {
            return 0; /* nothing of ours runs: the engine is talking */
        }
        gate->matched++;
        if (STARTED[gate->matched] == '\0') {
            gate->started = true;
            gate->started_us = clock_mono_us();
        }
        bytes.data++;
        bytes.size--;
    }
    if (gate->tail != NULL) {
        (void)tail_take(gate->tail, bytes, err);
    }
    give = gate->most - gate->passed;
    give = give < (int64_t)bytes.size ? give : (int64_t)bytes.size;
    gate->passed += give;
    gate->dropped += (int64_t)bytes.size - give;
    if (give == 0 || gate->to.take == NULL) {
        return 0;
    }
    return gate->to.take(gate->to.to, (struct bytes){bytes.data, (size_t)give}, err);
}

static bool own_kernel(const struct sandbox *sandbox)
{
    return runtime_has_kernel(sandbox_runtime(sandbox));
}

/* gVisor shows a container groups of its own making. */
static bool cgroup_inside(const struct sandbox *sandbox)
{
    return sandbox->engine->shows_cgroup && !own_kernel(sandbox);
}

static int wrap(struct arena *arena, const struct sandbox *sandbox, const struct sandbox_job *job,
                const char ***ret_argv, struct err *err)
{
    bool        own = own_kernel(sandbox);
    bool        copy = job->workspace != NULL && sandbox->engine->copies;
    const char *outer_s =
        arena_format(arena, "%lld", (long long)(job->limits->wall_ms / 1000 + OUTER_GRACE_S));
    const char  *head[] = {"timeout",
                           "-s",
                           "KILL",
                           outer_s,
                           "sh",
                           "-c",
                           wrapper,
                           "sh",
                          copy ? "copy" : "ready",
                           job->cwd,
                          own || cgroup_inside(sandbox) ? "look" : "no"};
    const char **argv = arena_get(arena, ARGV_MOST * sizeof(char *));
    size_t       count = 0;

    /* gVisor lets nobody run what he may not read, as the base's timeout: sh is the first there,
     * and what outlives its worker is for the next worker to reap. */
    for (size_t i = own ? OUTER_ARGS : 0; i < COUNT_OF(head); i++) {
        argv[count++] = head[i];
    }
    for (size_t i = 0; job->argv[i] != NULL; i++) {
        if (count + 1 >= ARGV_MOST) {
            return err_set(err, ERR_BUG, "a sandbox's command has over %d arguments", ARGV_MOST);
        }
        argv[count++] = job->argv[i];
    }
    argv[count] = NULL;
    *ret_argv = argv;
    return 0;
}

int sandbox_run(struct sandbox *sandbox, const struct sandbox_job *job, struct sandbox_end *ret_end,
                struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct tail                  tail = {0};
    struct gate log = {.to = job->log, .most = job->limits->log_bytes, .tail = &tail};
    struct gate result = {
        .to = job->result, .most = job->limits->result_bytes, .wants_start = true};
    bool               warm = false;
    struct engine_run  run = {.job = job,
                              .out = {gate_take, &result},
                              .err_out = {gate_take, &log},
                              .started = &result.started,
                              .warm = &warm};
    struct process_end end;
    const char       **argv;
    bool               oom = false;

    TRY(wrap(arena, sandbox, job, &argv, err));
    run.argv = argv;
    if (sandbox->engine->run(sandbox->self, &run, &end, &oom, err) < 0) {
        /* The engine's program or a group of the kernel's may be there again at the next try. */
        if (err_fate(err->code) == FATE_REJECT && err->code != ERR_BUG) {
            err->code = ERR_SANDBOX_FAILED;
        }
        return err_add(err, "%s", sandbox->engine->name);
    }
    oom = oom || (cgroup_inside(sandbox) && result.started && end.exit_status == OOM_EXIT);
    if (!result.started && !oom) {
        return err_set(err, ERR_SANDBOX_FAILED, "%s did not start the sandbox (%s, exit %d): %s",
                       sandbox->engine->name, end.timed_out ? "it took too long" : "it ended",
                       end.exit_status, tail_text(arena, &tail));
    }
    *ret_end = (struct sandbox_end){.outcome = end.timed_out ? SANDBOX_TIMEOUT
                                               : oom         ? SANDBOX_OOM
                                                             : SANDBOX_EXITED,
                                    .exit_status = end.exit_status,
                                    .took_ms = end.took_ms,
                                    .started_us = result.started_us,
                                    .log_bytes = log.passed,
                                    .log_dropped = log.dropped,
                                    .result_bytes = result.passed,
                                    .result_dropped = result.dropped,
                                    .warm = warm};
    return 0;
}

/* What the probe says, and what the host says of it while it waits for that. */
struct look {
    struct sandbox  *sandbox;
    struct arena    *arena;
    const char      *id, *go;
    struct keep      said;
    struct word_wait done;
    const char      *host;   /* NULL: not looked yet */
    struct err       failed; /* to */
};

static void host_look(struct look *look)
{
    struct sandbox *sandbox = look->sandbox;
    struct err     *err = &look->failed;
    pid_t           pid;

    look->host = "";
    if (sandbox->engine->first_pid(sandbox->self, look->id, &pid, err) == 0 &&
        host_view(look->arena, &HOST_ROOTS, pid, &look->host, err) == 0) {
        return;
    }
    err->code = ERR_SANDBOX_UNFIT;
    (void)err_add(err, "looking from outside at what %s holds to", sandbox_runtime(sandbox));
}

static int look_take(void *self, struct bytes bytes, struct err *err)
{
    struct look *look = self;

    TRY(keep_take(&look->said, bytes, err));
    TRY(word_take(&look->done, bytes, err));
    if (!look->done.seen || look->host != NULL || !own_kernel(look->sandbox)) {
        return 0;
    }
    host_look(look);
    return file_replace(look->go, bytes_of(""), 0644, err);
}

/* Runs the probe in a sandbox and holds what it saw against the limits. */
static int probe_run_in(struct look *look, const struct job *job, struct err *err)
{
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    struct sandbox          *sandbox = look->sandbox;
    bool                     own = own_kernel(sandbox);
    const char *const        argv[] = {"sh", "-c", probe_script, "sh", own ? "wait" : "go", NULL};
    struct sandbox_limits    limits = sandbox->settings->limits;
    struct sandbox_end       end;
    struct probe_wants       wants = {.limits = &limits,
                                      .cgroup_inside = cgroup_inside(sandbox),
                                      .counts_files = sandbox->engine->counts_files && !own,
                                      .own_kernel = own,
                                      .worker_uid = geteuid()};
    struct sandbox_job       probe = {.id = look->id,
                                      .image = &sandbox->base,
                                      .argv = argv,
                                      .env = env,
                                      .cwd = SANDBOX_WORKSPACE,
                                      .limits = &limits,
                                      .result = {look_take, look}};
    const char              *seen;

    limits.wall_ms = limits.wall_ms < 60000 ? limits.wall_ms : 60000;
    if (own) {
        probe.inputs = arena_format(look->arena, "%s/in", job->dir);
        look->go = arena_format(look->arena, "%s/" PROBE_GO, probe.inputs);
        TRY(dir_make(probe.inputs, 0755, err));
    }
    TRY(sandbox_run(sandbox, &probe, &end, err));
    seen = arena_format(look->arena, "%s%s", look->host == NULL ? "" : look->host,
                        buf_text(&look->said.buf));
    if (sandbox->settings->seen != NULL) {
        probe_look(seen, &wants, sandbox->settings->seen);
    }
    if (look->failed.code != ERR_NONE) {
        *err = look->failed;
        return -1;
    }
    return probe_check(seen, &wants, err);
}

static int probe_run(struct sandbox *sandbox, struct err *err)
{
    CLEANUP(job) struct job     *job = NULL;
    CLEANUP(arena) struct arena *arena = arena_new();
    struct look                  look = {.sandbox = sandbox,
                                         .arena = arena,
                                         .said = {.most = PROBE_BYTES},
                                         .done = {.word = PROBE_DONE}};
    int                          ran;

    TRY(job_open(&job, sandbox->settings->dir, err));
    look.id = arena_format(arena, "%s-probe", job->id);
    ran = probe_run_in(&look, job, err);
    buf_done(&look.said.buf);
    return ran;
}

static bool is_outage(enum err_code code)
{
    return code == ERR_DISK_FULL || code == ERR_STOPPING || code == ERR_CONFIG_WRONG;
}

static int warm_up(struct sandbox *sandbox, struct err *err)
{
    const struct sandbox_settings *settings = sandbox->settings;

    if (sandbox->engine->ready != NULL) {
        return sandbox->engine->ready(sandbox->self, settings, &sandbox->base, err);
    }
    if (settings->warm > 0) {
        return err_set(err, ERR_SANDBOX_UNFIT,
                       "it keeps no warm containers, and PRT_QA_WARM asks for %lld; set it to 0, or"
                       " PRT_SANDBOX to runc",
                       (long long)settings->warm);
    }
    return 0;
}

/* One engine, every way it has, until a probe comes out right. */
static int engine_try(struct sandbox *sandbox, const struct engine *engine, struct err *err)
{
    bool more = true;

    TRY(engine->open(sandbox->settings, &sandbox->self, &sandbox->base, err));
    sandbox->engine = engine;
    while (more) {
        if (probe_run(sandbox, err) == 0) {
            if (warm_up(sandbox, err) == 0) {
                return 0;
            }
            break; /* another way would hide why */
        }
        more = !is_outage(err->code) && engine->next_way != NULL && engine->next_way(sandbox->self);
    }
    engine->close(sandbox->self);
    sandbox->engine = NULL;
    return -1;
}

/* A long story begins with where it happened and ends with what did: the middle can go. */
static const char *story_short(struct arena *arena, const char *story, size_t most)
{
    size_t size = strlen(story);
    size_t head = most / 3;

    return size <= most ? story
                        : arena_format(arena, "%.*s...%s", (int)head, story,
                                       story + size - (most - head - 3));
}

int sandbox_open(struct sandbox **ret_sandbox, const struct sandbox_settings *settings,
                 struct err *err)
{
    struct arena                    *arena = arena_new();
    struct sandbox                  *sandbox = arena_zero(arena, 1, sizeof(*sandbox));
    CLEANUP(sandbox) struct sandbox *held = sandbox;
    bool                             any = strcmp(settings->engine, "auto") == 0;
    const char                      *stories = "";
    size_t most = sizeof(err->story) / (any ? COUNT_OF(engines) : 1) - NAME_ROOM;

    sandbox->arena = arena;
    sandbox->settings = settings;
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        if (!any && strcmp(settings->engine, engines[i]->name) != 0) {
            continue;
        }
        if (engine_try(sandbox, engines[i], err) == 0) {
            *ret_sandbox = TAKE(held);
            return 0;
        }
        if (is_outage(err->code)) {
            return err_add(err, "trying %s", engines[i]->name);
        }
        stories = arena_format(arena, "%s%s%s: %s", stories, stories[0] == '\0' ? "" : "; ",
                               engines[i]->name, story_short(arena, err->story, most));
    }
    return err_set(err, ERR_SANDBOX_UNFIT, "%s", stories);
}

void sandbox_close(struct sandbox *sandbox)
{
    if (sandbox != NULL) {
        if (sandbox->engine != NULL) {
            sandbox->engine->close(sandbox->self);
        }
        arena_free(sandbox->arena);
    }
}

const char *sandbox_engine(const struct sandbox *sandbox)
{
    return sandbox->engine->name;
}

const char *sandbox_runtime(const struct sandbox *sandbox)
{
    return sandbox->engine->runtime(sandbox->self);
}

const struct image *sandbox_base(const struct sandbox *sandbox)
{
    return &sandbox->base;
}

const char *sandbox_dir(const struct sandbox *sandbox)
{
    return sandbox->settings->dir;
}

int sandbox_own(struct sandbox *sandbox, const char *dir, struct err *err)
{
    return sandbox->engine->own(sandbox->self, dir, err);
}

int sandbox_warm_wait(struct sandbox *sandbox, size_t count, int64_t most_ms, struct err *err)
{
    return sandbox->engine->warm_wait == NULL
               ? 0
               : sandbox->engine->warm_wait(sandbox->self, count, most_ms, err);
}

int sandbox_reap(struct sandbox *sandbox, int *ret_reaped, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *dir = sandbox->settings->dir;
    const char                 **ids;
    size_t                       count;
    int                          reaped = 0;
    int                          removed;

    TRY(sandbox->engine->list(sandbox->self, arena, &ids, &count, err));
    for (size_t i = 0; i < count; i++) {
        /* Two workers may reap at once: what is gone already was reaped. */
        if (!job_alive(dir, ids[i]) && sandbox->engine->remove(sandbox->self, ids[i], err) == 0) {
            reaped++;
        }
    }
    TRY(job_reap(dir, &removed, err));
    *ret_reaped = reaped;
    return 0;
}
