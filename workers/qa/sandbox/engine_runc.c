// SPDX-License-Identifier: MIT
/*
 * engine_runc.c - runc on an unpacked root file system, without a daemon between: the fast path.
 *
 * All mounts are made in a mount namespace of the worker's own, below one small tmpfs. Nothing has
 * to be unmounted after a crash: the namespace goes with its last process. Per job:
 *
 *   PLACE/<id>/bundle/config.json
 *   PLACE/<id>/root     the base, bound            PLACE/<id>/in, deps   bound read-only
 *   PLACE/<id>/disk     tmpfs of disk_bytes: upper, work, tmp, shm
 *   PLACE/<id>/ws       overlay of the unpacked snapshot and disk/upper
 *
 * The snapshot stays on the disk and is shared by all runs on it; what tests write is memory of the
 * sandbox, inside its memory limit and its disk limit both.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "value/json.h"
#include "workers/qa/sandbox/base_image.h"
#include "workers/qa/sandbox/cgroup.h"
#include "workers/qa/sandbox/engine.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/sandbox/runc_config.h"

#define PLACE       "/run/pr-telemetry"
#define PLACE_TMPFS "/run/pr-telemetry/qa"

enum {
    MAP_FROM = 1879048192, /* host uids of the user namespace: above what any system hands out */
    COMMAND_MS = 30000
};

struct runc {
    struct arena  *arena;
    const char    *state; /* runc --root */
    const char    *base;
    int64_t        map_from;
    struct cgroups cgroups;
};

/* The mounts of this thread are its own from here on. */
static int mounts_enter(struct err *err)
{
    static _Thread_local bool entered;

    if (entered) {
        return 0;
    }
    TRY(dir_make(PLACE_TMPFS, 0711, err));
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mount("prt-qa", PLACE_TMPFS, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0711,size=16m") < 0) {
        (void)err_errno(err, "making a mount namespace for sandboxes");
        err->code = ERR_SANDBOX_UNFIT;
        return -1;
    }
    entered = true;
    return 0;
}

static int program_there(struct arena *arena, const char *name, struct err *err)
{
    const char *const argv[] = {name, "--version", NULL};
    struct bytes      out;

    if (process_ask(arena, argv, 4096, COMMAND_MS, &out, err) < 0) {
        err->code = ERR_SANDBOX_UNFIT;
        return -1;
    }
    return 0;
}

static void runc_close(void *self)
{
    struct runc *runc = self;

    if (runc != NULL) {
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
    if (geteuid() != 0) {
        return err_set(err, ERR_SANDBOX_UNFIT, "not root: it could not limit memory and disk");
    }
    TRY(program_there(arena, "runc", err));
    TRY(cgroups_find(&runc->cgroups, err));
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

    own_uid = (uid_t)(runc->map_from + SANDBOX_UID);
    if (nftw(dir, own_one, 32, FTW_PHYS | FTW_MOUNT) < 0) {
        return err_errno(err, "handing %s to the sandbox", dir);
    }
    return 0;
}

/* A directory for each thing of a job, and what is mounted on it. */
struct place {
    struct arena *arena;
    const char   *dir, *bundle, *root, *disk, *ws, *in, *deps;
};

static void place_leave(struct place *place)
{
    const char *const mounted[] = {place->ws, place->disk, place->root, place->in, place->deps};
    struct err        ignored = {0};

    for (size_t i = 0; i < COUNT_OF(mounted); i++) {
        (void)umount2(mounted[i], MNT_DETACH); /* not mounted: fine */
    }
    if (dir_remove(place->dir, &ignored) < 0) {
        return; /* it lies on a tmpfs that goes with this process */
    }
}

static int bind(const char *from, const char *to, unsigned long flags, struct err *err)
{
    if (mount(from, to, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | flags, NULL) < 0) {
        return err_errno(err, "mounting %s on %s", from, to);
    }
    return 0;
}

static int disk_mount(struct runc *runc, const struct place *place, const struct sandbox_job *job,
                      struct err *err)
{
    static const char *const parts[] = {"upper", "work", "tmp", "shm"};
    uid_t                    uid = (uid_t)(runc->map_from + SANDBOX_UID);
    const char              *options =
        arena_format(place->arena, "size=%lld,nr_inodes=%lld,mode=0711",
                     (long long)job->limits->disk_bytes, (long long)job->limits->disk_entries);

    if (mount("prt-disk", place->disk, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0) {
        return err_errno(err, "mounting the job's disk");
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const char *part = arena_format(place->arena, "%s/%s", place->disk, parts[i]);
        bool        shared = i >= 2;

        if (mkdir(part, 0755) < 0 || chown(part, uid, uid) < 0 ||
            chmod(part, shared ? 01777 : 0755) < 0) {
            return err_errno(err, "making %s", part);
        }
    }
    return 0;
}

static int workspace_mount(const struct place *place, const struct sandbox_job *job,
                           struct err *err)
{
    const char *upper = arena_format(place->arena, "%s/upper", place->disk);
    const char *options;

    if (job->workspace == NULL) {
        return bind(upper, place->ws, 0, err);
    }
    /* The options are a list with commas and colons in it: our own paths have neither. */
    if (strpbrk(job->workspace, ",:\\") != NULL) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "PRT_QA_DIR: %s holds a comma, colon or backslash; choose another path",
                       job->workspace);
    }
    options = arena_format(place->arena, "lowerdir=%s,upperdir=%s,workdir=%s/work", job->workspace,
                           upper, place->disk);
    if (mount("prt-ws", place->ws, "overlay", MS_NOSUID | MS_NODEV, options) < 0) {
        return err_errno(err, "mounting the workspace");
    }
    return 0;
}

static int place_make(struct runc *runc, struct place *place, const struct sandbox_job *job,
                      struct err *err)
{
    const char **const dirs[] = {&place->bundle, &place->root, &place->disk,
                                 &place->ws,     &place->in,   &place->deps};
    const char *const  names[] = {"bundle", "root", "disk", "ws", "in", "deps"};

    place->dir = arena_format(place->arena, PLACE_TMPFS "/%s", job->id);
    for (size_t i = 0; i < COUNT_OF(dirs); i++) {
        *dirs[i] = arena_format(place->arena, "%s/%s", place->dir, names[i]);
    }
    for (size_t i = 0; i < COUNT_OF(dirs); i++) {
        TRY(dir_make(*dirs[i], 0711, err));
    }
    TRY(bind(job->image->handle, place->root, MS_RDONLY, err));
    TRY(disk_mount(runc, place, job, err));
    TRY(workspace_mount(place, job, err));
    if (job->inputs != NULL) {
        TRY(bind(job->inputs, place->in, MS_RDONLY | MS_NOEXEC, err));
    }
    if (job->image->deps != NULL) {
        TRY(bind(job->image->deps, place->deps, MS_RDONLY, err));
    }
    return 0;
}

static int config_write(struct runc *runc, const struct place *place, const struct engine_run *run,
                        struct err *err)
{
    CLEANUP(buf) struct buf   json = {0};
    const struct sandbox_job *job = run->job;
    struct runc_config        spec = {.job = job,
                                      .limits = job->limits,
                                      .argv = run->argv,
                                      .rootfs = place->root,
                                      .workspace = place->ws,
                                      .tmp = arena_format(place->arena, "%s/tmp", place->disk),
                                      .shm = arena_format(place->arena, "%s/shm", place->disk),
                                      .inputs = job->inputs == NULL ? NULL : place->in,
                                      .deps = job->image->deps == NULL ? NULL : place->deps,
                                      .cgroup = cgroup_path(place->arena, job->id),
                                      .map_from = runc->map_from,
                                      .swap_limit = runc->cgroups.swap_limit};
    struct value              config = runc_config(place->arena, &spec);
    const char               *path = arena_format(place->arena, "%s/config.json", place->bundle);
    CLEANUP(fd) int           fd = -1;

    TRY(jcs_write(&json, &config, err));
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, "writing %s", path);
    }
    return fd_write_all(fd, buf_bytes(&json), err);
}

static int runc_remove(void *self, const char *id, struct err *err)
{
    struct runc                 *runc = self;
    CLEANUP(arena) struct arena *arena = arena_new();
    const char *const argv[] = {"runc", "--root", runc->state, "delete", "--force", id, NULL};
    struct bytes      out;

    return process_ask(arena, argv, 4096, COMMAND_MS, &out, err);
}

struct stopper {
    struct runc *runc;
    const char  *id;
};

static void stop_container(void *self)
{
    struct stopper              *stopper = self;
    CLEANUP(arena) struct arena *arena = arena_new();
    const char *const argv[] = {"runc", "--root", stopper->runc->state, "kill", stopper->id,
                                "KILL", NULL};
    struct bytes      out;
    struct err        ignored = {0};

    /* With its first process the whole pid namespace dies. */
    if (process_ask(arena, argv, 4096, COMMAND_MS, &out, &ignored) < 0) {
        return; /* it ended by itself meanwhile; runc_remove has the last word */
    }
}

static int run_in_place(struct runc *runc, const struct place *place, const struct engine_run *run,
                        struct process_end *ret_end, bool *ret_oom, struct err *err)
{
    const struct sandbox_job *job = run->job;
    static const char *const  env[] = {
         "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    const char *const argv[] = {"runc",     "--root",      runc->state, "run", "--keep",
                                "--bundle", place->bundle, job->id,     NULL};
    struct stopper    stopper = {runc, job->id};
    struct process    process = {.argv = argv,
                                 .env = env,
                                 .out = run->out,
                                 .err_out = run->err_out,
                                 .tick = job->tick,
                                 .wall_ms = job->limits->wall_ms,
                                 .started = run->started,
                                 .start_ms = START_MS,
                                 .stop = stop_container,
                                 .stop_self = &stopper};
    struct err        second = {0};
    int               ran;

    TRY(config_write(runc, place, run, err));
    ran = process_run(&process, ret_end, err);
    /* --keep: the cgroup is still there to be asked. */
    if (ran == 0) {
        ran = cgroup_judge(&runc->cgroups, job->id, job->limits, ret_oom, err);
    }
    if (runc_remove(runc, job->id, &second) < 0 && ran == 0) {
        *err = second;
        return err_add(err, "removing the sandbox");
    }
    return ran;
}

static int runc_run(void *self, const struct engine_run *run, struct process_end *ret_end,
                    bool *ret_oom, struct err *err)
{
    struct runc                 *runc = self;
    CLEANUP(arena) struct arena *arena = arena_new();
    struct place                 place = {.arena = arena};
    int                          ran;

    TRY(mounts_enter(err));
    ran = place_make(runc, &place, run->job, err);
    if (ran == 0) {
        ran = run_in_place(runc, &place, run, ret_end, ret_oom, err);
    }
    place_leave(&place);
    return ran;
}

static int runc_list(void *self, struct arena *arena, const char ***ret_ids, size_t *ret_count,
                     struct err *err)
{
    struct runc *runc = self;

    return dir_list(arena, runc->state, ret_ids, ret_count, err);
}

const struct engine engine_runc = {.name = "runc",
                                   .open = runc_open,
                                   .next_way = runc_next_way,
                                   .runtime = runc_runtime,
                                   .own = runc_own,
                                   .run = runc_run,
                                   .list = runc_list,
                                   .remove = runc_remove,
                                   .close = runc_close};
