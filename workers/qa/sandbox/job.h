// SPDX-License-Identifier: MIT
/*
 * job.h - the directory of one qa job, and how to tell whether its worker still lives.
 *
 *   DIR/jobs.lock        held shared while a directory is made, alone while dead ones are sought
 *   DIR/jobs/<id>/lock   locked for as long as the worker that made it lives
 *   DIR/jobs/<id>/...    snapshots, inputs; gone with the job
 *
 * A lock goes with its process however that ends, so there is nothing to time out and nothing to
 * guess.
 */
#ifndef PRT_WORKERS_QA_JOB_H
#define PRT_WORKERS_QA_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

struct job {
    struct arena *arena;
    const char   *id;  /* [a-z0-9-], at most JOB_ID_MOST; the ids of its containers start with it */
    const char   *dir; /* empty but for its lock */
    int           lock;
    struct buf    held; /* int each: job_hold */
};

enum { JOB_ID_MOST = 32 };

WARN_UNUSED int job_open(struct job **ret_job, const char *state_dir, struct err *err);
void            job_close(struct job *job); /* removes the directory */
DEFINE_CLEANUP(job, struct job *, job_close)

/* Takes fd over and closes it with the job: what it locks stays locked as long as the job lives. */
void job_hold(struct job *job, int fd);

/* The directory of the job that a container's id belongs to. */
const char *job_dir_of(struct arena *arena, const char *state_dir, const char *id);

/* Does the job's worker live? `id` is a job's or one of its containers'. No directory: no. */
bool job_alive(const char *state_dir, const char *id);

/* Removes the directories of dead jobs; *ret_removed is how many. */
WARN_UNUSED int job_reap(const char *state_dir, int *ret_removed, struct err *err);

/* Names in a directory but for "." and ".."; none where there is no directory. */
WARN_UNUSED int dir_list(struct arena *arena, const char *dir, const char ***ret_names,
                         size_t *ret_count, struct err *err);

#endif
