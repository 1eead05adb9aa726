// SPDX-License-Identifier: MIT
#include "workers/qa/arms.h"

#include "base/clock.h"
#include "workers/qa/layer.h"
#include "workers/qa/retrace.h"

/* Tests that a repeat runs at most; of those that failed or changed, the first by name. */
enum { AGAIN_MOST = 200 };

void arms_done(struct arms *arms)
{
    spool_done(&arms->log);
    spool_done(&arms->after.report);
    spool_done(&arms->before.report);
    spool_done(&arms->original.report);
    job_close(arms->job);
}

static void arm_note(struct arms *arms, const struct arm_end *end)
{
    arms->took_ms += end->took_ms;
    arms->steps.start += end->steps.start;
    arms->steps.ready += end->steps.ready;
    arms->steps.tests += end->steps.tests;
    arms->steps.remove += end->steps.remove;
    arms->steps.judge += end->steps.judge;
}

/* Runs the tests of a round whose workspace and image are there. */
static int round_test(struct arms *arms, const char *name, struct round *round, struct err *err)
{
    struct arm arm = {.arena = arms->arena,
                      .name = name,
                      .workspace = &round->workspace,
                      .image = &round->image,
                      .runner = round->runner,
                      .limits = &arms->examiner->limits};

    TRY(spool_open(&round->report, arms->job->dir, err));
    TRY(arm_run(arms->examiner->sandbox, arms->job, &arm, &arms->log, &round->report, arms->heart,
                &round->end, err));
    arm_note(arms, &round->end);
    round->ran = true;
    return 0;
}

/* What a round needs besides its tree. */
static int round_ready(struct arms *arms, const char *name, struct round *round, struct err *err)
{
    const struct workspace *tree = &round->workspace;
    int64_t                 from_us = clock_mono_us();

    TRY(sandbox_own(arms->examiner->sandbox, tree->dir, err));
    TRY(runner_for(arms->arena, arena_format(arms->arena, "%s/%s", tree->dir, tree->root),
                   &round->runner, err));
    TRY(layer_image(arms->examiner, arms->job, name, tree, &arms->log, arms->heart, &round->image,
                    err));
    arms->steps.layer += clock_mono_us() - from_us;
    return 0;
}

static int round_fetch(struct arms *arms, const char *name, const struct snapshot *snapshot,
                       struct round *round, struct err *err)
{
    struct examiner *examiner = arms->examiner;
    const char      *dir = arena_format(arms->arena, "%s/%s", arms->job->dir, name);
    int64_t          from_us = clock_mono_us();

    TRY(workspace_fetch(arms->arena, examiner->blob, snapshot, &examiner->pack, dir, arms->heart,
                        &round->workspace, err));
    arms->steps.unpack += clock_mono_us() - from_us;
    return round_ready(arms, name, round, err);
}

int arms_after_in(struct arms *arms, const struct workspace *tree, struct err *err)
{
    arms->after.workspace = *tree;
    TRY(round_ready(arms, "after", &arms->after, err));
    return round_test(arms, "after", &arms->after, err);
}

int arms_after(struct arms *arms, const struct snapshot *snapshot, struct err *err)
{
    TRY(round_fetch(arms, "after", snapshot, &arms->after, err));
    return round_test(arms, "after", &arms->after, err);
}

/* A claim's run of all tests on the start snapshot is this one, had the same runner it. */
static int before_test(struct arms *arms, struct err *err)
{
    const struct made_run *run = arms->start_run;

    if (run == NULL || !run->is || run->runner != arms->before.runner) {
        return round_test(arms, "before", &arms->before, err);
    }
    arms->before.end = run->end;
    arms->before.ran = true;
    arm_note(arms, &arms->before.end);
    return spool_say(&arms->log, err, "== before: as for the test run at the start ==\n");
}

int arms_before(struct arms *arms, const struct snapshot *snapshot, struct err *err)
{
    const struct verdict *after = &arms->after.end.verdict;
    const struct verdict *before = &arms->before.end.verdict;

    if (snapshot == NULL || !after->believed) {
        return 0;
    }
    TRY(round_fetch(arms, "before", snapshot, &arms->before, err));
    TRY(before_test(arms, err));
    if (before->believed) {
        reports_compare(arms->arena, &before->report, &after->report, &arms->compared);
        arms->compared_is = true;
    }
    return 0;
}

/* Is there a reason to run it? Only a pass can become less, and only by tests that there were. */
static bool original_matters(const struct arms *arms)
{
    const struct verdict *before = &arms->before.end.verdict;
    bool                  none = arms->before.ran && before->believed && before->report.count == 0;
    bool other = arms->edits.count > 0 || arms->before.runner != arms->after.runner;

    return other && arms->after.end.verdict.status == VERDICT_PASSED && !none;
}

int arms_original(struct arms *arms, struct err *err)
{
    struct round         *round = &arms->original;
    const struct verdict *before = &arms->before.end.verdict;
    const char           *dir = arena_format(arms->arena, "%s/original", arms->job->dir);
    const struct verdict *now;
    struct id_list        named;

    if (arms->before.runner == NULL) {
        return 0;
    }
    /* A start that cannot be run names none. Then it is the end that says what tests are called. */
    files_named(arms->arena, before->believed ? &before->report : &arms->after.end.verdict.report,
                &named);
    TRY(original_make(arms->arena, arms->before.runner, &arms->after.workspace,
                      &arms->before.workspace, &named, dir, &round->workspace, &arms->edits, err));
    arms->edits_is = true;
    if (original_matters(arms)) {
        round->image = arms->after.image;
        round->runner = arms->before.runner;
        TRY(sandbox_own(arms->examiner->sandbox, dir, err));
        TRY(round_test(arms, "original", round, err));
    }
    now = round->ran ? &round->end.verdict : &arms->after.end.verdict;
    if (arms->compared_is && now->believed) {
        tests_missing(arms->arena, &before->report, &now->report, &arms->missing);
    }
    return 0;
}

/* One more run of `again` on the round's tree, with another seed for Python's hashes. */
static int repeat_run(struct arms *arms, const struct round *round, const char *name,
                      const struct id_list *again, struct err *err)
{
    CLEANUP(spool) struct spool report = {.fd = -1};
    struct arm_end              end;
    struct arm                  arm = {.arena = arms->arena,
                                       .name = arena_format(arms->arena, "%s-%d", name, arms->repeats + 1),
                                       .workspace = &round->workspace,
                                       .image = &round->image,
                                       .runner = round->runner,
                                       .limits = &arms->examiner->limits,
                                       .tests = {again->ids, again->count},
                                       .hash_seed = arms->repeats + 1};

    if (again->count == 0) {
        return 0;
    }
    TRY(spool_open(&report, arms->job->dir, err));
    TRY(arm_run(arms->examiner->sandbox, arms->job, &arm, &arms->log, &report, arms->heart, &end,
                err));
    arm_note(arms, &end);
    arms->repeats++;
    if (end.verdict.status == VERDICT_TAMPERED && round != &arms->before) {
        arms->tampered = end.verdict.reason;
    }
    /* A run that cannot be believed has no report: none of its tests came out as before. */
    flaky_find(arms->arena, again, &round->end.verdict.report, &end.verdict.report, &arms->flaky);
    return 0;
}

int arms_repeats(struct arms *arms, struct err *err)
{
    const struct comparison *compared = arms->compared_is ? &arms->compared : NULL;
    struct id_list           again;
    struct id_list           failing;
    struct id_list           changed = {0};

    if (!arms->after.end.verdict.believed) {
        return 0;
    }
    tests_to_repeat(arms->arena, &arms->after.end.verdict.report, compared, AGAIN_MOST, &again);
    tests_to_repeat(arms->arena, &arms->original.end.verdict.report, NULL, AGAIN_MOST, &failing);
    if (compared != NULL) {
        changed_list(arms->arena, compared, AGAIN_MOST, &changed);
    }
    for (int64_t i = 0; i < arms->examiner->config->qa_repeats; i++) {
        TRY(repeat_run(arms, &arms->after, "repeat-after", &again, err));
        TRY(repeat_run(arms, &arms->before, "repeat-before", &changed, err));
        TRY(repeat_run(arms, &arms->original, "repeat-original", &failing, err));
    }
    comparison_without(&arms->compared, &arms->flaky);
    return 0;
}

void arms_verdict(struct arms *arms, enum verdict_status *ret_status, const char **ret_reason)
{
    struct arms_said said = {.after = &arms->after.end.verdict,
                             .original = arms->original.ran ? &arms->original.end.verdict : NULL,
                             .tampered = arms->tampered,
                             .flaky = &arms->flaky,
                             .missing = &arms->missing};

    arms_settle(&said, ret_status, ret_reason);
}
