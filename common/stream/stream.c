// SPDX-License-Identifier: MIT
#include "stream/stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "stream/connection.h"

enum {
    SERVERS_MOST = 64,
    CONNECT_MS = 2000,
    RECONNECT_MS = 200,
    RECONNECT_JITTER_MS = 100,
    PING_MS = 10000, /* two of them unanswered: the connection is dead */
    LAST_WORDS_MS = 1000
};

int stream_refusal(struct err *err, int code, const char *words)
{
    if (strstr(words, "maximum bytes exceeded") != NULL ||
        strstr(words, "maximum messages exceeded") != NULL ||
        strstr(words, "insufficient storage resources") != NULL ||
        code == JSInsufficientResourcesErr) {
        return err_set(
            err, ERR_STREAM_FULL,
            "JetStream: %s; wait until old messages are gone, or raise the stream's limit"
            " (PRT_INGEST_BYTES)",
            words);
    }
    if (strstr(words, "no space left") != NULL) {
        return err_set(err, ERR_DISK_FULL, "JetStream: %s", words);
    }
    if (code == JSStreamMessageExceedsMaximumErr) {
        return err_set(err, ERR_TOO_LARGE, "JetStream: %s", words);
    }
    return err_set(err, ERR_STREAM_DOWN, "JetStream refused: %s (%d)", words, code);
}

static int status_row(struct err *err, natsStatus status, jsErrCode code)
{
    const char *words = nats_GetLastError(NULL);

    if (words == NULL || words[0] == '\0') {
        words = natsStatus_GetText(status);
    }
    if (code == JSStreamNotFoundErr || code == JSConsumerNotFoundErr) {
        return err_set(
            err, ERR_STREAM_DOWN,
            "%s; any prt-worker or prt-gateway makes streams and consumers when it starts", words);
    }
    if (code == JSNoMessageFoundErr) {
        return err_set(err, ERR_NOT_FOUND, "no such message");
    }
    if (code != 0) {
        return stream_refusal(err, (int)code, words);
    }
    switch (status) {
    case NATS_MAX_PAYLOAD:
        return err_set(err, ERR_TOO_LARGE, "%s", words);
    case NATS_NO_RESPONDERS:
        return err_set(err, ERR_STREAM_DOWN,
                       "nobody answers for JetStream: start nats-server with JetStream on (-js)");
    case NATS_TIMEOUT:
        return err_set(err, ERR_STREAM_DOWN, "no answer in time");
    case NATS_NO_MEMORY:
        mem_gone(0);
    case NATS_INVALID_ARG:
    case NATS_INVALID_SUBJECT:
        return err_set(err, ERR_BUG, "%s", words);
    default:
        return err_set(err, ERR_STREAM_DOWN, "%s", words);
    }
}

int stream_status(struct err *err, natsStatus status, jsErrCode code, const char *fmt, ...)
{
    char    what[200];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    (void)status_row(err, status, code);
    return err_add(err, "%s", what);
}

bool stream_is_closed(struct stream *stream)
{
    return natsConnection_Status(stream->nc) == NATS_CONN_STATUS_CLOSED;
}

int stream_connected(struct stream *stream, struct err *err)
{
    switch (natsConnection_Status(stream->nc)) {
    case NATS_CONN_STATUS_CONNECTED:
        return 0;
    case NATS_CONN_STATUS_CLOSED:
        return err_set(err, ERR_STREAM_DOWN,
                       "the connection to NATS was closed: check PRT_NATS_URL,"
                       " PRT_NATS_USER and PRT_NATS_PASSWORD");
    default:
        return err_set(err, ERR_STREAM_DOWN, "NATS does not answer; connecting again");
    }
}

/* ---------------------------------- callbacks ---------------------------------- */

static void when_disconnected(natsConnection *nc, void *arg)
{
    (void)nc;
    /* Answers to what is in flight went to the old connection: who waits hears of it now. */
    publisher_fail_all(arg, "the connection to NATS broke before it was stored");
}

static void when_reconnected(natsConnection *nc, void *arg)
{
    struct stream *stream = arg;

    (void)nc;
    atomic_fetch_add(&stream->reconnects, 1);
}

static void when_closed(natsConnection *nc, void *arg)
{
    struct stream *stream = arg;

    (void)nc;
    publisher_fail_all(stream, "the connection to NATS was closed");
    (void)pthread_mutex_lock(&stream->lock);
    stream->connected = false;
    (void)pthread_cond_broadcast(&stream->ended);
    (void)pthread_mutex_unlock(&stream->lock);
}

int stream_subscribe(struct stream *stream, natsSubscription **ret_sub, const char *subject,
                     struct err *err)
{
    natsSubscription *sub = NULL;
    natsStatus        status = natsConnection_SubscribeSync(&sub, stream->nc, subject);

    if (status != NATS_OK) {
        return stream_status(err, status, 0, "subscribing to %s", subject);
    }
    (void)natsSubscription_SetPendingLimits(sub, -1, -1);
    *ret_sub = sub;
    return 0;
}

/* ----------------------------------- open, close ----------------------------------- */

/* The client takes a list of servers, not a text with commas. */
static natsStatus set_servers(natsOptions *options, const char *urls)
{
    CLEANUP(text) char *copy = mem_text(urls);
    const char         *servers[SERVERS_MOST];
    char               *rest = copy;
    char               *one;
    int                 count = 0;

    while ((one = strtok_r(rest, ", ", &rest)) != NULL && count < SERVERS_MOST) {
        servers[count++] = one;
    }
    return count == 0 ? NATS_INVALID_ARG : natsOptions_SetServers(options, servers, count);
}

static natsStatus set_options(natsOptions *options, struct stream *stream,
                              const struct stream_settings *settings)
{
    natsStatus status = set_servers(options, settings->url);

    if (status == NATS_OK && settings->user != NULL && settings->user[0] != '\0') {
        status = natsOptions_SetUserInfo(options, settings->user, settings->password);
    }
    if (status == NATS_OK && settings->name != NULL) {
        status = natsOptions_SetName(options, settings->name);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetTimeout(options, CONNECT_MS);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetMaxReconnect(options, -1);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetReconnectWait(options, RECONNECT_MS);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetReconnectJitter(options, RECONNECT_JITTER_MS, RECONNECT_JITTER_MS);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetPingInterval(options, PING_MS);
    }
    if (status == NATS_OK) {
        status = pump_options(stream, options);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetFailRequestsOnDisconnect(options, true);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetDisconnectedCB(options, when_disconnected, stream);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetReconnectedCB(options, when_reconnected, stream);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetClosedCB(options, when_closed, stream);
    }
    return status;
}

static void options_free(natsOptions *options)
{
    natsOptions_Destroy(options);
}
DEFINE_CLEANUP(options, natsOptions *, options_free)

static int connect_to(struct stream *stream, const struct stream_settings *settings,
                      struct err *err)
{
    CLEANUP(options) natsOptions *options = NULL;
    natsStatus                    status = natsOptions_Create(&options);
    jsOptions                     js;

    if (status == NATS_OK) {
        status = set_options(options, stream, settings);
    }
    if (status != NATS_OK) {
        return err_set(err, ERR_CONFIG_WRONG, "PRT_NATS_URL=%s: %s", settings->url,
                       natsStatus_GetText(status));
    }
    status = natsConnection_Connect(&stream->nc, options);
    if (status == NATS_CONNECTION_AUTH_FAILED || status == NATS_ADDRESS_MISSING) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "NATS at %s: %s; check PRT_NATS_URL, PRT_NATS_USER and PRT_NATS_PASSWORD",
                       settings->url, natsStatus_GetText(status));
    }
    if (status != NATS_OK) {
        return err_set(err, ERR_STREAM_DOWN,
                       "NATS at %s: %s; is nats-server running there? (PRT_NATS_URL)",
                       settings->url, natsStatus_GetText(status));
    }
    stream->connected = true;
    (void)jsOptions_Init(&js);
    js.Wait = STREAM_WAIT_MS;
    status = natsConnection_JetStream(&stream->js, stream->nc, &js);
    if (status != NATS_OK) {
        return stream_status(err, status, 0, "opening JetStream");
    }
    return 0;
}

int stream_open(struct stream **ret_stream, const struct stream_settings *settings, struct err *err)
{
    CLEANUP(stream) struct stream *stream = mem_zero(1, sizeof(*stream));

    (void)pthread_mutex_init(&stream->lock, NULL);
    (void)pthread_cond_init(&stream->ended, NULL);
    stream->settings = *settings;
    stream->settings.url = stream->settings.user = stream->settings.password = NULL;
    stream->settings.name = NULL;
    atomic_init(&stream->reconnects, 0);
    (void)pthread_mutex_init(&stream->publisher.lock, NULL);
    (void)pthread_mutex_init(&stream->discard.lock, NULL);
    stream->pump.epoll_fd = stream->pump.wake_fd = -1;
    atomic_init(&stream->pump.fd, -1);
    TRY(pump_open(stream, err));
    TRY(connect_to(stream, settings, err));
    TRY(publisher_open(stream, err));
    TRY(pump_start(stream, err));
    *ret_stream = TAKE(stream);
    return 0;
}

void stream_close(struct stream *stream)
{
    if (stream == NULL) {
        return;
    }
    if (stream->pump.driven) {
        struct err unused = {0};

        (void)pump_start(stream, &unused); /* the event loop is gone */
    }
    if (stream->pump.runs && natsConnection_Status(stream->nc) == NATS_CONN_STATUS_CONNECTED) {
        /* Closing drops what lies in the buffer. */
        (void)natsConnection_FlushTimeout(stream->nc, LAST_WORDS_MS);
    }
    pump_stop(stream);
    publisher_fail_all(stream, "the connection to NATS is closing");
    natsConnection_Close(stream->nc);
    /* Its last callback runs on a thread of the library; after that nobody uses the stream. */
    (void)pthread_mutex_lock(&stream->lock);
    while (stream->connected) {
        (void)pthread_cond_wait(&stream->ended, &stream->lock);
    }
    (void)pthread_mutex_unlock(&stream->lock);
    publisher_done(stream);
    discard_done(stream);
    natsSubscription_Destroy(stream->replies);
    natsInbox_Destroy(stream->reply_inbox);
    jsCtx_Destroy(stream->js);
    natsConnection_Destroy(stream->nc);
    pump_done(stream);
    (void)pthread_cond_destroy(&stream->ended);
    (void)pthread_mutex_destroy(&stream->lock);
    mem_free(stream);
}

int stream_check(struct stream *stream, int64_t timeout_ms, struct err *err)
{
    jsAccountInfo *info = NULL;
    jsErrCode      code = 0;
    jsOptions      options;
    natsStatus     status;

    TRY(stream_connected(stream, err));
    (void)jsOptions_Init(&options);
    options.Wait = timeout_ms;
    status = js_GetAccountInfo(&info, stream->js, &options, &code);
    if (status != NATS_OK) {
        return stream_status(err, status, code, "asking JetStream how it is");
    }
    jsAccountInfo_Destroy(info);
    return 0;
}

/* ------------------------------------- replies ------------------------------------- */

int stream_reply(struct stream *stream, const char *inbox, struct bytes body, struct err *err)
{
    natsStatus status;

    TRY(stream_connected(stream, err));
    status = natsConnection_Publish(stream->nc, inbox, body.data, (int)body.size);
    if (status != NATS_OK) {
        return stream_status(err, status, 0, "replying to %s", inbox);
    }
    return 0;
}

void stream_flush(struct stream *stream)
{
    (void)natsConnection_FlushTimeout(stream->nc, STREAM_WAIT_MS);
}

void replies_round(struct stream *stream)
{
    natsSubscription *replies = atomic_load(&stream->replies);
    natsMsg          *msg = NULL;
    uint64_t          queued = 0;

    /* Asked for with nothing there, the library writes an error's text each time. */
    if (replies == NULL || natsSubscription_QueuedMsgs(replies, &queued) != NATS_OK) {
        return;
    }
    for (; queued > 0 && natsSubscription_NextMsg(&msg, replies, 0) == NATS_OK; queued--) {
        struct bytes body = {(const uint8_t *)natsMsg_GetData(msg),
                             (size_t)natsMsg_GetDataLength(msg)};

        stream->came(stream->came_arg, natsMsg_GetSubject(msg), body);
        stream_discard(stream, msg);
    }
}

int stream_listen(struct stream *stream, reply_came came, void *arg, const char **ret_inbox,
                  struct err *err)
{
    natsSubscription *replies = NULL;
    char              subject[128];
    natsStatus        status;

    if (atomic_load(&stream->replies) != NULL) {
        return err_set(err, ERR_BUG, "the stream has a listener already");
    }
    status = natsInbox_Create(&stream->reply_inbox);
    if (status != NATS_OK) {
        return stream_status(err, status, 0, "making an inbox");
    }
    stream->came = came;
    stream->came_arg = arg;
    (void)snprintf(subject, sizeof(subject), "%s.>", stream->reply_inbox);
    TRY(stream_subscribe(stream, &replies, subject, err));
    atomic_store(&stream->replies, replies);
    /* The server must know of it before anybody is told to reply to it. */
    stream_flush(stream);
    *ret_inbox = stream->reply_inbox;
    return 0;
}
