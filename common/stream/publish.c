// SPDX-License-Identifier: MIT
/*
 * publish.c - publishing into streams.
 *
 * Answers come to one inbox with the slot's number and generation as last tokens. The library's own
 * asynchronous publish cannot carry an argument for each message and lets what was in flight wait
 * when the connection breaks; here it fails at once.
 *
 *   free --publish--> busy --answer | deadline | disconnect | close--> free (done called, unlocked)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/connection.h"

enum {
    LATE_LOOK_MS = 250,
    UNSENT_MOST =
        4 * 1024 * 1024,     /* bytes, in the library's buffer, which it moves at each write */
    UNSENT_WAIT_US = 500000, /* whoever waits for nothing else waits so long for these */
    UNSENT_LOOK_US = 1000
};

/* ------------------------------------- slots ------------------------------------- */

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t mono_us)
{
    struct timespec until = {.tv_sec = mono_us / 1000000, .tv_nsec = (mono_us % 1000000) * 1000};

    (void)pthread_cond_timedwait(cond, lock, &until);
}

/* The lock is held. Empties the slot; the caller tells done after unlocking. */
static struct publish_slot slot_take(struct publisher *publisher, int at)
{
    struct publish_slot *slot = &publisher->slots[at];
    struct publish_slot  was = *slot;

    slot->busy = false;
    slot->generation++;
    slot->done = NULL;
    slot->arg = NULL;
    slot->next_free = publisher->first_free;
    publisher->first_free = at;
    publisher->busy--;
    (void)pthread_cond_signal(&publisher->came_free);
    return was;
}

static int slot_fill(struct publisher *publisher, publish_done done, void *arg,
                     uint32_t *ret_generation)
{
    int                  at = publisher->first_free;
    struct publish_slot *slot = &publisher->slots[at];

    publisher->first_free = slot->next_free;
    slot->busy = true;
    slot->done = done;
    slot->arg = arg;
    slot->deadline_us = clock_mono_us() + STREAM_WAIT_MS * 1000LL;
    publisher->busy++;
    *ret_generation = slot->generation;
    return at;
}

/* Ends every busy slot whose deadline is not after `until_us`. */
static void fail_slots(struct stream *stream, int64_t until_us, const char *why)
{
    struct publisher *publisher = &stream->publisher;
    struct err        failed;

    if (atomic_load(&publisher->busy) == 0) {
        return;
    }
    (void)err_set(&failed, ERR_STREAM_DOWN, "%s", why);
    for (int i = 0; i < publisher->slot_count; i++) {
        struct publish_slot was = {0};

        (void)pthread_mutex_lock(&publisher->lock);
        if (publisher->slots[i].busy && publisher->slots[i].deadline_us <= until_us) {
            was = slot_take(publisher, i);
        }
        (void)pthread_mutex_unlock(&publisher->lock);
        if (was.busy) {
            was.done(was.arg, 0, &failed);
        }
    }
}

void publisher_fail_all(struct stream *stream, const char *why)
{
    fail_slots(stream, INT64_MAX, why);
}

/* ------------------------------------ answers ------------------------------------ */

static uint64_t number_behind(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    if (at == NULL) {
        return 0;
    }
    at += strlen(name);
    return strtoull(at + strspn(at, " "), NULL, 10);
}

/* {"stream":"PRT_INGEST","seq":7} or
 * {"error":{"code":503,"err_code":10077,"description":"..."},...}; the server writes it, and
 * nothing of it comes from a client. */
static int answer_read(natsMsg *msg, uint64_t *ret_seq, struct err *err)
{
    const char *text = natsMsg_GetData(msg); /* the library puts a NUL behind it */
    const char *error;

    error = strstr(text, "\"error\":");
    if (error != NULL) {
        const char *words = strstr(error, "\"description\":\"");
        char        copy[160];

        words = words == NULL ? text : words + strlen("\"description\":\"");
        (void)snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(words, "\""), words);
        return stream_refusal(err, (int)number_behind(error, "\"err_code\":"), copy);
    }
    *ret_seq = number_behind(text, "\"seq\":");
    if (*ret_seq == 0) {
        return err_set(err, ERR_STREAM_DOWN, "JetStream answered \"%.80s\"", text);
    }
    return 0;
}

static void answered(struct stream *stream, natsMsg *msg)
{
    struct publisher   *publisher = &stream->publisher;
    const char         *tokens = natsMsg_GetSubject(msg) + strlen(publisher->inbox) + 1;
    char               *end = NULL;
    unsigned long       at = strtoul(tokens, &end, 10);
    uint32_t            generation = (uint32_t)(*end == '.' ? strtoul(end + 1, NULL, 10) : 0);
    struct publish_slot was = {0};
    struct err          err = {0};
    uint64_t            seq = 0;

    (void)pthread_mutex_lock(&publisher->lock);
    if (at < (unsigned long)publisher->slot_count && publisher->slots[at].busy &&
        publisher->slots[at].generation == generation) {
        was = slot_take(publisher, (int)at);
    }
    (void)pthread_mutex_unlock(&publisher->lock);
    if (was.busy) {
        int failed = answer_read(msg, &seq, &err);

        was.done(was.arg, seq, failed < 0 ? &err : NULL);
    }
}

void publisher_round(struct stream *stream)
{
    struct publisher *publisher = &stream->publisher;
    natsMsg          *msg = NULL;
    uint64_t          queued = 0;
    int64_t           now = clock_mono_us();

    (void)natsSubscription_QueuedMsgs(publisher->answers, &queued);
    for (; queued > 0; queued--) {
        natsStatus status = natsSubscription_NextMsg(&msg, publisher->answers, 0);

        if (status == NATS_OK) {
            answered(stream, msg);
            stream_discard(stream, msg);
        } else if (status == NATS_NO_RESPONDERS) {
            /* The library does not tell which: JetStream is off, or its streams are not made. */
            publisher_fail_all(stream,
                               "no stream takes this subject: JetStream is off, or the streams"
                               " are not made; any prt-worker or prt-gateway makes them when"
                               " it starts");
        }
    }
    if (now >= publisher->look_at_us) {
        publisher->look_at_us = now + LATE_LOOK_MS * 1000LL;
        fail_slots(stream, now, "JetStream did not say in time whether it was stored");
    }
}

/* ---------------------------------- open, close ---------------------------------- */

int publisher_open(struct stream *stream, struct err *err)
{
    struct publisher  *publisher = &stream->publisher;
    pthread_condattr_t monotonic;
    char               subject[128];
    natsStatus         status = natsInbox_Create(&publisher->inbox);

    if (status != NATS_OK) {
        return stream_status(err, status, 0, "making an inbox");
    }
    publisher->slot_count =
        stream->settings.publish_window > 0 ? stream->settings.publish_window : 1;
    publisher->slots = mem_zero((size_t)publisher->slot_count, sizeof(*publisher->slots));
    for (int i = 0; i < publisher->slot_count; i++) {
        publisher->slots[i].next_free = i + 1 < publisher->slot_count ? i + 1 : -1;
    }
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&publisher->came_free, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)snprintf(subject, sizeof(subject), "%s.>", publisher->inbox);
    return stream_subscribe(stream, &publisher->answers, subject, err);
}

void publisher_done(struct stream *stream)
{
    struct publisher *publisher = &stream->publisher;

    natsSubscription_Destroy(publisher->answers);
    natsInbox_Destroy(publisher->inbox);
    if (publisher->slots != NULL) {
        (void)pthread_cond_destroy(&publisher->came_free);
    }
    free(publisher->slots);
    (void)pthread_mutex_destroy(&publisher->lock);
}

/* ------------------------------------ publish ------------------------------------ */

static natsStatus send_msg(struct stream *stream, const struct publication *what,
                           const char *answer)
{
    natsMsg *msg = NULL;
    const struct {
        const char *name, *value;
    } headers[] = {
        {STREAM_HEADER_ID, what->id},
        {STREAM_HEADER_PARENT, what->parent},
        {STREAM_HEADER_REPLAY, what->replay},
    };
    natsStatus status;

    if (what->id == NULL && what->parent == NULL && what->replay == NULL) {
        return natsConnection_PublishRequest(stream->nc, what->subject, answer, what->body.data,
                                             (int)what->body.size);
    }
    status = natsMsg_Create(&msg, what->subject, answer, (const char *)what->body.data,
                            (int)what->body.size);
    for (size_t i = 0; status == NATS_OK && i < COUNT_OF(headers); i++) {
        if (headers[i].value != NULL) {
            status = natsMsgHeader_Set(msg, headers[i].name, headers[i].value);
        }
    }
    if (status == NATS_OK) {
        status = natsConnection_PublishMsg(stream->nc, msg);
    }
    if (msg != NULL) {
        stream_discard(stream, msg);
    }
    return status;
}

static bool is_unread(struct stream *stream)
{
    return natsConnection_Buffered(stream->nc) > UNSENT_MOST;
}

/* The lock is held. Is it worth while to wait? More than the server reads at the moment makes every
 * publisher wait, as a socket would; a server that stands still is waited for once. */
static bool may_publish_later(struct stream *stream, int64_t now, int64_t since, int64_t wait_us)
{
    struct publisher *publisher = &stream->publisher;
    int64_t           most = publisher->unread_for_long ? 0 : UNSENT_WAIT_US;

    if (publisher->first_free < 0) {
        return now < since + wait_us;
    }
    if (!is_unread(stream)) {
        publisher->unread_for_long = false;
        return false;
    }
    if (now < since + (wait_us > most ? wait_us : most)) {
        return true;
    }
    publisher->unread_for_long = true;
    return false;
}

static int overloaded(struct stream *stream, struct err *err)
{
    if (stream->publisher.first_free >= 0) {
        return err_set(err, ERR_OVERLOADED, "NATS does not read: %d MiB wait for it",
                       UNSENT_MOST >> 20);
    }
    return err_set(err, ERR_OVERLOADED, "%d publishes are in flight (PRT_PUBLISH_WINDOW)",
                   stream->publisher.slot_count);
}

/* A subject is written into a line of NATS's protocol as it is: a space or a newline in it would
 * make the rest of it another command. */
static int check_subject(const char *subject, struct err *err)
{
    for (const char *at = subject; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            return err_set(err, ERR_BUG, "a subject holds byte 0x%02x", (unsigned char)*at);
        }
    }
    return *subject == '\0' ? err_set(err, ERR_BUG, "a subject is empty") : 0;
}

/* The lock is held. A place that comes free is told; that the server has read is only seen. */
static void wait_for_room(struct stream *stream, int64_t now, int64_t until)
{
    struct publisher *publisher = &stream->publisher;

    if (pump_is_ours(stream)) {
        (void)pthread_mutex_unlock(&publisher->lock);
        pump_push(stream, UNSENT_LOOK_US / 1000);
        (void)pthread_mutex_lock(&publisher->lock);
    } else {
        wait_until(&publisher->came_free, &publisher->lock,
                   publisher->first_free < 0 ? until : now + UNSENT_LOOK_US);
    }
}

/* With wait_us > 0 waits so long for a place in the window. */
static int publish_in_slot(struct stream *stream, const struct publication *what, int64_t wait_us,
                           publish_done done, void *arg, struct err *err)
{
    struct publisher *publisher = &stream->publisher;
    int64_t           since = clock_mono_us();
    char              answer[160];
    uint32_t          generation;
    natsStatus        status;
    bool              ours;
    int               at;

    TRY(check_subject(what->subject, err));
    TRY(stream_connected(stream, err));
    (void)pthread_mutex_lock(&publisher->lock);
    for (int64_t now = since; may_publish_later(stream, now, since, wait_us);
         now = clock_mono_us()) {
        wait_for_room(stream, now, since + wait_us);
    }
    if (publisher->first_free < 0 || publisher->unread_for_long) {
        int failed = overloaded(stream, err);

        (void)pthread_mutex_unlock(&publisher->lock);
        return failed;
    }
    at = slot_fill(publisher, done, arg, &generation);
    (void)pthread_mutex_unlock(&publisher->lock);

    (void)snprintf(answer, sizeof(answer), "%s.%d.%u", publisher->inbox, at, generation);
    status = send_msg(stream, what, answer);
    if (status == NATS_OK) {
        return 0;
    }
    (void)pthread_mutex_lock(&publisher->lock);
    ours = publisher->slots[at].busy && publisher->slots[at].generation == generation;
    if (ours) {
        (void)slot_take(publisher, at);
    }
    (void)pthread_mutex_unlock(&publisher->lock);
    /* Not ours any more: a disconnect was told to `done` already, and once is enough. */
    return ours ? stream_status(err, status, 0, "publishing to %s", what->subject) : 0;
}

int stream_publish_async(struct stream *stream, const struct publication *what, publish_done done,
                         void *arg, struct err *err)
{
    return publish_in_slot(stream, what, 0, done, arg, err);
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t  answered;
    size_t          open;
    uint64_t        seq;
    struct err      failed; /* the first that failed */
};

static void when_stored(void *arg, uint64_t seq, const struct err *failed)
{
    struct waiter *waiter = arg;

    (void)pthread_mutex_lock(&waiter->lock);
    waiter->open--;
    if (failed == NULL) {
        waiter->seq = seq;
    } else if (waiter->failed.code == ERR_NONE) {
        waiter->failed = *failed;
    }
    if (waiter->open == 0) {
        (void)pthread_cond_signal(&waiter->answered);
    }
    (void)pthread_mutex_unlock(&waiter->lock);
}

static void count_open(struct waiter *waiter, size_t one)
{
    (void)pthread_mutex_lock(&waiter->lock);
    waiter->open += one;
    (void)pthread_mutex_unlock(&waiter->lock);
}

static int publish_and_wait(struct stream *stream, const struct publication *what, size_t count,
                            uint64_t *ret_seq, struct err *err)
{
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER,
                            .answered = PTHREAD_COND_INITIALIZER};
    int           failed = 0;

    for (size_t i = 0; i < count && failed == 0; i++) {
        count_open(&waiter, 1);
        failed =
            publish_in_slot(stream, &what[i], STREAM_WAIT_MS * 1000LL, when_stored, &waiter, err);
        if (failed < 0) {
            count_open(&waiter, (size_t)-1);
        }
    }
    /* Every slot ends by its deadline, so this does as well. */
    (void)pthread_mutex_lock(&waiter.lock);
    while (waiter.open > 0) {
        (void)pthread_cond_wait(&waiter.answered, &waiter.lock);
    }
    (void)pthread_mutex_unlock(&waiter.lock);
    (void)pthread_cond_destroy(&waiter.answered);
    (void)pthread_mutex_destroy(&waiter.lock);
    if (failed < 0) {
        return -1;
    }
    if (waiter.failed.code != ERR_NONE) {
        *err = waiter.failed;
        return err_add(err, "publishing to %s", what[0].subject);
    }
    if (ret_seq != NULL) {
        *ret_seq = waiter.seq;
    }
    return 0;
}

int stream_publish(struct stream *stream, const struct publication *what, uint64_t *ret_seq,
                   struct err *err)
{
    return publish_and_wait(stream, what, 1, ret_seq, err);
}

int stream_publish_all(struct stream *stream, const struct publication *what, size_t count,
                       struct err *err)
{
    return count == 0 ? 0 : publish_and_wait(stream, what, count, NULL, err);
}
