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

int job_open(struct job **ret_job, const char *state_dir, struct err *err)
{
    struct arena *arena = arena_new();
    struct job   *job = arena_zero(arena, 1, sizeof(*job));
    char         *id = arena_get(arena, JOB_ID_MOST);
    const char   *making;

    id_make(id);
    job->arena = arena;
    job->id = id;
    job->dir = arena_format(arena, "%s/jobs/%s", state_dir, id);
    making = arena_format(arena, "%s/jobs/" MAKING "%s", state_dir, id);
    job->lock = -1;
    if (dir_make(making, 0755, err) < 0) {
        arena_free(arena);
        return -1;
    }
    job->lock = open(arena_format(arena, "%s/lock", making), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (job->lock < 0 || flock(job->lock, LOCK_EX | LOCK_NB) < 0 || rename(making, job->dir) < 0) {
        (void)err_errno(err, "making the job's directory %s", job->dir);
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

bool job_alive(const char *state_dir, const char *id)
{
    char        dir[4096];
    struct stat info;
    int         size = (int)strlen("prt-qa-") + 16;
    int         dead;

    (void)snprintf(dir, sizeof(dir), "%s/jobs/%.*s", state_dir, size, id);
    if (stat(dir, &info) < 0) {
        return false;
    }
    dead = lock_of_dead(dir);
    fd_close(dead);
    return dead < 0;
}

int job_reap(const char *state_dir, int *ret_removed, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *jobs = arena_format(arena, "%s/jobs", state_dir);
    const char                 **names;
    size_t                       count;
    int                          removed = 0;

    TRY(dir_list(arena, jobs, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        const char     *dir = arena_format(arena, "%s/%s", jobs, names[i]);
        CLEANUP(fd) int lock = lock_of_dead(dir);

        if (lock >= 0) {
            TRY(dir_remove(dir, err));
            removed++;
        }
    }
    *ret_removed = removed;
    return 0;
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
