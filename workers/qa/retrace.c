// SPDX-License-Identifier: MIT
#include "workers/qa/retrace.h"

#include <string.h>

#include "base/fd.h"
#include "base/utf8.h"
#include "value/json.h"
#include "workers/qa/layer.h"

static const struct value_limits event_limits = {64 * 1024 * 1024, 128, 5000000};

void retrace_done(struct retrace *retrace)
{
    if (retrace->replay.scratch != NULL) {
        replay_done(&retrace->replay);
    }
}

/* -------------------------------- test runs -------------------------------- */

/* The reason why this run cannot be made again, or NULL. */
static const char *unfit_run(const struct value *event, const struct runner *runner)
{
    struct bytes selection = value_text_or(value_get(event, "selection"), "");

    if (!bytes_is(value_text_or(value_get(event, "framework"), ""), runner->framework)) {
        return "other_framework";
    }
    if (selection.size > 0 && !runner->selects) {
        return "selection_unsupported";
    }
    return memchr(selection.data == NULL ? (const uint8_t *)"" : selection.data, '\0',
                  selection.size) != NULL
               ? "selection_unsupported"
               : NULL;
}

/* One run on the tree as it is now; claim->reason is set instead when it cannot be made. */
static int run_make(struct retrace *retrace, const struct runner *runner, struct bytes selection,
                    struct made_run *ret_run, struct err *err)
{
    struct examiner             *examiner = retrace->examiner;
    struct arena                *arena = retrace->arena;
    CLEANUP(arena) struct arena *scratch = arena_new();
    CLEANUP(spool) struct spool  report = {.fd = -1};
    bool                         kept = retrace->replay.edits_applied == 0 && selection.size == 0;
    struct image                 image;
    struct made_run              run = {.is = true,
                                        .edits = retrace->replay.edits_applied,
                                        .selection = arena_bytes(arena, selection),
                                        .runner = runner};
    struct arm                   arm = {.arena = kept ? arena : scratch,
                                        .name = arena_format(arena, "claim-%zu", retrace->runs_made),
                                        .workspace = &retrace->tree,
                                        .image = &image,
                                        .runner = runner,
                                        .limits = &examiner->limits,
                                        .selection = selection.size > 0 ? arena_text(arena, selection) : NULL};

    retrace->runs_made++;
    TRY(spool_open(&report, retrace->job->dir, err));
    TRY(layer_image(examiner, retrace->job, arm.name, &retrace->tree, retrace->log, retrace->heart,
                    &image, err));
    TRY(sandbox_own(examiner->sandbox, retrace->tree.dir, err));
    TRY(arm_run(examiner->sandbox, retrace->job, &arm, retrace->log, &report, retrace->heart,
                &run.end, err));
    if (!kept) { /* of a claim only the counts are wanted; the start's whole run is an arm too */
        run.end.verdict.report = (struct test_report){0};
        run.end.detail = NULL;
    }
    *ret_run = run;
    return 0;
}

static void claim_observe(struct claim *claim, const struct verdict *verdict)
{
    if (!verdict->believed) {
        claim->reason = verdict->reason;
        return;
    }
    claim->observed = true;
    claim->passed_here = verdict->passed;
    claim->failed_here = verdict->failed;
    claim->errors_here = verdict->errors;
}

/* A run that was made before on this very tree need not be made again. */
static int run_again(struct retrace *retrace, const struct runner *runner, struct bytes selection,
                     struct claim *claim, struct err *err)
{
    struct made_run *last = &retrace->last;

    if (!last->is || last->edits != retrace->replay.edits_applied || last->runner != runner ||
        !bytes_equal(last->selection, selection)) {
        TRY(run_make(retrace, runner, selection, last, err));
    }
    if (last->edits == 0 && selection.size == 0) {
        retrace->start = *last;
    }
    claim_observe(claim, &last->end.verdict);
    return 0;
}

static int claim_run(struct retrace *retrace, const struct value *event, struct claim *claim,
                     struct err *err)
{
    struct bytes         selection = value_text_or(value_get(event, "selection"), "");
    const struct runner *runner;

    TRY(runner_for(retrace->arena,
                   arena_format(retrace->arena, "%s/%s", retrace->tree.dir, retrace->tree.root),
                   &runner, err));
    claim->reason = unfit_run(event, runner);
    if (claim->reason != NULL) {
        return 0;
    }
    if (selection.size == 0 && retrace->replay.edits_applied == retrace->edits) {
        claim->waits_for = runner;
        return 0;
    }
    return run_again(retrace, runner, selection, claim, err);
}

/* Whether a failure of the sandbox is the claim's own, or the whole job's. */
static int claim_failed(struct retrace *retrace, struct claim *claim, struct err *err)
{
    if (err->code == ERR_LEASE_LOST || err_fate(err->code) == FATE_WAIT || !retrace->last_try) {
        return -1;
    }
    claim->reason = err_name(err->code);
    err_clear(err);
    return 0;
}

static int claim_check(struct retrace *retrace, const struct value *event, struct err *err)
{
    struct claim *claim = &retrace->claims[retrace->claim_count];

    *claim = (struct claim){.seq = value_whole_or(value_get(event, "seq"), -1),
                            .passed = value_whole_or(value_get(event, "num_passed"), 0),
                            .failed = value_whole_or(value_get(event, "num_failed"), 0)};
    if (retrace->replay.first.there) {
        claim->reason = retrace->replay.first.ours ? retrace->replay.first.reason : "diverged";
    } else if (claim_run(retrace, event, claim, err) < 0) {
        TRY(claim_failed(retrace, claim, err));
    }
    retrace->claim_count++;
    return 0;
}

/* -------------------------------- the document -------------------------------- */

static bool is_run(const struct value *event)
{
    return value_is_text(value_get(event, "type"), "test_run");
}

/* Calls `each` for all events in order. */
typedef int (*each_event)(struct retrace *retrace, const struct value *event, struct err *err);

static int events_read(struct retrace *retrace, each_event each, struct err *err)
{
    CLEANUP(event_lines)
    struct event_lines *lines =
        event_lines_open(retrace->examiner->blob, retrace->document, retrace->heart);
    CLEANUP(arena) struct arena *scratch = arena_new();
    bool                         there = true;

    for (;;) {
        struct bytes line;
        struct value event;

        TRY(event_lines_next(lines, &line, &there, err));
        if (!there) {
            return 0;
        }
        arena_reset(scratch);
        if (json_read(scratch, line, &event_limits, &event, err) < 0) {
            err->code = ERR_BLOB_CORRUPT; /* finalize wrote well-formed events */
            return err_add(err, "document %s", retrace->document->key);
        }
        TRY(each(retrace, &event, err));
    }
}

static int event_count(struct retrace *retrace, const struct value *event, struct err *err)
{
    (void)err;
    retrace->edits += value_is_text(value_get(event, "type"), "file_edit") ? 1 : 0;
    retrace->runs += is_run(event) ? 1 : 0;
    return 0;
}

static int event_do(struct retrace *retrace, const struct value *event, struct err *err)
{
    int64_t most = retrace->examiner->config->qa_claims;

    if (!is_run(event)) {
        return replay_event(&retrace->replay, event, err);
    }
    if (claim_is_sampled(retrace->runs_seen++, retrace->runs, most)) {
        return claim_check(retrace, event, err);
    }
    return 0;
}

int retrace_run(struct retrace *retrace, struct err *err)
{
    struct examiner          *examiner = retrace->examiner;
    const struct config      *config = examiner->config;
    const char               *dir = arena_format(retrace->arena, "%s/replay", retrace->job->dir);
    CLEANUP(tree) struct tree tree = {.root = -1};

    retrace->final_tree = "not_compared";
    if (retrace->document == NULL || retrace->document->key == NULL) {
        retrace->reason = "no_document";
        return 0;
    }
    TRY(events_read(retrace, event_count, err));
    retrace->claims =
        arena_zero(retrace->arena, (size_t)config->qa_claims + 1, sizeof(*retrace->claims));
    if (retrace->snapshot == NULL) {
        retrace->reason = "no_start_snapshot";
        return 0;
    }
    TRY(workspace_fetch(retrace->arena, examiner->blob, retrace->snapshot, &examiner->pack, dir,
                        retrace->heart, &retrace->tree, err));
    TRY(tree_open(&tree, arena_format(retrace->arena, "%s/%s", dir, retrace->tree.root), err));
    replay_init(&retrace->replay, retrace->arena, &tree, config->qa_replay_bytes,
                examiner->pack.bytes - retrace->tree.stats.bytes);
    TRY(events_read(retrace, event_do, err));
    retrace->replay.tree = NULL;
    retrace->whole = !retrace->replay.first.there;
    if (retrace->replay.first.ours) {
        retrace->reason = retrace->replay.first.reason;
    }
    return retrace->whole
               ? 0
               : spool_say(retrace->log, err, "== replay: %s at seq %lld ==\n",
                           retrace->replay.first.reason, (long long)retrace->replay.first.seq);
}

void retrace_failed(struct retrace *retrace, const char *reason)
{
    retrace->whole = false;
    retrace->reason = reason;
}

/* -------------------------------- what came out -------------------------------- */

static const char *const difference_words[] = {
    [TREE_ONLY_HERE] = "not_in_final_snapshot",
    [TREE_ONLY_THERE] = "only_in_final_snapshot",
    [TREE_DIFFERS] = "final_snapshot_differs",
};

int retrace_compare(struct retrace *retrace, const struct workspace *final, struct err *err)
{
    struct arena             *arena = retrace->arena;
    CLEANUP(tree) struct tree here = {.root = -1};
    CLEANUP(tree) struct tree there = {.root = -1};
    enum tree_difference      difference;
    const char               *path;

    if (!retrace->whole) {
        return 0;
    }
    if (final == NULL) {
        retrace->final_tree = "not_sent";
        return 0;
    }
    TRY(tree_open(&here, arena_format(arena, "%s/%s", retrace->tree.dir, retrace->tree.root), err));
    TRY(tree_open(&there, arena_format(arena, "%s/%s", final->dir, final->root), err));
    TRY(tree_compare(arena, &here, &there, (struct tick){heart_beat, retrace->heart}, &difference,
                     &path, err));
    retrace->final_tree = difference == TREE_SAME ? "same" : "differs";
    if (difference != TREE_SAME) {
        retrace->whole = false;
        replay_diverge(&retrace->replay, -1, bytes_of(path), difference_words[difference]);
    }
    return 0;
}

int retrace_settle(struct retrace *retrace, const struct arm_end *after, struct err *err)
{
    bool same =
        strcmp(retrace->final_tree, "same") == 0 || strcmp(retrace->final_tree, "not_sent") == 0;

    for (size_t i = 0; i < retrace->claim_count; i++) {
        struct claim *claim = &retrace->claims[i];

        if (claim->waits_for == NULL) {
            continue;
        }
        if (after != NULL && same) {
            claim_observe(claim, &after->verdict);
        } else if (run_again(retrace, claim->waits_for, BYTES(""), claim, err) < 0) {
            TRY(claim_failed(retrace, claim, err));
        }
    }
    return 0;
}

static struct value divergence_value(struct arena *arena, const struct divergence *first)
{
    struct value map = value_map();

    if (first->seq >= 0) {
        value_put(arena, &map, "seq", value_whole(first->seq));
    }
    if (first->file != NULL) {
        /* A name out of an archive may be any bytes; a value's text is UTF-8. */
        char *file = arena_text(arena, bytes_of(first->file));

        for (size_t at = utf8_wrong_at(bytes_of(file)); file[at] != '\0';
             at = utf8_wrong_at(bytes_of(file))) {
            file[at] = '?';
        }
        value_put(arena, &map, "file", value_text(file));
    }
    value_put(arena, &map, "reason", value_text(first->reason));
    return map;
}

void retrace_tell(const struct retrace *retrace, struct value *ret_replay, struct value *ret_claims)
{
    struct arena        *arena = retrace->arena;
    const struct replay *replay = &retrace->replay;
    struct value         map = value_map();
    struct value         list = value_list();

    value_put(arena, &map, "replayable", value_flag(retrace->whole));
    if (retrace->reason != NULL) {
        value_put(arena, &map, "reason", value_text(retrace->reason));
    }
    value_put(arena, &map, "edits_applied", value_whole(replay->edits_applied));
    if (replay->first.there && !replay->first.ours) {
        value_put(arena, &map, "first_divergence", divergence_value(arena, &replay->first));
    }
    value_put(arena, &map, "hashes_verified", value_whole(replay->hashes_verified));
    value_put(arena, &map, "hashes_unverifiable", value_whole(replay->hashes_unverifiable));
    value_put(arena, &map, "final_tree", value_text(retrace->final_tree));
    value_put(arena, &map, "test_runs", value_whole(retrace->runs));
    for (size_t i = 0; i < retrace->claim_count; i++) {
        value_append(arena, &list, claim_value(arena, &retrace->claims[i]));
    }
    *ret_replay = map;
    *ret_claims = list;
}
