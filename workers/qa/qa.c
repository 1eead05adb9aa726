// SPDX-License-Identifier: MIT
/*
 * qa.c - the qa stage: do the tests say that it is fixed?
 *
 * Takes a work message {job_id?}, runs the tests of the trace's snapshots and adds one row to
 * qa_results. A message without a job_id is its own job, named by its place in the stream and its
 * time. Gives work to judge in every case: a trace whose tests cannot be run still ends.
 */
#include <string.h>

#include "base/clock.h"
#include "store/qa_store.h"
#include "value/json.h"
#include "value/msgpack.h"
#include "workers/object.h"
#include "workers/qa/examine.h"
#include "workers/stage.h"

static const struct value_limits job_limits = {64 * 1024, 8, 1000};

struct qa {
    struct arena   *arena;
    struct farm    *farm;
    struct examiner examiner;
};

static void qa_close(void *self)
{
    struct qa *qa = self;

    if (qa != NULL) {
        examiner_close(&qa->examiner);
        arena_free(qa->arena);
        mem_free(qa);
    }
}

static int qa_open(struct farm *farm, void **ret_self, struct err *err)
{
    struct qa *qa = mem_zero(1, sizeof(*qa));

    qa->arena = arena_new();
    qa->farm = farm;
    if (examiner_open(&qa->examiner, qa->arena, farm->config, farm->blob, err) < 0) {
        qa_close(qa);
        return -1;
    }
    LOG(NULL, INFO, "sandbox opened", KV("engine", sandbox_engine(qa->examiner.sandbox)),
        KV("runtime", sandbox_runtime(qa->examiner.sandbox)),
        KV("image", sandbox_base(qa->examiner.sandbox)->name));
    *ret_self = qa;
    return 0;
}

static int job_id_read(struct delivery *in, const char **ret_id, struct err *err)
{
    struct value body;
    struct bytes id;

    TRY(msgpack_read(in->arena, in->message.body, &job_limits, false, &body, err));
    id = value_text_or(value_get(&body, "job_id"), "");
    *ret_id = id.size > 0 ? arena_text(in->arena, id)
                          : arena_format(in->arena, "qa-%llu-%lld", (unsigned long long)in->seq,
                                         (long long)in->message.at_us);
    return 0;
}

/* *ret_snapshot is NULL when the trace has none of that name. */
static int snapshot_read(struct qa *qa, struct delivery *in, int64_t trace_no, const char *name,
                         const struct snapshot **ret_snapshot, struct err *err)
{
    struct artifact_record row;
    struct snapshot       *snapshot;

    if (artifact_read(qa->farm->store, in->arena, trace_no, bytes_of(name), &row, err) < 0) {
        if (err->code != ERR_NOT_FOUND) {
            return -1;
        }
        err_clear(err);
        *ret_snapshot = NULL;
        return 0;
    }
    snapshot = arena_zero(in->arena, 1, sizeof(*snapshot));
    snapshot->key = arena_text(in->arena, row.object_key);
    memcpy(snapshot->sha256, row.sha256, sizeof(snapshot->sha256));
    snapshot->size_bytes = row.size_bytes;
    *ret_snapshot = snapshot;
    return 0;
}

/* The trace was erased after they were noted: they may have been put after its objects went. */
static int finding_drop(struct qa *qa, struct delivery *in, const struct finding *finding,
                        struct err *err)
{
    for (size_t i = 0; i < finding->artifact_count; i++) {
        TRY(object_drop(qa->farm->store, qa->farm->blob, in->arena, in->to.trace,
                        arena_text(in->arena, finding->artifacts[i].object_key), err));
    }
    return 0;
}

static int finding_save(struct qa *qa, struct delivery *in, int64_t trace_no, const char *job_id,
                        struct finding *finding, struct qa_done *ret_done, struct err *err)
{
    CLEANUP(buf) struct buf json = {0};
    struct qa_row           row = {.job_id = job_id,
                                   .created_us = clock_us(),
                                   .status = verdict_word(finding->status),
                                   .artifacts = finding->artifacts,
                                   .artifact_count = finding->artifact_count};

    row.said = validation_said(finding->status, &row.tests_passed);
    for (size_t i = 0; i < finding->artifact_count; i++) {
        struct artifact_record *record = &finding->artifacts[i];

        record->trace_no = trace_no;
        record->created_us = row.created_us;
        record->stream_seq = ARTIFACT_OWN;
        record->name =
            bytes_of(arena_format(in->arena, "%s.%s", job_id, finding->artifact_kinds[i]));
    }
    TRY(jcs_write(&json, &finding->validation, err));
    row.validation = buf_bytes(&json);
    if (qa_store_put(qa->farm->store, in->arena, trace_no, &row, ret_done, err) < 0) {
        struct err undropped = {0};

        if (err->code == ERR_TRACE_ERASED && finding_drop(qa, in, finding, &undropped) < 0) {
            *err = undropped;
        }
        return -1;
    }
    return 0;
}

static int tests_run(struct qa *qa, struct delivery *in, int64_t trace_no,
                     const struct qa_document *document, const char *job_id, struct pieces *pieces,
                     struct qa_done *ret_done, struct err *err)
{
    struct heart    heart = {.in = in, .last_us = clock_mono_us()};
    struct question question = {.document = document,
                                .pieces = pieces,
                                .store = qa->farm->store,
                                .trace_no = trace_no,
                                .last_try = in->last_try};
    struct finding  finding;

    TRY(snapshot_read(qa, in, trace_no, "final_workspace_snapshot", &question.after, err));
    TRY(snapshot_read(qa, in, trace_no, "start_workspace_snapshot", &question.before, err));
    TRY(examine(&qa->examiner, in->arena, &question, &heart, &finding, err));
    LOG(&in->log, INFO, "tests finished", KV("status", verdict_word(finding.status)),
        KV("reason", finding.reason), KV("took_ms", finding.took_ms),
        KV("unpack_ms", finding.steps.unpack / 1000), KV("layer_ms", finding.steps.layer / 1000),
        KV("start_ms", finding.steps.start / 1000), KV("ready_ms", finding.steps.ready / 1000),
        KV("tests_ms", finding.steps.tests / 1000), KV("remove_ms", finding.steps.remove / 1000),
        KV("judge_ms", finding.steps.judge / 1000), KV("store_ms", finding.steps.store / 1000));
    return finding_save(qa, in, trace_no, job_id, &finding, ret_done, err);
}

static void leave_word(struct delivery *in, struct outbox *out, const char *job_id,
                       const struct qa_done *done)
{
    CLEANUP(buf) struct buf work = {0};
    CLEANUP(buf) struct buf result = {0};
    const char             *judge = arena_format(in->arena, "%s.judge", job_id);
    struct value            body = value_map();

    value_put(in->arena, &body, "job_id", value_text(judge));
    msgpack_write(&work, &body);
    outbox_put(out, in, "work", "judge", judge, buf_bytes(&work), false);

    body = value_map();
    value_put(in->arena, &body, "status", value_text(done->status));
    value_put(in->arena, &body, "tests_passed",
              done->said ? value_flag(done->tests_passed) : value_null());
    value_put(in->arena, &body, "version", value_whole(done->version));
    value_put(in->arena, &body, "job_id", value_text(job_id));
    msgpack_write(&result, &body);
    outbox_put(out, in, "result", "qa", arena_format(in->arena, "%s.result", job_id),
               buf_bytes(&result), false);
}

static int qa_handle(void *self, struct delivery *in, struct outbox *out, struct err *err)
{
    struct qa                     *qa = self;
    CLEANUP(pieces) struct pieces *pieces = pieces_open(qa->farm, in);
    const char                    *job_id;
    int64_t                        trace_no;
    struct qa_document             document;
    struct qa_done                 done;

    TRY(job_id_read(in, &job_id, err));
    TRY(qa_store_trace(qa->farm->store, in->arena, in->to.tenant, in->to.trace, &trace_no,
                       &document, err));
    TRY(qa_store_find(qa->farm->store, in->arena, trace_no, job_id, &done, err));
    if (!done.there) {
        TRY(tests_run(qa, in, trace_no, &document, job_id, pieces, &done, err));
    }
    leave_word(in, out, job_id, &done);
    return 0;
}

const struct stage qa_stage = {.open = qa_open, .handle = qa_handle, .close = qa_close};
