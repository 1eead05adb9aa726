// SPDX-License-Identifier: MIT
/*
 * trace_list.c - GET /v1/traces: {traces[], next}, newest first. `next` is a cursor for `cursor`.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/api/gateway.h"
#include "gateway/api/resources.h"
#include "gateway/http/field.h"
#include "store/read_store.h"
#include "trace/pr_batch.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MOST = 500 };

/* ------------------------------------ the filters ------------------------------------ */

/* Unix seconds with a fraction, or "2026-11-20T23:44:41Z". */
static int read_time(const char *name, const char *text, int64_t *ret_us, struct err *err)
{
    struct tm day = {0};
    char     *end;
    double    seconds = strtod(text, &end);

    if (*text != '\0' && *end == '\0' && isfinite(seconds) && seconds >= 0 && seconds < 1e11) {
        *ret_us = (int64_t)(seconds * 1e6);
        return 0;
    }
    end = strptime(text, "%Y-%m-%dT%H:%M:%S", &day);
    if (end != NULL && strcmp(end, "Z") == 0) {
        *ret_us = (int64_t)timegm(&day) * 1000000;
        return 0;
    }
    return err_set(err, ERR_SCHEMA,
                   "%s is \"%.40s\"; Unix seconds or 2026-11-20T23:44:41Z is wanted", name, text);
}

static int read_score(const char *text, struct listing *wanted, struct err *err)
{
    char *end;

    wanted->min_score = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !isfinite(wanted->min_score)) {
        return err_set(err, ERR_SCHEMA, "min_score is \"%.40s\", which is no number", text);
    }
    wanted->has_min_score = true;
    return 0;
}

/* "<opened_us>-<trace_no>", as `next` gave it. */
static int read_cursor(const char *text, struct listing *wanted, struct err *err)
{
    long long us;
    long long no;
    int       size = -1;

    if (sscanf(text, "%lld-%lld%n", &us, &no, &size) != 2 || text[size] != '\0') {
        return err_set(err, ERR_SCHEMA, "cursor is \"%.40s\", which is none that was given out",
                       text);
    }
    wanted->before_us = us;
    wanted->before_no = no;
    return 0;
}

static int read_passed(const char *text, struct listing *wanted, struct err *err)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0 && strcmp(text, "null") != 0) {
        return err_set(err, ERR_SCHEMA, "tests_passed is \"%.40s\"; true, false or null is wanted",
                       text);
    }
    wanted->tests_passed = text;
    return 0;
}

/* A word that no trace has as its status would find nothing, and look like an answer. */
static int check_status(const char *text, struct err *err)
{
    static const char *const statuses[] = {"open", "completing", "closed", "finalized"};

    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (strcmp(text, statuses[i]) == 0) {
            return 0;
        }
    }
    return err_set(err, ERR_SCHEMA,
                   "status is \"%.40s\"; open, completing, closed or finalized is wanted", text);
}

static int read_filters(struct exchange *x, struct listing *wanted, struct err *err)
{
    const struct {
        const char  *name;
        const char **slot;
    } texts[] = {
        {"trace_id", &wanted->trace_id},
        {"status", &wanted->status},
        {"task_id", &wanted->task_id},
        {"participant_id", &wanted->participant_id},
        {"repo", &wanted->repo},
        {"experiment_id", &wanted->experiment_id},
    };
    const char *text;
    int64_t     limit = LIMIT_DEFAULT;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        TRY(exchange_query(x, texts[i].name, texts[i].slot, err));
    }
    TRY(wanted->status == NULL ? 0 : check_status(wanted->status, err));
    TRY(exchange_query(x, "tests_passed", &text, err));
    TRY(text == NULL ? 0 : read_passed(text, wanted, err));
    TRY(exchange_query(x, "min_score", &text, err));
    TRY(text == NULL ? 0 : read_score(text, wanted, err));
    TRY(exchange_query(x, "since", &text, err));
    TRY(text == NULL ? 0 : read_time("since", text, &wanted->since_us, err));
    TRY(exchange_query(x, "until", &text, err));
    TRY(text == NULL ? 0 : read_time("until", text, &wanted->until_us, err));
    TRY(exchange_query(x, "cursor", &text, err));
    TRY(text == NULL ? 0 : read_cursor(text, wanted, err));
    TRY(exchange_query(x, "limit", &text, err));
    TRY(text == NULL ? 0 : field_whole("limit", text, 1, LIMIT_MOST, &limit, err));
    wanted->most = (size_t)limit;
    return 0;
}

/* ------------------------------------ the answer ------------------------------------ */

static struct value text_or_null(const char *text)
{
    return text == NULL ? value_null() : value_text(text);
}

static struct value time_or_null(int64_t at_us)
{
    return at_us == 0 ? value_null() : value_real((double)at_us / 1e6);
}

static struct value row_value(struct arena *arena, const struct listing_row *row)
{
    struct value value = value_map();

    value_put(arena, &value, "trace_id", value_text(row->trace_id));
    value_put(arena, &value, "status", value_text(row->status));
    value_put(arena, &value, "participant_id", text_or_null(row->participant_id));
    value_put(arena, &value, "task_id", text_or_null(row->task_id));
    value_put(arena, &value, "task_title", text_or_null(row->task_title));
    value_put(arena, &value, "repo_origin", text_or_null(row->repo_origin));
    value_put(arena, &value, "experiment_id", text_or_null(row->experiment_id));
    value_put(arena, &value, "num_events", value_whole(row->num_events));
    value_put(arena, &value, "created_at", time_or_null(row->opened_us));
    value_put(arena, &value, "completed_at", time_or_null(row->completed_us));
    value_put(arena, &value, "finalized_at", time_or_null(row->finalized_us));
    value_put(arena, &value, "qa_at", time_or_null(row->qa_us));
    value_put(arena, &value, "judged_at", time_or_null(row->judged_us));
    value_put(arena, &value, "qa_status", text_or_null(row->qa_status));
    value_put(arena, &value, "tests_passed",
              row->tests_passed < 0 ? value_null() : value_flag(row->tests_passed != 0));
    value_put(arena, &value, "overall", row->has_overall ? value_real(row->overall) : value_null());
    return value;
}

static int list(struct reader *reader, struct exchange *x, struct err *err)
{
    struct listing     *wanted = x->work;
    struct store       *store = reader_store(reader, err);
    struct value        answer = value_map();
    struct value        traces = value_list();
    struct value        next = value_null();
    struct listing_row *rows;
    size_t              count;

    if (store == NULL) {
        return -1;
    }
    TRY(read_listing(store, x->arena, wanted, &rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        value_append(x->arena, &traces, row_value(x->arena, &rows[i]));
    }
    if (count == wanted->most) {
        next = value_text(arena_format(x->arena, "%lld-%lld", (long long)rows[count - 1].opened_us,
                                       (long long)rows[count - 1].trace_no));
    }
    value_put(x->arena, &answer, "traces", traces);
    value_put(x->arena, &answer, "next", next);
    answer_value(x, 200, &answer);
    return READ_ANSWERED;
}

/* task_id: NULL, or the only task whose traces are wanted. */
static void list_of(struct exchange *x, const char *task_id)
{
    struct listing *wanted = arena_zero(x->arena, 1, sizeof(*wanted));
    struct err      err = {0};

    wanted->tenant = caller_of(x)->tenant;
    wanted->until_us = INT64_MAX;
    wanted->before_us = INT64_MAX;
    wanted->before_no = INT64_MAX;
    if (read_filters(x, wanted, &err) < 0) {
        exchange_refuse(x, &err);
        return;
    }
    wanted->task_id = task_id == NULL ? wanted->task_id : task_id;
    x->work = wanted;
    read_with(x, list);
}

void trace_list(struct exchange *x)
{
    list_of(x, NULL);
}

/* GET /v1/prs/{owner}/{repo}/{number}: a trace belongs to the pull request that is its task. */
void pr_show(struct exchange *x)
{
    const char *pr_id = arena_format(x->arena, "%s/%s#%s", x->param[0], x->param[1], x->param[2]);
    struct err  err = {0};

    if (!pr_id_ok(bytes_of(pr_id))) {
        (void)err_set(&err, ERR_NOT_FOUND, "%.200s is no pull request's name", pr_id);
        exchange_refuse(x, &err);
        return;
    }
    list_of(x, pr_id);
}
