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
    const char *range, *if_range, *if_none_match; /* or NULL */
};

static const char *copy_field(struct exchange *x, const char *name)
{
    const char *value = exchange_field(x, name);

    return value == NULL ? NULL : arena_text(x->arena, bytes_of(value));
}

static int show(struct reader *reader, struct exchange *x, struct err *err)
{
    CLEANUP(fd) int fd = -1;
    const struct wanted *wanted = x->work;
    struct store        *store = reader_store(reader, err);
    struct artifact_row  row;
    struct range         range;
    const char          *tag;
    int64_t              offset;

    if (store == NULL) {
        return -1;
    }
    TRY(read_artifact(store, x->arena, caller_of(x)->tenant, x->param[0], x->param[1], &row, err));
    tag = arena_format(x->arena, "\"%s\"", row.sha256);
    range = field_range(wanted->if_range != NULL && strcmp(wanted->if_range, tag) != 0
                            ? NULL
                            : wanted->range,
                        row.size_bytes);
    exchange_header(x, "ETag", tag);
    exchange_header(x, "Accept-Ranges", "bytes");
    if (field_holds_tag(wanted->if_none_match, tag)) {
        exchange_answer(x, 304, NULL, BYTES(""));
        return READ_ANSWERED;
    }
    if (range.kind == RANGE_OUTSIDE) {
        exchange_header(x, "Content-Range",
                        arena_format(x->arena, "bytes */%lld", (long long)row.size_bytes));
        return err_set(err, ERR_RANGE_WRONG, "%.100s of an artifact of %lld bytes", wanted->range,
                       (long long)row.size_bytes);
    }
    TRY(reader_object(reader, BUCKET_ARTIFACTS, row.object_key, range.first, range.size, &fd,
                      &offset, err));
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

    wanted->range = copy_field(x, "Range");
    wanted->if_range = copy_field(x, "If-Range");
    wanted->if_none_match = copy_field(x, "If-None-Match");
    x->work = wanted;
    read_with(x, show);
}
