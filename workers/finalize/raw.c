// SPDX-License-Identifier: MIT
#include "workers/finalize/raw.h"

#include <string.h>

#include "store/trace_store.h"
#include "value/msgpack.h"
#include "workers/finalize/lines.h"

enum { LINES_A_LEASE = 20000 };

bool raw_wanted(struct delivery *in)
{
    const struct value_limits limits = {.bytes = in->message.body.size, .depth = 4, .values = 32};
    struct value              body;
    struct err                ignored = {0};

    return msgpack_read(in->arena, in->message.body, &limits, true, &body, &ignored) == 0 &&
           value_flag_or(value_get(&body, "raw"), false);
}

static int copy_lines(struct farm *farm, struct delivery *in, const struct trace_record *trace,
                      const char *key, struct err *err)
{
    CLEANUP(blob_writer) struct blob_writer *writer = NULL;
    CLEANUP(lines)
    struct lines *lines = lines_open(farm->store, farm->blob, in->arena, trace->trace_no, -1);
    struct bytes  line;
    int           more;
    uint64_t      done = 0;

    TRY(blob_writer_open(&writer, farm->blob, BUCKET_TRACES, key, "application/x-ndjson", err));
    while ((more = lines_next(lines, &line, err)) > 0) {
        TRY(blob_writer_put(writer, line, err));
        TRY(blob_writer_put(writer, BYTES("\n"), err));
        if (++done % LINES_A_LEASE == 0) {
            TRY(delivery_extend(in, err));
        }
    }
    TRY(more);
    TRY(delivery_extend(in, err));
    return blob_writer_commit(writer, err);
}

static bool moved_on(const struct trace_record *from, const struct trace_record *now)
{
    return now->num_events != from->num_events ||
           memcmp(now->chain_head, from->chain_head, sizeof(now->chain_head)) != 0;
}

int raw_write(struct farm *farm, struct delivery *in, struct err *err)
{
    const char         *key = arena_format(in->arena, "raw/%s.ndjson", in->to.trace);
    struct trace_record trace;
    struct trace_record written;
    bool                any = false;

    for (;;) {
        TRY(trace_read(farm->store, in->arena, in->to.trace, &trace, err));
        if (strcmp(trace.tenant, in->to.tenant) != 0) {
            return err_set(err, ERR_FORBIDDEN, "trace %s is not of tenant %s", trace.id,
                           in->to.tenant);
        }
        if (trace.status == TRACE_ERASED) {
            return any ? blob_delete(farm->blob, BUCKET_TRACES, key, err) : 0;
        }
        /* Another worker may have put more lines than these just before they were put. */
        if (any && !moved_on(&written, &trace)) {
            return 0;
        }
        TRY(copy_lines(farm, in, &trace, key, err));
        written = trace;
        any = true;
    }
}
