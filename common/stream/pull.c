// SPDX-License-Identifier: MIT
/*
 * pull.c - pulling from a durable consumer, and settling.
 *
 * `asked` is what open requests may still bring (or have brought, unread). A request ends when it
 * has brought its messages, or with a status message that says how many are missing. What a dead
 * server owes is forgotten on reconnect, or when nothing may be left open any more (`open_until`).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/connection.h"

enum {
    REQUEST_MS = 5000,      /* how long a request stays open at the server */
    REQUEST_LATE_MS = 1000, /* its last status may take so long to come */
    MARGIN_BYTES = 8192     /* subject, reply and headers of a message count as well */
};

struct pull {
    struct stream    *stream;
    natsSubscription *sub;
    natsInbox        *inbox;
    char              subject[256]; /* where requests go */
    char              request[96];
    int               batch, ahead;
    int64_t           asked;
    int64_t           open_until_us;
    unsigned          reconnects; /* of the stream, when last looked */
    bool              doubtful; /* is the consumer still there? a request to none is not answered */
    char              stream_name[64], consumer[64];
    int64_t           lease_us;
};

struct stream_msg {
    struct stream  *stream;
    natsMsg        *msg;
    uint64_t        seq, tries, nth;
    int64_t         stored_us;
    int64_t         lease_us;
    _Atomic int64_t ours_until_us;
};

/* ---------------------------------- open, close ---------------------------------- */

static int find_consumer(struct pull *pull, struct err *err)
{
    jsConsumerInfo *info = NULL;
    jsErrCode       code = 0;
    natsStatus      status =
        js_GetConsumerInfo(&info, pull->stream->js, pull->stream_name, pull->consumer, NULL, &code);

    if (status != NATS_OK) {
        return stream_status(err, status, code, "consumer %s of stream %s", pull->consumer,
                             pull->stream_name);
    }
    pull->lease_us = info->Config->AckWait / 1000;
    jsConsumerInfo_Destroy(info);
    return 0;
}

int pull_open(struct pull **ret_pull, struct stream *stream, const struct pull_settings *settings,
              struct err *err)
{
    CLEANUP(pull) struct pull *pull = mem_zero(1, sizeof(*pull));
    natsStatus                 status;

    pull->stream = stream;
    pull->batch = settings->batch;
    pull->ahead = settings->ahead;
    pull->reconnects = atomic_load(&stream->reconnects);
    (void)snprintf(pull->stream_name, sizeof(pull->stream_name), "%s", settings->stream_name);
    (void)snprintf(pull->consumer, sizeof(pull->consumer), "%s", settings->consumer);
    (void)snprintf(pull->subject, sizeof(pull->subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s",
                   settings->stream_name, settings->consumer);
    if (settings->bytes > 0) {
        /* A request too small for the largest message would never bring it. */
        int64_t least = natsConnection_GetMaxPayload(stream->nc) + MARGIN_BYTES;
        int64_t most = (int64_t)settings->bytes > least ? (int64_t)settings->bytes : least;

        (void)snprintf(pull->request, sizeof(pull->request),
                       "{\"batch\":%d,\"expires\":%lld,\"max_bytes\":%lld}", pull->batch,
                       REQUEST_MS * 1000000LL, (long long)most);
    } else {
        (void)snprintf(pull->request, sizeof(pull->request), "{\"batch\":%d,\"expires\":%lld}",
                       pull->batch, REQUEST_MS * 1000000LL);
    }
    TRY(stream_connected(stream, err));
    TRY(find_consumer(pull, err));
    status = natsInbox_Create(&pull->inbox);
    if (status == NATS_OK) {
        status = natsConnection_SubscribeSync(&pull->sub, stream->nc, pull->inbox);
    }
    if (status == NATS_OK) {
        /* Bounded by what is asked for; the library's own limit would drop messages. */
        status = natsSubscription_SetPendingLimits(pull->sub, -1, -1);
    }
    if (status != NATS_OK) {
        return stream_status(err, status, 0, "subscribing for consumer %s", settings->consumer);
    }
    *ret_pull = TAKE(pull);
    return 0;
}

static bool is_status(const struct pull *pull, natsMsg *msg)
{
    return strcmp(natsMsg_GetSubject(msg), pull->inbox) == 0;
}

void pull_close(struct pull *pull)
{
    natsStatus status;
    natsMsg   *msg = NULL;

    if (pull == NULL) {
        return;
    }
    /* Unsubscribes, and ends when the server has taken that in and all it had sent is read. What is
     * put back meanwhile can't come here again: the server reads it after the unsubscribing. */
    status = pull->sub == NULL ? NATS_INVALID_SUBSCRIPTION
                               : natsSubscription_DrainTimeout(pull->sub, STREAM_WAIT_MS);
    while (status == NATS_OK || status == NATS_NO_RESPONDERS) {
        status = natsSubscription_NextMsg(&msg, pull->sub, STREAM_WAIT_MS);
        if (status == NATS_OK) {
            if (!is_status(pull, msg) && natsMsg_GetReply(msg) != NULL) {
                (void)natsConnection_PublishString(pull->stream->nc, natsMsg_GetReply(msg), "-NAK");
            }
            natsMsg_Destroy(msg);
        }
    }
    natsSubscription_Destroy(pull->sub);
    natsInbox_Destroy(pull->inbox);
    mem_free(pull);
}

/* ------------------------------------ requests ------------------------------------ */

static int ask_more(struct pull *pull, struct err *err)
{
    unsigned reconnects = atomic_load(&pull->stream->reconnects);

    if (reconnects != pull->reconnects) {
        pull->reconnects = reconnects;
        pull->asked = 0;
        pull->doubtful = true;
    }
    if (pull->asked > 0 && clock_mono_us() > pull->open_until_us) {
        pull->asked = 0;
        pull->doubtful = true;
    }
    if (pull->doubtful && natsConnection_Status(pull->stream->nc) == NATS_CONN_STATUS_CONNECTED) {
        TRY(find_consumer(pull, err));
        pull->doubtful = false;
    }
    while (pull->asked <= (int64_t)pull->batch * pull->ahead) {
        natsStatus status;

        if (natsConnection_Status(pull->stream->nc) != NATS_CONN_STATUS_CONNECTED) {
            return 0; /* pull_next waits, and says so if it stays like that */
        }
        status = natsConnection_PublishRequestString(pull->stream->nc, pull->subject, pull->inbox,
                                                     pull->request);
        if (status != NATS_OK) {
            return stream_status(err, status, 0, "asking for messages");
        }
        pull->asked += pull->batch;
        pull->open_until_us = clock_mono_us() + (REQUEST_MS + REQUEST_LATE_MS) * 1000LL;
    }
    return 0;
}

static void asked_less(struct pull *pull, int64_t by)
{
    pull->asked = pull->asked > by ? pull->asked - by : 0;
}

/* A request that ends (404, 408, 409 when its bytes are used up) says how much it did not bring.
 * One that is refused (409: consumer deleted, too many requests wait) says nothing, and asking at
 * once again would be refused at once again. */
static int read_status(struct pull *pull, natsMsg *msg, struct err *err)
{
    const char *code = "";
    const char *words = "";
    const char *left = NULL;

    (void)natsMsgHeader_Get(msg, "Status", &code);
    (void)natsMsgHeader_Get(msg, "Description", &words);
    if (natsMsgHeader_Get(msg, "Nats-Pending-Messages", &left) == NATS_OK) {
        asked_less(pull, strtoll(left, NULL, 10));
        return 0;
    }
    asked_less(pull, pull->batch);
    if (strcmp(code, "404") == 0 || strcmp(code, "408") == 0 || strcmp(code, "100") == 0) {
        return 0;
    }
    pull->doubtful = true;
    return err_set(err, ERR_STREAM_DOWN, "asking consumer %s of stream %s: %s %s", pull->consumer,
                   pull->stream_name, code, words);
}

/* ------------------------------------ messages ------------------------------------ */

/* $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>; newer servers
 * put domain and account behind ACK. */
static int read_ack_subject(struct stream_msg *msg)
{
    const char *reply = natsMsg_GetReply(msg->msg);
    const char *token[12];
    size_t      count = 0;
    size_t      first;

    if (reply == NULL || strncmp(reply, "$JS.ACK.", 8) != 0) {
        return -1;
    }
    for (const char *at = reply; at != NULL && count < COUNT_OF(token); count++) {
        token[count] = at;
        at = strchr(at, '.');
        at = at == NULL ? NULL : at + 1;
    }
    if (count < 9) {
        return -1;
    }
    first = count == 9 ? 4 : 6;
    msg->tries = strtoull(token[first], NULL, 10);
    msg->seq = strtoull(token[first + 1], NULL, 10);
    msg->nth = strtoull(token[first + 2], NULL, 10);
    msg->stored_us = strtoll(token[first + 3], NULL, 10) / 1000;
    return 0;
}

static struct stream_msg *msg_new(struct pull *pull, natsMsg *taken)
{
    struct stream_msg *msg = mem_zero(1, sizeof(*msg));

    msg->stream = pull->stream;
    msg->msg = taken;
    msg->lease_us = pull->lease_us;
    atomic_init(&msg->ours_until_us, clock_mono_us() + pull->lease_us);
    if (read_ack_subject(msg) < 0) {
        msg_free(msg); /* not from a consumer: somebody wrote to the inbox */
        return NULL;
    }
    return msg;
}

void msg_free(struct stream_msg *msg)
{
    if (msg != NULL) {
        stream_discard(msg->stream, msg->msg);
        mem_free(msg);
    }
}

struct taking {
    struct stream_msg **msgs;
    size_t              count, most;
    size_t              bytes, most_bytes;
    int64_t             until_us; /* of the first; then of the last */
    int64_t             fill_us;
};

/* One message of the subscription; 1 when the time is over. */
static int take_one(struct pull *pull, struct taking *taking, struct err *err)
{
    int64_t            left_us = taking->until_us - clock_mono_us();
    natsMsg           *raw = NULL;
    struct stream_msg *msg;
    natsStatus         status;

    /* Rounded up: the library counts in milliseconds, and 0 does not wait at all. */
    status = natsSubscription_NextMsg(
        &raw, pull->sub, left_us > 0 && taking->count == 0 ? (left_us + 999) / 1000 : 0);
    if (status == NATS_TIMEOUT && taking->count > 0 && left_us > 0) {
        /* Woken by each message of a batch that is coming in, this thread would switch for each. */
        clock_sleep_us(left_us < taking->fill_us / 2 ? left_us : taking->fill_us / 2);
        return 0;
    }
    if (status == NATS_TIMEOUT) {
        return 1;
    }
    if (status != NATS_OK) {
        pull->asked = 0; /* no responders: JetStream is off, and the request with it */
        pull->doubtful = true;
        return stream_status(err, status, 0, "waiting for messages");
    }
    if (is_status(pull, raw)) {
        int failed = read_status(pull, raw, err);

        natsMsg_Destroy(raw);
        return failed;
    }
    msg = msg_new(pull, raw);
    if (msg == NULL) {
        return 0;
    }
    asked_less(pull, 1);
    if (taking->count == 0) {
        taking->until_us = clock_mono_us() + taking->fill_us;
    }
    taking->bytes += (size_t)natsMsg_GetDataLength(raw);
    taking->msgs[taking->count++] = msg;
    return 0;
}

int pull_next(struct pull *pull, size_t most, size_t most_bytes, int64_t wait_ms, int64_t fill_ms,
              struct stream_msg **ret_msgs, size_t *ret_count, struct err *err)
{
    struct taking taking = {
        .msgs = ret_msgs,
        .most = most,
        .most_bytes = most_bytes,
        .until_us = clock_mono_us() + wait_ms * 1000,
        .fill_us = fill_ms * 1000,
    };
    int over = 0;

    while (over == 0 && taking.count < taking.most && taking.bytes < taking.most_bytes) {
        over = ask_more(pull, err);
        if (over == 0) {
            over = take_one(pull, &taking, err);
        }
    }
    if (taking.count == 0) {
        if (over < 0) {
            return -1;
        }
        TRY(stream_connected(pull->stream, err));
    }
    *ret_count = taking.count; /* a failure after the first message comes again next time */
    return 0;
}

const char *msg_subject(const struct stream_msg *msg)
{
    return natsMsg_GetSubject(msg->msg);
}

struct bytes msg_body(const struct stream_msg *msg)
{
    return (struct bytes){(const uint8_t *)natsMsg_GetData(msg->msg),
                          (size_t)natsMsg_GetDataLength(msg->msg)};
}

const char *msg_header(const struct stream_msg *msg, const char *name)
{
    const char *value = NULL;

    return natsMsgHeader_Get(msg->msg, name, &value) == NATS_OK ? value : NULL;
}

uint64_t msg_seq(const struct stream_msg *msg)
{
    return msg->seq;
}

uint64_t msg_nth(const struct stream_msg *msg)
{
    return msg->nth;
}

uint64_t msg_tries(const struct stream_msg *msg)
{
    return msg->tries;
}

int64_t msg_stored_us(const struct stream_msg *msg)
{
    return msg->stored_us;
}

/* ------------------------------------ settling ------------------------------------ */

static natsStatus say(struct stream_msg *msg, const char *words)
{
    return natsConnection_PublishString(msg->stream->nc, natsMsg_GetReply(msg->msg), words);
}

void msg_ack(struct stream_msg *msg, bool sure)
{
    natsMsg *answer = NULL;

    if (!sure) {
        (void)say(msg, "+ACK");
        return;
    }
    (void)natsConnection_RequestString(&answer, msg->stream->nc, natsMsg_GetReply(msg->msg), "+ACK",
                                       STREAM_WAIT_MS);
    natsMsg_Destroy(answer);
}

void msg_nak(struct stream_msg *msg, int64_t delay_ms)
{
    char words[64];

    if (delay_ms <= 0) {
        (void)say(msg, "-NAK");
        return;
    }
    (void)snprintf(words, sizeof(words), "-NAK {\"delay\": %lld}", (long long)delay_ms * 1000000);
    (void)say(msg, words);
}

void msg_term(struct stream_msg *msg)
{
    (void)say(msg, "+TERM");
}

int msg_progress(struct stream_msg *msg, struct err *err)
{
    int64_t    now = clock_mono_us();
    natsStatus status;

    if (now > atomic_load(&msg->ours_until_us)) {
        return err_set(err, ERR_LEASE_LOST, "the lease of %lld s ran out before it was extended",
                       (long long)(msg->lease_us / 1000000));
    }
    TRY(stream_connected(msg->stream, err));
    status = say(msg, "+WPI");
    if (status != NATS_OK) {
        return stream_status(err, status, 0, "extending the lease");
    }
    atomic_store(&msg->ours_until_us, now + msg->lease_us);
    return 0;
}
