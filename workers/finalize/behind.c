// SPDX-License-Identifier: MIT
#include "workers/finalize/behind.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct behind {
    struct blob_writer *blob;
    struct leaves      *leaves;
    struct sha256      *sha; /* of all bytes */
    pthread_t           thread;
    bool                started;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  turned;
    size_t          first, count; /* of the pieces that wait; the others are the caller's */
    bool            stop;
    struct piece    pieces[PIECES_BEHIND];
    struct err      err; /* of the first piece that could not be stored */
};

void piece_done(struct piece *piece)
{
    buf_done(&piece->bytes);
    buf_done(&piece->lines);
}

struct behind *behind_new(struct blob_writer *blob, struct leaves *leaves)
{
    struct behind *behind = mem_zero(1, sizeof(*behind));

    merkle_start(&leaves->merkle);
    behind->blob = blob;
    behind->leaves = leaves;
    behind->sha = sha256_new();
    (void)pthread_mutex_init(&behind->lock, NULL);
    (void)pthread_cond_init(&behind->turned, NULL);
    return behind;
}

static void add_leaves(struct leaves *leaves, const struct piece *piece)
{
    const struct line_place *lines = (const struct line_place *)piece->lines.data;

    for (size_t i = 0; i < piece->lines.size / sizeof(*lines); i++) {
        uint8_t leaf[HASH_BYTES];

        merkle_leaf(leaves->sha, (struct bytes){piece->bytes.data + lines[i].at, lines[i].size},
                    leaf);
        merkle_append(&leaves->merkle, leaves->sha, leaf);
        buf_put(&leaves->hashes, (struct bytes){leaf, sizeof(leaf)});
    }
}

static int store_piece(struct behind *behind, struct piece *piece, struct err *err)
{
    add_leaves(behind->leaves, piece);
    sha256_add(behind->sha, buf_bytes(&piece->bytes));
    TRY(blob_writer_put(behind->blob, buf_bytes(&piece->bytes), err));
    piece->bytes.size = 0;
    piece->lines.size = 0;
    return 0;
}

static void *behind_run(void *arg)
{
    struct behind *behind = arg;

    (void)pthread_mutex_lock(&behind->lock);
    for (;;) {
        struct err err = {0};

        while (behind->count == 0 && !behind->stop) {
            (void)pthread_cond_wait(&behind->turned, &behind->lock);
        }
        if (behind->stop) {
            break;
        }
        (void)pthread_mutex_unlock(&behind->lock);
        (void)!store_piece(behind, &behind->pieces[behind->first], &err);
        (void)pthread_mutex_lock(&behind->lock);
        behind->first = (behind->first + 1) % PIECES_BEHIND;
        behind->count--;
        if (err.code != ERR_NONE) {
            behind->err = err;
            behind->count = 0; /* what comes behind is of no use */
            behind->stop = true;
        }
        (void)pthread_cond_signal(&behind->turned);
    }
    (void)pthread_mutex_unlock(&behind->lock);
    return NULL;
}

/* Waits until fewer than `below` pieces wait. */
static int wait_for_room(struct behind *behind, size_t below, struct err *err)
{
    int failed = 0;

    (void)pthread_mutex_lock(&behind->lock);
    while (behind->count >= below) {
        (void)pthread_cond_wait(&behind->turned, &behind->lock);
    }
    if (behind->err.code != ERR_NONE) {
        *err = behind->err;
        failed = -1;
    }
    (void)pthread_mutex_unlock(&behind->lock);
    return failed;
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

int behind_put(struct behind *behind, struct piece *piece, struct err *err)
{
    struct piece  taken = *piece;
    struct piece *place;

    if (!behind->started) {
        TRY(start(behind, err));
    }
    TRY(wait_for_room(behind, PIECES_BEHIND, err));
    (void)pthread_mutex_lock(&behind->lock);
    place = &behind->pieces[(behind->first + behind->count) % PIECES_BEHIND];
    *piece = *place;
    *place = taken;
    behind->count++;
    (void)pthread_cond_signal(&behind->turned);
    (void)pthread_mutex_unlock(&behind->lock);
    return 0;
}

int behind_catch_up(struct behind *behind, struct piece *piece, struct err *err)
{
    TRY(wait_for_room(behind, 1, err));
    return store_piece(behind, piece, err);
}

int behind_finish(struct behind *behind, struct piece *piece, uint8_t ret_sha256[HASH_BYTES],
                  struct err *err)
{
    TRY(behind_catch_up(behind, piece, err));
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
    for (size_t i = 0; i < PIECES_BEHIND; i++) {
        piece_done(&behind->pieces[i]);
    }
    free(behind);
}
