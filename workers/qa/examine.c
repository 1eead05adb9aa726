// SPDX-License-Identifier: MIT
#include "workers/qa/examine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "workers/qa/arms.h"
#include "workers/qa/retrace.h"
#include "workers/qa/runner.h"

enum { REPORT_BYTES = 32 * 1024 * 1024 };

static struct sandbox_limits limits_of(const struct config *config)
{
    return (struct sandbox_limits){.memory_bytes = config->qa_memory,
                                   .cpus = config->qa_cpus,
                                   .pids = config->qa_pids,
                                   .disk_bytes = config->qa_workspace,
                                   .disk_entries = config->archive_entries + SANDBOX_SPARE_ENTRIES,
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
                                                  .warm = config->qa_warm,
                                                  .limits = examiner.limits};
    examiner.settings.modules = runner_modules(arena, &examiner.settings.module_count);
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

/* What a finding refers to, on its way to the artifacts bucket; as many as finding.artifacts. */
struct kept {
    struct spool *spools[2];
    struct value  refs[2];
};

/* Its BlobRef, or NULL when nothing was written. */
static const struct value *spool_add(struct arms *arms, struct spool *spool, const char *kind,
                                     const char *content_type, struct kept *kept,
                                     struct finding *finding)
{
    size_t at = finding->artifact_count;

    if (spool->sha == NULL || spool->bytes == 0) {
        return NULL;
    }
    spool_name(spool, arms->arena, arms->examiner->blob, content_type, &finding->artifacts[at],
               &kept->refs[at]);
    kept->spools[at] = spool;
    finding->artifact_kinds[at] = kind;
    finding->artifact_count++;
    return &kept->refs[at];
}

/* They are the trace's before they are there, so that nobody deletes them with another trace. */
static int spools_store(struct arms *arms, const struct question *question, const struct kept *kept,
                        const struct finding *finding, struct err *err)
{
    if (question->store != NULL) {
        TRY(qa_store_note(question->store, arms->arena, question->trace_no, finding->artifacts,
                          finding->artifact_count, err));
    }
    for (size_t i = 0; i < finding->artifact_count; i++) {
        TRY(spool_store(kept->spools[i], arms->arena, arms->examiner->blob, &finding->artifacts[i],
                        err));
    }
    return 0;
}

static int finding_make(struct arms *arms, const struct question *question,
                        struct validation *validation, struct finding *ret_finding, struct err *err)
{
    struct finding finding = {.status = validation->status, .reason = validation->reason};
    struct kept    kept;
    int64_t        from_us = clock_mono_us();

    validation->log =
        spool_add(arms, &arms->log, "log", "text/plain; charset=utf-8", &kept, &finding);
    if (arms->after.ran) {
        validation->report =
            spool_add(arms, &arms->after.report, "report", "application/xml", &kept, &finding);
    }
    TRY(spools_store(arms, question, &kept, &finding, err));
    arms->steps.store += clock_mono_us() - from_us;
    finding.took_ms = arms->took_ms;
    finding.steps = arms->steps;
    finding.validation = validation_value(arms->arena, validation);
    *ret_finding = finding;
    return 0;
}

static void infra_error(struct arms *arms, struct validation *validation, struct err *err)
{
    validation->status = VERDICT_INFRA_ERROR;
    validation->reason = reason_of(arms->arena, err);
    validation->detail = plain(arms->arena, err->story);
    err_clear(err);
}

/* An arm that only adds to the verdict: when it cannot be had, the verdict stands without. */
static int add(struct arms *arms, const struct question *question, const char *name, int ran,
               struct err *err)
{
    if (ran == 0) {
        return 0;
    }
    if (!is_final(err, question)) {
        return -1;
    }
    TRY(spool_say(&arms->log, err, "== %s: not run: %s ==\n", name,
                  plain(arms->arena, err->story)));
    err_clear(err);
    return 0;
}

/* What a pass is checked with cannot be had: then it is none, and the reason is that. */
static int check_lost(struct arms *arms, const struct question *question, const char *name,
                      struct validation *validation, struct err *err)
{
    if (!is_final(err, question)) {
        return -1;
    }
    TRY(spool_say(&arms->log, err, "== %s: not run: %s ==\n", name,
                  plain(arms->arena, err->story)));
    if (arms->after.end.verdict.status == VERDICT_PASSED) {
        infra_error(arms, validation, err);
    }
    err_clear(err);
    return 0;
}

/* From the snapshot, or from the replayed edits where there is none. */
static int after_run(struct arms *arms, const struct question *question,
                     const struct retrace *retrace, struct validation *validation, struct err *err)
{
    if (question->after != NULL) {
        validation->after_tree = "final_snapshot";
        return arms_after(arms, question->after, err);
    }
    validation->after_tree = "replay";
    return arms_after_in(arms, &retrace->tree, err);
}

static int arms_run(struct arms *arms, const struct question *question,
                    const struct retrace *retrace, struct validation *validation, struct err *err)
{
    if (after_run(arms, question, retrace, validation, err) < 0) {
        if (!is_final(err, question)) {
            return -1;
        }
        infra_error(arms, validation, err);
        return 0;
    }
    if (arms_before(arms, question->before, err) < 0) {
        TRY(arms->before.runner == NULL ? check_lost(arms, question, "before", validation, err)
                                        : add(arms, question, "before", -1, err));
    }
    if (arms_original(arms, err) < 0) {
        TRY(check_lost(arms, question, "original", validation, err));
    }
    TRY(add(arms, question, "repeats", arms_repeats(arms, err), err));
    if (validation->status != VERDICT_INFRA_ERROR) {
        arms_verdict(arms, &validation->status, &validation->reason);
        validation->detail = plain(arms->arena, arms->after.end.detail);
    }
    return 0;
}

/* What the arms found, in the words of the wire. */
static void arms_tell(const struct arms *arms, struct validation *validation)
{
    if (arms->after.runner != NULL) {
        validation->framework = arms->after.runner->framework;
    }
    if (arms->after.ran) {
        validation->after = &arms->after.end.verdict;
        validation->image = &arms->after.image;
        validation->runtime_ms = arms->after.end.took_ms;
    }
    validation->before = arms->before.ran ? &arms->before.end.verdict : NULL;
    validation->original = arms->original.ran ? &arms->original.end.verdict : NULL;
    validation->compared = arms->compared_is ? &arms->compared : NULL;
    validation->edits = arms->edits_is ? &arms->edits : NULL;
    validation->flaky = &arms->flaky;
    validation->missing = &arms->missing;
    validation->repeats = arms->repeats;
}

/* A session that cannot be walked again says nothing against its tests. */
static int retraced(struct retrace *retrace, const struct question *question, int done,
                    struct err *err)
{
    if (done == 0) {
        return 0;
    }
    if (!is_final(err, question)) {
        return -1;
    }
    retrace_failed(retrace, reason_of(retrace->arena, err));
    TRY(spool_say(retrace->log, err, "== replay: %s ==\n", plain(retrace->arena, err->story)));
    err_clear(err);
    return 0;
}

static int compared(struct arms *arms, const struct question *question, struct retrace *retrace,
                    const struct validation *validation, struct err *err)
{
    const struct workspace *final = &arms->after.workspace;

    if (question->after != NULL && final->dir == NULL) { /* it could not be unpacked */
        retrace_failed(retrace, validation->reason);
        return 0;
    }
    return retraced(retrace, question,
                    retrace_compare(retrace, question->after == NULL ? NULL : final, err), err);
}

static int trees_run(struct arms *arms, const struct question *question, struct retrace *retrace,
                     struct validation *validation, struct err *err)
{
    if (question->document != NULL) {
        TRY(retraced(retrace, question, retrace_run(retrace, err), err));
    }
    arms->start_run = &retrace->start;
    if (question->after != NULL || retrace->whole) {
        TRY(arms_run(arms, question, retrace, validation, err));
    } else {
        validation->reason = retrace->replay.first.there ? "not_replayable" : "no_snapshot";
    }
    if (question->document == NULL) {
        return 0;
    }
    TRY(compared(arms, question, retrace, validation, err));
    return retraced(retrace, question,
                    retrace_settle(retrace, arms->after.ran ? &arms->after.end : NULL, err), err);
}

int examine(struct examiner *examiner, struct arena *arena, const struct question *question,
            struct heart *heart, struct finding *ret_finding, struct err *err)
{
    CLEANUP(arms)
    struct arms arms = {.examiner = examiner, .arena = arena, .heart = heart};
    CLEANUP(retrace)
    struct retrace    retrace = {.examiner = examiner,
                                 .arena = arena,
                                 .log = &arms.log,
                                 .heart = heart,
                                 .snapshot = question->before,
                                 .document = question->document,
                                 .last_try = question->last_try};
    struct validation validation = {.status = VERDICT_NOT_RUN,
                                    .reason = "no_snapshot",
                                    .framework = "pytest",
                                    .limits = &examiner->limits,
                                    .engine = sandbox_engine(examiner->sandbox),
                                    .runtime = sandbox_runtime(examiner->sandbox)};
    struct value      replay;
    struct value      claims;

    TRY(job_open(&arms.job, examiner->dir, err));
    TRY(spool_open(&arms.log, arms.job->dir, err));
    if (question->pieces != NULL) {
        TRY(pieces_follow(question->pieces, arms.log.fd, err));
    }
    retrace.job = arms.job;
    TRY(trees_run(&arms, question, &retrace, &validation, err));
    if (question->document != NULL) {
        retrace_tell(&retrace, &replay, &claims);
        validation.replay = &replay;
        validation.claims = &claims;
    }
    arms_tell(&arms, &validation);
    return finding_make(&arms, question, &validation, ret_finding, err);
}
