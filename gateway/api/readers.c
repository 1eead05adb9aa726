// SPDX-License-Identifier: MIT
#include "gateway/api/readers.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "farm/farm.h"
#include "gateway/api/gateway.h"
#include "log/log.h"
#include "metric/metric.h"
#include "store/trace_store.h"

enum { QUEUE_MOST = 1024, WAKE_MS = 1000, COPY_BLOCK = 1024 * 1024 };
/* The accounts are a sum over all traces: each gateway spends at most a twentieth of one connection
 * on them, however many traces there are. */
enum { ACCOUNTS_US = 5 * 1000 * 1000, ACCOUNTS_REST = 20, ACCOUNTS_WAIT_MS = 90 * 1000 };
/* Of the database: how long a client is kept waiting for it, from when on a failure looks like one
 * that hangs, how long a sign of life may take, and how long it is left alone then. */
enum { STORE_WAIT_MS = 10 * 1000, SLOW_US = 1000 * 1000, SIGN_MS = 1000, ALONE_US = 1000 * 1000 };

struct job {
    struct exchange *x;
    read_job         run;
};

struct reader {
    struct readers    *readers;
    struct store      *store;
    struct blob_store *blob;
    struct exchange   *x; /* of the job under way */
    pthread_t          thread;
    bool               started;
    bool               at_home; /* the object store is the one that the rows are about */
    bool               reads;  /* the job under way is a read */
    bool               probes; /* asks the database that hung whether it is back */
};

/* A ring. */
struct queue {
    struct job job[QUEUE_MOST];
    size_t     first, count;
};

struct readers {
    const struct config *config;
    struct keys         *keys;
    pthread_mutex_t      lock;
    pthread_cond_t       more;
    struct queue         sends, reads;
    char                 home[HOME_WORD];
    size_t               reading; /* jobs of `reads` under way */
    bool                 stop;
    int64_t              accounts_due_us; /* under the lock; INT64_MAX while somebody reads them */
    _Atomic int64_t      store_due_us;    /* 0: it answers; else when it may be asked again,
                                             INT64_MAX while somebody does */
    size_t         reader_count;
    struct reader *reader;
};

/* --------------------------------- what a job uses --------------------------------- */

/* May this reader ask the database? One alone may when it hung and is due. */
static bool may_ask(struct reader *reader)
{
    _Atomic int64_t *due_us = &reader->readers->store_due_us;
    int64_t          due = atomic_load(due_us);

    if (due != 0 && !reader->probes && due <= clock_mono_us()) {
        reader->probes = atomic_compare_exchange_strong(due_us, &due, INT64_MAX);
    }
    return due == 0 || reader->probes;
}

struct store *reader_store(struct reader *reader, struct err *err)
{
    if (!may_ask(reader)) {
        (void)err_set(err, ERR_STORE_DOWN, "PostgreSQL hung a moment ago; send it again");
        return NULL;
    }
    if (reader->store == NULL) {
        if (farm_store_open(&reader->store, reader->readers->config, err) < 0) {
            return NULL;
        }
        store_wait_at_most(reader->store, STORE_WAIT_MS);
    }
    return reader->store;
}

/* After whatever may have asked the database. One slow question alone is not taken for a database
 * that hangs: a sign of life says which it was. */
static void note_store(struct reader *reader, int64_t began_us, enum err_code code)
{
    struct err ignored = {0};
    bool       down = code == ERR_STORE_DOWN;

    if (down && !reader->probes &&
        (clock_mono_us() - began_us < SLOW_US ||
         (reader->store != NULL && store_check(reader->store, SIGN_MS, &ignored) == 0))) {
        return;
    }
    if (down) {
        atomic_store(&reader->readers->store_due_us, clock_mono_us() + ALONE_US);
    } else if (reader->probes) {
        atomic_store(&reader->readers->store_due_us, 0);
    }
    reader->probes = false;
}

/* What one reader has learned of the object store the others need not ask the database for. "": nobody
 * has. */
static void know_home(struct readers *readers, char word[HOME_WORD])
{
    (void)pthread_mutex_lock(&readers->lock);
    if (word[0] != '\0') {
        memcpy(readers->home, word, sizeof(readers->home));
    } else {
        memcpy(word, readers->home, sizeof(readers->home));
    }
    (void)pthread_mutex_unlock(&readers->lock);
}

/* Uploads go on when the database does not answer: then it is asked the next time. */
static int check_home(struct reader *reader, struct err *err)
{
    char          word[HOME_WORD] = "";
    int64_t       began_us = clock_mono_us();
    struct err    away = {0};
    struct store *store;

    know_home(reader->readers, word);
    if (word[0] != '\0') {
        TRY(home_is(reader->blob, word, err));
        reader->at_home = true;
        return 0;
    }
    store = reader_store(reader, &away);
    if (store == NULL || home_check(store, reader->blob, false, word, &away) < 0) {
        if (away.code == ERR_BLOB_DOWN || away.code == ERR_BLOB_DENIED) {
            *err = away;
            return -1;
        }
        note_store(reader, began_us, away.code);
        return 0;
    }
    know_home(reader->readers, word);
    reader->at_home = word[0] != '\0';
    return 0;
}

struct blob_store *reader_blob(struct reader *reader, struct err *err)
{
    if (reader->blob == NULL && farm_blob_open(&reader->blob, reader->readers->config, err) < 0) {
        return NULL;
    }
    if (!reader->at_home && check_home(reader, err) < 0) {
        blob_store_close(TAKE(reader->blob)); /* what is mounted then has to be opened anew */
        return NULL;
    }
    return reader->blob;
}

static int copy_part(struct blob_store *blob, enum bucket bucket, const char *key, int64_t offset,
                     int64_t size, int fd, struct err *err)
{
    CLEANUP(text) char *block = mem_get(COPY_BLOCK);

    while (size > 0) {
        size_t want = size < COPY_BLOCK ? (size_t)size : COPY_BLOCK;
        size_t got;

        TRY(blob_read(blob, bucket, key, offset, block, want, &got, err));
        if (got < want) {
            return err_set(err, ERR_BLOB_CORRUPT, "%s ends at byte %lld, %lld more are on record",
                           key, (long long)(offset + (int64_t)got),
                           (long long)(size - (int64_t)got));
        }
        TRY(fd_write_all(fd, (struct bytes){(uint8_t *)block, got}, err));
        offset += (int64_t)got;
        size -= (int64_t)got;
    }
    return 0;
}

/* Found out before the answer has begun: then there is nothing to do but to break it off. */
static int check_size(int fd, const char *key, int64_t needed, struct err *err)
{
    struct stat info;

    if (fstat(fd, &info) < 0) {
        return err_errno(err, "measuring %s", key);
    }
    return info.st_size >= needed
               ? 0
               : err_set(err, ERR_BLOB_CORRUPT, "%s ends at byte %lld, %lld more are on record", key,
                         (long long)info.st_size, (long long)(needed - info.st_size));
}

int reader_object(struct reader *reader, enum bucket bucket, const char *key, int64_t offset,
                  int64_t size, int *ret_fd, int64_t *ret_offset, struct err *err)
{
    CLEANUP(fd) int    fd = -1;
    struct blob_store *blob = reader_blob(reader, err);

    if (blob == NULL) {
        return -1;
    }
    err_clear(err);
    fd = blob_open_fd(blob, bucket, key, err);
    *ret_offset = offset;
    if (fd < 0 && err->code != ERR_NONE) {
        return -1;
    }
    if (fd < 0) {
        fd = copy_open(reader->x, size, err);
        if (fd < 0) {
            return -1;
        }
        TRY(copy_part(blob, bucket, key, offset, size, fd, err));
        *ret_offset = 0;
    } else {
        TRY(check_size(fd, key, offset + size, err));
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int reader_look(struct reader *reader, enum bucket bucket, const char *key, struct err *err)
{
    struct blob_store *blob = reader_blob(reader, err);
    int64_t            size;

    return blob == NULL ? -1 : blob_size(blob, bucket, key, &size, err);
}

/* ------------------------------------ the queue ------------------------------------ */

/* The lock is held. */
static void queue_changed(const struct readers *readers)
{
    if (readers->keys != NULL) {
        metric_set(METRIC_gateway_reader_queue, 0,
                   (int64_t)(readers->sends.count + readers->reads.count));
    }
}

static int put(struct readers *readers, struct queue *queue, struct exchange *x, read_job job,
               struct err *err)
{
    bool full;

    (void)pthread_mutex_lock(&readers->lock);
    full = queue->count == QUEUE_MOST;
    if (!full) {
        /* Held before another thread can see it, and so before it can be resumed. */
        exchange_hold(x);
        queue->job[(queue->first + queue->count) % QUEUE_MOST] = (struct job){x, job};
        queue->count++;
        queue_changed(readers);
        (void)pthread_cond_signal(&readers->more);
    }
    (void)pthread_mutex_unlock(&readers->lock);
    if (full) {
        return err_set(err, ERR_OVERLOADED,
                       "%d requests wait for the database or the object store"
                       " already",
                       QUEUE_MOST);
    }
    return 0;
}

int readers_put(struct readers *readers, struct exchange *x, read_job job, struct err *err)
{
    return put(readers, &readers->sends, x, job, err);
}

int readers_put_read(struct readers *readers, struct exchange *x, read_job job, struct err *err)
{
    return put(readers, &readers->reads, x, job, err);
}

void read_with(struct exchange *x, read_job job)
{
    struct err err = {0};

    if (readers_put_read(gateway_of(x)->readers, x, job, &err) < 0) {
        exchange_refuse(x, &err);
    }
}

/* Reads leave one reader to what is sent. The lock is held. */
static bool may_read(const struct readers *readers)
{
    return readers->reading < (readers->reader_count > 1 ? readers->reader_count - 1 : 1);
}

static struct queue *next_queue(struct readers *readers)
{
    return readers->sends.count > 0                           ? &readers->sends
           : readers->reads.count > 0 && may_read(readers) ? &readers->reads
                                                              : NULL;
}

/* Until its next job. The lock is held. */
static void set_reads(struct reader *reader, bool reads)
{
    reader->readers->reading += (size_t)reads - (size_t)reader->reads;
    reader->reads = reads;
}

/* The next job; false: it is time to stop. x is NULL when nothing came for a second. */
static bool next_job(struct reader *reader, struct job *ret_job)
{
    struct readers *readers = reader->readers;
    struct queue   *queue;
    struct timespec until;

    ret_job->x = NULL;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAKE_MS / 1000;
    (void)pthread_mutex_lock(&readers->lock);
    set_reads(reader, false);
    while ((queue = next_queue(readers)) == NULL && !readers->stop &&
           pthread_cond_timedwait(&readers->more, &readers->lock, &until) == 0) {
    }
    set_reads(reader, queue == &readers->reads);
    if (queue != NULL) {
        *ret_job = queue->job[queue->first];
        queue->first = (queue->first + 1) % QUEUE_MOST;
        queue->count--;
        queue_changed(readers);
    }
    (void)pthread_mutex_unlock(&readers->lock);
    return ret_job->x != NULL || !readers->stop;
}

static void refresh_keys(struct reader *reader)
{
    struct err    err = {0};
    int64_t       began_us = clock_mono_us();
    struct store *store = reader_store(reader, &err);
    int           result =
        store == NULL ? -1 : keys_refresh(reader->readers->keys, store, clock_mono_us(), &err);

    if (result < 0) {
        LOG(NULL, WARN, "API keys not read", KV("code", err_name(err.code)),
            KV("story", err.story));
    }
    note_store(reader, began_us, err.code);
}

static bool accounts_due(struct reader *reader)
{
    struct readers *readers = reader->readers;
    bool            due;

    (void)pthread_mutex_lock(&readers->lock);
    due = readers->accounts_due_us <= clock_mono_us() && may_read(readers);
    if (due) {
        readers->accounts_due_us = INT64_MAX;
        set_reads(reader, true);
    }
    (void)pthread_mutex_unlock(&readers->lock);
    return due;
}

static void refresh_accounts(struct reader *reader)
{
    struct err            err = {0};
    struct trace_accounts sum;
    int64_t               began_us = clock_mono_us();
    int64_t               rest_us;
    struct store         *store = reader_store(reader, &err);
    int                   result = -1;

    if (store != NULL) {
        store_wait_at_most(store, ACCOUNTS_WAIT_MS);
        result = trace_accounts_read(store, &sum, &err);
        store_wait_at_most(store, STORE_WAIT_MS);
    }
    note_store(reader, began_us, err.code);
    if (result < 0) {
        LOG(NULL, WARN, "accounts not read", KV("code", err_name(err.code)),
            KV("story", err.story));
    } else {
        metric_set(METRIC_accounting_events, 0, sum.accepted);
        metric_set(METRIC_accounting_events, 1, sum.chained);
        metric_set(METRIC_accounting_events, 2, sum.pending);
        metric_set(METRIC_accounting_events, 3, sum.dead);
    }
    rest_us = (clock_mono_us() - began_us) * ACCOUNTS_REST;
    (void)pthread_mutex_lock(&reader->readers->lock);
    reader->readers->accounts_due_us =
        clock_mono_us() + (rest_us > ACCOUNTS_US ? rest_us : ACCOUNTS_US);
    (void)pthread_mutex_unlock(&reader->readers->lock);
}

static void run_job(struct reader *reader, const struct job *job)
{
    struct err err = {0};
    int64_t    began_us = clock_mono_us();
    int        result;

    reader->x = job->x;
    result = job->run(reader, job->x, &err);
    if (result < 0) {
        exchange_refuse(job->x, &err);
    }
    if (result != READ_HANDED_ON) {
        exchange_resume(job->x);
    }
    note_store(reader, began_us, err.code);
}

static void *reader_run(void *arg)
{
    struct reader *reader = arg;
    struct job     job;

    while (next_job(reader, &job)) {
        struct keys *keys = reader->readers->keys;

        if (keys != NULL && keys_due(keys)) {
            refresh_keys(reader);
        }
        if (keys != NULL && job.x == NULL && accounts_due(reader)) {
            refresh_accounts(reader);
        }
        if (job.x != NULL) {
            run_job(reader, &job);
        }
    }
    return NULL;
}

/* ------------------------------------ opening ------------------------------------ */

int readers_open(struct readers **ret_readers, const struct config *config, size_t count,
                 struct keys *keys, struct err *err)
{
    struct readers    *readers = mem_zero(1, sizeof(*readers));
    pthread_condattr_t attr;

    readers->config = config;
    readers->keys = keys;
    readers->reader_count = count;
    readers->reader = mem_zero(readers->reader_count, sizeof(*readers->reader));
    (void)pthread_mutex_init(&readers->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&readers->more, &attr);
    (void)pthread_condattr_destroy(&attr);
    for (size_t i = 0; i < readers->reader_count; i++) {
        int failed;

        readers->reader[i].readers = readers;
        failed = pthread_create(&readers->reader[i].thread, NULL, reader_run, &readers->reader[i]);
        if (failed != 0) {
            readers_close(readers);
            errno = failed;
            return err_errno(err, "starting reader thread %zu", i + 1);
        }
        readers->reader[i].started = true;
    }
    *ret_readers = readers;
    return 0;
}

void readers_close(struct readers *readers)
{
    if (readers == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&readers->lock);
    readers->stop = true;
    (void)pthread_cond_broadcast(&readers->more);
    (void)pthread_mutex_unlock(&readers->lock);
    for (size_t i = 0; i < readers->reader_count; i++) {
        if (readers->reader[i].started) {
            (void)pthread_join(readers->reader[i].thread, NULL);
        }
        store_close(readers->reader[i].store);
        blob_store_close(readers->reader[i].blob);
    }
    (void)pthread_mutex_destroy(&readers->lock);
    (void)pthread_cond_destroy(&readers->more);
    mem_free(readers->reader);
    mem_free(readers);
}
