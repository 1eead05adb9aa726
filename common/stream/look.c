// SPDX-License-Identifier: MIT
/*
 * look.c - what is in a stream, how far its consumers are, and taking single messages out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/connection.h"

int stream_consumer_state(struct stream *stream, const char *stream_name, const char *consumer,
                          struct consumer_state *ret_state, struct err *err)
{
    jsConsumerInfo *info = NULL;
    jsErrCode       code = 0;
    natsStatus      status;

    TRY(stream_connected(stream, err));
    status = js_GetConsumerInfo(&info, stream->js, stream_name, consumer, NULL, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "consumer %s of stream %s", consumer, stream_name);
    }
    *ret_state = (struct consumer_state){
        .ack_floor = info->AckFloor.Stream,
        .pending = info->NumPending,
        .in_flight = (uint64_t)info->NumAckPending,
        .redelivered = (uint64_t)info->NumRedelivered,
        .waiting = (uint64_t)info->NumWaiting,
    };
    jsConsumerInfo_Destroy(info);
    return 0;
}

int stream_state(struct stream *stream, const char *stream_name, struct stream_state *ret_state,
                 struct err *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode     code = 0;
    natsStatus    status;

    TRY(stream_connected(stream, err));
    status = js_GetStreamInfo(&info, stream->js, stream_name, NULL, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "stream %s", stream_name);
    }
    *ret_state = (struct stream_state){
        .messages = info->State.Msgs,
        .bytes = info->State.Bytes,
        .first_seq = info->State.FirstSeq,
        .last_seq = info->State.LastSeq,
        .first_us = info->State.Msgs == 0 ? 0 : info->State.FirstTime / 1000,
    };
    jsStreamInfo_Destroy(info);
    return 0;
}

/* Takes the library's message. */
static void stored_fill(struct arena *arena, natsMsg *msg, struct stored_msg *ret_msg)
{
    struct bytes body = {(const uint8_t *)natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)};
    const char  *id = NULL;

    (void)natsMsgHeader_Get(msg, STREAM_HEADER_ID, &id);
    *ret_msg = (struct stored_msg){
        .subject = arena_text(arena, bytes_of(natsMsg_GetSubject(msg))),
        .body = arena_bytes(arena, body),
        .id = id == NULL ? NULL : arena_text(arena, bytes_of(id)),
        .seq = natsMsg_GetSequence(msg),
        .stored_us = natsMsg_GetTime(msg) / 1000,
    };
    natsMsg_Destroy(msg);
}

int stream_get(struct stream *stream, struct arena *arena, const char *stream_name, uint64_t seq,
               struct stored_msg *ret_msg, struct err *err)
{
    natsMsg   *msg = NULL;
    jsErrCode  code = 0;
    natsStatus status;

    TRY(stream_connected(stream, err));
    status = js_GetMsg(&msg, stream->js, stream_name, seq, NULL, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "message %llu of stream %s",
                             (unsigned long long)seq, stream_name);
    }
    stored_fill(arena, msg, ret_msg);
    return 0;
}

int stream_get_last(struct stream *stream, struct arena *arena, const char *stream_name,
                    const char *subject, struct stored_msg *ret_msg, struct err *err)
{
    natsMsg   *msg = NULL;
    jsErrCode  code = 0;
    natsStatus status;

    TRY(stream_connected(stream, err));
    status = js_GetLastMsg(&msg, stream->js, stream_name, subject, NULL, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "newest message under %s", subject);
    }
    stored_fill(arena, msg, ret_msg);
    return 0;
}

int stream_next(struct stream *stream, const char *stream_name, const char *subject, uint64_t from,
                uint64_t *ret_seq, struct err *err)
{
    char        api[128];
    char        ask[512];
    natsMsg    *answer = NULL;
    const char *at;
    natsStatus  status;
    int         failed = 0;

    TRY(stream_connected(stream, err));
    (void)snprintf(api, sizeof(api), "$JS.API.STREAM.MSG.GET.%s", stream_name);
    (void)snprintf(ask, sizeof(ask), "{\"seq\":%llu,\"next_by_subj\":\"%s\"}",
                   (unsigned long long)from, subject);
    status = natsConnection_RequestString(&answer, stream->nc, api, ask, STREAM_WAIT_MS);
    if (status != NATS_OK) {
        return stream_status(err, status, 0, "looking for %s in stream %s", subject, stream_name);
    }
    *ret_seq = 0;
    at = strstr(natsMsg_GetData(answer), "\"seq\":"); /* the library puts a NUL behind it */
    if (at != NULL) {
        *ret_seq = strtoull(at + strlen("\"seq\":"), NULL, 10);
    } else if (strstr(natsMsg_GetData(answer), "\"err_code\":10037") == NULL) { /* no such message */
        failed = err_set(err, ERR_STREAM_DOWN, "looking for %s in stream %s: %.160s", subject,
                         stream_name, natsMsg_GetData(answer));
    }
    natsMsg_Destroy(answer);
    return failed;
}

int stream_delete(struct stream *stream, const char *stream_name, uint64_t seq, struct err *err)
{
    jsErrCode  code = 0;
    natsStatus status;

    TRY(stream_connected(stream, err));
    status = js_DeleteMsg(stream->js, stream_name, seq, NULL, &code);
    if (status != NATS_OK &&
        (code == JSSequenceNotFoundErr ||
         (code == JSStreamMsgDeleteFailed &&
          strstr(nats_GetLastError(NULL), "no message found") != NULL))) {
        return err_set(err, ERR_NOT_FOUND, "stream %s holds no message %llu", stream_name,
                       (unsigned long long)seq);
    }
    if (status != NATS_OK) {
        return stream_status(err, status, code, "removing message %llu of stream %s",
                             (unsigned long long)seq, stream_name);
    }
    return 0;
}

int stream_count_under(struct stream *stream, const char *stream_name, const char *subject,
                       uint64_t *ret_count, struct err *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode     code = 0;
    jsOptions     options;
    natsStatus    status;

    TRY(stream_connected(stream, err));
    (void)jsOptions_Init(&options);
    options.Wait = STREAM_WAIT_MS;
    options.Stream.Info.SubjectsFilter = subject;
    status = js_GetStreamInfo(&info, stream->js, stream_name, &options, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "counting %s of stream %s", subject, stream_name);
    }
    *ret_count = 0;
    for (int i = 0; info->State.Subjects != NULL && i < info->State.Subjects->Count; i++) {
        *ret_count += info->State.Subjects->List[i].Msgs;
    }
    jsStreamInfo_Destroy(info);
    return 0;
}

int stream_remove(struct stream *stream, const char *stream_name, const char *subject,
                  struct err *err)
{
    uint64_t count = 0;
    uint64_t seq = 0;

    TRY(stream_count_under(stream, stream_name, subject, &count, err));
    while (count > 0) {
        TRY(stream_next(stream, stream_name, subject, seq + 1, &seq, err));
        if (seq == 0) {
            return 0; /* taken by somebody else meanwhile */
        }
        if (stream_delete(stream, stream_name, seq, err) < 0) {
            if (err->code != ERR_NOT_FOUND) {
                return -1;
            }
            err_clear(err);
        }
        TRY(stream_count_under(stream, stream_name, subject, &count, err));
    }
    return 0;
}

int stream_purge(struct stream *stream, const char *stream_name, const char *subject,
                 struct err *err)
{
    jsErrCode  code = 0;
    jsOptions  options;
    natsStatus status;

    TRY(stream_connected(stream, err));
    (void)jsOptions_Init(&options);
    options.Wait = STREAM_WAIT_MS;
    options.Stream.Purge.Subject = subject;
    status = js_PurgeStream(stream->js, stream_name, &options, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "removing %s from stream %s", subject, stream_name);
    }
    return 0;
}
