// SPDX-License-Identifier: MIT
#include "workers/replay/whole.h"

#include <string.h>

#include "base/keyset.h"
#include "store/read_store.h"
#include "store/replay_store.h"
#include "workers/finalize/facts.h"
#include "workers/finalize/lines.h"

enum { LINES_AT_ONCE = 1000 };

/* What the stored lines say themselves. */
struct told {
    struct chain_head head;
    int64_t           seqs;                   /* the low 32 bits, added up */
    uint8_t           event_keys[HASH_BYTES]; /* SHA-256 of the keys of their ids */
};

static int read_told(const struct whole *whole, const struct trace_record *row, int64_t most,
                     struct told *ret_told, struct err *err)
{
    CLEANUP(lines)
    struct lines *lines = lines_open(whole->store, whole->blob, whole->arena, row->trace_no, -1);
    CLEANUP(sha256) struct sha256 *keys = sha256_new();
    CLEANUP(buf) struct buf        texts = {0};
    struct told                    told = {0};
    struct bytes                   line;
    int                            there = 1;

    chain_start(&told.head, whole->hmac, row->id);
    while ((int64_t)told.head.events < most && there > 0) {
        struct facts facts;
        uint8_t      hash[HASH_BYTES];

        there = lines_next(lines, &line, err);
        if (there <= 0) {
            break;
        }
        if (!facts_read(line, &texts, &facts)) {
            return err_set(err, ERR_BLOB_CORRUPT, "stored line %llu is no event",
                           (unsigned long long)told.head.events);
        }
        chain_append(&told.head, whole->hmac, line);
        told.seqs += facts.seq & UINT32_MAX;
        sha256_of(facts.id, hash);
        sha256_add(keys, (struct bytes){hash, KEY_HALF});
    }
    TRY(there);
    sha256_finish(keys, told.event_keys);
    *ret_told = told;
    return 0;
}

int whole_chain(const struct whole *whole, const struct trace_record *row, int64_t most,
                struct chain_head *ret_head, struct err *err)
{
    struct told told;

    TRY(read_told(whole, row, most, &told, err));
    *ret_head = told.head;
    return 0;
}

/* -1 in an outage; else what failed is the damage. */
static int damage_or_outage(const struct whole *whole, const char **ret_damage, struct err *err)
{
    if (err_fate(err->code) == FATE_WAIT) {
        return -1;
    }
    *ret_damage = arena_text(whole->arena, bytes_of(err->story));
    err_clear(err);
    return 0;
}

struct sum {
    const char *what;
    int64_t     is, should;
};

/* What the rows of the chunks say about their lines. */
struct indexed {
    int64_t lines, bytes, seqs;
};

static int add_up_lines(const struct whole *whole, int64_t trace_no, struct indexed *ret_sum,
                        struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct line_search search = {.trace_no = trace_no, .type = -1, .most = LINES_AT_ONCE};
    struct indexed     sum = {0};
    struct line_row   *lines;
    size_t             count;

    do {
        arena_reset(arena);
        TRY(read_lines(whole->store, arena, &search, &lines, &count, err));
        for (size_t i = 0; i < count; i++) {
            sum.lines++;
            sum.bytes += lines[i].length + 1;
            sum.seqs += lines[i].seq & UINT32_MAX;
            search.from_seq = lines[i].seq + 1;
        }
    } while (count == LINES_AT_ONCE);
    *ret_sum = sum;
    return 0;
}

/* A look at the rows alone; most damage shows here already. */
static int check_sums(const struct whole *whole, const struct trace_record *row,
                      const struct trace_sums *sums, struct indexed *ret_indexed,
                      const char **ret_damage, struct err *err)
{
    struct indexed indexed;

    if (add_up_lines(whole, row->trace_no, &indexed, err) < 0) {
        return damage_or_outage(whole, ret_damage, err);
    }
    const struct sum all[] = {
        {"heads of an opened trace", sums->head, row->opened},
        {"events in chained chunks", sums->chunk_events, row->num_events},
        {"ids in event_ids", sums->ids, row->indexed_events},
        {"indexed lines", indexed.lines, row->num_events},
        {"bytes of indexed lines", indexed.bytes, sums->chunk_bytes},
        {"pending chunks", sums->pending_chunks, row->pending_chunks},
        {"events in pending chunks", sums->pending_events, row->pending_events},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i].is != all[i].should) {
            *ret_damage = arena_format(whole->arena, "%s: there are %lld, and should be %lld",
                                       all[i].what, (long long)all[i].is, (long long)all[i].should);
            return 0;
        }
    }
    *ret_indexed = indexed;
    return 0;
}

int whole_check(const struct whole *whole, const struct trace_record *row, const char **ret_damage,
                struct err *err)
{
    struct trace_sums sums;
    struct indexed    indexed = {0};
    struct told       told;

    *ret_damage = NULL;
    TRY(trace_sums_read(whole->store, whole->arena, row->trace_no, &sums, err));
    TRY(check_sums(whole, row, &sums, &indexed, ret_damage, err));
    if (*ret_damage != NULL) {
        return 0;
    }
    if (read_told(whole, row, INT64_MAX, &told, err) < 0) {
        return damage_or_outage(whole, ret_damage, err);
    }
    if ((int64_t)told.head.events != row->num_events || row->chained != (row->num_events > 0) ||
        (row->chained && memcmp(told.head.hash, row->chain_head, HASH_BYTES) != 0)) {
        *ret_damage = "the stored lines do not give the chain head";
    } else if (told.seqs != indexed.seqs) {
        *ret_damage = "the stored lines have other seqs than their index";
    } else if (memcmp(told.event_keys, sums.event_keys, HASH_BYTES) != 0) {
        *ret_damage = "the stored lines have other ids than the keys of their events";
    }
    return 0;
}
