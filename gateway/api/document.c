// SPDX-License-Identifier: MIT
/*
 * document.c - GET /v1/traces/{trace}: the document, with what qa and the judge have found so far.
 *
 * The stored document has no qa: it is put in where the trace's row says, on the way out. With
 * ?judge=all there is also qa.judge_all: [{judge, version}], the newest first.
 */
#include <string.h>

#include "base/fd.h"
#include "gateway/api/gateway.h"
#include "gateway/api/resources.h"
#include "gateway/http/field.h"
#include "store/read_store.h"

enum { JUDGINGS_MOST = 1000 };

struct wanted {
    const char *if_match, *if_none_match; /* or NULL */
};

static void answer_unfinished(struct exchange *x, const struct trace_row *row)
{
    struct value answer = value_map();

    value_put(x->arena, &answer, "status", value_text(row->status));
    value_put(x->arena, &answer, "message",
              value_text(row->completed ? "the trace is complete and is being finalized"
                                        : "the trace takes chunks until it is completed"));
    value_put(x->arena, &answer, "num_events", value_whole(row->num_events));
    exchange_header(x, "Retry-After", "1");
    answer_value(x, 202, &answer);
}

/* "qa":{...}, as far as there is any; the results are canonical JSON already. judge_all: "", or the
 * member with a comma behind. */
static struct bytes qa_member(struct exchange *x, const struct trace_row *row,
                              const char *judge_all)
{
    CLEANUP(buf) struct buf out = {0};

    if (row->validation == NULL && row->judge == NULL && judge_all[0] == '\0') {
        return BYTES("");
    }
    buf_put_text(&out, "\"qa\":{");
    if (row->judge != NULL) {
        buf_format(&out, "\"judge\":%s,", row->judge);
    }
    buf_put_text(&out, judge_all);
    if (row->validation != NULL) {
        buf_format(&out, "\"validation\":%s,", row->validation);
    }
    out.size--; /* the last comma */
    buf_put_text(&out, "},");
    return arena_bytes(x->arena, buf_bytes(&out));
}

static int judge_all_member(struct store *store, struct exchange *x, const struct trace_row *row,
                            const char **ret_member, struct err *err)
{
    CLEANUP(buf) struct buf out = {0};
    struct judging_row     *judgings;
    size_t                  count;

    TRY(read_judgings(store, x->arena, row->trace_no, JUDGINGS_MOST, &judgings, &count, err));
    buf_put_text(&out, "\"judge_all\":[");
    for (size_t i = 0; i < count; i++) {
        buf_format(&out, "%s{\"judge\":%s,\"version\":%lld}", i > 0 ? "," : "",
                   judgings[i].result, (long long)judgings[i].version);
    }
    buf_put_text(&out, "],");
    *ret_member = arena_text(x->arena, buf_bytes(&out));
    return 0;
}

static int read_options(struct exchange *x, bool *ret_all, struct err *err)
{
    const char *judge;

    TRY(exchange_query(x, "judge", &judge, err));
    if (judge != NULL && strcmp(judge, "all") != 0 && strcmp(judge, "newest") != 0) {
        return err_set(err, ERR_SCHEMA, "judge: \"%.40s\" is neither newest nor all", judge);
    }
    *ret_all = judge != NULL && strcmp(judge, "all") == 0;
    return 0;
}

/* Of the document, and of no refusal. */
static void put_validators(struct exchange *x, const char *tag)
{
    exchange_header(x, "ETag", tag);
    exchange_header(x, "Cache-Control", "no-cache");
}

static int show(struct reader *reader, struct exchange *x, struct err *err)
{
    CLEANUP(fd) int fd = -1;
    const struct wanted *wanted = x->work;
    struct store    *store = reader_store(reader, err);
    struct trace_row row;
    int64_t          offset = 0;
    const char      *tag;
    const char      *judge_all = "";
    struct bytes     member;
    bool             all;

    if (store == NULL) {
        return -1;
    }
    TRY(read_options(x, &all, err));
    TRY(read_trace(store, x->arena, caller_of(x)->tenant, x->param[0], &row, err));
    if (row.document_key == NULL) {
        answer_unfinished(x, &row);
        return READ_ANSWERED;
    }
    tag = arena_format(x->arena, "\"%.32s-%lld-%lld%s\"", row.document_sha256,
                       (long long)row.validation_version, (long long)row.judge_version,
                       all ? "-all" : "");
    if (wanted->if_match != NULL && !field_holds_strong_tag(wanted->if_match, tag)) {
        return err_set(err, ERR_TAG_WRONG, "If-Match is %.100s, the document's tag %s",
                       wanted->if_match, tag);
    }
    if (field_holds_tag(wanted->if_none_match, tag)) {
        put_validators(x, tag);
        exchange_answer(x, 304, NULL, BYTES(""));
        return READ_ANSWERED;
    }
    if (all) {
        TRY(judge_all_member(store, x, &row, &judge_all, err));
    }
    if (exchange_wants_body(x)) {
        TRY(reader_object(reader, BUCKET_TRACES, row.document_key, 0, row.document_bytes, &fd,
                          &offset, err));
    } else {
        TRY(reader_look(reader, BUCKET_TRACES, row.document_key, err));
    }
    put_validators(x, tag);
    member = qa_member(x, &row, judge_all);
    if (member.size == 0) {
        /* As it lies there: sendfile instead of copying it through this process. */
        exchange_answer_fd(x, 200, "application/json", fd, offset, row.document_bytes);
    } else {
        exchange_answer_spliced(x, 200, "application/json", fd, row.document_bytes, row.qa_splice,
                                member);
    }
    fd = -1;
    return READ_ANSWERED;
}

void trace_show(struct exchange *x)
{
    struct wanted *wanted = arena_zero(x->arena, 1, sizeof(*wanted));

    wanted->if_match = exchange_field(x, "If-Match");
    wanted->if_none_match = exchange_field(x, "If-None-Match");
    x->work = wanted;
    read_with(x, show);
}
