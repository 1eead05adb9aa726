// SPDX-License-Identifier: MIT
/*
 * browse.c - reading a stream from end to end through a consumer of its own, which nothing is
 * acknowledged to and which the server forgets when nobody asks any more.
 *
 * What is not acknowledged does not come again: a message that is lost on the way (the connection
 * broke, the server let go of what it could not send) leaves a gap in the consumer's own count, or
 * nothing comes any more. Then a new consumer begins behind the last message that was handed out.
 *
 * Where it ends is told by the newest message there is. nats-server 2.9 does not tell that one once a
 * newer one was deleted: then we are blind, and ask whether there is another one each time before one is
 * waited for.
 */
#include <stdio.h>
#include <string.h>

#include "stream/connection.h"

enum {
    BATCH = 256,
    BODIES_BYTES = 4 << 20, /* a request brings at most so much of bodies */
    FORGET_S = 3600,        /* the work between two messages may take so long */
    WAIT_MS = 2000,
    EMPTY_MOST = 15, /* times in a row that nothing comes of what there is */
    SECOND_US = 1000000
};

struct browse {
    struct stream     *stream;
    struct pull       *pull;
    struct stream_msg *msgs[BATCH]; /* fetched; at .. count-1 are not handed out yet */
    size_t             at, count;
    uint64_t           total;    /* messages, as the server counts them */
    uint64_t           handed;   /* seq of the last one handed out */
    uint64_t           last_seq; /* of the last one there is to hand out */
    uint64_t           from_seq;
    uint64_t           next_nth; /* how many-th of the consumer's the next one must be */
    int64_t            from_us;  /* > 0: instead of from_seq */
    bool               bodies;
    bool               blind;  /* last_seq is the stream's own, of whatever subject */
    int                empty;  /* times in a row that nothing came */
    const char        *filter; /* the subject; NULL: every one */
    char               stream_name[64], consumer[64], subject[256];
};

/* nats.c 3.4.1 writes the part of a second without its leading zeros: .07 becomes .7, and messages
 * are passed over. Such a time is sent as the whole second; what is older is left out here. */
static int64_t sayable_us(int64_t us)
{
    return us % SECOND_US < SECOND_US / 10 ? us - us % SECOND_US : us;
}

/* Begins where the last one handed out ends; at first where the settings say. */
static int make_consumer(struct browse *browse, uint64_t *ret_pending, struct err *err)
{
    jsConsumerConfig config;
    jsConsumerInfo  *info = NULL;
    jsErrCode        code = 0;
    natsStatus       status;

    (void)jsConsumerConfig_Init(&config);
    config.FilterSubject = browse->filter;
    config.AckPolicy = js_AckNone;
    config.DeliverPolicy = js_DeliverAll;
    config.HeadersOnly = !browse->bodies;
    config.InactiveThreshold = FORGET_S * 1000000000LL;
    config.MemoryStorage = true;
    config.Replicas = 1;
    if (browse->from_us > 0 && browse->handed == 0) {
        config.DeliverPolicy = js_DeliverByStartTime;
        config.OptStartTime = sayable_us(browse->from_us) * 1000;
    } else if (browse->from_seq > 0 || browse->handed > 0) {
        config.DeliverPolicy = js_DeliverByStartSequence;
        config.OptStartSeq = browse->handed > 0 ? browse->handed + 1 : browse->from_seq;
    }
    status = js_AddConsumer(&info, browse->stream->js, browse->stream_name, &config, NULL, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "reading stream %s", browse->stream_name);
    }
    (void)snprintf(browse->consumer, sizeof(browse->consumer), "%s", info->Name);
    *ret_pending = info->NumPending;
    if (browse->handed == 0) {
        browse->handed = info->Delivered.Stream; /* what lies before its beginning */
    }
    jsConsumerInfo_Destroy(info);
    browse->next_nth = 1;
    return 0;
}

static int consumer_open(struct browse *browse, uint64_t *ret_pending, struct err *err)
{
    const struct pull_settings pull = {
        .stream_name = browse->stream_name,
        .consumer = browse->consumer,
        .batch = BATCH,
        .bytes = browse->bodies ? BODIES_BYTES : 0,
    };

    TRY(make_consumer(browse, ret_pending, err));
    return pull_open(&browse->pull, browse->stream, &pull, err);
}

static void consumer_close(struct browse *browse)
{
    for (; browse->at < browse->count; browse->at++) {
        msg_free(browse->msgs[browse->at]);
    }
    browse->at = browse->count = 0;
    pull_close(TAKE(browse->pull));
    if (browse->consumer[0] != '\0') {
        /* Unanswered: the server forgets it by itself. */
        (void)js_DeleteConsumer(browse->stream->js, browse->stream_name, browse->consumer, NULL,
                                NULL);
        browse->consumer[0] = '\0';
    }
}

/* What was deleted may have been all there was, or the newest of it. */
static int go_blind(struct browse *browse, struct err *err)
{
    struct stream_state state;
    uint64_t            left = 1;

    if (strpbrk(browse->subject, "*>") == NULL) {
        TRY(stream_count_under(browse->stream, browse->stream_name, browse->subject, &left, err));
    }
    if (left == 0) {
        browse->last_seq = 0;
        return 0;
    }
    TRY(stream_state(browse->stream, browse->stream_name, &state, err));
    browse->blind = true;
    if (browse->last_seq == 0 || state.last_seq < browse->last_seq) {
        browse->last_seq = state.last_seq;
    }
    return 0;
}

/* Blind: is there another one? */
static int find_next(struct browse *browse, bool *ret_over, struct err *err)
{
    uint64_t seq = 0;

    TRY(stream_next(browse->stream, browse->stream_name, browse->subject, browse->handed + 1, &seq,
                    err));
    *ret_over = seq == 0 || seq > browse->last_seq;
    return 0;
}

/* The end, by its sequence: the server's count of what is pending may be one or two too low when it
 * begins inside a stream (seen with nats-server 2.9.10). */
static int find_last(struct browse *browse, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct stored_msg            last;

    if (stream_get_last(browse->stream, arena, browse->stream_name, browse->subject, &last, err) <
        0) {
        if (err->code != ERR_NOT_FOUND) {
            return -1;
        }
        err_clear(err);
        return go_blind(browse, err);
    }
    if (browse->from_us > 0 ? last.stored_us < browse->from_us : last.seq < browse->from_seq) {
        browse->last_seq = 0;
    } else if (browse->last_seq == 0 || last.seq < browse->last_seq) {
        browse->last_seq = last.seq; /* later on only removals count */
    }
    return 0;
}

int browse_open(struct browse **ret_browse, struct stream *stream,
                const struct browse_settings *settings, struct err *err)
{
    CLEANUP(browse) struct browse *browse = mem_zero(1, sizeof(*browse));

    browse->stream = stream;
    (void)snprintf(browse->stream_name, sizeof(browse->stream_name), "%s", settings->stream_name);
    (void)snprintf(browse->subject, sizeof(browse->subject), "%s",
                   settings->subject == NULL ? ">" : settings->subject);
    browse->filter = settings->subject == NULL ? NULL : browse->subject;
    browse->from_seq = settings->from_seq;
    browse->from_us = settings->from_us;
    browse->bodies = settings->bodies;
    TRY(find_last(browse, err));
    if (browse->last_seq > 0) {
        TRY(consumer_open(browse, &browse->total, err));
    }
    *ret_browse = TAKE(browse);
    return 0;
}

void browse_close(struct browse *browse)
{
    if (browse != NULL) {
        consumer_close(browse);
        mem_free(browse);
    }
}

uint64_t browse_total(const struct browse *browse)
{
    return browse->total;
}

static int begin_anew(struct browse *browse, struct err *err)
{
    uint64_t pending = 0;

    consumer_close(browse);
    return consumer_open(browse, &pending, err);
}

static bool is_next(const struct browse *browse)
{
    return browse->at < browse->count && msg_nth(browse->msgs[browse->at]) == browse->next_nth;
}

static void step(struct browse *browse)
{
    browse->handed = msg_seq(browse->msgs[browse->at]);
    browse->at++;
    browse->next_nth++;
}

/* Nothing came: slow, lost on the way, or the last one was removed meanwhile. */
static int look_again(struct browse *browse, bool *ret_over, struct err *err)
{
    TRY(find_last(browse, err));
    *ret_over = browse->handed >= browse->last_seq;
    if (!*ret_over && browse->blind) {
        TRY(find_next(browse, ret_over, err));
    }
    if (!*ret_over && ++browse->empty == EMPTY_MOST) {
        return err_set(err, ERR_STREAM_DOWN,
                       "the server has messages up to %llu and sends none after %llu",
                       (unsigned long long)browse->last_seq, (unsigned long long)browse->handed);
    }
    return *ret_over ? 0 : begin_anew(browse, err);
}

/* Goes on until the next message is there, or there is none. */
static int fetch(struct browse *browse, bool *ret_over, struct err *err)
{
    *ret_over = browse->pull == NULL || browse->handed >= browse->last_seq;
    while (!*ret_over && !is_next(browse)) {
        if (browse->at < browse->count) { /* one before it was lost */
            TRY(begin_anew(browse, err));
        }
        browse->at = browse->count = 0;
        if (browse->blind) {
            TRY(find_next(browse, ret_over, err));
            if (*ret_over) {
                break;
            }
        }
        TRY(pull_next(browse->pull, BATCH, BODIES_BYTES, WAIT_MS, 0, browse->msgs, &browse->count,
                      err));
        if (browse->count == 0) {
            TRY(look_again(browse, ret_over, err));
        } else {
            browse->empty = 0;
        }
    }
    return 0;
}

/* The next message is there, and not from before the time asked for; or there is none. */
static int fetch_young(struct browse *browse, bool *ret_over, struct err *err)
{
    TRY(fetch(browse, ret_over, err));
    while (!*ret_over && msg_stored_us(browse->msgs[browse->at]) < browse->from_us) {
        struct stream_msg *old = browse->msgs[browse->at];

        step(browse);
        msg_free(old);
        TRY(fetch(browse, ret_over, err));
    }
    return 0;
}

int browse_next(struct browse *browse, struct arena *arena, struct stored_msg *ret_msg,
                bool *ret_there, struct err *err)
{
    bool over = false;

    *ret_there = false;
    if (fetch_young(browse, &over, err) < 0) {
        return err_add(err, "reading stream %s", browse->stream_name);
    }
    if (over || msg_seq(browse->msgs[browse->at]) > browse->last_seq) {
        return 0;
    }
    CLEANUP(stream_msg) struct stream_msg *msg = browse->msgs[browse->at];
    const char                            *id = msg_header(msg, STREAM_HEADER_ID);

    step(browse);
    *ret_msg = (struct stored_msg){
        .subject = arena_text(arena, bytes_of(msg_subject(msg))),
        .body = arena_bytes(arena, msg_body(msg)),
        .id = id == NULL ? NULL : arena_text(arena, bytes_of(id)),
        .seq = msg_seq(msg),
        .stored_us = msg_stored_us(msg),
    };
    *ret_there = true;
    return 0;
}
