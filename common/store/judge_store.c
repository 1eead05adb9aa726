// SPDX-License-Identifier: MIT
#include "store/judge_store.h"

#include <string.h>

#include "store/result.h"

enum {
    SUBJECT,
    FIND_JOB,
    ADD_RESULT,
    FIND_CALL,
    RESERVE,
    SETTLE,
    RELEASE,
    LOCK_SPENDING,
    SUM_CALLS,
    STATEMENTS
};

static const struct statement statements[STATEMENTS] = {
    [SUBJECT] = {"judge_subject",
        "SELECT trace_no, status, num_events, document_key, document_sha256, document_bytes,"
        " (SELECT validation FROM qa_results q WHERE q.trace_no = t.trace_no"
        "  ORDER BY version DESC LIMIT 1),"
        " (SELECT count(*) FROM judge_results j WHERE j.trace_no = t.trace_no)"
        " FROM traces t WHERE tenant = $1 AND trace_id = $2", 2},

    [FIND_JOB] = {"judge_find_job",
        "SELECT version, model, overall FROM judge_results WHERE trace_no = $1 AND job_id = $2", 2},

    [ADD_RESULT] = {"judge_add_result",
        "WITH added AS (INSERT INTO judge_results (trace_no, version, job_id, created_us, model,"
        "  model_version, rubric_version, prompt_version, document_sha256, overall, result)"
        "  SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10"
        "  FROM judge_results WHERE trace_no = $1"
        "  ON CONFLICT (trace_no, job_id) DO NOTHING RETURNING version)"
        " UPDATE traces SET judge_overall = $9 FROM added WHERE trace_no = $1"
        " RETURNING added.version", 10},

    [FIND_CALL] = {"judge_find_call",
        "SELECT created_us, model, model_version, tokens_prompt, tokens_answer, cost_micro_usd,"
        " flags, answer FROM judge_calls WHERE cache_key = $1 AND answer IS NOT NULL"
        " ORDER BY call_no DESC LIMIT 1", 1},

    [RESERVE] = {"judge_reserve",
        "INSERT INTO judge_calls (trace_no, created_us, cache_key, model, tokens_prompt,"
        " tokens_answer, cost_micro_usd, flags) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)"
        " RETURNING call_no", 7},

    /* An answer quotes its trace, and one that was erased while a model thought about it keeps none.
     * What it cost still counts. */
    [SETTLE] = {"judge_settle",
        "UPDATE judge_calls c SET model_version = $2, tokens_prompt = $3, tokens_answer = $4,"
        " cost_micro_usd = $5, flags = $6, cache_key = $8,"
        " answer = CASE WHEN t.status <> 'erased' THEN $7::text END"
        " FROM (SELECT trace_no, status FROM traces WHERE trace_no ="
        "  (SELECT trace_no FROM judge_calls WHERE call_no = $1) FOR SHARE) t"
        " WHERE c.call_no = $1", 8},

    [RELEASE] = {"judge_release", "DELETE FROM judge_calls WHERE call_no = $1", 1},

    [LOCK_SPENDING] = {"judge_lock_spending",
        "SELECT pg_advisory_xact_lock(1886549107, 65)::text", 0},

    [SUM_CALLS] = {"judge_sum_calls",
        "SELECT count(*), coalesce(sum(tokens_prompt + tokens_answer), 0)::bigint,"
        " coalesce(sum(cost_micro_usd), 0)::bigint FROM judge_calls WHERE created_us >= $1", 1},
};

static int check_status(const char *trace, const char *status, bool has_document, struct err *err)
{
    if (strcmp(status, "erased") == 0) {
        return err_set(err, ERR_TRACE_ERASED, "trace %s was erased", trace);
    }
    if (!has_document) {
        return err_set(err, ERR_TRACE_NOT_READY, "trace %s is %s and has no document yet", trace,
                       status);
    }
    return 0;
}

int judge_store_subject(struct store *store, struct arena *arena, const char *tenant,
                        const char *trace, struct judge_subject *ret_subject, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_text(&args, tenant);
    args_text(&args, trace);
    TRY(store_run(store, &statements[SUBJECT], &args, &rows, err));
    if (rows_count(rows) == 0) {
        return err_set(err, ERR_TRACE_UNKNOWN, "there is no trace %s of tenant %s", trace, tenant);
    }
    TRY(check_status(trace, rows_text(rows, 0, 1), !rows_null(rows, 0, 3), err));
    *ret_subject = (struct judge_subject){
        .trace_no = rows_whole(rows, 0, 0),
        .num_events = rows_whole(rows, 0, 2),
        .document_key = arena_text(arena, rows_bytes(rows, 0, 3)),
        .document_sha256 = arena_bytes(arena, rows_bytes(rows, 0, 4)),
        .document_bytes = rows_whole(rows, 0, 5),
        .versions = rows_whole(rows, 0, 7),
    };
    if (!rows_null(rows, 0, 6)) {
        ret_subject->validation = arena_bytes(arena, rows_bytes(rows, 0, 6));
    }
    return 0;
}

int judge_store_find(struct store *store, struct arena *arena, int64_t trace_no,
                     const char *job_id, struct judge_done *ret_done, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, trace_no);
    args_text(&args, job_id);
    TRY(store_run(store, &statements[FIND_JOB], &args, &rows, err));
    *ret_done = (struct judge_done){0};
    if (rows_count(rows) > 0) {
        ret_done->there = true;
        ret_done->version = rows_whole(rows, 0, 0);
        ret_done->model = arena_text(arena, rows_bytes(rows, 0, 1));
        ret_done->scored = !rows_null(rows, 0, 2);
        ret_done->overall = ret_done->scored ? rows_real(rows, 0, 2) : 0;
    }
    return 0;
}

static struct args add_args(struct arena *arena, int64_t trace_no, const struct judge_row *row)
{
    struct args args = args_start(arena);

    args_whole(&args, trace_no);
    args_text(&args, row->job_id);
    args_whole(&args, row->created_us);
    args_text(&args, row->model);
    args_text(&args, row->model_version);
    args_text(&args, row->rubric_version);
    args_text(&args, row->prompt_version);
    args_bin(&args, row->document_sha256);
    if (row->scored) {
        args_real(&args, row->overall);
    } else {
        args_null(&args);
    }
    args_bytes_text(&args, row->result);
    return args;
}

int judge_store_put(struct store *store, struct arena *arena, int64_t trace_no,
                    const struct judge_row *row, struct judge_done *ret_done, struct err *err)
{
    struct args         args = add_args(arena, trace_no, row);
    const struct result result = {.trace_no = trace_no,
                                  .add = &statements[ADD_RESULT],
                                  .args = &args,
                                  .meanwhile = "it was judged"};
    struct judge_done   done = {true, 0, row->model, row->scored, row->overall};

    TRY(result_add(store, arena, &result, &done.version, err));
    if (done.version == 0) {
        return judge_store_find(store, arena, trace_no, row->job_id, ret_done, err);
    }
    *ret_done = done;
    return 0;
}

/* -------- calls -------- */

int judge_store_cached(struct store *store, struct arena *arena, struct bytes cache_key,
                       bool *ret_there, struct judge_call *ret_call, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_bin(&args, cache_key);
    TRY(store_run(store, &statements[FIND_CALL], &args, &rows, err));
    *ret_there = rows_count(rows) > 0;
    if (*ret_there) {
        bool versioned = !rows_null(rows, 0, 2);
        bool priced = !rows_null(rows, 0, 5);

        *ret_call = (struct judge_call){
            .cache_key = cache_key,
            .created_us = rows_whole(rows, 0, 0),
            .model = arena_text(arena, rows_bytes(rows, 0, 1)),
            .model_version = versioned ? arena_text(arena, rows_bytes(rows, 0, 2)) : NULL,
            .tokens_prompt = rows_whole(rows, 0, 3),
            .tokens_answer = rows_whole(rows, 0, 4),
            .cost_usd = priced ? (double)rows_whole(rows, 0, 5) / 1e6 : -1,
            .flags = (unsigned)rows_whole(rows, 0, 6),
            .answer = arena_bytes(arena, rows_bytes(rows, 0, 7)),
        };
    }
    return 0;
}

static void args_cost(struct args *args, double usd)
{
    if (usd < 0) {
        args_null(args);
    } else {
        args_whole(args, (int64_t)(usd * 1e6 + 0.5));
    }
}

int judge_store_reserve(struct store *store, struct arena *arena, int64_t trace_no,
                        const struct judge_call *most, int64_t *ret_call_no, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, trace_no);
    args_whole(&args, most->created_us);
    args_bin(&args, most->cache_key);
    args_text(&args, most->model);
    args_whole(&args, most->tokens_prompt);
    args_whole(&args, most->tokens_answer);
    args_cost(&args, most->cost_usd);
    TRY(store_run(store, &statements[RESERVE], &args, &rows, err));
    *ret_call_no = rows_whole(rows, 0, 0);
    return 0;
}

int judge_store_settle(struct store *store, struct arena *arena, int64_t call_no,
                       const struct judge_call *call, struct err *err)
{
    struct args args = args_start(arena);

    args_whole(&args, call_no);
    args_text(&args, call->model_version);
    args_whole(&args, call->tokens_prompt);
    args_whole(&args, call->tokens_answer);
    args_cost(&args, call->cost_usd);
    args_whole(&args, call->flags);
    if (call->answer.size == 0) {
        args_null(&args);
    } else {
        args_bytes_text(&args, call->answer);
    }
    args_bin(&args, call->cache_key);
    return store_run(store, &statements[SETTLE], &args, NULL, err);
}

int judge_store_release(struct store *store, struct arena *arena, int64_t call_no, struct err *err)
{
    struct args args = args_start(arena);

    args_whole(&args, call_no);
    return store_run(store, &statements[RELEASE], &args, NULL, err);
}

int judge_store_lock_spending(struct store *store, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;

    return store_run(store, &statements[LOCK_SPENDING], NULL, &rows, err);
}

int judge_store_spent(struct store *store, struct arena *arena, int64_t since_us,
                      struct judge_spent *ret_spent, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, since_us);
    TRY(store_run(store, &statements[SUM_CALLS], &args, &rows, err));
    *ret_spent = (struct judge_spent){
        .calls = rows_whole(rows, 0, 0),
        .tokens = rows_whole(rows, 0, 1),
        .cost_usd = (double)rows_whole(rows, 0, 2) / 1e6,
    };
    return 0;
}
