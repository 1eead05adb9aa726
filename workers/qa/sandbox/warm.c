// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/warm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "value/json.h"
#include "workers/qa/sandbox/job.h"

/* warm.py travels inside of the worker. */
__asm__(".section .rodata\n"
        ".global warm_script\n"
        "warm_script:\n"
        ".incbin \"" WARM_SCRIPT "\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char warm_script[];

#define READY "prt-sandbox-ready\n"

enum {
    AGE_MS = 600000,       /* who waited that long makes room for a fresh one */
    OUTER_GRACE_S = 60,    /* beyond that and a job's time it ends by itself */
    LOOK_MS = 500,         /* between two looks at who waits */
    AGAIN_MS = 5000,       /* after one could not be made */
    FIRST_MS = 120000,     /* for the first one */
    ORDER_MOST = 32 * 1024 /* one write into a pipe, that nobody has to wait for */
};

/* What is in force from the first instruction of an interpreter: a job that wants it otherwise is
 * run cold. The rest of an environment comes with the job. */
static const char *const early_env[] = {"LANG=C.UTF-8",
                                        "PYTHONDONTWRITEBYTECODE=1",
                                        "PYTHONUNBUFFERED=1",
                                        "PYTHONHASHSEED=0",
                                        "PATH=/usr/local/bin:/usr/bin:/bin",
                                        "HOME=/tmp",
                                        NULL};
enum { EARLY_FIXED = 4 }; /* so many of them must be the job's too */

/* What the witnesses of Python tests import (workers/qa/runner), and what pytest does. */
#define MODULES                                                                                    \
    "pytest", "unittest", "unittest.mock", "ctypes", "hashlib", "random", "signal", "socket",      \
        "tempfile", "builtins", "functools", "inspect", "types", "shlex", "runpy"

enum slot_state { SLOT_EMPTY, SLOT_READY, SLOT_TAKEN, SLOT_USED };

struct slot {
    enum slot_state   state;
    struct arena     *arena;
    struct warm_pool *pool;
    const char       *id;
    struct place      place;
    const char       *argv[RUNC_ARGV_MOST];
    struct process    process;
    struct running   *running; /* NULL once it has ended and was waited for */
    struct tail       tail;    /* of its errors while it warms up */
    size_t            matched; /* of READY */
    bool              ready;
    int               order_fd, mounts_fd;
    int64_t           made_ms;
};

struct warm_pool {
    struct arena         *arena;
    const struct runc    *runc;
    struct image          base;
    struct sandbox_limits limits;
    struct job           *job; /* alive as long as the pool: its containers are ours */
    pthread_t             thread;
    bool                  runs;      /* the thread */
    int                   mounts_fd; /* of the thread's namespace */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  change;
    bool            stopping;
    struct err      failed; /* why the last one could not be made */
    size_t          serial, count;
    struct slot     slots[];
};

/* -------------------------------------- one container -------------------------------------- */

static int ready_take(void *self, struct bytes bytes, struct err *err)
{
    struct slot *slot = self;

    (void)err;
    for (size_t i = 0; i < bytes.size && !slot->ready; i++) {
        slot->matched = bytes.data[i] == (uint8_t)READY[slot->matched] ? slot->matched + 1 : 0;
        slot->ready = READY[slot->matched] == '\0';
    }
    return 0;
}

static int mounts_find(struct slot *slot, struct err *err)
{
    const char  *path = arena_format(slot->arena, "%s/pid", slot->place.bundle);
    struct bytes pid;

    TRY(file_read(slot->arena, path, 32, &pid, err));
    path = arena_format(slot->arena, "/proc/%d/ns/mnt", atoi(arena_text(slot->arena, pid)));
    slot->mounts_fd = open(path, O_RDONLY | O_CLOEXEC);
    return slot->mounts_fd < 0 ? err_errno(err, "looking for a warm container's mounts") : 0;
}

static int slot_bundle(struct slot *slot, struct err *err)
{
    struct warm_pool *pool = slot->pool;
    const char       *life = arena_format(
              slot->arena, "%lld", (long long)(AGE_MS + pool->limits.wall_ms) / 1000 + OUTER_GRACE_S);
    const char *const  argv[] = {"timeout", "-s", "KILL",      life,    "python3",
                                 "-s",      "-c", warm_script, MODULES, NULL};
    struct sandbox_job job = {
        .id = slot->id, .image = &pool->base, .env = early_env, .limits = &pool->limits};

    TRY(place_make(&slot->place, slot->id, pool->base.handle, &pool->limits, runc_uid(pool->runc),
                   err));
    return runc_bundle(pool->runc, &slot->place, &job, argv, true, err);
}

static int slot_start(struct slot *slot, struct err *err)
{
    int order[2];
    int started;

    if (pipe2(order, O_CLOEXEC) < 0) {
        return err_errno(err, "starting a warm container");
    }
    slot->order_fd = order[1];
    runc_argv(slot->pool->runc, &slot->place, slot->id, slot->argv);
    slot->process = (struct process){.argv = slot->argv,
                                     .env = runc_env,
                                     .in = &order[0],
                                     .out = {ready_take, slot},
                                     .err_out = {tail_take, &slot->tail}};
    started = process_start(&slot->process, &slot->running, err);
    fd_close(order[0]);
    return started;
}

/* In the pool's thread, which it dies with. */
static int slot_make(struct slot *slot, struct err *err)
{
    TRY(slot_bundle(slot, err));
    TRY(slot_start(slot, err));
    if (process_until(slot->running, &slot->ready, START_MS, err) < 0) {
        return err_set(err, ERR_SANDBOX_UNFIT, "a warm container did not get ready: %s",
                       tail_text(slot->arena, &slot->tail));
    }
    TRY(mounts_find(slot, err));
    slot->made_ms = clock_mono_us() / 1000;
    return 0;
}

/* Whatever there is of it, by half too. */
static void slot_clear(struct slot *slot)
{
    struct process_end end;
    struct err         ignored = {0};

    if (slot->arena == NULL) {
        return;
    }
    fd_close(slot->order_fd);
    fd_close(slot->mounts_fd);
    /* None by that name: fine. */
    (void)!(slot->running == NULL ? runc_forget : runc_delete)(slot->pool->runc, slot->id,
                                                               &ignored);
    if (slot->running != NULL) {
        slot->process.out = slot->process.err_out = (struct sink){0};
        slot->process.wall_ms = RUNC_COMMAND_MS;
        (void)!process_finish(slot->running, &end, &ignored);
    }
    place_leave(&slot->place);
    arena_free(slot->arena);
    *slot = (struct slot){.pool = slot->pool};
}

/* -------------------------------------- the thread -------------------------------------- */

static bool is_over(struct slot *slot)
{
    return slot->state == SLOT_USED ||
           (slot->state == SLOT_READY &&
            (clock_mono_us() / 1000 - slot->made_ms > AGE_MS || !process_runs(slot->running)));
}

/* One that is to be cleared, else one that is to be made; taken out of everybody's reach. */
static struct slot *slot_next(struct warm_pool *pool, bool may_make, bool *ret_clear)
{
    struct slot *empty = NULL;

    for (size_t i = 0; i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];

        if (is_over(slot)) {
            slot->state = SLOT_TAKEN;
            *ret_clear = true;
            return slot;
        }
        empty = slot->state == SLOT_EMPTY ? slot : empty;
    }
    *ret_clear = false;
    if (empty != NULL && may_make) {
        empty->state = SLOT_TAKEN;
        return empty;
    }
    return NULL;
}

static void change_wait(struct warm_pool *pool, int64_t most_ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += most_ms / 1000;
    until.tv_nsec += most_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&pool->change, &pool->lock, &until);
}

/* The lock is held before and after. */
static void slot_work(struct warm_pool *pool, struct slot *slot, bool clear)
{
    struct err err = {0};
    int        made = -1;

    if (!clear) {
        slot->arena = arena_new();
        slot->place.arena = slot->arena;
        slot->order_fd = slot->mounts_fd = -1;
        slot->id = arena_format(slot->arena, "%s-w%zu", pool->job->id, ++pool->serial);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (!clear) {
        made = slot_make(slot, &err);
    }
    if (made < 0) {
        slot_clear(slot);
    }
    (void)pthread_mutex_lock(&pool->lock);
    slot->state = made < 0 ? SLOT_EMPTY : SLOT_READY;
    if (!clear) {
        pool->failed = err;
    }
    (void)pthread_cond_broadcast(&pool->change);
}

static void *pool_run(void *arg)
{
    struct warm_pool *pool = arg;
    struct err        err = {0};
    int64_t           again_ms = 0;
    bool              clear;

    if (mounts_enter(&err) == 0) {
        pool->mounts_fd = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
        if (pool->mounts_fd < 0) {
            (void)err_errno(&err, "looking for the pool's mounts");
        }
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->failed = err;
    while (!pool->stopping && err.code == ERR_NONE) {
        int64_t      now_ms = clock_mono_us() / 1000;
        struct slot *slot = slot_next(pool, now_ms >= again_ms, &clear);

        if (slot == NULL) {
            change_wait(pool, LOOK_MS);
            continue;
        }
        slot_work(pool, slot, clear);
        again_ms = pool->failed.code == ERR_NONE ? 0 : now_ms + AGAIN_MS;
    }
    (void)pthread_cond_broadcast(&pool->change);
    (void)pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->count; i++) {
        slot_clear(&pool->slots[i]); /* no job runs any more */
    }
    return NULL;
}

/* -------------------------------------- the pool -------------------------------------- */

int warm_wait(struct warm_pool *pool, size_t count, int64_t most_ms, struct err *err)
{
    int64_t until_ms = clock_mono_us() / 1000 + most_ms;
    size_t  ready = 0;

    (void)pthread_mutex_lock(&pool->lock);
    for (;;) {
        ready = 0;
        for (size_t i = 0; i < pool->count; i++) {
            ready += pool->slots[i].state == SLOT_READY;
        }
        if (ready >= count || pool->failed.code != ERR_NONE || clock_mono_us() / 1000 > until_ms) {
            break;
        }
        change_wait(pool, LOOK_MS);
    }
    if (ready < count) {
        (void)err_set(err, ERR_SANDBOX_UNFIT, "%zu of %zu warm containers are ready%s%s", ready,
                      count, pool->failed.code == ERR_NONE ? "" : ": ", pool->failed.story);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return ready < count ? -1 : 0;
}

void warm_close(struct warm_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    if (pool->runs) {
        (void)pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        (void)pthread_cond_broadcast(&pool->change);
        (void)pthread_mutex_unlock(&pool->lock);
        (void)pthread_join(pool->thread, NULL);
    }
    fd_close(pool->mounts_fd);
    job_close(pool->job);
    (void)pthread_cond_destroy(&pool->change);
    (void)pthread_mutex_destroy(&pool->lock);
    arena_free(pool->arena);
    mem_free(pool);
}
DEFINE_CLEANUP(warm_pool, struct warm_pool *, warm_close)

int warm_open(struct warm_pool **ret_pool, const struct runc *runc,
              const struct sandbox_settings *settings, const struct image *base, struct err *err)
{
    size_t             count = (size_t)settings->warm;
    pthread_condattr_t monotonic;
    CLEANUP(warm_pool)
    struct warm_pool *pool = mem_zero(1, sizeof(*pool) + count * sizeof(pool->slots[0]));

    pool->arena = arena_new();
    pool->runc = runc;
    pool->base = *base;
    pool->limits = settings->limits;
    pool->count = count;
    pool->mounts_fd = -1;
    for (size_t i = 0; i < count; i++) {
        pool->slots[i].pool = pool;
    }
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&pool->change, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    TRY(job_open(&pool->job, settings->dir, err));
    if (pthread_create(&pool->thread, NULL, pool_run, pool) != 0) {
        return err_set(err, ERR_SYSTEM, "no thread could be started");
    }
    pool->runs = true;
    TRY(warm_wait(pool, 1, FIRST_MS, err));
    *ret_pool = TAKE(pool);
    return 0;
}

/* -------------------------------------- a job -------------------------------------- */

static bool limits_fit(const struct sandbox_limits *have, const struct sandbox_limits *want)
{
    return have->memory_bytes == want->memory_bytes && have->cpus == want->cpus &&
           have->pids == want->pids && have->disk_bytes == want->disk_bytes &&
           have->disk_entries == want->disk_entries && have->file_bytes == want->file_bytes &&
           have->open_files == want->open_files && have->wall_ms >= want->wall_ms;
}

static bool is_early(const char *setting)
{
    return strncmp(setting, "PYTHON", 6) == 0 || strncmp(setting, "LANG=", 5) == 0 ||
           strncmp(setting, "LC_", 3) == 0;
}

/* The same early settings: as many, and each of them. */
static bool env_fits(const char *const *env)
{
    size_t same = 0;
    size_t early = 0;

    for (size_t i = 0; env[i] != NULL; i++) {
        early += is_early(env[i]);
        for (size_t k = 0; k < EARLY_FIXED; k++) {
            same += strcmp(env[i], early_env[k]) == 0;
        }
    }
    return same == EARLY_FIXED && early == EARLY_FIXED;
}

static bool is_script(const char *const *argv)
{
    return argv[0] != NULL && strcmp(argv[0], "python3") == 0 && argv[1] != NULL &&
           strcmp(argv[1], "-s") == 0 && argv[2] != NULL && argv[2][0] == '/';
}

static bool job_fits(const struct warm_pool *pool, const struct sandbox_job *job)
{
    return is_script(job->argv) && !job->network && job->image->handle == pool->base.handle &&
           limits_fit(&pool->limits, job->limits) && env_fits(job->env);
}

static int order_make(struct arena *arena, const struct sandbox_job *job, struct buf *out,
                      struct err *err)
{
    struct value order = value_map();
    struct value argv = value_list();
    struct value env = value_map();

    for (size_t i = 2; job->argv[i] != NULL; i++) {
        value_append(arena, &argv, value_text(job->argv[i]));
    }
    for (size_t i = 0; job->env[i] != NULL; i++) {
        size_t name = strcspn(job->env[i], "=");

        value_put(arena, &env, arena_format(arena, "%.*s", (int)name, job->env[i]),
                  value_text(job->env[i] + name + 1));
    }
    value_put(arena, &order, "argv", argv);
    value_put(arena, &order, "env", env);
    value_put(arena, &order, "cwd", value_text(job->cwd));
    TRY(jcs_write(out, &order, err));
    buf_put_byte(out, '\n');
    return 0;
}

/* The one that waited longest. */
static struct slot *slot_take(struct warm_pool *pool)
{
    struct slot *oldest = NULL;

    (void)pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];

        if (slot->state == SLOT_READY && !is_over(slot) &&
            (oldest == NULL || slot->made_ms < oldest->made_ms)) {
            oldest = slot;
        }
    }
    if (oldest != NULL) {
        oldest->state = SLOT_TAKEN;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return oldest;
}

static void slot_give(struct slot *slot)
{
    struct warm_pool *pool = slot->pool;

    (void)pthread_mutex_lock(&pool->lock);
    slot->state = SLOT_USED;
    (void)pthread_cond_broadcast(&pool->change);
    (void)pthread_mutex_unlock(&pool->lock);
}

static void stop_slot(void *self)
{
    struct slot *slot = self;

    runc_kill(slot->pool->runc, slot->id);
}

static int slot_run(struct slot *slot, const struct engine_run *run, struct bytes order,
                    struct process_end *ret_end, bool *ret_oom, struct err *err)
{
    struct warm_pool         *pool = slot->pool;
    const struct sandbox_job *job = run->job;
    struct process           *process = &slot->process;
    struct running           *running = slot->running;

    TRY(place_attach(&slot->place, job, pool->mounts_fd, slot->mounts_fd, err));
    process->out = run->out;
    process->err_out = run->err_out;
    process->tick = job->tick;
    process->wall_ms = job->limits->wall_ms;
    process->started = run->started;
    process->start_ms = START_MS;
    process->stop = stop_slot;
    process->stop_self = slot;
    TRY(fd_write_all(slot->order_fd, order, err));
    slot->running = NULL;
    TRY(process_finish(running, ret_end, err));
    return cgroup_judge(&pool->runc->cgroups, slot->id, job->limits, ret_oom, err);
}

int warm_run(struct warm_pool *pool, const struct engine_run *run, bool *ret_ran,
             struct process_end *ret_end, bool *ret_oom, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      order = {0};
    struct slot                 *slot;
    int                          ran;

    *ret_ran = false;
    if (!job_fits(pool, run->job)) {
        return 0;
    }
    TRY(order_make(arena, run->job, &order, err));
    if (order.size > ORDER_MOST || (slot = slot_take(pool)) == NULL) {
        return 0;
    }
    *ret_ran = *run->warm = true;
    ran = slot_run(slot, run, buf_bytes(&order), ret_end, ret_oom, err);
    slot_give(slot);
    return ran;
}
