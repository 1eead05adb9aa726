// SPDX-License-Identifier: MIT
/*
 * engine_oci_cli.c - docker and podman: one command line, two programs.
 *
 * The container sees the unpacked snapshot read-only at SANDBOX_SNAPSHOT and copies it into a
 * size-limited tmpfs at SANDBOX_WORKSPACE (sandbox.c does that): needs no right on the host, and
 * works with a daemon that sees the state directory.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "value/json.h"
#include "workers/qa/sandbox/cli_image.h"
#include "workers/qa/sandbox/engine.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/sandbox/seccomp.h"

enum {
    COMMAND_MS = 60000,
    LOOK_AGAIN_MS = 20,
    SHM_MB = 64,
    NPROC_SHARE =
        64, /* RLIMIT_NPROC counts all sandboxes of one uid; the exact limit is the cgroup's */
    ARGS_MOST = 128,
    FAILED_FROM = 125, /* exit statuses of the engine itself; 126 and 127 may be the job's */
    KILLED_FROM = 128, /* exit statuses that name a signal */
    WAYS_MOST = 2
};

#define OOM_FILE "oom"

struct cli {
    struct arena      *arena;
    struct cli_program program;
    const char        *runtime; /* as set; "" the program's own */
    const char        *state, *seccomp;
    int                way;
};

/* Options that a machine may need before it runs anything: tried in this order. The second is for
 * cgroups v1 and v2 side by side, where podman's own choice of runtime refuses. */
static const char *const podman_ways[WAYS_MOST][4] = {
    {NULL},
    {"--runtime", "runc", "--cgroup-manager=cgroupfs", NULL},
};

static void cli_close(void *self)
{
    struct cli *cli = self;

    if (cli != NULL) {
        arena_free(cli->arena);
    }
}
DEFINE_CLEANUP(cli, void *, cli_close)

static void way_set(struct cli *cli)
{
    struct cli_program *program = &cli->program;
    size_t              count = 0;

    memset(program->options, 0, sizeof(program->options));
    if (program->podman) {
        for (size_t i = 0; podman_ways[cli->way][i] != NULL; i++) {
            program->options[count++] = podman_ways[cli->way][i];
        }
        if (cli->runtime[0] != '\0') { /* what the operator says comes last and wins */
            program->options[count++] = "--runtime";
            program->options[count++] = cli->runtime;
        }
        if (runtime_has_kernel(cli->runtime)) { /* else gVisor leaves our profile out */
            program->options[count++] = "--runtime-flag";
            program->options[count++] = "oci-seccomp";
        }
    }
}

static bool cli_next_way(void *self)
{
    struct cli *cli = self;

    if (!cli->program.podman || cli->way + 1 >= WAYS_MOST) {
        return false;
    }
    cli->way++;
    way_set(cli);
    return true;
}

/* What docker itself says it cannot hold on this machine; podman fails by itself when it cannot. */
static int docker_fit(struct err *err)
{
    static const struct {
        const char *field, *words;
    } needs[] = {{"MemoryLimit", "memory"},
                 {"SwapLimit", "swap (boot with swapaccount=1)"},
                 {"CpuCfsQuota", "CPU time"},
                 {"PidsLimit", "pids"}};
    CLEANUP(arena) struct arena *arena = arena_new();
    const char *const            argv[] = {"docker", "info", "--format", "{{json .}}", NULL};
    struct value_limits          limits = {.bytes = 4 << 20, .depth = 32, .values = 20000};
    struct bytes                 out;
    struct value                 info;

    if (process_ask(arena, argv, 4 << 20, COMMAND_MS, &out, err) < 0 ||
        json_read(arena, out, &limits, &info, err) < 0) {
        return err_set(err, ERR_SANDBOX_UNFIT, "its daemon does not answer; is it running?");
    }
    for (size_t i = 0; i < COUNT_OF(needs); i++) {
        if (!value_flag_or(value_get(&info, needs[i].field), false)) {
            return err_set(err, ERR_SANDBOX_UNFIT, "its daemon cannot limit %s on this machine",
                           needs[i].words);
        }
    }
    return 0;
}

static int seccomp_write(struct cli *cli, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      json = {0};
    struct value                 profile = seccomp_profile(arena, false);

    cli->seccomp = arena_format(cli->arena, "%s/seccomp.json", cli->state);
    TRY(jcs_write(&json, &profile, err));
    return file_replace(cli->seccomp, buf_bytes(&json), 0644, err);
}

static int cli_open(const char *name, const struct sandbox_settings *settings, void **ret_self,
                    struct image *ret_base, struct err *err)
{
    struct arena      *arena = arena_new();
    struct cli        *cli = arena_zero(arena, 1, sizeof(*cli));
    CLEANUP(cli) void *held = cli;
    const char *const  version[] = {name, "--version", NULL};
    struct bytes       out;

    cli->arena = arena;
    cli->runtime = settings->runtime;
    cli->state = settings->dir;
    cli->program.name = name;
    cli->program.podman = strcmp(name, "podman") == 0;
    way_set(cli);
    if (process_ask(arena, version, 4096, COMMAND_MS, &out, err) < 0) {
        err->code = ERR_SANDBOX_UNFIT;
        return -1;
    }
    if (!cli->program.podman) {
        TRY(docker_fit(err));
    }
    TRY(dir_make(cli->state, 0711, err));
    TRY(seccomp_write(cli, err));
    /* Images are taken in without running anything, so the last way works if any does. */
    cli->way = cli->program.podman ? WAYS_MOST - 1 : 0;
    way_set(cli);
    TRY(cli_image(&cli->program, arena, settings, ret_base, err));
    cli->way = 0;
    way_set(cli);
    *ret_self = TAKE(held);
    return 0;
}

static int podman_open(const struct sandbox_settings *settings, void **ret_self,
                       struct image *ret_base, struct err *err)
{
    return cli_open("podman", settings, ret_self, ret_base, err);
}

static int docker_open(const struct sandbox_settings *settings, void **ret_self,
                       struct image *ret_base, struct err *err)
{
    return cli_open("docker", settings, ret_self, ret_base, err);
}

static const char *cli_runtime(void *self)
{
    struct cli *cli = self;

    if (cli->runtime[0] != '\0') {
        return cli->runtime;
    }
    return cli->way == 1 ? "runc" : "default";
}

/* The container copies what it reads: everybody may read it, so there is nothing to hand over. */
static int cli_own(void *self, const char *dir, struct err *err)
{
    (void)self;
    (void)dir;
    (void)err;
    return 0;
}

struct args_list {
    struct arena *arena;
    const char   *arg[ARGS_MOST];
    size_t        count;
    bool          full;
};

static void arg(struct args_list *list, const char *text)
{
    if (list->count + 1 == ARGS_MOST) {
        list->full = true; /* checked at the end */
        return;
    }
    list->arg[list->count++] = text;
}

static void arg_pair(struct args_list *list, const char *option, const char *text)
{
    arg(list, option);
    arg(list, text);
}

static void args_program(struct args_list *list, const struct cli *cli)
{
    arg(list, cli->program.name);
    for (size_t i = 0; cli->program.options[i] != NULL; i++) {
        arg(list, cli->program.options[i]);
    }
}

static void args_limits(struct args_list *list, const struct cli *cli,
                        const struct sandbox_limits *limits)
{
    struct arena *arena = list->arena;
    long long     memory = (long long)limits->memory_bytes;
    bool          own_kernel = runtime_has_kernel(cli->runtime);
    long long     nproc = (long long)limits->pids * (own_kernel ? 1 : NPROC_SHARE);

    arg_pair(list, "--memory", arena_format(arena, "%lldb", memory));
    arg_pair(list, "--memory-swap", arena_format(arena, "%lldb", memory)); /* equal: no swap */
    arg_pair(list, "--cpus", arena_format(arena, "%lld", (long long)limits->cpus));
    arg_pair(list, "--pids-limit",
             arena_format(arena, "%lld", (long long)host_pids(limits, own_kernel)));
    arg_pair(list, "--ulimit",
             arena_format(arena, "fsize=%lld:%lld", (long long)limits->file_bytes,
                          (long long)limits->file_bytes));
    arg_pair(list, "--ulimit",
             arena_format(arena, "nofile=%lld:%lld", (long long)limits->open_files,
                          (long long)limits->open_files));
    arg_pair(list, "--ulimit", arena_format(arena, "nproc=%lld:%lld", nproc, nproc));
    arg_pair(list, "--ulimit", "core=0:0");
    arg_pair(list, "--shm-size", arena_format(arena, "%dm", SHM_MB));
    /* podman takes no nr_inodes (an inode costs about a kilobyte of the memory limit in any case),
     * and would copy the image's directory with its owner into the tmpfs. */
    for (size_t i = 0; i < 2; i++) {
        long long   quarters = i == 0 ? 3 : 1;
        const char *inodes =
            arena_format(arena, ",nr_inodes=%lld", (long long)limits->disk_entries);

        arg_pair(list, "--tmpfs",
                 arena_format(arena, "%s:rw,exec,nosuid,nodev,mode=1777,size=%lld%s",
                              i == 0 ? SANDBOX_WORKSPACE : "/tmp",
                              (long long)limits->disk_bytes / 4 * quarters,
                              cli->program.podman ? ",notmpcopyup" : inodes));
    }
}

static void args_walls(struct args_list *list, const struct cli *cli, const struct sandbox_job *job)
{
    struct arena *arena = list->arena;

    arg_pair(list, "--name", job->id);
    arg_pair(list, "--label", arena_format(arena, "pr-telemetry.qa=%s", cli->state));
    arg_pair(list, "--label", arena_format(arena, "pr-telemetry.job=%s", job->id));
    arg_pair(list, "--label",
             arena_format(arena, "pr-telemetry.deadline=%lld",
                          (long long)(clock_us() / 1000 + job->limits->wall_ms) / 1000));
    arg(list, "--pull=never");
    arg(list, "--read-only");
    arg_pair(list, "--cap-drop", "ALL");
    arg_pair(list, "--security-opt", "no-new-privileges");
    arg_pair(list, "--security-opt", arena_format(arena, "seccomp=%s", cli->seccomp));
    arg_pair(list, "--user", arena_format(arena, "%d:%d", SANDBOX_UID, SANDBOX_UID));
    arg_pair(list, "--ipc", "private");
    arg_pair(list, "--hostname", "sandbox");
    arg_pair(list, "--log-driver", "none"); /* its own copy of the log would be without a limit */
    arg_pair(list, "--stop-timeout", "0");
    if (!job->network) {
        arg_pair(list, "--network", "none");
    }
    if (cli->program.podman) {
        arg(list, "--rm"); /* by itself: a second podman would take as long as the first */
        arg(list, "--read-only-tmpfs=false");
        arg(list, "--http-proxy=false");
    } else if (cli->runtime[0] != '\0') {
        arg_pair(list, "--runtime", cli->runtime);
    }
}

static void arg_volume(struct args_list *list, const char *from, const char *to)
{
    if (from != NULL) {
        arg_pair(list, "--volume", arena_format(list->arena, "%s:%s:ro", from, to));
    }
}

static int run_args(struct args_list *list, const struct cli *cli, const struct engine_run *run,
                    struct err *err)
{
    const struct sandbox_job *job = run->job;

    args_program(list, cli);
    arg(list, "run");
    args_walls(list, cli, job);
    args_limits(list, cli, job->limits);
    arg_volume(list, job->workspace, SANDBOX_SNAPSHOT);
    arg_volume(list, job->inputs, SANDBOX_INPUTS);
    arg_volume(list, job->image->deps, SANDBOX_DEPS);
    for (size_t i = 0; job->env[i] != NULL; i++) {
        arg_pair(list, "--env", job->env[i]);
    }
    arg(list, job->image->handle);
    for (size_t i = 0; run->argv[i] != NULL; i++) {
        arg(list, run->argv[i]);
    }
    if (list->full) {
        return err_set(err, ERR_BUG, "a sandbox's command has more than %d arguments",
                       ARGS_MOST - 1);
    }
    list->arg[list->count] = NULL;
    return 0;
}

/* A word about a container, while its job's lease is kept: daemons take their time. */
static int cli_ask(struct args_list *list, const struct tick *tick, struct bytes *ret_out,
                   struct err *err)
{
    struct asking asking = {list->arg, 4096, COMMAND_MS, tick_always(tick)};

    return process_ask_ticking(list->arena, &asking, ret_out, err);
}

static int container_remove(const struct cli *cli, const char *id, const struct tick *tick,
                            struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct args_list             list = {.arena = arena};
    struct bytes                 out;

    args_program(&list, cli);
    arg(&list, "rm");
    if (cli->program.podman) {
        arg(&list, "--ignore"); /* it may have done so by itself */
    }
    arg_pair(&list, "-f", id);
    return cli_ask(&list, tick, &out, err);
}

static int cli_remove(void *self, const char *id, struct err *err)
{
    const struct tick none = {0};

    return container_remove(self, id, &none, err);
}

struct stopper {
    struct cli               *cli;
    const struct sandbox_job *job;
};

static void stop_container(void *self)
{
    struct stopper              *stopper = self;
    CLEANUP(arena) struct arena *arena = arena_new();
    struct args_list             list = {.arena = arena};
    struct bytes                 out;
    struct err                   ignored = {0};

    args_program(&list, stopper->cli);
    arg(&list, "kill");
    arg(&list, stopper->job->id);
    if (cli_ask(&list, &stopper->job->tick, &out, &ignored) < 0) {
        return; /* it ended by itself meanwhile, or process_run kills the client */
    }
}

static int state_ask(struct cli *cli, struct arena *arena, const struct sandbox_job *job,
                     const char *what, const char **ret_text, struct err *err)
{
    struct args_list list = {.arena = arena};
    struct bytes     out;

    args_program(&list, cli);
    arg(&list, "inspect");
    arg_pair(&list, "--format", what);
    arg(&list, job->id);
    TRY(cli_ask(&list, &job->tick, &out, err));
    *ret_text = arena_text(arena, out);
    return 0;
}

/* What watches podman's containers leaves a file "oom" where podman was started; docker knows. */
static int oom_ask(struct cli *cli, const struct sandbox_job *job, const char *cwd, bool *ret_oom,
                   struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *killed;

    if (cli->program.podman) {
        *ret_oom = access(arena_format(arena, "%s/" OOM_FILE, cwd), F_OK) == 0;
        return 0;
    }
    TRY(state_ask(cli, arena, job, "{{.State.OOMKilled}}", &killed, err));
    *ret_oom = strncmp(killed, "true", 4) == 0;
    return 0;
}

static int cli_first_pid(void *self, const char *id, pid_t *ret_pid, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    int64_t                      until_us = clock_mono_us() + COMMAND_MS * 1000LL;
    const struct sandbox_job     job = {.id = id};
    const char                  *pid;

    /* A container speaks before its engine has noted that it runs: until then its pid is 0. */
    while (state_ask(self, arena, &job, "{{.State.Pid}}", &pid, err) == 0) {
        if (atoi(pid) > 0) {
            *ret_pid = (pid_t)atoi(pid);
            return 0;
        }
        if (clock_mono_us() > until_us) {
            return err_set(err, ERR_SANDBOX_FAILED, "it does not say which process the sandbox is");
        }
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
    return -1;
}

static int cli_run(void *self, const struct engine_run *run, struct process_end *ret_end,
                   bool *ret_oom, struct err *err)
{
    struct cli                  *cli = self;
    CLEANUP(arena) struct arena *arena = arena_new();
    struct args_list             list = {.arena = arena};
    struct stopper               stopper = {cli, run->job};
    const char                  *cwd =
        arena_format(arena, "%s/%s", job_dir_of(arena, cli->state, run->job->id), run->job->id);
    struct process process = {.argv = list.arg,
                              .cwd = cwd,
                              .out = run->out,
                              .err_out = run->err_out,
                              .tick = run->job->tick,
                              .wall_ms = run->job->limits->wall_ms,
                              .started = run->started,
                              .start_ms = START_MS,
                              .stop = stop_container,
                              .stop_self = &stopper};
    struct err     second = {0};
    int            ran;

    TRY(run_args(&list, cli, run, err));
    TRY(dir_remove(cwd, err));
    TRY(dir_make(cwd, 0700, err));
    ran = process_run(&process, ret_end, err);
    /* Whatever ended by itself had the wrapper look for kills inside. The wrapper killed leaves it
     * to the engine to say why; below that an engine's own failure may have left no container. */
    *ret_oom = false;
    if (ran == 0 && ret_end->exit_status >= KILLED_FROM) {
        ran = oom_ask(cli, run->job, cwd, ret_oom, err);
    }
    if (ran == 0 && cli->program.podman && !ret_end->timed_out &&
        ret_end->exit_status < FAILED_FROM) {
        return 0;
    }
    if (container_remove(cli, run->job->id, &run->job->tick, &second) < 0 && ran == 0 &&
        ret_end->exit_status != FAILED_FROM) {
        *err = second;
        return err_add(err, "removing the sandbox");
    }
    return ran;
}

static int cli_list(void *self, struct arena *arena, const char ***ret_ids, size_t *ret_count,
                    struct err *err)
{
    struct cli      *cli = self;
    struct args_list list = {.arena = arena};
    struct bytes     out;
    char            *text;
    char            *rest = NULL;
    size_t           count = 0;

    args_program(&list, cli);
    arg_pair(&list, "ps", "--all");
    arg_pair(&list, "--filter", arena_format(arena, "label=pr-telemetry.qa=%s", cli->state));
    arg_pair(&list, "--format", "{{.Names}}");
    TRY(process_ask(arena, list.arg, 1 << 20, COMMAND_MS, &out, err));
    text = arena_text(arena, out);
    *ret_ids = arena_get(arena, (out.size / 2 + 1) * sizeof(char *));
    for (char *id = strtok_r(text, "\n", &rest); id != NULL; id = strtok_r(NULL, "\n", &rest)) {
        (*ret_ids)[count++] = id;
    }
    *ret_count = count;
    return 0;
}

const struct engine engine_podman = {.name = "podman",
                                     .copies = true,
                                     .shows_cgroup = true,
                                     .open = podman_open,
                                     .next_way = cli_next_way,
                                     .runtime = cli_runtime,
                                     .own = cli_own,
                                     .run = cli_run,
                                     .first_pid = cli_first_pid,
                                     .list = cli_list,
                                     .remove = cli_remove,
                                     .close = cli_close};

const struct engine engine_docker = {.name = "docker",
                                     .counts_files = true,
                                     .copies = true,
                                     .shows_cgroup = true,
                                     .open = docker_open,
                                     .next_way = cli_next_way,
                                     .runtime = cli_runtime,
                                     .own = cli_own,
                                     .run = cli_run,
                                     .first_pid = cli_first_pid,
                                     .list = cli_list,
                                     .remove = cli_remove,
                                     .close = cli_close};
