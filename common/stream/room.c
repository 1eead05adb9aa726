// SPDX-License-Identifier: MIT
/*
 * room.c - what a stream need not keep any more: of what its consumer has settled, the oldest.
 *
 * JetStream's own max_age takes what nobody has settled yet as well, and tells nobody: what was
 * accepted would be lost in an outage that lasts as long.
 */
#include "base/clock.h"
#include "stream/connection.h"

enum {
    SLACK_PART = 64, /* of the time it keeps messages: so much longer, or it is asked each second */
    FORGET_S = 5
};

/* The first sequence to keep; 0 where there is room enough. */
static uint64_t room_from(const jsStreamInfo *info, uint64_t ack_floor)
{
    uint64_t first = info->State.FirstSeq;
    uint64_t fifth = (info->State.LastSeq - first) / 5 + 1;
    int64_t  limit = info->Config->MaxBytes;

    if (info->Config->Discard != js_DiscardNew || info->Config->Retention != js_LimitsPolicy ||
        limit <= 0 || info->State.Bytes < (uint64_t)limit / 10 * 9 || ack_floor < first) {
        return 0;
    }
    return first + fifth <= ack_floor + 1 ? first + fifth : ack_floor + 1;
}

/* Where what was stored at from_us or later begins, as a consumer is told that would read from
 * there; and the time by the server's clock. */
static int find_since(struct stream *stream, const char *stream_name, int64_t from_us,
                      uint64_t *ret_seq, int64_t *ret_now_us, struct err *err)
{
    jsConsumerConfig config;
    jsConsumerInfo  *info = NULL;
    jsErrCode        code = 0;
    natsStatus       status;

    (void)jsConsumerConfig_Init(&config);
    config.AckPolicy = js_AckNone;
    config.DeliverPolicy = js_DeliverByStartTime;
    config.OptStartTime = from_us / 1000000 * 1000000000; /* whole seconds: browse.c says why */
    config.InactiveThreshold = FORGET_S * 1000000000LL;
    config.MemoryStorage = true;
    config.Replicas = 1;
    status = js_AddConsumer(&info, stream->js, stream_name, &config, NULL, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "looking for old messages of stream %s",
                             stream_name);
    }
    *ret_seq = info->Delivered.Stream + 1;
    *ret_now_us = info->Created / 1000;
    (void)js_DeleteConsumer(stream->js, stream_name, info->Name, NULL, NULL);
    jsConsumerInfo_Destroy(info);
    return 0;
}

/* *ret_from: the first sequence to keep of a stream that keeps what is settled for some time; 0
 * where nothing is too old. */
static int young_from(struct stream *stream, const jsStreamInfo *info, uint64_t ack_floor,
                      uint64_t *ret_from, struct err *err)
{
    const int64_t keep_us = setup_settled_keep_us(stream, info->Config->Name);
    const int64_t slack_us = keep_us / SLACK_PART;
    const int64_t from_us = clock_us() - keep_us - slack_us / 2;
    uint64_t      seq = 0;
    int64_t       now_us = 0;

    *ret_from = 0;
    if (keep_us == 0 || info->State.Msgs == 0 || ack_floor < info->State.FirstSeq ||
        info->State.FirstTime / 1000 >= from_us - slack_us / 2) {
        return 0;
    }
    TRY(find_since(stream, info->Config->Name, from_us, &seq, &now_us, err));
    if (now_us - keep_us < from_us) {
        return 0; /* this machine's clock is ahead of the server's */
    }
    seq = seq <= ack_floor + 1 ? seq : ack_floor + 1;
    *ret_from = seq > info->State.FirstSeq ? seq : 0;
    return 0;
}

static int keep_from(struct stream *stream, const char *stream_name, uint64_t ack_floor,
                     uint64_t *ret_from, struct err *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode     code = 0;
    natsStatus    status;
    uint64_t      room;
    int           failed;

    status = js_GetStreamInfo(&info, stream->js, stream_name, NULL, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "stream %s", stream_name);
    }
    room = room_from(info, ack_floor);
    failed = young_from(stream, info, ack_floor, ret_from, err);
    *ret_from = room > *ret_from ? room : *ret_from;
    jsStreamInfo_Destroy(info);
    return failed;
}

int stream_make_room(struct stream *stream, const char *stream_name, const char *consumer,
                     struct err *err)
{
    struct consumer_state state;
    jsErrCode             code = 0;
    jsOptions             options;
    natsStatus            status;

    TRY(stream_consumer_state(stream, stream_name, consumer, &state, err));
    (void)jsOptions_Init(&options);
    options.Wait = STREAM_WAIT_MS;
    TRY(keep_from(stream, stream_name, state.ack_floor, &options.Stream.Purge.Sequence, err));
    if (options.Stream.Purge.Sequence == 0) {
        return 0;
    }
    status = js_PurgeStream(stream->js, stream_name, &options, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "making room in stream %s", stream_name);
    }
    return 0;
}
