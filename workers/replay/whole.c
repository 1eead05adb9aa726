// SPDX-License-Identifier: MIT
#include "workers/replay/whole.h"

#include <string.h>

#include "store/replay_store.h"
#include "workers/finalize/lines.h"

int whole_chain(const struct whole *whole, const struct trace_record *row, int64_t most,
                struct chain_head *ret_head, struct err *err)
{
    CLEANUP(lines)
    struct lines *lines = lines_open(whole->store, whole->blob, whole->arena, row->trace_no, -1);
    struct chain_head head;
    struct bytes      line;
    int               there = 1;

    chain_start(&head, whole->hmac, row->id);
    while ((int64_t)head.events < most && there > 0) {
        there = lines_next(lines, &line, err);
        if (there > 0) {
            chain_append(&head, whole->hmac, line);
        }
    }
    TRY(there);
    *ret_head = head;
    return 0;
}

struct sum {
    const char *what;
    int64_t     is, should;
};

/* One statement instead of a look at every row; most damage shows here already. */
static int check_sums(const struct whole *whole, const struct trace_record *row,
                      const char **ret_damage, struct err *err)
{
    struct trace_sums sums;

    TRY(trace_sums_read(whole->store, whole->arena, row->trace_no, &sums, err));
    const struct sum all[] = {
        {"heads of an opened trace", sums.head, row->opened},
        {"events in chained chunks", sums.chunk_events, row->num_events},
        {"indexed events", sums.events, row->num_events},
        {"indexed events that lie in a chained chunk", sums.placed, row->num_events},
        {"bytes of indexed lines", sums.event_bytes, sums.chunk_bytes},
        {"pending chunks", sums.pending_chunks, row->pending_chunks},
        {"events in pending chunks", sums.pending_events, row->pending_events},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i].is != all[i].should) {
            *ret_damage = arena_format(whole->arena, "%s: there are %lld, and should be %lld",
                                       all[i].what, (long long)all[i].is, (long long)all[i].should);
            return 0;
        }
    }
    return 0;
}

int whole_check(const struct whole *whole, const struct trace_record *row, const char **ret_damage,
                struct err *err)
{
    struct chain_head head;

    *ret_damage = NULL;
    TRY(check_sums(whole, row, ret_damage, err));
    if (*ret_damage != NULL || row->num_events == 0) {
        return 0;
    }
    if (whole_chain(whole, row, INT64_MAX, &head, err) < 0) {
        if (err_fate(err->code) == FATE_WAIT) {
            return -1;
        }
        *ret_damage = arena_text(whole->arena, bytes_of(err->story));
        err_clear(err);
        return 0;
    }
    if ((int64_t)head.events != row->num_events || !row->chained ||
        memcmp(head.hash, row->chain_head, HASH_BYTES) != 0) {
        *ret_damage = "the stored lines do not give the chain head";
    }
    return 0;
}
