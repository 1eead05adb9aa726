// SPDX-License-Identifier: MIT
#include "workers/finalize/behind.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct behind {
    struct blob_writer *blob;
    struct sha256      *sha;
    pthread_t           thread;
    bool                started;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  turned;
    bool            full; /* the buffer is the thread's; else the caller's */
    bool            stop;
    struct buf      buffer;
    struct err      err; /* of the first bytes that could not be stored */
};

struct behind *behind_new(struct blob_writer *blob)
{
    struct behind *behind = mem_zero(1, sizeof(*behind));

    behind->blob = blob;
    behind->sha = sha256_new();
    (void)pthread_mutex_init(&behind->lock, NULL);
    (void)pthread_cond_init(&behind->turned, NULL);
    return behind;
}

static int store_bytes(struct behind *behind, struct buf *bytes, struct err *err)
{
    sha256_add(behind->sha, buf_bytes(bytes));
    TRY(blob_writer_put(behind->blob, buf_bytes(bytes), err));
    bytes->size = 0;
    return 0;
}

static void *behind_run(void *arg)
{
    struct behind *behind = arg;

    (void)pthread_mutex_lock(&behind->lock);
    for (;;) {
        struct err err = {0};

        while (!behind->full && !behind->stop) {
            (void)pthread_cond_wait(&behind->turned, &behind->lock);
        }
        if (!behind->full) {
            break;
        }
        (void)pthread_mutex_unlock(&behind->lock);
        (void)!store_bytes(behind, &behind->buffer, &err);
        (void)pthread_mutex_lock(&behind->lock);
        behind->err = err;
        behind->full = false;
        (void)pthread_cond_signal(&behind->turned);
    }
    (void)pthread_mutex_unlock(&behind->lock);
    return NULL;
}

/* Waits until the buffer is the caller's again. */
static int take_back(struct behind *behind, struct err *err)
{
    (void)pthread_mutex_lock(&behind->lock);
    while (behind->full) {
        (void)pthread_cond_wait(&behind->turned, &behind->lock);
    }
    (void)pthread_mutex_unlock(&behind->lock);
    if (behind->err.code != ERR_NONE) {
        *err = behind->err;
        return -1;
    }
    return 0;
}

static int start(struct behind *behind, struct err *err)
{
    int failed = pthread_create(&behind->thread, NULL, behind_run, behind);

    if (failed != 0) {
        errno = failed;
        return err_errno(err, "starting the thread that stores the document");
    }
    behind->started = true;
    return 0;
}

int behind_put(struct behind *behind, struct buf *bytes, struct err *err)
{
    struct buf empty;

    if (!behind->started) {
        TRY(start(behind, err));
    }
    TRY(take_back(behind, err));
    empty = behind->buffer;
    behind->buffer = *bytes;
    *bytes = empty;
    (void)pthread_mutex_lock(&behind->lock);
    behind->full = true;
    (void)pthread_cond_signal(&behind->turned);
    (void)pthread_mutex_unlock(&behind->lock);
    return 0;
}

int behind_finish(struct behind *behind, struct buf *bytes, uint8_t ret_sha256[HASH_BYTES],
                  struct err *err)
{
    TRY(take_back(behind, err));
    TRY(store_bytes(behind, bytes, err));
    sha256_finish(behind->sha, ret_sha256);
    return 0;
}

void behind_free(struct behind *behind)
{
    if (behind == NULL) {
        return;
    }
    if (behind->started) {
        (void)pthread_mutex_lock(&behind->lock);
        behind->stop = true;
        (void)pthread_cond_signal(&behind->turned);
        (void)pthread_mutex_unlock(&behind->lock);
        (void)pthread_join(behind->thread, NULL);
    }
    (void)pthread_cond_destroy(&behind->turned);
    (void)pthread_mutex_destroy(&behind->lock);
    sha256_free(behind->sha);
    buf_done(&behind->buffer);
    free(behind);
}
