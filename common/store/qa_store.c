// SPDX-License-Identifier: MIT
#include "store/qa_store.h"

#include <string.h>

#include "store/result.h"

#define MEANWHILE "its tests ran"

enum { TRACE, FIND_JOB, ADD_RESULT, STATEMENTS };

const struct statement qa_statements[] = {
    [TRACE] = {"qa_trace",
        "SELECT trace_no, status, document_key, document_sha256, document_bytes"
        " FROM traces WHERE tenant = $1 AND trace_id = $2", 2},

    [FIND_JOB] = {"qa_find_job",
        "SELECT version, status, tests_passed FROM qa_results WHERE trace_no = $1 AND job_id = $2",
        2},

    [ADD_RESULT] = {"qa_add_result",
        "WITH added AS (INSERT INTO qa_results (trace_no, version, job_id, created_us, status,"
        "  tests_passed, validation)"
        "  SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6"
        "  FROM qa_results WHERE trace_no = $1"
        "  HAVING count(*) FILTER (WHERE job_id = $2) = 0 RETURNING version)"
        " UPDATE traces SET qa_status = $4, tests_passed = $5 FROM added WHERE trace_no = $1"
        " RETURNING added.version", 6},
};
const size_t qa_statement_count = STATEMENTS;

int qa_store_trace(struct store *store, struct arena *arena, const char *tenant, const char *trace,
                   int64_t *ret_trace_no, struct qa_document *ret_document, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_text(&args, tenant);
    args_text(&args, trace);
    TRY(store_run(store, &qa_statements[TRACE], &args, &rows, err));
    if (rows_count(rows) == 0) {
        return err_set(err, ERR_TRACE_UNKNOWN, "there is no trace %s of tenant %s", trace, tenant);
    }
    if (strcmp(rows_text(rows, 0, 1), "erased") == 0) {
        return err_set(err, ERR_TRACE_ERASED, "trace %s was erased", trace);
    }
    *ret_trace_no = rows_whole(rows, 0, 0);
    *ret_document = (struct qa_document){0};
    if (!rows_null(rows, 0, 2)) {
        struct bytes hash = rows_bytes(rows, 0, 3);

        if (hash.size != sizeof(ret_document->sha256)) {
            return err_set(err, ERR_BUG, "document_sha256 of trace %s has %zu bytes", trace,
                           hash.size);
        }
        ret_document->key = arena_text(arena, rows_bytes(rows, 0, 2));
        ret_document->bytes = rows_whole(rows, 0, 4);
        memcpy(ret_document->sha256, hash.data, sizeof(ret_document->sha256));
    }
    return 0;
}

int qa_store_find(struct store *store, struct arena *arena, int64_t trace_no, const char *job_id,
                  struct qa_done *ret_done, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args                args = args_start(arena);

    args_whole(&args, trace_no);
    args_text(&args, job_id);
    TRY(store_run(store, &qa_statements[FIND_JOB], &args, &rows, err));
    *ret_done = (struct qa_done){0};
    if (rows_count(rows) > 0) {
        ret_done->there = true;
        ret_done->version = rows_whole(rows, 0, 0);
        ret_done->status = arena_text(arena, rows_bytes(rows, 0, 1));
        ret_done->said = !rows_null(rows, 0, 2);
        ret_done->tests_passed = ret_done->said && rows_flag(rows, 0, 2);
    }
    return 0;
}

int qa_store_note(struct store *store, struct arena *arena, int64_t trace_no,
                  const struct artifact_record *artifacts, size_t count, struct err *err)
{
    const struct result result = {.trace_no = trace_no,
                                  .meanwhile = MEANWHILE,
                                  .artifacts = artifacts,
                                  .artifact_count = count};

    return count == 0 ? 0 : result_note(store, arena, &result, err);
}

static struct args add_args(struct arena *arena, int64_t trace_no, const struct qa_row *row)
{
    struct args args = args_start(arena);

    args_whole(&args, trace_no);
    args_text(&args, row->job_id);
    args_whole(&args, row->created_us);
    args_text(&args, row->status);
    if (row->said) {
        args_flag(&args, row->tests_passed);
    } else {
        args_null(&args);
    }
    args_bytes_text(&args, row->validation);
    return args;
}

int qa_store_put(struct store *store, struct arena *arena, int64_t trace_no,
                 const struct qa_row *row, struct qa_done *ret_done, struct err *err)
{
    struct args         args = add_args(arena, trace_no, row);
    const struct result result = {.trace_no = trace_no,
                                  .add = &qa_statements[ADD_RESULT],
                                  .args = &args,
                                  .meanwhile = MEANWHILE,
                                  .artifacts = row->artifacts,
                                  .artifact_count = row->artifact_count};
    struct qa_done      done = {true, 0, row->status, row->said, row->tests_passed};

    TRY(result_add(store, arena, &result, &done.version, err));
    if (done.version == 0) {
        return qa_store_find(store, arena, trace_no, row->job_id, ret_done, err);
    }
    *ret_done = done;
    return 0;
}
