// SPDX-License-Identifier: MIT
#include "workers/loop.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "metric/metric.h"
#include "workers/outbox.h"
#include "workers/settle.h"

enum {
    WAIT_MS = 250,        /* how late a stop may be noticed */
    PAUSE_LEAST_MS = 100, /* of the first pause in an outage; doubles */
    PAUSE_MOST_MS = 10000,
    LOOK_MS = 1000, /* how often the stream is looked after */
    BUSY_PART = 8,  /* a batch of at least this part of the most means that many are to come */
    FLUSH_PART = 3  /* of the grace period is left when delivery_extend says STOPPING */
};

struct loop {
    struct farm            *farm;
    const struct stage_row *row;
    const struct stage     *stage;
    void                   *self;
    struct pull            *pull;
    struct outbox          *outbox;
    struct arena           *arena; /* of a batch */
    struct log_scope        log;
    struct stop             stop;
    size_t                  most;
    struct stream_msg     **msgs;
    struct held            *held;
    struct delivery        *in;    /* as opened: held[i].in == &in[i] */
    struct delivery        *group; /* those handed to the stage together */
    size_t                  held_count;
    size_t                  last_count;  /* in the last batch */
    unsigned                outages;     /* in a row */
    bool                    stream_gone; /* the outage is the broker's */
    bool                    pull_probes; /* the open pull asks for one message at a time */
    atomic_bool             well;
    int64_t                 look_at_us;
    pthread_mutex_t         lock; /* of held[].msg, against loop_hand_back; and for wake */
    pthread_cond_t          wake;
};

/* ----------------------------------- open, close ----------------------------------- */

int loop_open(struct loop **ret_loop, struct farm *farm, const struct stage_row *row,
              const struct stage *stage, struct err *err)
{
    CLEANUP(loop) struct loop *loop = mem_zero(1, sizeof(*loop));
    pthread_condattr_t         monotonic;

    loop->farm = farm;
    loop->row = row;
    loop->most = stage->handle_batch == NULL ? 1 : row->batch;
    if (loop->most > 1 && farm->config->batch_messages > 0) {
        loop->most = (size_t)farm->config->batch_messages;
    }
    loop->log = (struct log_scope){.field = {KV("role", row->role)}, .count = 1};
    loop->outbox = outbox_new();
    loop->arena = arena_new();
    loop->msgs = mem_zero(loop->most, sizeof(*loop->msgs));
    loop->held = mem_zero(loop->most, sizeof(*loop->held));
    loop->in = mem_zero(loop->most, sizeof(*loop->in));
    loop->group = mem_zero(loop->most, sizeof(*loop->group));
    atomic_init(&loop->well, true);
    (void)pthread_mutex_init(&loop->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&loop->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (stage->open != NULL && stage->open(farm, &loop->self, err) < 0) {
        return err_add(err, "opening stage %s", row->role);
    }
    loop->stage = stage; /* from here on it wants to be closed */
    *ret_loop = TAKE(loop);
    return 0;
}

void loop_close(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    pull_close(loop->pull);
    if (loop->stage != NULL && loop->stage->close != NULL) {
        loop->stage->close(loop->self);
    }
    outbox_free(loop->outbox);
    arena_free(loop->arena);
    mem_free(loop->msgs);
    mem_free(loop->held);
    mem_free(loop->in);
    mem_free(loop->group);
    (void)pthread_cond_destroy(&loop->wake);
    (void)pthread_mutex_destroy(&loop->lock);
    mem_free(loop);
}

static bool is_stopping(struct loop *loop)
{
    return atomic_load(&loop->stop.asked);
}

void loop_stop(struct loop *loop, int64_t grace_ms)
{
    int64_t work_ms = grace_ms - grace_ms / FLUSH_PART;

    atomic_store(&loop->stop.give_up_us, clock_mono_us() + work_ms * 1000);
    atomic_store(&loop->stop.asked, true);
    (void)pthread_mutex_lock(&loop->lock);
    (void)pthread_cond_broadcast(&loop->wake);
    (void)pthread_mutex_unlock(&loop->lock);
}

void loop_hand_back(struct loop *loop)
{
    (void)pthread_mutex_lock(&loop->lock);
    for (size_t i = 0; i < loop->held_count; i++) {
        if (loop->held[i].msg != NULL) {
            msg_nak(loop->held[i].msg, 0);
        }
    }
    (void)pthread_mutex_unlock(&loop->lock);
    stream_flush(loop->farm->stream);
}

bool loop_is_well(struct loop *loop)
{
    return atomic_load(&loop->well) && !is_stopping(loop);
}

/* ------------------------------------- outages ------------------------------------- */

static void pause_for(struct loop *loop, int64_t ms)
{
    int64_t         until = clock_mono_us() + ms * 1000;
    struct timespec at = {.tv_sec = until / 1000000, .tv_nsec = (until % 1000000) * 1000};
    int             woken = 0;

    (void)pthread_mutex_lock(&loop->lock);
    while (!is_stopping(loop) && woken == 0) {
        woken = pthread_cond_timedwait(&loop->wake, &loop->lock, &at);
    }
    (void)pthread_mutex_unlock(&loop->lock);
}

/* Told once, however long it lasts. */
static void outage_seen(struct loop *loop, const struct err *err)
{
    int64_t pause = PAUSE_LEAST_MS;

    if (loop->outages++ == 0) {
        LOG(&loop->log, WARN, "outage began", KV("why", err_name(err->code)),
            KV("story", err->story));
        atomic_store(&loop->well, false);
    }
    for (unsigned i = 1; i < loop->outages && pause < PAUSE_MOST_MS; i++) {
        pause *= 2;
    }
    if (err->retry_after_ms > pause) {
        pause = err->retry_after_ms;
    }
    pause_for(loop, pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS);
}

static void outage_over(struct loop *loop)
{
    if (loop->outages > 0) {
        loop->outages = 0;
        atomic_store(&loop->well, true);
        LOG(&loop->log, INFO, "outage ended");
    }
}

/* -------------------------------------- work -------------------------------------- */

static void run_stage(struct loop *loop, struct delivery *group, size_t count, struct err *err)
{
    int64_t began = clock_mono_us();
    int     failed;

    if (loop->stage->handle_batch == NULL) {
        failed = loop->stage->handle(loop->self, group, loop->outbox, err);
    } else {
        failed = loop->stage->handle_batch(loop->self, group, count, loop->outbox, err);
    }
    if (failed < 0 && err->code == ERR_NONE) {
        (void)err_set(err, ERR_BUG, "stage %s failed without saying why", loop->row->role);
    }
    for (size_t i = 0; failed < 0 && i < count; i++) {
        group[i].err = *err;
    }
    if (failed == 0) {
        err_clear(err);
    }
    metric_time(METRIC_stage_time, 0, clock_mono_us() - began);
    metric_size(METRIC_stage_batch, 0, (int64_t)count);
}

static void settle_group(struct loop *loop, struct delivery *group, size_t count)
{
    settle_count(loop->farm, group, count);
    settle_all(loop->farm, group, count, loop->outbox);
    for (size_t i = 0; i < count; i++) {
        struct held       *held = group[i].loop_;
        struct stream_msg *msg = held->msg;

        (void)pthread_mutex_lock(&loop->lock);
        held->msg = NULL;
        (void)pthread_mutex_unlock(&loop->lock);
        msg_free(msg);
    }
    metric_add(METRIC_stage_in_flight, 0, -(int64_t)count);
}

/* Puts this try on record where that is due; on failure nothing may be worked on. */
static int count_tries(struct loop *loop, struct delivery *group, size_t count, struct err *err)
{
    struct tries_of *of = arena_zero(loop->arena, count, sizeof(*of));
    size_t           due = 0;

    for (size_t i = 0; i < count; i++) {
        struct held *held = group[i].loop_;

        if (held->deliveries > 1) {
            of[due++] = delivery_tries(held, held->used + 1);
        }
    }
    TRY(tries_write(loop->farm->stream, loop->arena, of, due, err));
    for (size_t i = 0; i < count; i++) {
        struct held *held = group[i].loop_;

        held->counted = held->deliveries > 1;
    }
    return 0;
}

static void work_on(struct loop *loop, struct delivery *group, size_t count);

/* Each alone: one that drags the whole batch down must not take its neighbours along. */
static void work_one_by_one(struct loop *loop, struct delivery *group, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        err_clear(&group[i].err);
        work_on(loop, &group[i], 1);
    }
}

static void work_on(struct loop *loop, struct delivery *group, size_t count)
{
    struct err err = {0};

    outbox_clear(loop->outbox);
    if (count_tries(loop, group, count, &err) < 0) {
        for (size_t i = 0; i < count; i++) {
            group[i].err = err;
        }
    } else {
        run_stage(loop, group, count, &err);
        if (err.code != ERR_NONE && err_fate(err.code) != FATE_WAIT && count > 1) {
            LOG(&loop->log, WARN, "batch refused", KV("why", err_name(err.code)),
                KV("story", err.story), KV("count", count));
            work_one_by_one(loop, group, count);
            return;
        }
        outbox_publish(loop->outbox, loop->farm->stream, group, count);
    }
    settle_group(loop, group, count);
}

/* ------------------------------------- a batch ------------------------------------- */

/* What is known of it from earlier deliveries, which may be that it kills. */
static int look_back(struct loop *loop, struct delivery *in, struct err *err)
{
    struct held    *held = in->loop_;
    struct tries_of of;

    if (held->deliveries == 1) {
        return 0;
    }
    of = delivery_tries(held, 0);
    TRY(tries_read(loop->farm->stream, loop->arena, &of, err));
    held->used = of.used;
    if (held->used >= loop->row->tries) {
        delivery_set_tries(in, held->used);
        return err_set(err, ERR_POISON,
                       "%llu deliveries of it ended without a word from the worker",
                       (unsigned long long)held->used);
    }
    delivery_set_tries(in, held->used + 1);
    return 0;
}

static int open_one(struct loop *loop, struct delivery *in, struct held *held)
{
    delivery_fill(in, held, loop->arena, &loop->log);
    TRY(look_back(loop, in, &in->err));
    return delivery_read(in, &in->err);
}

static void note_outage(const struct delivery *in, struct err *seen)
{
    if (seen->code == ERR_NONE && settle_is_outage(in->err.code)) {
        *seen = in->err;
    }
}

/* Opens those from `first` on, and no more once their bodies fill a batch: a claim check is small
 * and what it stands for is not. Returns how many. */
static size_t open_some(struct loop *loop, size_t first, size_t count, struct err *outage)
{
    const size_t most_bytes = (size_t)loop->farm->config->batch_bytes;
    size_t       bytes = 0;
    size_t       at = first;

    for (; at < count && (at == first || bytes < most_bytes); at++) {
        struct delivery *in = &loop->in[at];

        if (open_one(loop, in, &loop->held[at]) < 0) {
            outbox_clear(loop->outbox);
            settle_group(loop, in, 1);
            note_outage(in, outage);
        }
        bytes += in->message.body.size;
    }
    return at - first;
}

/* The stage gets those together that nothing is known against; the others each alone. */
static size_t work_some(struct loop *loop, size_t first, size_t count, struct err *outage)
{
    size_t  some = open_some(loop, first, count, outage);
    size_t *alone = arena_get(loop->arena, some * sizeof(*alone));
    size_t  alone_count = 0;
    size_t  group_count = 0;

    for (size_t i = first; i < first + some; i++) {
        struct held *held = &loop->held[i];

        if (held->msg == NULL) {
            continue; /* could not be opened, and is settled */
        }
        if (held->used > 0) {
            alone[alone_count++] = i;
        } else {
            held->in = &loop->group[group_count++];
            *held->in = loop->in[i];
        }
    }
    if (group_count > 0) {
        work_on(loop, loop->group, group_count);
    }
    for (size_t i = 0; i < group_count; i++) {
        note_outage(&loop->group[i], outage);
    }
    for (size_t i = 0; i < alone_count; i++) {
        work_on(loop, &loop->in[alone[i]], 1);
        note_outage(&loop->in[alone[i]], outage);
    }
    return some;
}

/* Those from `first` on go back unread, and it costs them no try. */
static void put_back(struct loop *loop, size_t first, size_t count, const struct err *why)
{
    outbox_clear(loop->outbox);
    for (size_t i = first; i < count; i++) {
        delivery_fill(&loop->in[i], &loop->held[i], loop->arena, &loop->log);
        loop->in[i].err = *why;
        settle_group(loop, &loop->in[i], 1);
    }
}

static void work_batch(struct loop *loop, size_t count)
{
    struct err outage = {0};
    struct err stopping = {0};
    size_t     done = work_some(loop, 0, count, &outage);

    while (done < count && outage.code == ERR_NONE && !is_stopping(loop)) {
        arena_reset(loop->arena);
        done += work_some(loop, done, count, &outage);
    }
    if (done < count) {
        (void)err_set(&stopping, ERR_STOPPING, "the worker stops; another one takes it up");
        put_back(loop, done, count, outage.code == ERR_NONE ? &stopping : &outage);
    }
    if (outage.code != ERR_NONE) {
        outage_seen(loop, &outage);
    } else {
        outage_over(loop);
    }
}

static void hold(struct loop *loop, size_t count)
{
    (void)pthread_mutex_lock(&loop->lock);
    for (size_t i = 0; i < count; i++) {
        loop->held[i] = (struct held){
            .msg = loop->msgs[i], .row = loop->row, .farm = loop->farm, .stop = &loop->stop};
    }
    loop->held_count = count;
    (void)pthread_mutex_unlock(&loop->lock);
    metric_add(METRIC_stage_received, 0, (int64_t)count);
    metric_add(METRIC_stage_in_flight, 0, (int64_t)count);
}

static int pull_ready(struct loop *loop, struct err *err)
{
    /* In an outage one is enough to see whether it is over; the others stay with the stream. */
    const bool                 probes = loop->outages > 0;
    const bool                 many = loop->most > 1 && !probes;
    const struct pull_settings settings = {
        .stream_name = loop->row->stream,
        .consumer = loop->row->role,
        .batch = many ? (int)loop->most : 1,
        .ahead = many ? 1 : 0,
        .bytes = many ? (size_t)loop->farm->config->batch_bytes : 0,
    };

    if (loop->pull != NULL && probes != loop->pull_probes && loop->most > 1) {
        pull_close(TAKE(loop->pull));
    }
    loop->pull_probes = probes;
    return loop->pull != NULL ? 0 : pull_open(&loop->pull, loop->farm->stream, &settings, err);
}

/* While a batch is worked on the next one comes in. Where that is not many, waiting for more costs
 * each of them as long and saves hardly anything; where it is, all of them cost less. */
static int64_t fill_ms(const struct loop *loop)
{
    return loop->last_count * BUSY_PART >= loop->most ? loop->farm->config->batch_wait : 0;
}

static int fetch(struct loop *loop, size_t *ret_count, struct err *err)
{
    const struct config *config = loop->farm->config;
    size_t               most = loop->outages > 0 ? 1 : loop->most;
    size_t               most_bytes = loop->most > 1 ? (size_t)config->batch_bytes : SIZE_MAX;

    TRY(pull_ready(loop, err));
    return pull_next(loop->pull, most, most_bytes, WAIT_MS, most > 1 ? fill_ms(loop) : 0,
                     loop->msgs, ret_count, err);
}

/* How far behind is the stage? And the oldest of what it has settled makes room where the stream is
 * nearly full. */
static void look_after_stream(struct loop *loop)
{
    struct consumer_state state;
    struct err            err = {0};

    if (stream_consumer_state(loop->farm->stream, loop->row->stream, loop->row->role, &state,
                              &err) == 0) {
        metric_set(METRIC_stage_lag, 0, (int64_t)state.pending);
    }
    if (stream_make_room(loop->farm->stream, loop->row->stream, loop->row->role, &err) < 0) {
        LOG(&loop->log, WARN, "stream not looked after", KV("story", err.story));
    }
}

static void look_after(struct loop *loop)
{
    struct err err = {0};

    if (clock_mono_us() < loop->look_at_us) {
        return;
    }
    loop->look_at_us = clock_mono_us() + LOOK_MS * 1000LL;
    look_after_stream(loop);
    if (loop->stage->tend != NULL && loop->stage->tend(loop->self, &err) < 0) {
        LOG(&loop->log, WARN, "stage not tended", KV("why", err_name(err.code)),
            KV("story", err.story));
    }
}

int loop_run(struct loop *loop, struct err *err)
{
    while (!is_stopping(loop)) {
        size_t     count = 0;
        struct err failed = {0};

        if (fetch(loop, &count, &failed) < 0) {
            if (stream_is_closed(loop->farm->stream)) {
                *err = failed;
                return -1;
            }
            loop->stream_gone = true;
            outage_seen(loop, &failed);
            /* A broker that came back without its streams gets them again. */
            (void)!stream_setup(loop->farm->stream, &failed);
            continue;
        }
        if (loop->stream_gone) {
            loop->stream_gone = false;
            outage_over(loop);
        }
        look_after(loop);
        if (count > 0) {
            loop->last_count = count;
            hold(loop, count);
            work_batch(loop, count);
            arena_reset(loop->arena);
        }
    }
    pull_close(TAKE(loop->pull));
    stream_flush(loop->farm->stream);
    return 0;
}
