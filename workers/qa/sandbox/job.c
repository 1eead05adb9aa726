// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"

/* A directory under its final name is locked already: it is made and locked under another first. */
#define MAKING "making-"

static void id_make(char *ret_id)
{
    uint8_t random[8];
    char    hex[17];

    random_bytes(random, sizeof(random));
    hex_write(hex, (struct bytes){random, sizeof(random)});
    (void)snprintf(ret_id, JOB_ID_MOST, "prt-qa-%s", hex);
}

/* What is being made has no owner to be seen yet, so nobody may look for dead ones meanwhile. */
static int jobs_lock(struct arena *arena, const char *state_dir, int how, struct err *err)
{
    const char     *path = arena_format(arena, "%s/jobs.lock", state_dir);
    CLEANUP(fd) int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int             held = lock;

    if (lock < 0 || flock(lock, how) < 0) {
        return err_errno(err, "locking %s", path);
    }
    lock = -1;
    return held;
}

static int job_make(struct job *job, const char *state_dir, struct err *err)
{
    struct arena   *arena = job->arena;
    const char     *making = arena_format(arena, "%s/jobs/" MAKING "%s", state_dir, job->id);
    CLEANUP(fd) int jobs = -1;

    TRY(dir_make(state_dir, 0755, err));
    jobs = jobs_lock(arena, state_dir, LOCK_SH, err);
    if (jobs < 0) {
        return -1;
    }
    TRY(dir_make(making, 0755, err));
    job->lock = open(arena_format(arena, "%s/lock", making), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (job->lock < 0 || flock(job->lock, LOCK_EX | LOCK_NB) < 0 || rename(making, job->dir) < 0) {
        return err_errno(err, "making the job's directory %s", job->dir);
    }
    return 0;
}

int job_open(struct job **ret_job, const char *state_dir, struct err *err)
{
    struct arena *arena = arena_new();
    struct job   *job = arena_zero(arena, 1, sizeof(*job));
    char         *id = arena_get(arena, JOB_ID_MOST);

    id_make(id);
    job->arena = arena;
    job->id = id;
    job->dir = arena_format(arena, "%s/jobs/%s", state_dir, id);
    job->lock = -1;
    if (job_make(job, state_dir, err) < 0) {
        job_close(job);
        return -1;
    }
    *ret_job = job;
    return 0;
}

void job_close(struct job *job)
{
    struct err ignored = {0};

    if (job != NULL) {
        if (dir_remove(job->dir, &ignored) < 0) {
            ignored.code = ERR_NONE; /* the next worker that starts reaps it */
        }
        for (size_t i = 0; i < job->held.size / sizeof(int); i++) {
            fd_close(((const int *)(const void *)job->held.data)[i]);
        }
        buf_done(&job->held);
        fd_close(job->lock);
        arena_free(job->arena);
    }
}

void job_hold(struct job *job, int fd)
{
    buf_put(&job->held, (struct bytes){(const uint8_t *)&fd, sizeof(fd)});
}

/* Open and locked by us when its worker is gone; -1 when it lives or was never there. */
static int lock_of_dead(const char *dir)
{
    char path[4096];
    int  fd;

    (void)snprintf(path, sizeof(path), "%s/lock", dir);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        fd_close(fd);
        return -1;
    }
    return fd;
}

const char *job_dir_of(struct arena *arena, const char *state_dir, const char *id)
{
    return arena_format(arena, "%s/jobs/%.*s", state_dir, (int)strlen("prt-qa-") + 16, id);
}

bool job_alive(const char *state_dir, const char *id)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *dir = job_dir_of(arena, state_dir, id);
    struct stat                  info;
    int                          dead;

    if (stat(dir, &info) < 0) {
        return false;
    }
    dead = lock_of_dead(dir);
    fd_close(dead);
    return dead < 0;
}

struct dead {
    const char *dir;
    int         lock; /* ours now; -1: it has none */
};

/* No lock file: its maker died before it had one, or its owner while removing it. */
static bool dead_look(const char *dir, struct dead *ret_dead)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/lock", dir);
    *ret_dead = (struct dead){dir, lock_of_dead(dir)};
    return ret_dead->lock >= 0 || access(path, F_OK) < 0;
}

static int dead_find(struct arena *arena, const char *state_dir, struct dead **ret_dead,
                     size_t *ret_count, struct err *err)
{
    CLEANUP(fd) int jobs = -1;
    const char     *dir = arena_format(arena, "%s/jobs", state_dir);
    const char    **names;
    size_t          count;

    *ret_count = 0;
    jobs = jobs_lock(arena, state_dir, LOCK_EX, err);
    if (jobs < 0) {
        return -1;
    }
    TRY(dir_list(arena, dir, &names, &count, err));
    *ret_dead = arena_zero(arena, count, sizeof(**ret_dead));
    for (size_t i = 0; i < count; i++) {
        if (dead_look(arena_format(arena, "%s/%s", dir, names[i]), &(*ret_dead)[*ret_count])) {
            (*ret_count)++;
        }
    }
    return 0;
}

int job_reap(const char *state_dir, int *ret_removed, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct dead                 *dead;
    size_t                       count;
    int                          removed = 0;
    int                          worked = 0;

    TRY(dir_make(state_dir, 0755, err));
    TRY(dead_find(arena, state_dir, &dead, &count, err));
    for (size_t i = 0; i < count; i++) {
        struct err failed = {0};

        if (dir_remove(dead[i].dir, &failed) == 0) {
            removed++;
        } else if (dead[i].lock >= 0 && worked == 0) { /* what has none, others may be removing */
            *err = failed;
            worked = -1;
        }
        fd_close(dead[i].lock);
    }
    *ret_removed = removed;
    return worked;
}

static void dir_shut(DIR *dir)
{
    if (dir != NULL) {
        (void)closedir(dir);
    }
}
DEFINE_CLEANUP(dir, DIR *, dir_shut)

int dir_list(struct arena *arena, const char *path, const char ***ret_names, size_t *ret_count,
             struct err *err)
{
    CLEANUP(dir) DIR       *dir = opendir(path);
    CLEANUP(buf) struct buf list = {0};

    if (dir == NULL && errno != ENOENT) {
        return err_errno(err, "reading the directory %s", path);
    }
    while (dir != NULL) {
        struct dirent *found;
        const char    *name;

        errno = 0;
        found = readdir(dir);
        if (found == NULL && errno != 0) {
            return err_errno(err, "reading the directory %s", path);
        }
        if (found == NULL) {
            break;
        }
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0) {
            name = arena_text(arena, bytes_of(found->d_name));
            buf_put(&list, (struct bytes){(const uint8_t *)&name, sizeof(name)});
        }
    }
    *ret_names = arena_get(arena, list.size);
    if (list.size > 0) {
        memcpy(*ret_names, list.data, list.size);
    }
    *ret_count = list.size / sizeof(char *);
    return 0;
}
