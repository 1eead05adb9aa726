// SPDX-License-Identifier: MIT
#include "workers/replay/rebuild.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/replay_store.h"
#include "value/msgpack.h"
#include "workers/delivery.h"
#include "workers/finalize/gather.h"
#include "workers/replay/late.h"
#include "workers/replay/old.h"
#include "workers/replay/whole.h"
#include "workers/validate/validator.h"

enum { ATTEMPTS = 5 };

struct rebuilder {
    struct farm      *farm;
    const char       *run;
    struct validator *validator;
    struct arena     *arena; /* of one trace; the validator's is of one batch */
};

/* One attempt at one trace. */
struct attempt {
    struct rebuilder     *of;
    const char           *tenant, *trace;
    struct trace_record   was; /* under the lock, before anything was changed */
    bool                  there;
    const char           *damage;
    struct late           late;
    struct entry         *entries; /* the batch that is being filled */
    size_t                count, bytes;
    const char          **objects; /* segments that were put */
    size_t                object_count, object_room;
    int64_t               messages, refused;
    bool                  finalize, erased;
    struct old_lines      old; /* of a trace that is built anew */
    struct waiting_chunks waiting; /* what it had of them */
};

static const char *const end_names[REBUILD_ENDS] = {
    [REBUILD_RIGHT] = "right", [REBUILD_ADDED] = "added",   [REBUILD_REBUILT] = "rebuilt",
    [REBUILD_LOST] = "lost",   [REBUILD_ERASED] = "erased",
};

const char *rebuild_end_name(enum rebuild_end end)
{
    return end_names[end];
}

struct rebuilder *rebuilder_new(struct farm *farm, const char *run)
{
    struct rebuilder *rebuilder = mem_zero(1, sizeof(*rebuilder));

    rebuilder->farm = farm;
    rebuilder->run = run;
    rebuilder->validator = validator_new(farm);
    rebuilder->arena = arena_new();
    /* A clash of two ids cannot be tried again inside a transaction: every chunk is looked up. */
    rebuilder->validator->batch.careful = true;
    return rebuilder;
}

void rebuilder_free(struct rebuilder *rebuilder)
{
    if (rebuilder != NULL) {
        validator_free(rebuilder->validator);
        arena_free(rebuilder->arena);
        mem_free(rebuilder);
    }
}

/* -------------------------------- taking the messages -------------------------------- */

static void note_object(struct attempt *attempt, const char *key)
{
    struct arena *arena = attempt->of->arena;

    if (key[0] == '\0') {
        return;
    }
    if (attempt->object_count == attempt->object_room) {
        size_t       room = attempt->object_room == 0 ? 8 : 2 * attempt->object_room;
        const char **more = arena_get(arena, room * sizeof(*more));

        if (attempt->object_count > 0) {
            memcpy(more, attempt->objects, attempt->object_count * sizeof(*more));
        }
        attempt->objects = more;
        attempt->object_room = room;
    }
    attempt->objects[attempt->object_count++] = arena_text(arena, bytes_of(key));
}

static void settle(struct attempt *attempt, const struct entry *entry)
{
    const struct record *record = entry->record;

    attempt->finalize = attempt->finalize || entry->finalize;
    if (entry->err.code != ERR_NONE || (record != NULL && record->row.status == CHUNK_REFUSED &&
                                        record->row.stream_seq == (int64_t)entry->in->seq)) {
        attempt->refused++;
    }
}

static int take_batch(struct attempt *attempt, struct err *err)
{
    struct validator *validator = attempt->of->validator;
    struct batch     *batch = &validator->batch;
    struct entry    **list = arena_get(validator->arena, attempt->count * sizeof(struct entry *));
    size_t            left = attempt->count;

    for (size_t i = 0; i < left; i++) {
        list[i] = &attempt->entries[i];
    }
    while (left > 0) {
        size_t again = 0;
        int    failed;

        batch->entries = list;
        batch->count = left;
        failed = batch_run_inside(batch, err);
        note_object(attempt, batch->segment_key);
        TRY(failed);
        for (size_t i = 0; i < left; i++) {
            if (list[i]->again && list[i]->err.code == ERR_NONE) {
                list[again++] = list[i];
            } else {
                settle(attempt, list[i]);
            }
        }
        left = again;
    }
    attempt->count = attempt->bytes = 0;
    arena_reset(validator->arena);
    return 0;
}

/* Reads one message into the batch; one that can't be read is refused, as it was the first time. */
static int read_message(struct attempt *attempt, const struct stored_msg *stored, struct err *err)
{
    struct validator *validator = attempt->of->validator;
    struct delivery  *in = arena_zero(validator->arena, 1, sizeof(*in));
    struct entry     *entry = &attempt->entries[attempt->count];

    *in = (struct delivery){.arena = validator->arena, .seq = stored->seq, .tries = 1};
    if (subject_read(in->arena, stored->subject, &in->to, err) < 0 ||
        delivery_redeem(in, attempt->of->farm->blob, stored->body, err) < 0 ||
        intake_read(&validator->intake, in, entry, err) < 0) {
        if (err_fate(err->code) == FATE_WAIT) {
            return -1;
        }
        err_clear(err);
        attempt->refused++;
        return 0;
    }
    attempt->count++;
    attempt->bytes += in->message.body.size;
    attempt->erased = attempt->erased || in->message.kind == MESSAGE_ERASE;
    return 0;
}

static int take_messages(struct attempt *attempt, struct err *err)
{
    struct rebuilder      *of = attempt->of;
    const struct config   *config = of->farm->config;
    const size_t           most = config->batch_messages > 0 ? (size_t)config->batch_messages : 1;
    char                   subject[SUBJECT_BYTES];
    struct browse_settings settings = {
        .stream_name = "PRT_INGEST", .subject = subject, .bodies = true};
    CLEANUP(browse) struct browse *browse = NULL;
    bool                           there = true;

    (void)snprintf(subject, sizeof(subject), "prt.ingest.%s.%s.*", attempt->tenant, attempt->trace);
    TRY(browse_open(&browse, of->farm->stream, &settings, err));
    attempt->entries = arena_get(of->arena, most * sizeof(*attempt->entries));
    arena_reset(of->validator->arena);
    for (;;) {
        struct stored_msg stored;

        TRY(browse_next(browse, of->validator->arena, &stored, &there, err));
        if (!there) {
            break;
        }
        attempt->messages++;
        if (!late_holds(&attempt->late, stored.seq)) {
            TRY(read_message(attempt, &stored, err));
        }
        if (attempt->erased) {
            return 0;
        }
        if (attempt->count == most || attempt->bytes >= (size_t)config->batch_bytes) {
            TRY(take_batch(attempt, err));
        }
    }
    return attempt->count == 0 ? 0 : take_batch(attempt, err);
}

/* -------------------------------- one trace -------------------------------- */

static struct whole whole_of(const struct rebuilder *of)
{
    return (struct whole){
        .store = of->farm->store,
        .blob = of->farm->blob,
        .hmac = of->validator->batch.hmac,
        .arena = of->arena,
    };
}

/* The stream keeps a message for a while only, and a chunk that came early may be older than all that
 * are chained before it. *ret_why says what was accepted once and would be lost; NULL: nothing. */
static int find_lost(struct attempt *attempt, const struct trace_record *now, const char **ret_why,
                     struct err *err)
{
    const struct trace_record *was = &attempt->was;
    struct arena              *arena = attempt->of->arena;
    int64_t                    lost = 0;

    *ret_why = NULL;
    TRY(trace_waiting_lost(attempt->of->farm->store, arena, was->trace_no, &attempt->waiting, &lost,
                           err));
    if (now->num_events < was->num_events ||
        (was->status == TRACE_FINALIZED && now->num_events != was->num_events)) {
        *ret_why =
            arena_format(arena, "its messages in PRT_INGEST give %lld events, and it had %lld",
                         (long long)now->num_events, (long long)was->num_events);
    } else if (now->next_chunk_seq < was->next_chunk_seq || lost > 0) {
        *ret_why = arena_format(
            arena, "PRT_INGEST no longer has %lld of its chunks",
            (long long)(lost > 0 ? lost : was->next_chunk_seq - now->next_chunk_seq));
    } else if (was->opened && !now->opened) {
        *ret_why = "PRT_INGEST no longer has what was sent when it was opened";
    } else if (was->completed_us != 0 && now->completed_us == 0) {
        *ret_why = "PRT_INGEST no longer has the message that completed it";
    }
    return 0;
}

/* Did the trace come out as it was, as far as it went? *ret_why is NULL then. */
static int compare(struct attempt *attempt, const struct trace_record *now, const char **ret_why,
                   struct err *err)
{
    const struct trace_record *was = &attempt->was;
    const struct whole         whole = whole_of(attempt->of);
    struct chain_head          head;

    TRY(find_lost(attempt, now, ret_why, err));
    if (*ret_why != NULL) {
        return 0;
    }
    TRY(whole_chain(&whole, now, was->num_events, &head, err));
    if (was->chained && memcmp(head.hash, was->chain_head, HASH_BYTES) != 0) {
        *ret_why = "its messages in PRT_INGEST give another chain (with other PRT_CHAIN_KEY or"
                   " PRT_REDACT than the first time, for one)";
    }
    return 0;
}

static bool same_row(const struct trace_record *a, const struct trace_record *b)
{
    return a->status == b->status && a->opened == b->opened && a->num_events == b->num_events &&
           a->next_chunk_seq == b->next_chunk_seq && a->pending_chunks == b->pending_chunks &&
           a->completed_us == b->completed_us && a->expected_chunks == b->expected_chunks;
}

static void ended(const struct attempt *attempt, enum rebuild_end end, const char *story,
                  struct rebuild *ret_rebuild)
{
    *ret_rebuild = (struct rebuild){
        .end = end, .story = story, .messages = attempt->messages, .refused = attempt->refused};
}

static int give_work(struct attempt *attempt, struct err *err)
{
    struct rebuilder        *of = attempt->of;
    CLEANUP(buf) struct buf  nothing = {0};
    CLEANUP(buf) struct buf  body = {0};
    char                     subject[SUBJECT_BYTES];
    const struct publication work = {
        .subject = subject,
        .id = arena_format(of->arena, "finalize-%s~%s", attempt->trace, of->run),
        .replay = of->run,
    };
    struct publication what = work;

    msgpack_put_map(&nothing, 0);
    message_write(
        &body,
        &(struct message){.kind = MESSAGE_WORK, .at_us = clock_us(), .body = buf_bytes(&nothing)});
    subject_stage(subject, "work", "finalize", attempt->tenant, attempt->trace);
    what.body = buf_bytes(&body);
    return stream_publish(of->farm->stream, &what, NULL, err);
}

/* No row points to the old lines any more. */
static int drop_lines(struct attempt *attempt, struct err *err)
{
    struct erase erase = {
        .store = attempt->of->farm->store,
        .blob = attempt->of->farm->blob,
        .arena = attempt->of->arena,
        .trace_no = attempt->was.trace_no,
    };

    int          failed;

    TRY(old_lines_own(&attempt->old, err));
    failed = erase_lines(&erase, attempt->old.ranges, attempt->old.count, err);
    for (size_t i = 0; i < erase.copy_count; i++) {
        note_object(attempt, erase.copies[i]);
    }
    return failed;
}

/* Under the lock. *ret_keep: what was done is to be committed. */
static int rebuild_locked(struct attempt *attempt, bool *ret_keep, struct rebuild *ret_rebuild,
                          struct err *err)
{
    struct rebuilder   *of = attempt->of;
    struct store       *store = of->farm->store;
    const struct whole  whole = whole_of(of);
    struct trace_record now;
    const char         *why = NULL;

    *ret_keep = false;
    TRY(trace_lock(store, of->arena, attempt->trace, &attempt->was, err));
    if (attempt->was.status == TRACE_ERASED || strcmp(attempt->was.tenant, attempt->tenant) != 0) {
        ended(attempt, attempt->was.status == TRACE_ERASED ? REBUILD_ERASED : REBUILD_RIGHT, NULL,
              ret_rebuild);
        return 0;
    }
    TRY(whole_check(&whole, &attempt->was, &attempt->damage, err));
    of->validator->batch.buried = attempt->damage != NULL;
    if (attempt->damage != NULL) {
        attempt->old = (struct old_lines){
            .store = store, .blob = of->farm->blob, .trace_no = attempt->was.trace_no};
        TRY(erase_ranges(store, of->arena, attempt->was.trace_no, (struct erase_most){0},
                         &attempt->old.ranges, &attempt->old.count, err));
        TRY(trace_waiting_read(store, of->arena, attempt->was.trace_no, &attempt->waiting, err));
        TRY(trace_reset(store, of->arena, attempt->was.trace_no, err));
    }
    if (attempt->damage != NULL || !attempt->there) {
        TRY(late_find(of->farm->stream, of->arena, attempt->tenant, attempt->trace, &attempt->late,
                      err));
    }
    TRY(take_messages(attempt, err));
    if (attempt->erased) {
        ended(attempt, REBUILD_ERASED, NULL, ret_rebuild);
        return 0;
    }
    TRY(trace_lock(store, of->arena, attempt->trace, &now, err));
    if (attempt->damage != NULL) {
        TRY(compare(attempt, &now, &why, err));
        if (why != NULL) {
            ended(
                attempt, REBUILD_LOST,
                arena_format(of->arena, "%s; and it can't be built anew: %s", attempt->damage, why),
                ret_rebuild);
            return 0;
        }
    }
    if (attempt->was.status == TRACE_FINALIZED) {
        attempt->finalize = false;
        if (now.status != TRACE_FINALIZED) {
            TRY(trace_finalized_still(store, of->arena, now.trace_no, err));
        }
    }
    if (attempt->damage != NULL) {
        TRY(drop_lines(attempt, err));
        ended(attempt, REBUILD_REBUILT, attempt->damage, ret_rebuild);
    } else if (!attempt->there) {
        ended(attempt, REBUILD_ADDED, "the trace was not there", ret_rebuild);
    } else if (!same_row(&attempt->was, &now)) {
        ended(attempt, REBUILD_ADDED, "messages had not been taken", ret_rebuild);
    } else {
        ended(attempt, REBUILD_RIGHT, NULL, ret_rebuild);
    }
    *ret_keep = true;
    return 0;
}

/* Objects that nobody refers to, unless a commit was cut off and may have happened. */
static void drop_objects(struct attempt *attempt, const struct err *why)
{
    struct err ignored = {0};

    for (size_t i = 0; i < attempt->object_count && why->code != ERR_STORE_DOWN; i++) {
        (void)!blob_delete(attempt->of->farm->blob, BUCKET_CHUNKS, attempt->objects[i], &ignored);
    }
}

/* What is left to do once it is committed; all of it may be done again. Lines of a finalized trace do
 * not stay in rows, and finalize does not come for them any more. */
static int finish(struct attempt *attempt, struct err *err)
{
    const struct farm *farm = attempt->of->farm;

    TRY(erase_doomed(farm->store, farm->blob, attempt->of->arena, attempt->trace, err));
    if (attempt->was.status == TRACE_FINALIZED &&
        gather_lines(farm->store, farm->blob, &attempt->was, err) < 0) {
        if (err->code != ERR_TRACE_ERASED) {
            return -1;
        }
        err_clear(err);
    }
    return attempt->finalize ? give_work(attempt, err) : 0;
}

static int rebuild_once(struct attempt *attempt, int64_t seen_us, struct rebuild *ret_rebuild,
                        struct err *err)
{
    struct rebuilder                     *of = attempt->of;
    struct store                         *store = of->farm->store;
    CLEANUP(store_rollback) struct store *transaction = store;
    struct bytes                          id = bytes_of(attempt->trace);
    struct bytes                          tenant = bytes_of(attempt->tenant);
    bool                                  keep = false;
    struct err                            none = {0};

    known_forget(&of->validator->batch.known); /* the last one may have been rolled back */
    if (!attempt->there) {
        TRY(traces_want(store, of->arena, &id, &tenant, &seen_us, 1, err));
    }
    TRY(store_begin(transaction, err));
    if (rebuild_locked(attempt, &keep, ret_rebuild, err) < 0) {
        drop_objects(attempt, err);
        return -1;
    }
    if (!keep) {
        drop_objects(attempt, &none);
        return 0;
    }
    if (store_commit(store, err) < 0) {
        drop_objects(attempt, err);
        return -1;
    }
    return finish(attempt, err);
}

/* The row of a trace, if it has one. */
static int look(struct rebuilder *rebuilder, const char *trace, struct trace_record *ret_row,
                bool *ret_there, struct err *err)
{
    *ret_there = true;
    if (trace_read(rebuilder->farm->store, rebuilder->arena, trace, ret_row, err) < 0) {
        if (err->code != ERR_TRACE_UNKNOWN) {
            return -1;
        }
        err_clear(err);
        *ret_there = false;
    }
    return 0;
}

static int rebuild_dry(struct rebuilder *rebuilder, struct attempt *attempt,
                       const struct trace_record *row, struct rebuild *ret_rebuild, struct err *err)
{
    const struct whole whole = whole_of(rebuilder);
    const char        *damage = NULL;

    if (!attempt->there) {
        ended(attempt, REBUILD_ADDED, "the trace is not there", ret_rebuild);
        return 0;
    }
    if (row->status == TRACE_ERASED) {
        ended(attempt, REBUILD_ERASED, NULL, ret_rebuild);
        return 0;
    }
    TRY(whole_check(&whole, row, &damage, err));
    ended(attempt, damage == NULL ? REBUILD_RIGHT : REBUILD_REBUILT, damage, ret_rebuild);
    return 0;
}

int rebuild_trace(struct rebuilder *rebuilder, const char *tenant, const char *trace,
                  int64_t seen_us, bool dry, struct rebuild *ret_rebuild, struct err *err)
{
    for (int tries = 1;; tries++) {
        struct attempt      attempt = {.of = rebuilder, .tenant = tenant, .trace = trace};
        struct trace_record row;
        int                 failed;

        arena_reset(rebuilder->arena);
        TRY(look(rebuilder, trace, &row, &attempt.there, err));
        failed = dry ? rebuild_dry(rebuilder, &attempt, &row, ret_rebuild, err)
                     : rebuild_once(&attempt, seen_us, ret_rebuild, err);
        if (failed == 0) {
            return 0;
        }
        if (err->code != ERR_STORE_CLASH || tries == ATTEMPTS) {
            return err_add(err, "trace %s", trace);
        }
        err_clear(err);
    }
}
