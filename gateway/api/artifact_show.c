// SPDX-License-Identifier: MIT
/*
 * artifact_show.c - GET …/artifacts/{name}: the bytes, or a range of them.
 */
#include <string.h>

#include "base/fd.h"
#include "gateway/api/gateway.h"
#include "gateway/api/resources.h"
#include "gateway/http/field.h"
#include "store/read_store.h"

struct wanted {
    const char *range, *if_range, *if_match, *if_none_match; /* or NULL */
};

/* The range counts for GET, and for the object that If-Range names. */
static struct range range_of(struct exchange *x, const char *tag, int64_t size)
{
    const struct wanted *wanted = x->work;
    bool                 counts = exchange_wants_body(x) &&
                  (wanted->if_range == NULL || strcmp(wanted->if_range, tag) == 0);

    return field_range(counts ? wanted->range : NULL, size);
}

static int show(struct reader *reader, struct exchange *x, struct err *err)
{
    CLEANUP(fd) int fd = -1;
    const struct wanted *wanted = x->work;
    struct store        *store = reader_store(reader, err);
    struct artifact_row  row;
    struct range         range;
    const char          *tag;
    int64_t              offset = 0;

    if (store == NULL) {
        return -1;
    }
    TRY(read_artifact(store, x->arena, caller_of(x)->tenant, x->param[0], x->param[1], &row, err));
    tag = arena_format(x->arena, "\"%s\"", row.sha256);
    range = range_of(x, tag, row.size_bytes);
    if (wanted->if_match != NULL && !field_holds_strong_tag(wanted->if_match, tag)) {
        return err_set(err, ERR_TAG_WRONG, "If-Match is %.100s, the artifact's tag %s",
                       wanted->if_match, tag);
    }
    if (field_holds_tag(wanted->if_none_match, tag)) {
        exchange_header(x, "ETag", tag);
        exchange_answer(x, 304, NULL, BYTES(""));
        return READ_ANSWERED;
    }
    if (range.kind == RANGE_OUTSIDE) {
        exchange_header(x, "Content-Range",
                        arena_format(x->arena, "bytes */%lld", (long long)row.size_bytes));
        return err_set(err, ERR_RANGE_WRONG, "%.100s of an artifact of %lld bytes", wanted->range,
                       (long long)row.size_bytes);
    }
    if (exchange_wants_body(x)) {
        TRY(reader_object(reader, BUCKET_ARTIFACTS, row.object_key, range.first, range.size, &fd,
                          &offset, err));
    } else {
        TRY(reader_look(reader, BUCKET_ARTIFACTS, row.object_key, err));
    }
    exchange_header(x, "ETag", tag);
    exchange_header(x, "Accept-Ranges", "bytes");
    if (range.kind == RANGE_PART) {
        exchange_header(x, "Content-Range",
                        arena_format(x->arena, "bytes %lld-%lld/%lld", (long long)range.first,
                                     (long long)(range.first + range.size - 1),
                                     (long long)row.size_bytes));
    }
    /* A client's bytes under our own address: never to be shown as a page. */
    exchange_header(x, "X-Content-Type-Options", "nosniff");
    exchange_header(x, "Content-Disposition", "attachment");
    exchange_answer_fd(x, range.kind == RANGE_PART ? 206 : 200,
                       row.content_type == NULL ? "application/octet-stream" : row.content_type, fd,
                       offset, range.size);
    fd = -1;
    return READ_ANSWERED;
}

void artifact_show(struct exchange *x)
{
    struct wanted *wanted = arena_zero(x->arena, 1, sizeof(*wanted));

    wanted->range = exchange_field(x, "Range");
    wanted->if_range = exchange_field(x, "If-Range");
    wanted->if_match = exchange_field(x, "If-Match");
    wanted->if_none_match = exchange_field(x, "If-None-Match");
    x->work = wanted;
    read_with(x, show);
}
