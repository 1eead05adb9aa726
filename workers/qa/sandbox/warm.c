// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/warm.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "value/json.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/sandbox/slot.h"

enum {
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

struct warm_pool {
    struct arena                  *arena;
    struct slot_kind               kind; /* of its containers */
    struct image                   base;
    const struct sandbox_settings *settings;
    struct job                    *job; /* alive as long as the pool: its containers are ours */
    pthread_t                      thread;
    bool                           runs;      /* the thread */
    int                            mounts_fd; /* of the thread's namespace */
    struct zygote                 *zygote;    /* the thread's; NULL: none lives */
    int                            zygotes;   /* made so far */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  change;
    bool            stopping;
    struct err      failed; /* why the last one could not be made */
    size_t          serial, count;
    struct slot     slots[];
};

/* -------------------------------------- the thread -------------------------------------- */

static bool is_over(const struct warm_pool *pool, struct slot *slot)
{
    return slot->state == SLOT_USED ||
           (slot->state == SLOT_READY &&
            (clock_mono_us() / 1000 - slot->made_ms > SLOT_AGE_MS || !process_runs(slot->running) ||
             pool->zygote == NULL || !zygote_lives(pool->zygote)));
}

/* One that is to be cleared, else one that is to be made; taken out of everybody's reach. */
static struct slot *slot_next(struct warm_pool *pool, bool may_make, bool *ret_clear)
{
    struct slot *empty = NULL;

    for (size_t i = 0; i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];

        if (is_over(pool, slot)) {
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
        slot_begin(slot, &pool->kind, pool->job->id, ++pool->serial);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (!clear) {
        made = slot_make(slot, pool->zygote, &err);
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

static int pool_enter(struct warm_pool *pool, struct err *err)
{
    TRY(mounts_enter(err));
    pool->mounts_fd = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
    return pool->mounts_fd < 0 ? err_errno(err, "looking for the pool's mounts") : 0;
}

/* Is there one to fork from? A dead one makes room when the last container of its user namespace is
 * gone. The lock is held before and after. */
static bool zygote_tend(struct warm_pool *pool, bool may_make)
{
    struct zygote *dead = NULL;
    struct zygote *fresh = NULL;
    struct err     err = {0};

    if (pool->zygote != NULL && zygote_lives(pool->zygote)) {
        return true;
    }
    for (size_t i = 0; i < pool->count; i++) {
        may_make = may_make && pool->slots[i].state == SLOT_EMPTY;
    }
    if (!may_make) {
        return false;
    }
    dead = pool->zygote;
    pool->zygote = NULL;
    (void)pthread_mutex_unlock(&pool->lock);
    zygote_close(dead);
    {
        CLEANUP(arena) struct arena *arena = arena_new();
        int                          number = ++pool->zygotes;
        struct zygote_wants          wants = {
                     .id = arena_format(arena, "%s-t%d", pool->job->id, number),
                     .dir = arena_format(arena, "%s/modules-%d", pool->job->dir, number),
                     .settings = pool->settings,
                     .base = &pool->base,
                     .env = early_env};

        (void)!zygote_open(&fresh, pool->kind.runc, &wants, &err);
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->zygote = fresh;
    pool->failed = err;
    (void)pthread_cond_broadcast(&pool->change);
    return fresh != NULL;
}

static void *pool_run(void *arg)
{
    struct warm_pool *pool = arg;
    struct err        err = {0};
    int64_t           again_ms = 0;
    bool              clear;

    (void)!pool_enter(pool, &err);
    (void)pthread_mutex_lock(&pool->lock);
    pool->failed = err;
    while (!pool->stopping && err.code == ERR_NONE) {
        int64_t      now_ms = clock_mono_us() / 1000;
        bool         may_make = zygote_tend(pool, now_ms >= again_ms) && now_ms >= again_ms;
        struct slot *slot = slot_next(pool, may_make, &clear);

        if (slot != NULL) {
            slot_work(pool, slot, clear);
        } else {
            change_wait(pool, LOOK_MS);
        }
        if (pool->failed.code == ERR_NONE) {
            again_ms = 0;
        } else if (now_ms >= again_ms) {
            again_ms = now_ms + AGAIN_MS;
        }
    }
    (void)pthread_cond_broadcast(&pool->change);
    (void)pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->count; i++) {
        slot_clear(&pool->slots[i]); /* no job runs any more */
    }
    zygote_close(pool->zygote);
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
            ready += pool->slots[i].state == SLOT_READY && !is_over(pool, &pool->slots[i]);
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
    pool->base = *base;
    pool->kind = (struct slot_kind){runc, &pool->base, &settings->limits};
    pool->settings = settings;
    pool->count = count;
    pool->mounts_fd = -1;
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
           limits_fit(pool->kind.limits, job->limits) && env_fits(job->env);
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

        if (slot->state == SLOT_READY && !is_over(pool, slot) &&
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

static void slot_give(struct warm_pool *pool, struct slot *slot)
{
    (void)pthread_mutex_lock(&pool->lock);
    slot->state = SLOT_USED;
    (void)pthread_cond_broadcast(&pool->change);
    (void)pthread_mutex_unlock(&pool->lock);
}

int warm_run(struct warm_pool *pool, const struct engine_run *run, bool *ret_ran,
             struct process_end *ret_end, bool *ret_oom, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      order = {0};
    struct slot                 *slot;
    struct slot_end              end = {0};
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
    ran = slot_run(slot, pool->mounts_fd, run, buf_bytes(&order), &end, err);
    slot_give(pool, slot);
    *ret_end = end.process;
    *ret_oom = end.oom;
    return ran;
}
