// SPDX-License-Identifier: MIT
#include "workers/qa/arm.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "workers/qa/report/seal.h"

static const struct junit_limits junit_limits = {
    .tests = 100000, .id_bytes = 1024, .token_bytes = 4 << 20, .ids_bytes = 12 << 20};

/* Nobody could have known it before the sandbox stood. */
static const char *nonce_make(struct arena *arena)
{
    uint8_t random[16];
    char    hex[33];

    random_bytes(random, sizeof(random));
    hex_write(hex, (struct bytes){random, sizeof(random)});
    return arena_text(arena, bytes_of(hex));
}

/* What the witness says first is for us; the rest is the report. */
static const char greeting[] = RUNNER_READY RUNNER_BEGUN;
enum { READY_CHARS = sizeof(RUNNER_READY) - 1, GREETING_CHARS = sizeof(greeting) - 1 };

struct ear {
    struct spool *report;
    const char   *order; /* path of the order, to be emptied */
    size_t        heard; /* of the greeting */
    int64_t       ready_us;
    bool          wrong;
};

static int ear_take(void *self, struct bytes bytes, struct err *err)
{
    struct ear *ear = self;

    while (!ear->wrong && ear->heard < GREETING_CHARS && bytes.size > 0) {
        if (bytes.data[0] != (uint8_t)greeting[ear->heard]) {
            ear->wrong = true; /* somebody else talks: there is no report */
            break;
        }
        ear->heard++;
        bytes.data++;
        bytes.size--;
        if (ear->heard == READY_CHARS) {
            ear->ready_us = clock_mono_us();
            if (truncate(ear->order, 0) < 0) {
                return err_errno(err, "withdrawing the order %s", ear->order);
            }
        }
    }
    return ear->wrong || bytes.size == 0 ? 0 : spool_take(ear->report, bytes, err);
}

static int inputs_make(const struct job *job, const struct arm *arm, const char *nonce,
                       const char **ret_dir, struct err *err)
{
    const char *dir = arena_format(job->arena, "%s/in-%s", job->dir, arm->name);

    TRY(dir_make(dir, 0755, err));
    TRY(runner_put(arm->runner, job->arena, dir, nonce, &arm->tests, arm->selection, err));
    *ret_dir = dir;
    return 0;
}

static const char *outcome_words(const struct sandbox_end *end)
{
    switch (end->outcome) {
    case SANDBOX_OOM:
        return "the kernel ended it at its memory limit";
    case SANDBOX_TIMEOUT:
        return "stopped at its time limit";
    default:
        return "ended by itself";
    }
}

static int log_end(struct spool *log, const struct sandbox_end *end, struct err *err)
{
    if (end->log_dropped > 0) {
        TRY(spool_say(log, err, "\n(%lld more bytes of output were dropped)",
                      (long long)end->log_dropped));
    }
    return spool_say(log, err, "\n== %s: exit status %d, %lld ms%s ==\n", outcome_words(end),
                     end->exit_status, (long long)end->took_ms,
                     end->warm ? ", in a container made ahead" : "");
}

/* The evidence of a run, judged. A report that cannot be read is evidence too. */
static void judge(struct arena *arena, const struct sandbox_end *end, struct spool *report,
                  const char *nonce, struct arm_end *ret_end)
{
    struct test_report read = {0};
    struct err         unread = {0};
    struct evidence    evidence = {.timed_out = end->outcome == SANDBOX_TIMEOUT,
                                   .oom = end->outcome == SANDBOX_OOM,
                                   .exit_status = end->exit_status,
                                   .nonce = nonce};

    if (end->result_dropped > 0) {
        (void)err_set(&unread, ERR_TOO_LARGE, "the report has %lld bytes, at most %lld are read",
                      (long long)(end->result_bytes + end->result_dropped),
                      (long long)end->result_bytes);
    } else if (report->bytes == 0) {
        (void)err_set(&unread, ERR_NOT_FOUND, "there is no report");
    } else if (seal_check(report->fd, report->bytes, nonce, &unread) == 0 &&
               lseek(report->fd, 0, SEEK_SET) == 0 &&
               junit_read(arena, report->fd, &junit_limits, &read, &unread) == 0) {
        evidence.report = &read;
    }
    evidence.too_large = unread.code == ERR_TOO_LARGE;
    verdict_make(arena, &evidence, &ret_end->verdict);
    ret_end->detail = NULL;
    if (!ret_end->verdict.believed && unread.code != ERR_NONE) {
        ret_end->detail = arena_text(arena, bytes_of(unread.story));
    }
}

/* Ends of the witness that say nothing about the tests. Once code under test may run it could have
 * made any of them up, by way of some process above the witness. */
static int witness_check(const struct arm *arm, const struct ear *ear, int exit_status,
                         struct err *err)
{
    switch (ear->heard == GREETING_CHARS ? 0 : exit_status) {
    case WITNESS_LOST:
        return err_set(err, ERR_SANDBOX_FAILED,
                       "the order could not be withdrawn from the sandbox");
    case WITNESS_LACKING:
        return err_set(err, ERR_IMAGE_FAILED,
                       "the image %s lacks what %s needs; make a base with prt qa-image",
                       arm->image->name, arm->runner->framework);
    default:
        return 0;
    }
}

/* A run that never got ready spent its time in the tests' step: who was there instead is unknown.
 */
static void steps_note(const struct sandbox_end *end, int64_t from_us, int64_t ready_us,
                       struct steps *ret_steps)
{
    int64_t now_us = clock_mono_us();
    int64_t ended_us = end->started_us + end->took_ms * 1000;
    int64_t ready = ready_us == 0 ? end->started_us : ready_us;

    if (end->started_us == 0) {
        *ret_steps = (struct steps){.start = now_us - from_us};
        return;
    }
    *ret_steps = (struct steps){.start = end->started_us - from_us,
                                .ready = ready - end->started_us,
                                .tests = ended_us - ready,
                                .remove = now_us - ended_us};
}

int arm_run(struct sandbox *sandbox, const struct job *job, const struct arm *arm,
            struct spool *log, struct spool *report, struct heart *heart, struct arm_end *ret_end,
            struct err *err)
{
    struct arena      *arena = arm->arena;
    const char        *nonce = nonce_make(arena);
    struct ear         ear = {.report = report};
    struct sandbox_job run = {
        .id = arena_format(arena, "%s-%s", job->id, arm->name),
        .image = arm->image,
        .workspace = arm->workspace->dir,
        .argv = runner_argv(arm->runner, arena),
        .env = runner_env(arena, arm->hash_seed),
        .cwd = arena_format(arena, SANDBOX_WORKSPACE "/%s", arm->workspace->root),
        .limits = arm->limits,
        .log = {spool_take, log},
        .result = {ear_take, &ear},
        .tick = {heart_beat, heart}};
    struct sandbox_end end;
    int64_t            from_us;

    TRY(inputs_make(job, arm, nonce, &run.inputs, err));
    ear.order = arena_format(arena, "%s/" RUNNER_ORDER, run.inputs);
    TRY(spool_say(log, err, "== %s: %s in %s ==\n", arm->name, arm->runner->framework,
                  arm->image->name));
    from_us = clock_mono_us();
    TRY(sandbox_run(sandbox, &run, &end, err));
    steps_note(&end, from_us, ear.ready_us, &ret_end->steps);
    TRY(log_end(log, &end, err));
    TRY(witness_check(arm, &ear, end.exit_status, err));
    ret_end->took_ms = end.took_ms;
    from_us = clock_mono_us();
    judge(arena, &end, report, nonce, ret_end);
    ret_end->steps.judge = clock_mono_us() - from_us;
    return 0;
}
