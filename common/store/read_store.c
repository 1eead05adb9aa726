// SPDX-License-Identifier: MIT
#include "store/read_store.h"

#include <string.h>

#include "store/line_index.h"

enum {
    KEYS,
    TRACE,
    JUDGINGS,
    CHUNK,
    ARTIFACT,
    QA_LOG,
    LINES,
    CHUNK_LINES,
    KEPT_LINES,
    LISTING_BY_TRACE,
    LISTING_BY_TASK,
    LISTING_BY_PARTICIPANT,
    LISTING_BY_EXPERIMENT,
    LISTING_BY_REPO,
    LISTING_BY_STATUS,
    LISTING_BY_TIME
};

enum { LINES_CHUNKS = 64 }; /* looked through in one question */
enum { CHUNK_SEQ, KEY, SEG_OFFSET, FIRST_SEQ, LINE_INDEX }; /* columns of LINES */

/* One statement for each index a page can be read along; the other filters are looked at row by
 * row. A filter that is not given is NULL. */
#define LISTING(name, along)                                                                       \
    {                                                                                              \
        name,                                                                                      \
            "SELECT trace_no, opened_us, trace_id, status, participant_id, task_id, task_title,"   \
            " repo_origin, experiment_id, num_events, coalesce(completed_us, 0),"                  \
            " coalesce(finalized_us, 0), qa_status, tests_passed, judge_overall,"                  \
            " coalesce((SELECT created_us FROM qa_results q WHERE q.trace_no = t.trace_no"         \
            "  ORDER BY version DESC LIMIT 1), 0),"                                                \
            " coalesce((SELECT created_us FROM judge_results j WHERE j.trace_no = t.trace_no"      \
            "  ORDER BY version DESC LIMIT 1), 0) FROM traces t"                                   \
            " WHERE tenant = $1 AND status <> 'erased'" along                                      \
            " AND ($2::text IS NULL OR status = $2)"                                               \
            " AND ($3::text IS NULL OR task_id = $3)"                                              \
            " AND ($4::text IS NULL OR participant_id = $4)"                                       \
            " AND ($5::text IS NULL OR repo_origin = $5)"                                          \
            " AND ($6::text IS NULL OR experiment_id = $6)"                                        \
            " AND ($7::text IS NULL OR coalesce(tests_passed::text, 'null') = $7)"                 \
            " AND ($8::float8 IS NULL OR judge_overall >= $8)"                                     \
            " AND opened_us >= $9 AND opened_us < $10"                                             \
            " AND (opened_us, trace_no) < ($11, $12)"                                              \
            " AND ($13::text IS NULL OR trace_id = $13)"                                           \
            " ORDER BY opened_us DESC, trace_no DESC LIMIT $14",                                   \
            14                                                                                     \
    }

const struct statement read_statements[] = {
    [KEYS] = {"read_api_keys",
              "SELECT key_hash, tenant, role FROM api_keys WHERE revoked_us IS NULL", 0},

    [TRACE] = {"read_trace",
               "SELECT t.trace_no, t.status, t.num_events, t.pending_chunks, t.document_key,"
               " coalesce(t.document_bytes, 0), coalesce(t.qa_splice, 0),"
               " encode(t.document_sha256, 'hex'), q.validation, coalesce(q.version, 0), j.result,"
               " coalesce(j.version, 0), t.completed_us IS NOT NULL FROM traces t"
               " LEFT JOIN LATERAL (SELECT validation, version FROM qa_results"
               "  WHERE trace_no = t.trace_no ORDER BY version DESC LIMIT 1) q ON true"
               " LEFT JOIN LATERAL (SELECT result, version FROM judge_results"
               "  WHERE trace_no = t.trace_no ORDER BY version DESC LIMIT 1) j ON true"
               " WHERE t.trace_id = $1 AND t.tenant = $2",
               2},

    [JUDGINGS] = {"read_judgings",
                  "SELECT version, result FROM judge_results WHERE trace_no = $1"
                  " ORDER BY version DESC LIMIT $2",
                  2},

    [CHUNK] = {"read_chunk",
               "SELECT c.http, c.verdict FROM traces t JOIN trace_chunks c USING (trace_no)"
               " WHERE t.trace_id = $1 AND t.tenant = $2 AND c.chunk_id = $3",
               3},

    [ARTIFACT] = {"read_artifact",
                  "SELECT a.object_key, encode(a.sha256, 'hex'), a.size_bytes, a.content_type"
                  " FROM traces t JOIN artifacts a USING (trace_no)"
                  " WHERE t.trace_id = $1 AND t.tenant = $2 AND a.name = $3",
                  3},

    [QA_LOG] = {"read_qa_log",
                "SELECT a.object_key, encode(a.sha256, 'hex'), a.size_bytes, a.content_type"
                " FROM qa_results q JOIN artifacts a"
                "  ON a.trace_no = q.trace_no AND a.name = q.job_id || '.log'"
                " WHERE q.trace_no = $1 ORDER BY q.version DESC LIMIT 1",
                1},

    [LINES] = {"read_lines",
               "SELECT c.chunk_seq, s.key, c.seg_offset, c.first_seq, c.lines FROM trace_chunks c"
               " LEFT JOIN segments s USING (segment_no)"
               " WHERE c.trace_no = $1 AND c.first_seq >= coalesce((SELECT max(first_seq)"
               "  FROM trace_chunks WHERE trace_no = $1 AND first_seq <= $2), 0)"
               " ORDER BY c.first_seq LIMIT $3",
               3},

    [CHUNK_LINES] = {"read_chunk_lines",
                     "SELECT c.chunk_seq, s.key, c.seg_offset, c.seg_length FROM trace_chunks c"
                     " LEFT JOIN segments s USING (segment_no)"
                     " WHERE c.trace_no = $1 AND c.chunk_seq > $2 AND c.status = 'chained'"
                     " AND c.seg_length > 0 ORDER BY c.chunk_seq LIMIT $3",
                     3},

    [KEPT_LINES] = {"read_kept_lines",
                    "SELECT c.kept_lines, s.key, c.seg_offset FROM trace_chunks c"
                    " LEFT JOIN segments s USING (segment_no)"
                    " WHERE c.trace_no = $1 AND c.chunk_seq = $2 AND c.seg_length > 0",
                    2},

    [LISTING_BY_TRACE] = LISTING("read_listing_trace", " AND trace_id = $13"),
    [LISTING_BY_TASK] = LISTING("read_listing_task", " AND task_id = $3"),
    [LISTING_BY_PARTICIPANT] = LISTING("read_listing_participant", " AND participant_id = $4"),
    [LISTING_BY_EXPERIMENT] = LISTING("read_listing_experiment", " AND experiment_id = $6"),
    [LISTING_BY_REPO] = LISTING("read_listing_repo", " AND repo_origin = $5"),
    [LISTING_BY_STATUS] = LISTING("read_listing_status", " AND status = $2"),
    [LISTING_BY_TIME] = LISTING("read_listing_time", ""),
};
const size_t read_statement_count = COUNT_OF(read_statements);

/* A copy that outlives the result; NULL for SQL NULL. */
static const char *text_or_null(struct arena *arena, const struct rows *rows, size_t row,
                                int column)
{
    return rows_null(rows, row, column) ? NULL : arena_text(arena, rows_bytes(rows, row, column));
}

int read_api_keys(struct store *store, struct arena *arena, struct api_key_row **ret_rows,
              size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args     args = args_start(arena);
    struct api_key_row *found;

    TRY(store_run(store, &read_statements[KEYS], &args, &rows, err));
    found = arena_zero(arena, rows_count(rows) + 1, sizeof(*found));
    *ret_count = 0;
    for (size_t i = 0; i < rows_count(rows); i++) {
        struct bytes    hash = rows_bytes(rows, i, 0);
        struct api_key_row *row = &found[*ret_count];

        if (hash.size != sizeof(row->hash)) {
            continue; /* no key has such a hash: nothing it could let in */
        }
        memcpy(row->hash, hash.data, sizeof(row->hash));
        row->tenant = arena_text(arena, rows_bytes(rows, i, 1));
        row->role = arena_text(arena, rows_bytes(rows, i, 2));
        (*ret_count)++;
    }
    *ret_rows = found;
    return 0;
}

int read_trace(struct store *store, struct arena *arena, const char *tenant, const char *trace,
               struct trace_row *ret_row, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args args = args_start(arena);

    args_text(&args, trace);
    args_text(&args, tenant);
    TRY(store_run(store, &read_statements[TRACE], &args, &rows, err));
    if (rows_count(rows) == 0) {
        return err_set(err, ERR_TRACE_UNKNOWN, "%.160s", trace);
    }
    *ret_row = (struct trace_row){
        .trace_no = rows_whole(rows, 0, 0),
        .status = arena_text(arena, rows_bytes(rows, 0, 1)),
        .num_events = rows_whole(rows, 0, 2),
        .pending_chunks = rows_whole(rows, 0, 3),
        .document_key = text_or_null(arena, rows, 0, 4),
        .document_bytes = rows_whole(rows, 0, 5),
        .qa_splice = rows_whole(rows, 0, 6),
        .document_sha256 = text_or_null(arena, rows, 0, 7),
        .validation = text_or_null(arena, rows, 0, 8),
        .validation_version = rows_whole(rows, 0, 9),
        .judge = text_or_null(arena, rows, 0, 10),
        .judge_version = rows_whole(rows, 0, 11),
        .completed = rows_flag(rows, 0, 12),
    };
    if (strcmp(ret_row->status, "erased") == 0) {
        return err_set(err, ERR_TRACE_ERASED, "%.160s", trace);
    }
    return 0;
}

int read_judgings(struct store *store, struct arena *arena, int64_t trace_no, size_t most,
                  struct judging_row **ret_rows, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args args = args_start(arena);
    struct judging_row *found;

    args_whole(&args, trace_no);
    args_whole(&args, (int64_t)most);
    TRY(store_run(store, &read_statements[JUDGINGS], &args, &rows, err));
    found = arena_zero(arena, rows_count(rows), sizeof(*found));
    for (size_t i = 0; i < rows_count(rows); i++) {
        found[i].version = rows_whole(rows, i, 0);
        found[i].result = arena_text(arena, rows_bytes(rows, i, 1));
    }
    *ret_rows = found;
    *ret_count = rows_count(rows);
    return 0;
}

int read_chunk(struct store *store, struct arena *arena, const char *tenant, const char *trace,
               const char *chunk_id, struct chunk_row *ret_row, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args args = args_start(arena);

    args_text(&args, trace);
    args_text(&args, tenant);
    args_text(&args, chunk_id);
    TRY(store_run(store, &read_statements[CHUNK], &args, &rows, err));
    if (rows_count(rows) == 0) {
        return err_set(err, ERR_NOT_FOUND, "trace %.160s has no verdict on chunk %.160s", trace,
                       chunk_id);
    }
    ret_row->http = (int)rows_whole(rows, 0, 0);
    ret_row->verdict = arena_text(arena, rows_bytes(rows, 0, 1));
    return 0;
}

static void copy_artifact(struct arena *arena, const struct rows *rows,
                          struct artifact_row *ret_row)
{
    ret_row->object_key = arena_text(arena, rows_bytes(rows, 0, 0));
    ret_row->sha256 = arena_text(arena, rows_bytes(rows, 0, 1));
    ret_row->size_bytes = rows_whole(rows, 0, 2);
    ret_row->content_type = text_or_null(arena, rows, 0, 3);
}

int read_artifact(struct store *store, struct arena *arena, const char *tenant, const char *trace,
                  const char *name, struct artifact_row *ret_row, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args args = args_start(arena);

    args_text(&args, trace);
    args_text(&args, tenant);
    args_text(&args, name);
    TRY(store_run(store, &read_statements[ARTIFACT], &args, &rows, err));
    if (rows_count(rows) == 0) {
        return err_set(err, ERR_NOT_FOUND, "trace %.160s has no artifact %.160s", trace, name);
    }
    copy_artifact(arena, rows, ret_row);
    return 0;
}

int read_qa_log(struct store *store, struct arena *arena, int64_t trace_no,
                struct artifact_row *ret_row, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args args = args_start(arena);

    args_whole(&args, trace_no);
    TRY(store_run(store, &read_statements[QA_LOG], &args, &rows, err));
    if (rows_count(rows) == 0) {
        return err_set(err, ERR_NOT_FOUND, "no test run of this trace left a log");
    }
    copy_artifact(arena, rows, ret_row);
    return 0;
}

/* ------------------------------------ lines ------------------------------------ */

static void copy_lines(struct arena *arena, const struct rows *rows, struct line_row **ret_rows,
                       size_t *ret_count)
{
    size_t           count = rows_count(rows);
    struct line_row *lines = arena_zero(arena, count + 1, sizeof(*lines));

    for (size_t i = 0; i < count; i++) {
        lines[i].seq = lines[i].chunk_seq = rows_whole(rows, i, 0);
        if (!rows_null(rows, i, 1)) {
            struct bytes key = rows_bytes(rows, i, 1);
            const char  *last = i > 0 ? lines[i - 1].key : NULL;

            /* Neighbours mostly lie in the same object. */
            lines[i].key = last != NULL && bytes_is(key, last) ? last : arena_text(arena, key);
        }
        lines[i].offset = rows_whole(rows, i, 2);
        lines[i].length = rows_whole(rows, i, 3);
    }
    *ret_rows = lines;
    *ret_count = count;
}

static int index_broken(const struct rows *rows, size_t row, struct err *err)
{
    return err_set(err, ERR_BLOB_CORRUPT,
                   "where the lines from seq %lld on lie can't be read; prt replay --stage validate"
                   " makes it anew",
                   (long long)rows_whole(rows, row, FIRST_SEQ));
}

/* What one chunk has of what is searched for goes behind the `count` lines that are there; the search
 * goes on behind it. */
static int pick_lines(struct arena *arena, const struct rows *rows, size_t row,
                      struct line_search *search, struct line_row *lines, size_t *count,
                      struct err *err)
{
    const int64_t     first_seq = rows_whole(rows, row, FIRST_SEQ);
    struct line_index index = line_index_start(rows_bytes(rows, row, LINE_INDEX), first_seq,
                                               rows_whole(rows, row, SEG_OFFSET));
    const char       *key = text_or_null(arena, rows, row, KEY);
    struct line_place line = {.seq = -1};
    int               there = 1;

    while (*count < search->most && (there = line_index_next(&index, &line)) > 0) {
        if (line.seq < search->from_seq) {
            continue;
        }
        search->from_seq = line.seq + 1;
        if (search->type < 0 || line.type == search->type) {
            lines[(*count)++] = (struct line_row){.seq = line.seq,
                                                  .chunk_seq = rows_whole(rows, row, CHUNK_SEQ),
                                                  .key = key,
                                                  .offset = line.offset,
                                                  .length = line.length};
        }
    }
    return there < 0 || line.seq < first_seq ? index_broken(rows, row, err) : 0;
}

int read_lines(struct store *store, struct arena *arena, const struct line_search *wanted,
               struct line_row **ret_rows, size_t *ret_count, struct err *err)
{
    struct line_row   *lines = arena_get(arena, wanted->most * sizeof(*lines));
    struct line_search search = *wanted;
    size_t             count = 0;
    size_t             chunks;

    do {
        CLEANUP(rows) struct rows *rows = NULL;
        struct args                args = args_start(arena);

        args_whole(&args, search.trace_no);
        args_whole(&args, search.from_seq);
        args_whole(&args, LINES_CHUNKS);
        TRY(store_run(store, &read_statements[LINES], &args, &rows, err));
        chunks = rows_count(rows);
        for (size_t i = 0; i < chunks && count < search.most; i++) {
            TRY(pick_lines(arena, rows, i, &search, lines, &count, err));
        }
    } while (chunks == LINES_CHUNKS && count < search.most);
    *ret_rows = lines;
    *ret_count = count;
    return 0;
}

int read_chunk_lines(struct store *store, struct arena *arena, int64_t trace_no, int64_t after_seq,
                     size_t most, struct line_row **ret_rows, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args args = args_start(arena);

    args_whole(&args, trace_no);
    args_whole(&args, after_seq);
    args_whole(&args, (int64_t)most);
    TRY(store_run(store, &read_statements[CHUNK_LINES], &args, &rows, err));
    copy_lines(arena, rows, ret_rows, ret_count);
    return 0;
}

int read_kept_lines(struct store *store, struct arena *arena, int64_t trace_no, int64_t chunk_seq,
                    struct kept_lines *ret_kept, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args args = args_start(arena);

    args_whole(&args, trace_no);
    args_whole(&args, chunk_seq);
    TRY(store_run(store, &read_statements[KEPT_LINES], &args, &rows, err));
    if (rows_count(rows) == 0 || (rows_null(rows, 0, 0) && rows_null(rows, 0, 1))) {
        return err_set(err, ERR_STORE_CLASH, "chunk_seq %lld was taken away meanwhile",
                       (long long)chunk_seq);
    }
    *ret_kept = (struct kept_lines){.key = text_or_null(arena, rows, 0, 1),
                                    .offset = rows_whole(rows, 0, 2)};
    if (!rows_null(rows, 0, 0)) {
        ret_kept->lines = arena_bytes(arena, rows_bytes(rows, 0, 0));
    }
    return 0;
}

/* ----------------------------------- listing ----------------------------------- */

static const struct statement *listing_statement(const struct listing *wanted)
{
    const char *const filters[] = {wanted->trace_id, wanted->task_id, wanted->participant_id,
                                   wanted->experiment_id, wanted->repo, wanted->status};
    size_t            along = 0;

    while (along < COUNT_OF(filters) && filters[along] == NULL) {
        along++;
    }
    return &read_statements[LISTING_BY_TRACE + along];
}

static void copy_listing_row(struct arena *arena, const struct rows *rows, size_t i,
                             struct listing_row *row)
{
    row->trace_no = rows_whole(rows, i, 0);
    row->opened_us = rows_whole(rows, i, 1);
    row->trace_id = text_or_null(arena, rows, i, 2);
    row->status = text_or_null(arena, rows, i, 3);
    row->participant_id = text_or_null(arena, rows, i, 4);
    row->task_id = text_or_null(arena, rows, i, 5);
    row->task_title = text_or_null(arena, rows, i, 6);
    row->repo_origin = text_or_null(arena, rows, i, 7);
    row->experiment_id = text_or_null(arena, rows, i, 8);
    row->num_events = rows_whole(rows, i, 9);
    row->completed_us = rows_whole(rows, i, 10);
    row->finalized_us = rows_whole(rows, i, 11);
    row->qa_status = text_or_null(arena, rows, i, 12);
    row->tests_passed = rows_null(rows, i, 13) ? -1 : rows_flag(rows, i, 13);
    row->has_overall = !rows_null(rows, i, 14);
    row->overall = row->has_overall ? rows_real(rows, i, 14) : 0;
    row->qa_us = rows_whole(rows, i, 15);
    row->judged_us = rows_whole(rows, i, 16);
}

int read_listing(struct store *store, struct arena *arena, const struct listing *wanted,
                 struct listing_row **ret_rows, size_t *ret_count, struct err *err)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct args         args = args_start(arena);
    struct listing_row *found;

    args_text(&args, wanted->tenant);
    args_text(&args, wanted->status);
    args_text(&args, wanted->task_id);
    args_text(&args, wanted->participant_id);
    args_text(&args, wanted->repo);
    args_text(&args, wanted->experiment_id);
    args_text(&args, wanted->tests_passed);
    if (wanted->has_min_score) {
        args_real(&args, wanted->min_score);
    } else {
        args_null(&args);
    }
    args_whole(&args, wanted->since_us);
    args_whole(&args, wanted->until_us);
    args_whole(&args, wanted->before_us);
    args_whole(&args, wanted->before_no);
    args_text(&args, wanted->trace_id);
    args_whole(&args, (int64_t)wanted->most);
    TRY(store_run(store, listing_statement(wanted), &args, &rows, err));
    *ret_count = rows_count(rows);
    found = arena_zero(arena, *ret_count + 1, sizeof(*found));
    for (size_t i = 0; i < *ret_count; i++) {
        copy_listing_row(arena, rows, i, &found[i]);
    }
    *ret_rows = found;
    return 0;
}
