// SPDX-License-Identifier: MIT
#include "workers/validate/known.h"

#include <string.h>

#include "store/chunk_store.h"

enum {
    ROOM_LEAST = 256,
    TOGETHER = 65536, /* events of several traces read at once: 1 MiB of keys */
    PAGE = 1024,      /* chunks of one trace */
};

struct known_trace {
    int64_t             trace_no, rebuilt, next; /* next_chunk_seq */
    int64_t             indexed;                 /* events that are not in keys but in event_ids */
    struct keyset       keys;
    size_t              bytes;         /* of the set, as counted in known->bytes */
    int64_t             attempt;       /* that used it last */
    bool                added;         /* to, by that one; not kept yet */
    struct known_trace *newer, *older; /* by use */
    struct known_trace *beside;        /* in the same bucket */
};

/* ------------------------------------ sets by trace ------------------------------------ */

static struct known_trace **bucket_of(const struct known *known, int64_t trace_no)
{
    return &known->buckets[((uint64_t)trace_no * 0x9e3779b97f4a7c15U >> 20) & (known->room - 1)];
}

static struct known_trace *look_up(const struct known *known, int64_t trace_no)
{
    struct known_trace *one = known->room == 0 ? NULL : *bucket_of(known, trace_no);

    while (one != NULL && one->trace_no != trace_no) {
        one = one->beside;
    }
    return one;
}

static void unlink_use(struct known *known, struct known_trace *one)
{
    *(one->newer == NULL ? &known->newest : &one->newer->older) = one->older;
    *(one->older == NULL ? &known->oldest : &one->older->newer) = one->newer;
    one->newer = one->older = NULL;
}

static void link_newest(struct known *known, struct known_trace *one)
{
    one->older = known->newest;
    *(known->newest == NULL ? &known->oldest : &known->newest->newer) = one;
    known->newest = one;
}

static void touch(struct known *known, struct known_trace *one)
{
    unlink_use(known, one);
    link_newest(known, one);
    one->attempt = known->attempt;
}

static void grow(struct known *known)
{
    struct known more = *known;

    more.room = known->room == 0 ? ROOM_LEAST : 2 * known->room;
    more.buckets = mem_zero(more.room, sizeof(struct known_trace *));
    for (struct known_trace *one = known->newest; one != NULL; one = one->older) {
        struct known_trace **bucket = bucket_of(&more, one->trace_no);

        one->beside = *bucket;
        *bucket = one;
    }
    mem_free(known->buckets);
    *known = more;
}

/* For the trace, of which nothing is known but what is in the index. */
static struct known_trace *make(struct known *known, const struct trace_record *row)
{
    struct known_trace  *one = mem_zero(1, sizeof(*one));
    struct known_trace **bucket;

    if (known->count == known->room) {
        grow(known);
    }
    one->trace_no = row->trace_no;
    one->rebuilt = row->rebuilt;
    one->next = row->indexed_below;
    one->indexed = row->indexed_events;
    one->attempt = known->attempt;
    bucket = bucket_of(known, one->trace_no);
    one->beside = *bucket;
    *bucket = one;
    link_newest(known, one);
    known->count++;
    known->bytes += sizeof(*one);
    return one;
}

static void count_bytes(struct known *known, struct known_trace *one)
{
    known->bytes += keyset_bytes(&one->keys) - one->bytes;
    one->bytes = keyset_bytes(&one->keys);
}

static void forget(struct known *known, struct known_trace *one)
{
    struct known_trace **at = bucket_of(known, one->trace_no);

    while (*at != one) {
        at = &(*at)->beside;
    }
    *at = one->beside;
    unlink_use(known, one);
    known->count--;
    known->bytes -= sizeof(*one) + one->bytes;
    keyset_done(&one->keys);
    mem_free(one);
}

void known_forget(struct known *known)
{
    while (known->oldest != NULL) {
        forget(known, known->oldest);
    }
}

void known_done(struct known *known)
{
    known_forget(known);
    mem_free(known->buckets);
    *known = (struct known){0};
}

/* Down to `most` bytes, but for the `keep` used last. */
static void trim(struct known *known, size_t keep)
{
    while (known->bytes > known->most && known->count > keep) {
        known->crowded = true;
        forget(known, known->oldest);
    }
}

void known_trim(struct known *known)
{
    trim(known, 0);
}

void known_begin(struct known *known)
{
    struct known_trace *one = known->newest;

    while (one != NULL && one->attempt == known->attempt) {
        struct known_trace *older = one->older;

        if (one->added) {
            forget(known, one);
        }
        one = older;
    }
    known->attempt++;
}

/* ------------------------------------ is it right? ------------------------------------ */

static bool is_right(const struct known_trace *one, const struct trace_record *row)
{
    return one->rebuilt == row->rebuilt && one->next == row->next_chunk_seq;
}

static struct known_trace *use(struct known *known, struct known_trace *one)
{
    touch(known, one);
    one->added = true;
    return one;
}

/* This attempt has looked at the trace before, and its row may be ahead of the chunks' rows. */
static bool in_use(const struct known *known, const struct known_trace *one)
{
    return one != NULL && one->added && one->attempt == known->attempt;
}

static bool wants_index(const struct known *known, const struct trace_record *row)
{
    return known->crowded && row->num_events - row->indexed_events >= known->index_each;
}

/* Chunks of about so many events that index_each are in all of them. */
static int add_to_index(const struct known *known, struct store *store, struct arena *arena,
                        struct trace_record *row, struct err *err)
{
    double  part = (double)known->index_each / (double)row->num_events; /* at most 1 */
    int64_t chunks = (int64_t)((double)row->next_chunk_seq * part) + 1;
    int64_t left = row->next_chunk_seq - row->indexed_below;

    return event_ids_add(store, arena, row, row->indexed_below + (chunks < left ? chunks : left),
                         err);
}

struct known_trace *known_find(struct known *known, struct store *store,
                               const struct trace_record *row)
{
    struct known_trace *one;

    if (known->connection != store_connects(store)) {
        known_forget(known);
        known->connection = store_connects(store);
    }
    one = look_up(known, row->trace_no);
    if (in_use(known, one)) {
        return one;
    }
    return one != NULL && is_right(one, row) && !wants_index(known, row) ? use(known, one) : NULL;
}

int known_has(const struct known_trace *trace, struct store *store, struct arena *arena,
              const uint8_t (*keys)[KEY_HALF], size_t count, bool *ret_has, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        ret_has[i] = keyset_holds(&trace->keys, keys[i]);
    }
    return trace->indexed == 0
               ? 0
               : event_ids_find(store, arena, trace->trace_no, keys, count, ret_has, err);
}

void known_add(struct known_trace *trace, const uint8_t key[KEY_HALF])
{
    (void)keyset_add(&trace->keys, key);
}

void known_keep(struct known *known, const struct trace_record *row)
{
    struct known_trace *one = look_up(known, row->trace_no);

    if (in_use(known, one)) {
        one->next = row->next_chunk_seq;
        one->added = false;
        count_bytes(known, one);
    }
}

/* ------------------------------------ reading ------------------------------------ */

/* Events of the trace of which it is not known. */
static int64_t missing(const struct known_trace *one, const struct trace_record *row)
{
    return row->num_events - one->indexed - (int64_t)one->keys.count;
}

/* What is there of the trace, used last. Forgotten where the index holds what is missing. */
static struct known_trace *start(struct known *known, const struct trace_record *row)
{
    struct known_trace *one = look_up(known, row->trace_no);

    if (one != NULL &&
        (one->rebuilt != row->rebuilt || one->next > row->next_chunk_seq ||
         (one->next < row->indexed_below && missing(one, row) > known->index_each))) {
        forget(known, one);
        one = NULL;
    }
    if (one == NULL) {
        return make(known, row);
    }
    touch(known, one);
    return one;
}

static void add(struct known *known, struct known_trace *one, struct bytes keys)
{
    for (size_t at = 0; at + KEY_HALF <= keys.size; at += KEY_HALF) {
        (void)keyset_add(&one->keys, keys.data + at);
    }
    count_bytes(known, one);
    known->read += (int64_t)(keys.size / KEY_HALF);
}

/* One trace, however long it is. */
static int read_one(struct known *known, struct store *store, const struct trace_record *row,
                    struct known_trace *one, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    size_t                       count = PAGE;
    int64_t                      from = one->next;

    while (count == PAGE) {
        struct event_keys *chunks = NULL;

        arena_reset(arena);
        TRY(event_keys_page(store, arena, row->trace_no, from, PAGE, &chunks, &count, err));
        for (size_t i = 0; i < count; i++) {
            add(known, one, chunks[i].keys);
            from = chunks[i].chunk_seq + 1;
        }
    }
    return 0;
}

static int read_many(struct known *known, struct store *store, struct arena *arena,
                     struct known_trace *const *list, size_t count, struct err *err)
{
    int64_t           *trace_nos = arena_get(arena, count * sizeof(*trace_nos));
    int64_t           *froms = arena_get(arena, count * sizeof(*froms));
    struct event_keys *chunks = NULL;
    size_t             found = 0;

    for (size_t i = 0; i < count; i++) {
        trace_nos[i] = list[i]->trace_no;
        froms[i] = list[i]->next;
    }
    TRY(event_keys_behind(store, arena, trace_nos, froms, count, &chunks, &found, err));
    for (size_t i = 0; i < found; i++) {
        add(known, list[chunks[i].place], chunks[i].keys);
    }
    return 0;
}

/* Sets that are half read are not to be believed. */
static int read_all(struct known *known, struct store *store, struct arena *arena,
                    struct known_trace **list, const struct trace_record *const *rows, size_t count,
                    struct err *err)
{
    int failed = count == 1 ? read_one(known, store, rows[0], list[0], err)
                            : read_many(known, store, arena, list, count, err);

    for (size_t i = 0; i < count; i++) {
        if (failed < 0) {
            forget(known, list[i]);
        } else {
            list[i]->next = rows[i]->next_chunk_seq;
        }
    }
    return failed;
}

static int read_missing(struct known *known, struct store *store, struct arena *arena,
                        struct trace_record *const *rows, size_t count, struct err *err)
{
    struct known_trace        **list = arena_get(arena, count * sizeof(struct known_trace *));
    const struct trace_record **asked = arena_get(arena, count * sizeof(struct trace_record *));
    int64_t                     events = 0;
    size_t                      taken = 0;

    for (size_t i = 0; i < count; i++) {
        struct known_trace *one = start(known, rows[i]);
        int64_t             more = missing(one, rows[i]);

        if (more <= 0) {
            one->next = rows[i]->next_chunk_seq;
        } else if (taken == 0 || events + more <= TOGETHER) {
            events += more;
            list[taken] = one;
            asked[taken++] = rows[i];
        }
    }
    trim(known, count);
    return taken == 0 ? 0 : read_all(known, store, arena, list, asked, taken, err);
}

int known_want(struct known *known, struct store *store, struct arena *arena,
               struct trace_record *const *rows, size_t count, struct known_trace **ret_trace,
               struct err *err)
{
    struct known_trace *one = known_find(known, store, rows[0]);

    if (one == NULL) {
        if (wants_index(known, rows[0])) {
            TRY(add_to_index(known, store, arena, rows[0], err));
        }
        one = look_up(known, rows[0]->trace_no);
        if (one == NULL || !is_right(one, rows[0])) {
            TRY(read_missing(known, store, arena, rows, count, err));
        }
        one = use(known, look_up(known, rows[0]->trace_no));
    }
    *ret_trace = one;
    return 0;
}
