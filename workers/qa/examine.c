// SPDX-License-Identifier: MIT
#include "workers/qa/examine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "workers/qa/layer.h"

enum {
    REPORT_BYTES = 32 * 1024 * 1024,
    ENTRIES_SPARE = 10000 /* what a test run may make besides what it was given */
};

static struct sandbox_limits limits_of(const struct config *config)
{
    return (struct sandbox_limits){.memory_bytes = config->qa_memory,
                                   .cpus = config->qa_cpus,
                                   .pids = config->qa_pids,
                                   .disk_bytes = config->qa_workspace,
                                   .disk_entries = config->archive_entries + ENTRIES_SPARE,
                                   .file_bytes = config->qa_file,
                                   .open_files = config->qa_open_files,
                                   .log_bytes = config->qa_output,
                                   .result_bytes = REPORT_BYTES,
                                   .wall_ms = config->qa_time};
}

/* The base in force: the one set, or the one prt qa-image left in the state directory. */
static const char *base_of(struct arena *arena, const struct config *config, const char *dir)
{
    const char *made = arena_format(arena, "%s/base", dir);

    if (config->qa_base_rootfs[0] != '\0') {
        return config->qa_base_rootfs;
    }
    return access(made, F_OK) == 0 ? made : "";
}

int examiner_open(struct examiner *ret_examiner, struct arena *arena, const struct config *config,
                  struct blob_store *blob, struct err *err)
{
    struct examiner examiner = {.config = config, .blob = blob, .limits = limits_of(config)};
    const char     *dir =
        config->qa_dir[0] != '\0' ? config->qa_dir : arena_format(arena, "%s/qa", config->data_dir);
    char *real;
    int   reaped;

    TRY(dir_make(dir, 0755, err));
    real = realpath(dir, NULL);
    if (real == NULL) {
        return err_errno(err, "looking for %s", dir);
    }
    examiner.dir = arena_text(arena, bytes_of(real));
    free(real);
    examiner.pack = (struct pack_limits){.bytes = config->archive_bytes,
                                         .entries = config->archive_entries,
                                         .ratio = config->archive_ratio};
    examiner.settings = (struct sandbox_settings){.engine = config->sandbox,
                                                  .runtime = config->sandbox_runtime,
                                                  .dir = examiner.dir,
                                                  .base = base_of(arena, config, examiner.dir),
                                                  .base_image = config->qa_base_image,
                                                  .limits = examiner.limits};
    *ret_examiner = examiner;
    TRY(sandbox_open(&ret_examiner->sandbox, &ret_examiner->settings, err));
    if (sandbox_reap(ret_examiner->sandbox, &reaped, err) < 0) {
        examiner_close(ret_examiner);
        return err_add(err, "removing what dead workers left");
    }
    return 0;
}

void examiner_close(struct examiner *examiner)
{
    sandbox_close(examiner->sandbox);
    examiner->sandbox = NULL;
}

/* One arm: its workspace, its image, its run. */
struct round {
    bool             ran;
    struct workspace workspace;
    struct image     image;
    struct arm_end   end;
    struct spool     report;
};

struct examination {
    struct examiner *examiner;
    struct arena    *arena;
    struct job      *job;
    struct heart    *heart;
    struct spool     log;
    struct round     after, before;
    const char      *framework; /* NULL: not known yet */
};

static void examination_done(struct examination *exam)
{
    spool_done(&exam->log);
    spool_done(&exam->after.report);
    spool_done(&exam->before.report);
    job_close(exam->job);
}

static inline void examination_cleanup(struct examination *slot)
{
    examination_done(slot);
}

static int round_run(struct examination *exam, const char *name, const struct snapshot *snapshot,
                     struct round *round, struct err *err)
{
    struct examiner *examiner = exam->examiner;
    const char      *dir = arena_format(exam->arena, "%s/%s", exam->job->dir, name);
    struct arm       arm = {.arena = exam->arena,
                            .name = name,
                            .workspace = &round->workspace,
                            .image = &round->image,
                            .limits = &examiner->limits};

    TRY(spool_open(&round->report, exam->job->dir, err));
    TRY(workspace_fetch(exam->arena, examiner->blob, snapshot, &examiner->pack, dir, exam->heart,
                        &round->workspace, err));
    TRY(layer_image(examiner, exam->job, name, &round->workspace, &exam->log, exam->heart,
                    &round->image, err));
    TRY(sandbox_own(examiner->sandbox, dir, err));
    TRY(runner_for(exam->arena, arena_format(exam->arena, "%s/%s", dir, round->workspace.root),
                   &arm.runner, err));
    exam->framework = arm.runner->framework;
    TRY(arm_run(examiner->sandbox, exam->job, &arm, &exam->log, &round->report, exam->heart,
                &round->end, err));
    round->ran = true;
    return 0;
}

/* Is this failure to be told as a finding, or to be tried again? */
static bool is_final(const struct err *err, const struct question *question)
{
    if (err->code == ERR_LEASE_LOST || err_fate(err->code) == FATE_WAIT) {
        return false;
    }
    return err_fate(err->code) == FATE_REJECT || question->last_try;
}

/* A story may quote names out of foreign archives: what is not plain text becomes '?'. */
static const char *plain(struct arena *arena, const char *text)
{
    char *copy = text == NULL ? NULL : arena_text(arena, bytes_of(text));

    for (char *at = copy; at != NULL && *at != '\0'; at++) {
        *at = *at < ' ' || *at > '~' ? '?' : *at;
    }
    return copy;
}

/* "link_outside: a -> /etc" has its reason in front; every other failure is named by its row. */
static const char *reason_of(struct arena *arena, const struct err *err)
{
    if (err->code == ERR_ARCHIVE_REFUSED) {
        return plain(arena, arena_format(arena, "%.*s", (int)strcspn(err->story, ":"), err->story));
    }
    return err_name(err->code);
}

/* The before arm only adds to the verdict: when it cannot be had, the verdict stands without. */
static int before_run(struct examination *exam, const struct question *question, struct err *err)
{
    if (question->before == NULL || !exam->after.end.verdict.believed) {
        return 0;
    }
    if (round_run(exam, "before", question->before, &exam->before, err) == 0) {
        return 0;
    }
    if (!is_final(err, question)) {
        return -1;
    }
    TRY(spool_say(&exam->log, err, "== before: not run: %s ==\n", plain(exam->arena, err->story)));
    err_clear(err);
    return 0;
}

static int spool_add(struct examination *exam, struct spool *spool, const char *kind,
                     const char *content_type, struct value *ret_ref, struct finding *finding,
                     struct err *err)
{
    if (spool->sha == NULL || spool->bytes == 0) {
        return 0;
    }
    TRY(spool_store(spool, exam->arena, exam->examiner->blob, content_type,
                    &finding->artifacts[finding->artifact_count], ret_ref, err));
    finding->artifact_kinds[finding->artifact_count++] = kind;
    return 0;
}

static void compare(struct examination *exam, struct validation *validation,
                    struct comparison *room)
{
    const struct verdict *after = &exam->after.end.verdict;
    const struct verdict *before = &exam->before.end.verdict;

    if (exam->before.ran && before->believed && after->believed) {
        reports_compare(exam->arena, &before->report, &after->report, room);
        validation->compared = room;
    }
}

static int finding_make(struct examination *exam, struct validation *validation,
                        struct finding *ret_finding, struct err *err)
{
    struct finding    finding = {.status = validation->status, .reason = validation->reason};
    struct comparison room;
    struct value      log = {0};
    struct value      report = {0};

    compare(exam, validation, &room);
    TRY(spool_add(exam, &exam->log, "log", "text/plain; charset=utf-8", &log, &finding, err));
    validation->log = finding.artifact_count > 0 ? &log : NULL;
    if (exam->after.ran) {
        size_t count = finding.artifact_count;

        TRY(spool_add(exam, &exam->after.report, "report", "application/xml", &report, &finding,
                      err));
        validation->report = finding.artifact_count > count ? &report : NULL;
    }
    finding.took_ms = validation->runtime_ms;
    finding.validation = validation_value(exam->arena, validation);
    *ret_finding = finding;
    return 0;
}

static int after_run(struct examination *exam, const struct question *question,
                     struct validation *validation, struct err *err)
{
    struct round *after = &exam->after;

    if (round_run(exam, "after", question->after, after, err) < 0) {
        if (!is_final(err, question)) {
            return -1;
        }
        validation->status = VERDICT_INFRA_ERROR;
        validation->reason = reason_of(exam->arena, err);
        validation->detail = plain(exam->arena, err->story);
        err_clear(err);
        return 0;
    }
    validation->status = after->end.verdict.status;
    validation->reason = after->end.verdict.reason;
    validation->detail = plain(exam->arena, after->end.detail);
    validation->framework = exam->framework;
    validation->after = &after->end.verdict;
    validation->runtime_ms = after->end.took_ms;
    validation->image = &after->image;
    return before_run(exam, question, err);
}

int examine(struct examiner *examiner, struct arena *arena, const struct question *question,
            struct heart *heart, struct finding *ret_finding, struct err *err)
{
    CLEANUP(examination)
    struct examination exam = {.examiner = examiner, .arena = arena, .heart = heart};
    struct validation  validation = {.status = VERDICT_NOT_RUN,
                                     .reason = "no_snapshot",
                                     .framework = "pytest",
                                     .limits = &examiner->limits,
                                     .engine = sandbox_engine(examiner->sandbox),
                                     .runtime = sandbox_runtime(examiner->sandbox)};

    if (question->after != NULL) {
        TRY(job_open(&exam.job, examiner->dir, err));
        TRY(spool_open(&exam.log, exam.job->dir, err));
        TRY(after_run(&exam, question, &validation, err));
    }
    return finding_make(&exam, &validation, ret_finding, err);
}
