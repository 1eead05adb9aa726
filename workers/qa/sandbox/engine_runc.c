// SPDX-License-Identifier: MIT
/*
 * engine_runc.c - runc on an unpacked root file system, without a daemon between: the fast path.
 * How its mounts lie is told in place.h; containers made ahead are in warm.h.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "value/json.h"
#include "workers/qa/sandbox/base_image.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/sandbox/runc_config.h"
#include "workers/qa/sandbox/sealed.h"
#include "workers/qa/sandbox/users.h"
#include "workers/qa/sandbox/warm.h"

/* Host uids of the user namespace: above what any system hands out. */
enum { MAP_FROM = 1879048192 };

const char *const runc_env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                NULL};

static int program_there(struct arena *arena, const char *name, struct err *err)
{
    const char *const argv[] = {name, "--version", NULL};
    struct bytes      out;

    if (process_ask(arena, argv, 4096, RUNC_COMMAND_MS, &out, err) < 0) {
        err->code = ERR_SANDBOX_UNFIT;
        return -1;
    }
    return 0;
}

static void runc_close(void *self)
{
    struct runc *runc = self;

    if (runc != NULL) {
        warm_close(runc->warm);
        fd_close(runc->sealed_fd);
        arena_free(runc->arena);
    }
}
DEFINE_CLEANUP(runc, void *, runc_close)

static int runc_open(const struct sandbox_settings *settings, void **ret_self,
                     struct image *ret_base, struct err *err)
{
    struct arena       *arena = arena_new();
    struct runc        *runc = arena_zero(arena, 1, sizeof(*runc));
    CLEANUP(runc) void *held = runc;

    runc->arena = arena;
    runc->map_from = MAP_FROM;
    runc->sealed_fd = -1;
    if (settings->runtime[0] != '\0' && strcmp(settings->runtime, "runc") != 0) {
        return err_set(
            err, ERR_SANDBOX_UNFIT,
            "PRT_SANDBOX_RUNTIME is \"%.100s\", and this engine is runc itself: leave that "
            "empty, or set PRT_SANDBOX to podman or docker, which start it",
            settings->runtime);
    }
    if (geteuid() != 0) {
        return err_set(err, ERR_SANDBOX_UNFIT, "not root: it could not limit memory and disk");
    }
    TRY(program_there(arena, "runc", err));
    runc->sealed = sealed_copy(arena, "runc", &runc->sealed_fd);
    TRY(cgroups_find(CGROUP_ROOT, &runc->cgroups, err));
    if (cgroups_make_room(&runc->cgroups, err) < 0) {
        err->code = ERR_SANDBOX_UNFIT;
        return err_add(err, "making cgroups for sandboxes below this container's");
    }
    if (settings->base[0] == '\0') {
        return err_set(err, ERR_SANDBOX_UNFIT,
                       "PRT_QA_BASE_ROOTFS is not set; make a base with prt qa-image");
    }
    TRY(base_read(arena, settings->base, ret_base, err));
    runc->state = arena_format(arena, "%s/runc", settings->dir);
    TRY(dir_make(runc->state, 0700, err));
    TRY(mounts_enter(err));
    *ret_self = TAKE(held);
    return 0;
}

/* Second and last: without a user namespace, where the kernel gives none. */
static bool runc_next_way(void *self)
{
    struct runc *runc = self;
    bool         more = runc->map_from != 0;

    runc->map_from = 0;
    return more;
}

static int runc_ready(void *self, const struct sandbox_settings *settings, const struct image *base,
                      struct err *err)
{
    struct runc *runc = self;

    if (settings->warm > 0 && runc->map_from == 0) {
        return err_set(err, ERR_SANDBOX_UNFIT,
                       "containers made ahead want a user namespace, and this machine gives none;"
                       " set PRT_QA_WARM to 0");
    }
    return settings->warm == 0 ? 0 : warm_open(&runc->warm, runc, settings, base, err);
}

static int runc_warm_wait(void *self, size_t count, int64_t most_ms, struct err *err)
{
    struct runc *runc = self;

    return runc->warm == NULL ? 0 : warm_wait(runc->warm, count, most_ms, err);
}

static const char *runc_runtime(void *self)
{
    (void)self;
    return "runc";
}

static _Thread_local uid_t own_uid;

static int own_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return lchown(path, own_uid, own_uid);
}

static int runc_own(void *self, const char *dir, struct err *err)
{
    struct runc *runc = self;

    own_uid = runc_uid(runc);
    if (nftw(dir, own_one, 32, FTW_PHYS | FTW_MOUNT) < 0) {
        return err_errno(err, "handing %s to the sandbox", dir);
    }
    return 0;
}

/* -------------------------------------- one container -------------------------------------- */

int runc_bundle(const struct runc *runc, const struct place *place, const struct sandbox_job *job,
                const struct runc_first *first, struct err *err)
{
    CLEANUP(buf) struct buf json = {0};
    bool                    late = first->kind == BOX_KEEPER;
    struct runc_config      spec = {.kind = first->kind,
                                    .users = first->users,
                                    .job = job,
                                    .limits = job->limits,
                                    .argv = first->argv,
                                    .rootfs = place->root,
                                    .workspace = late ? NULL : place->ws,
                                    .tmp = arena_format(place->arena, "%s/tmp", place->disk),
                                    .shm = arena_format(place->arena, "%s/shm", place->disk),
                                    .inputs = late || job->inputs == NULL ? NULL : place->in,
                                    .deps = late || job->image->deps == NULL ? NULL : place->deps,
                                    .cgroup = cgroup_path(place->arena, job->id),
                                    .map_from = runc->map_from,
                                    .swap_limit = runc->cgroups.swap_limit};
    struct value            config = runc_config(place->arena, &spec);
    const char             *path = arena_format(place->arena, "%s/config.json", place->bundle);
    CLEANUP(fd) int         fd = -1;

    if (runc->sealed != NULL && symlink(runc->sealed, runc_program(runc, place)) < 0) {
        return err_errno(err, "naming the sealed copy of runc");
    }
    TRY(jcs_write(&json, &config, err));
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, "writing %s", path);
    }
    return fd_write_all(fd, buf_bytes(&json), err);
}

const char *runc_program(const struct runc *runc, const struct place *place)
{
    return runc->sealed == NULL ? NULL : arena_format(place->arena, "%s/runc", place->bundle);
}

void runc_argv(const struct runc *runc, const struct place *place, const char *id,
               enum box_kind kind, const char **argv)
{
    argv[0] = "runc";
    argv[1] = "--root";
    argv[2] = runc->state;
    argv[3] = "run";
    argv[4] = "--keep";
    argv[5] = "--bundle";
    argv[6] = place->bundle;
    argv[7] = arena_format(place->arena, "--pid-file=%s/pid", place->bundle);
    argv[8] = kind == BOX_ZYGOTE ? "--preserve-fds=1" : id;
    argv[9] = kind == BOX_ZYGOTE ? id : NULL;
    argv[10] = NULL;
}

int runc_pid(const struct place *place, struct running *running, pid_t *ret_pid, struct err *err)
{
    const char           *path = arena_format(place->arena, "%s/pid", place->bundle);
    const struct timespec a_little = {.tv_nsec = 500000};
    int64_t               until_us = clock_mono_us() + RUNC_COMMAND_MS * 1000LL;
    struct bytes          pid;

    /* runc writes it when the first process runs already, and may have spoken. */
    while (file_read(place->arena, path, 32, &pid, err) < 0) {
        if (err->code != ERR_NOT_FOUND || !process_runs(running) || clock_mono_us() > until_us) {
            return err_add(err, "looking for a container's first process");
        }
        err_clear(err);
        (void)nanosleep(&a_little, NULL);
    }
    *ret_pid = (pid_t)atoi(arena_text(place->arena, pid));
    return 0;
}

int runc_delete(const struct runc *runc, const char *id, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char *const argv[] = {"runc", "--root", runc->state, "delete", "--force", id, NULL};
    struct bytes      out;

    TRY(process_ask(arena, argv, 4096, RUNC_COMMAND_MS, &out, err));
    /* Of a container that was still being made when its worker died runc knows no group. */
    return cgroup_clear(&runc->cgroups, id, err);
}

int runc_forget(const struct runc *runc, const char *id, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    /* A group that cannot be removed holds somebody yet: runc kills and waits. */
    if (!cgroup_remove(&runc->cgroups, id)) {
        return runc_delete(runc, id, err);
    }
    return dir_remove(arena_format(arena, "%s/%s", runc->state, id), err);
}

static int runc_remove(void *self, const char *id, struct err *err)
{
    return runc_delete(self, id, err);
}

void runc_kill(const struct runc *runc, const char *id)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char *const            argv[] = {"runc", "--root", runc->state, "kill", id, "KILL", NULL};
    struct bytes                 out;
    struct err                   ignored = {0};

    if (process_ask(arena, argv, 4096, RUNC_COMMAND_MS, &out, &ignored) < 0) {
        return; /* it ended by itself meanwhile; runc_delete has the last word */
    }
}

struct stopper {
    struct runc *runc;
    const char  *id;
};

static void stop_container(void *self)
{
    struct stopper *stopper = self;

    runc_kill(stopper->runc, stopper->id);
}

static int run_in_place(struct runc *runc, const struct place *place, const struct engine_run *run,
                        struct process_end *ret_end, bool *ret_oom, struct err *err)
{
    const struct sandbox_job *job = run->job;
    const char               *argv[RUNC_ARGV_MOST];
    struct stopper            stopper = {runc, job->id};
    struct process            process = {.argv = argv,
                                         .program = runc_program(runc, place),
                                         .env = runc_env,
                                         .out = run->out,
                                         .err_out = run->err_out,
                                         .tick = job->tick,
                                         .wall_ms = job->limits->wall_ms,
                                         .started = run->started,
                                         .start_ms = START_MS,
                                         .stop = stop_container,
                                         .stop_self = &stopper};
    struct err                second = {0};
    int                       ran;

    runc_argv(runc, place, job->id, BOX_JOB, argv);
    ran = process_run(&process, ret_end, err);
    /* --keep: the cgroup is still there to be asked. */
    if (ran == 0) {
        ran = cgroup_judge(&runc->cgroups, job->id, job->limits, ret_oom, err);
    }
    if (runc_forget(runc, job->id, &second) < 0 && ran == 0) {
        *err = second;
        return err_add(err, "removing the sandbox");
    }
    return ran;
}

static int run_cold(struct runc *runc, const struct engine_run *run, struct process_end *ret_end,
                    bool *ret_oom, struct err *err)
{
    CLEANUP(arena) struct arena    *arena = arena_new();
    struct place                    place = {.arena = arena};
    const struct sandbox_job       *job = run->job;
    struct runc_first               first = {BOX_JOB, NULL, run->argv};
    CLEANUP(founder) struct founder founder = FOUNDER_NONE;
    CLEANUP(fd) int                 users = -1;
    int                             ran;

    if (runc->map_from != 0) {
        CLEANUP(fd) int door = cgroup_door(&runc->cgroups);

        TRY(founder_start(&founder, door, err)); /* it founds while the place is made */
    }
    ran = place_make(&place, job->id, job->image->handle, job->limits, runc_uid(runc), err);
    if (ran == 0) {
        ran = place_fill(&place, job, err);
    }
    if (ran == 0 && runc->map_from != 0) {
        ran = founder_take(&founder, runc->map_from, &users, err);
        first.users = users_path(arena, users);
    }
    if (ran == 0) {
        ran = runc_bundle(runc, &place, job, &first, err);
    }
    if (ran == 0) {
        ran = run_in_place(runc, &place, run, ret_end, ret_oom, err);
    }
    place_leave(&place);
    return ran;
}

static int runc_run(void *self, const struct engine_run *run, struct process_end *ret_end,
                    bool *ret_oom, struct err *err)
{
    struct runc *runc = self;
    bool         ran = false;

    TRY(mounts_enter(err));
    if (runc->warm != NULL) {
        TRY(warm_run(runc->warm, run, &ran, ret_end, ret_oom, err));
    }
    return ran ? 0 : run_cold(runc, run, ret_end, ret_oom, err);
}

static int runc_list(void *self, struct arena *arena, const char ***ret_ids, size_t *ret_count,
                     struct err *err)
{
    struct runc *runc = self;

    return dir_list(arena, runc->state, ret_ids, ret_count, err);
}

const struct engine engine_runc = {.name = "runc",
                                   .counts_files = true,
                                   .open = runc_open,
                                   .next_way = runc_next_way,
                                   .ready = runc_ready,
                                   .warm_wait = runc_warm_wait,
                                   .runtime = runc_runtime,
                                   .own = runc_own,
                                   .run = runc_run,
                                   .list = runc_list,
                                   .remove = runc_remove,
                                   .close = runc_close};
