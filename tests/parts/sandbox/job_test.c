// SPDX-License-Identifier: MIT
/* The directories of jobs: made, closed and reaped by many at once. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "lib/test.h"
#include "workers/qa/sandbox/job.h"

struct state {
    struct arena *arena;
    char          dir[64];
};

static void state_open(struct state *state)
{
    *state = (struct state){.arena = arena_new(), .dir = "/tmp/prt-jobs-XXXXXX"};
    CHECK(mkdtemp(state->dir) != NULL);
}

static void state_close(struct state *state)
{
    struct err err = {0};

    CHECK_WORKS(dir_remove(state->dir, &err));
    arena_free(state->arena);
}

static size_t jobs_count(struct state *state)
{
    const char **names;
    size_t       count = 0;
    struct err   err = {0};

    CHECK_WORKS(dir_list(state->arena, arena_format(state->arena, "%s/jobs", state->dir), &names,
                         &count, &err));
    return count;
}

TEST(job, is_reaped_at_whatever_moment_its_worker_died)
{
    static const char *const left[] = {"making-prt-qa-0000000000000001",
                                       "making-prt-qa-0000000000000002/lock",
                                       "prt-qa-0000000000000003", "prt-qa-0000000000000004/lock"};
    struct state             state;
    struct job              *mine;
    int                      removed = -1;
    struct err               err = {0};

    state_open(&state);
    CHECK_WORKS(job_open(&mine, state.dir, &err));
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        const char *path = arena_format(state.arena, "%s/jobs/%s", state.dir, left[i]);
        const char *lock = strstr(path, "/lock");

        CHECK_WORKS(dir_make(
            lock == NULL ? path : arena_format(state.arena, "%.*s", (int)(lock - path), path), 0755,
            &err));
        if (lock != NULL) {
            CHECK_WORKS(file_replace(path, BYTES(""), 0600, &err));
        }
    }
    CHECK_WORKS(job_reap(state.dir, &removed, &err));
    CHECK_NUMBER(removed, 4);
    CHECK_NUMBER(jobs_count(&state), 1);
    CHECK(access(mine->dir, F_OK) == 0);
    job_close(mine);
    state_close(&state);
}

enum { ROUNDS = 300 };

static void *make_many(void *self)
{
    struct state *state = self;

    for (int i = 0; i < ROUNDS; i++) {
        struct job *job;
        struct err  err = {0};

        if (job_open(&job, state->dir, &err) < 0) {
            return arena_text(arena_new(), bytes_of(err.story)); /* the test has failed */
        }
        if (!job_alive(state->dir, job->id)) {
            return "a job that was just made is not alive";
        }
        job_close(job);
    }
    return NULL;
}

TEST(job, is_made_while_others_are_reaped)
{
    enum { MAKERS = 3 };
    struct state state;
    pthread_t    makers[MAKERS];
    int          removed;
    struct err   err = {0};

    state_open(&state);
    for (size_t i = 0; i < MAKERS; i++) {
        CHECK(pthread_create(&makers[i], NULL, make_many, &state) == 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_WORKS(job_reap(state.dir, &removed, &err));
    }
    for (size_t i = 0; i < MAKERS; i++) {
        void *why = NULL;

        CHECK(pthread_join(makers[i], &why) == 0);
        CHECK_TEXT(why == NULL ? "" : (const char *)why, "");
    }
    CHECK_WORKS(job_reap(state.dir, &removed, &err));
    CHECK_NUMBER(jobs_count(&state), 0);
    state_close(&state);
}
