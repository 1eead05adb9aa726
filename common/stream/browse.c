// SPDX-License-Identifier: MIT
/*
 * browse.c - reading a stream from end to end through a consumer of its own, which nothing is
 * acknowledged to and which the server forgets when nobody asks any more.
 */
#include <stdio.h>

#include "stream/connection.h"

enum {
    BATCH = 256,
    BODIES_BYTES = 4 << 20, /* a request brings at most so much of bodies */
    FORGET_S = 3600,        /* the work between two messages may take so long */
    WAIT_MS = 2000
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
    int64_t            from_us; /* > 0: instead of from_seq */
    char               stream_name[64], consumer[64], subject[256];
};

static int make_consumer(struct browse *browse, const struct browse_settings *settings,
                         struct err *err)
{
    jsConsumerConfig config;
    jsConsumerInfo  *info = NULL;
    jsErrCode        code = 0;
    natsStatus       status;

    (void)jsConsumerConfig_Init(&config);
    config.FilterSubject = settings->subject;
    config.AckPolicy = js_AckNone;
    config.DeliverPolicy = js_DeliverAll;
    config.HeadersOnly = !settings->bodies;
    config.InactiveThreshold = FORGET_S * 1000000000LL;
    config.MemoryStorage = true;
    config.Replicas = 1;
    if (settings->from_us > 0) {
        config.DeliverPolicy = js_DeliverByStartTime;
        config.OptStartTime = settings->from_us * 1000;
    } else if (settings->from_seq > 0) {
        config.DeliverPolicy = js_DeliverByStartSequence;
        config.OptStartSeq = settings->from_seq;
    }
    status = js_AddConsumer(&info, browse->stream->js, settings->stream_name, &config, NULL, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "reading stream %s", settings->stream_name);
    }
    (void)snprintf(browse->consumer, sizeof(browse->consumer), "%s", info->Name);
    browse->total = info->NumPending;
    jsConsumerInfo_Destroy(info);
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
        browse->last_seq = 0;
        return 0;
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
    const struct pull_settings     pull = {
            .stream_name = settings->stream_name,
            .consumer = browse->consumer,
            .batch = BATCH,
            .bytes = settings->bodies ? BODIES_BYTES : 0,
    };

    browse->stream = stream;
    (void)snprintf(browse->stream_name, sizeof(browse->stream_name), "%s", settings->stream_name);
    (void)snprintf(browse->subject, sizeof(browse->subject), "%s",
                   settings->subject == NULL ? ">" : settings->subject);
    browse->from_seq = settings->from_seq;
    browse->from_us = settings->from_us;
    TRY(find_last(browse, err));
    if (browse->last_seq > 0) {
        TRY(make_consumer(browse, settings, err));
        TRY(pull_open(&browse->pull, stream, &pull, err));
    }
    *ret_browse = TAKE(browse);
    return 0;
}

void browse_close(struct browse *browse)
{
    if (browse == NULL) {
        return;
    }
    for (; browse->at < browse->count; browse->at++) {
        msg_free(browse->msgs[browse->at]);
    }
    pull_close(browse->pull);
    if (browse->consumer[0] != '\0') {
        /* Unanswered: the server forgets it by itself. */
        (void)js_DeleteConsumer(browse->stream->js, browse->stream_name, browse->consumer, NULL,
                                NULL);
    }
    mem_free(browse);
}

uint64_t browse_total(const struct browse *browse)
{
    return browse->total;
}

static int fetch(struct browse *browse, bool *ret_over, struct err *err)
{
    *ret_over = browse->pull == NULL || browse->handed >= browse->last_seq;
    while (!*ret_over && browse->at == browse->count) {
        browse->at = browse->count = 0;
        TRY(pull_next(browse->pull, BATCH, BODIES_BYTES, WAIT_MS, 0, browse->msgs, &browse->count,
                      err));
        if (browse->count == 0) { /* slow, or the last one was removed meanwhile */
            TRY(find_last(browse, err));
            *ret_over = browse->handed >= browse->last_seq;
        }
    }
    return 0;
}

int browse_next(struct browse *browse, struct arena *arena, struct stored_msg *ret_msg,
                bool *ret_there, struct err *err)
{
    bool over = false;

    *ret_there = false;
    if (fetch(browse, &over, err) < 0) {
        return err_add(err, "reading stream %s", browse->stream_name);
    }
    if (over || msg_seq(browse->msgs[browse->at]) > browse->last_seq) {
        return 0;
    }
    CLEANUP(stream_msg) struct stream_msg *msg = browse->msgs[browse->at++];
    const char                            *id = msg_header(msg, STREAM_HEADER_ID);

    browse->handed = msg_seq(msg);
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
