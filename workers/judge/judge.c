// SPDX-License-Identifier: MIT
/*
 * judge.c - the judge stage: how good was the way there?
 *
 * Takes a work message {job_id?, model?, rubric?, fresh?}, reads the finalized document and QA's
 * newest verdict, and adds one row to judge_results. A message without a job_id is its own job,
 * named by its place in the stream and its time.
 */
#include <string.h>

#include "base/clock.h"
#include "store/judge_store.h"
#include "value/json.h"
#include "value/msgpack.h"
#include "metric/metric.h"
#include "workers/judge/model_judge.h"
#include "workers/judge/patience.h"
#include "workers/judge/score/mock.h"
#include "workers/judge/score/settings.h"
#include "workers/judge/score/verdict.h"
#include "workers/stage.h"

enum { PIECE_BYTES = 256 * 1024, VALIDATION_MOST = 64 * 1024 * 1024 };

static const struct value_limits job_limits = {64 * 1024, 8, 1000};
static const struct value_limits validation_limits = {VALIDATION_MOST, 64, 5000000};

struct judge {
    struct farm        *farm;
    enum judge_mode     mode;
    struct mock        *mock;
    struct model_judge *models; /* NULL unless JUDGE_OPENAI */
    struct patience    *patience;
    uint8_t            *piece;  /* of a document, PIECE_BYTES */
};

/* One job: what its message asks for. */
struct job {
    enum judge_mode  mode;
    const char      *id;
    const char      *rubric;
    struct model_job models;
};

/* The places of judge_results' label values in metric.def. */
enum { RESULT_SCORED, RESULT_UNSCORED, RESULT_OFF };

static void judge_close(void *self)
{
    struct judge *judge = self;

    if (judge != NULL) {
        mock_free(judge->mock);
        model_judge_close(judge->models);
        patience_free(judge->patience);
        mem_free(judge->piece);
        mem_free(judge);
    }
}

static int judge_open(struct farm *farm, void **ret_self, struct err *err)
{
    struct judge *judge = mem_zero(1, sizeof(*judge));

    judge->farm = farm;
    judge->mode = settings_mode(farm->config);
    judge->piece = mem_get(PIECE_BYTES);
    judge->patience = patience_new(farm->config->judge_patience);
    judge->mock = mock_new(err);
    if (judge->mock == NULL ||
        (judge->mode == JUDGE_OPENAI && model_judge_open(&judge->models, farm->config, err) < 0)) {
        judge_close(judge);
        return -1;
    }
    *ret_self = judge;
    return 0;
}

/* The model "mock" is the written rules, by any judge. Other names never fall back to them. */
static int job_mode(const struct judge *judge, struct job *job, struct err *err)
{
    job->mode = judge->mode;
    if (job->models.models == NULL) {
        return 0;
    }
    if (strcmp(job->models.models, mock_model) == 0) {
        job->mode = JUDGE_MOCK;
        return 0;
    }
    return judge->mode == JUDGE_OPENAI
               ? 0
               : err_set(err, ERR_CONFIG_WRONG,
                         "the job names %.80s, but this judge asks no models: set PRT_JUDGE=openai,"
                         " PRT_JUDGE_API_KEY and PRT_JUDGE_BASE_URL, then retry",
                         job->models.models);
}

static int job_read(const struct judge *judge, struct delivery *in, struct job *ret_job,
                    struct err *err)
{
    struct value body;
    struct bytes id, rubric, models;

    TRY(msgpack_read(in->arena, in->message.body, &job_limits, false, &body, err));
    id = value_text_or(value_get(&body, "job_id"), "");
    models = value_text_or(value_get(&body, "model"), "");
    rubric = value_text_or(value_get(&body, "rubric"), judge->farm->config->judge_rubric);
    *ret_job = (struct job){
        .id = id.size > 0 ? arena_text(in->arena, id)
                          : arena_format(in->arena, "judge-%llu-%lld", (unsigned long long)in->seq,
                                         (long long)in->message.at_us),
        .rubric = arena_text(in->arena, rubric),
        .models.models = models.size > 0 ? arena_text(in->arena, models) : NULL,
        .models.fresh = value_flag_or(value_get(&body, "fresh"), false),
    };
    ret_job->models.id = ret_job->id;
    return job_mode(judge, ret_job, err);
}

/* Finalize wrote well-formed documents: what can't be read is not what it wrote. */
static int read_failed(const struct judge_subject *subject, struct err *err)
{
    if (err->code == ERR_MALFORMED) {
        err->code = ERR_BLOB_CORRUPT;
    }
    return err_add(err, "document %s", subject->document_key);
}

/* The document, in pieces: it may be far larger than the memory there is. */
static int session_load(struct judge *judge, struct delivery *in,
                        const struct judge_subject *subject, struct session *ret_session,
                        struct err *err)
{
    CLEANUP(session_reader) struct session_reader *reader =
        session_reader_new(in->arena, (uint64_t)subject->num_events);
    char    want[HASH_HEX];
    int64_t at = 0;

    while (at < subject->document_bytes) {
        size_t got = 0;

        TRY(blob_read(judge->farm->blob, BUCKET_TRACES, subject->document_key, at, judge->piece,
                      PIECE_BYTES, &got, err));
        if (got == 0) {
            break;
        }
        if (session_reader_put(reader, (struct bytes){judge->piece, got}, err) < 0) {
            return read_failed(subject, err);
        }
        at += (int64_t)got;
    }
    if (session_reader_finish(reader, ret_session, err) < 0) {
        return read_failed(subject, err);
    }
    hex_write(want, subject->document_sha256);
    if (strcmp(want, ret_session->sha256) != 0) {
        return err_set(err, ERR_BLOB_CORRUPT, "document %s has SHA-256 %s, not %s",
                       subject->document_key, ret_session->sha256, want);
    }
    ret_session->validation = NULL;
    if (subject->validation.size > 0) {
        struct value *validation = arena_zero(in->arena, 1, sizeof(*validation));

        TRY(json_read(in->arena, subject->validation, &validation_limits, validation, err));
        ret_session->validation = validation;
    }
    return 0;
}

static int verdict_make(struct judge *judge, struct delivery *in, const struct job *job,
                        const struct judge_subject *subject, struct verdict *ret_verdict,
                        struct err *err)
{
    struct rubric *rubric = arena_zero(in->arena, 1, sizeof(*rubric));
    struct session session;
    struct opinion opinion;

    TRY(rubric_load(in->arena, job->rubric, rubric, err));
    TRY(session_load(judge, in, subject, &session, err));
    if (job->mode == JUDGE_OPENAI) {
        TRY(model_judge_ask(judge->models, judge->farm->store, in, &job->models, subject, rubric,
                            &session, ret_verdict, err));
    } else {
        mock_judge(judge->mock, in->arena, rubric, &session, &opinion);
        verdict_by_mock(ret_verdict, in->arena, rubric, &session, &opinion);
    }
    ret_verdict->at_us = clock_us();
    return 0;
}

static int verdict_off(struct delivery *in, const struct job *job,
                       const struct judge_subject *subject, struct verdict *ret_verdict,
                       struct err *err)
{
    struct rubric *rubric = arena_zero(in->arena, 1, sizeof(*rubric));
    char           hash[HASH_HEX];

    TRY(rubric_load(in->arena, job->rubric, rubric, err));
    hex_write(hash, subject->document_sha256);
    *ret_verdict = (struct verdict){
        .status = VERDICT_OFF,
        .why = "judging is turned off (PRT_JUDGE=off)",
        .model = "off",
        .prompt_version = "none",
        .rubric = rubric,
        .document_sha256 = arena_text(in->arena, bytes_of(hash)),
        .at_us = clock_us(),
    };
    return 0;
}

static int verdict_keep(struct judge *judge, struct delivery *in, const struct job *job,
                        const struct judge_subject *subject, const struct verdict *verdict,
                        struct judge_done *ret_done, struct err *err)
{
    CLEANUP(buf) struct buf result = {0};
    struct judge_row        row = {
        .job_id = job->id,
        .created_us = verdict->at_us,
        .model = verdict->model,
        .model_version = verdict->model_version,
        .rubric_version = verdict->rubric->version,
        .prompt_version = verdict->prompt_version,
        .document_sha256 = subject->document_sha256,
        .scored = verdict->status == VERDICT_SCORED,
        .overall = verdict->overall,
    };

    TRY(verdict_write(&result, in->arena, verdict, err));
    row.result = buf_bytes(&result);
    return judge_store_put(judge->farm->store, in->arena, subject->trace_no, &row, ret_done, err);
}

static void result_put(struct outbox *out, const struct delivery *in, const char *status,
                       const struct judge_done *done)
{
    CLEANUP(buf) struct buf body = {0};
    const char             *id = arena_format(in->arena, "judge-%s-%lld", in->to.trace,
                                              (long long)done->version);

    msgpack_put_map(&body, 4);
    msgpack_put_text(&body, BYTES("status"));
    msgpack_put_text(&body, bytes_of(status));
    msgpack_put_text(&body, BYTES("version"));
    msgpack_put_whole(&body, done->version);
    msgpack_put_text(&body, BYTES("model"));
    msgpack_put_text(&body, bytes_of(done->model));
    msgpack_put_text(&body, BYTES("overall"));
    if (done->scored) {
        msgpack_put_real(&body, done->overall);
    } else {
        msgpack_put_null(&body);
    }
    outbox_put(out, in, "result", "judge", id, buf_bytes(&body), false);
}

static int judge_handle(void *self, struct delivery *in, struct outbox *out, struct err *err)
{
    struct judge        *judge = self;
    struct job           job;
    struct judge_subject subject;
    struct judge_done    done;
    struct verdict       verdict;
    int64_t              began_us = clock_mono_us();
    const char          *status;

    TRY(job_read(judge, in, &job, err));
    TRY(judge_store_subject(judge->farm->store, in->arena, in->to.tenant, in->to.trace, &subject,
                            err));
    TRY(judge_store_find(judge->farm->store, in->arena, subject.trace_no, job.id, &done, err));
    if (!done.there && job.mode == JUDGE_OFF && subject.versions > 0) {
        done.model = "off"; /* "not judged" must not hide what was said before */
    } else if (!done.there) {
        if (job.mode == JUDGE_OFF) {
            TRY(verdict_off(in, &job, &subject, &verdict, err));
        } else {
            if (verdict_make(judge, in, &job, &subject, &verdict, err) < 0) {
                return patience_failed(judge->patience, in->seq, clock_mono_us(), err);
            }
            patience_done(judge->patience, in->seq);
        }
        TRY(verdict_keep(judge, in, &job, &subject, &verdict, &done, err));
    }
    status = done.scored ? "scored" : strcmp(done.model, "off") == 0 ? "off" : "unscored";
    metric_add(METRIC_judge_results,
               done.scored ? RESULT_SCORED : status[0] == 'o' ? RESULT_OFF : RESULT_UNSCORED, 1);
    LOG(&in->log, INFO, "trace judged", KV("status", status), KV("model", done.model),
        KV("version", done.version), KV("overall", done.overall),
        KV("took_ms", (clock_mono_us() - began_us) / 1000));
    result_put(out, in, status, &done);
    return 0;
}

static int judge_tend(void *self, struct err *err)
{
    struct judge *judge = self;

    (void)err;
    if (judge->models != NULL) {
        model_judge_tend(judge->models);
    }
    return 0;
}

const struct stage judge_stage = {
    .open = judge_open,
    .handle = judge_handle,
    .tend = judge_tend,
    .close = judge_close,
};
