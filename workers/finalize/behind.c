// SPDX-License-Identifier: MIT
#include "workers/finalize/behind.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum stage { HASHING, STORING, STAGES };

struct behind {
    struct blob_writer *blob;
    struct leaves      *leaves;
    struct sha256      *sha; /* of all bytes */
    pthread_t           thread[STAGES];
    size_t              started;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  turned;
    uint64_t        put, done[STAGES]; /* pieces so far; the n-th has the place n % PIECES_BEHIND */
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

static int work_on(struct behind *behind, enum stage stage, struct piece *piece, struct err *err)
{
    if (stage == HASHING) {
        add_leaves(behind->leaves, piece);
        sha256_add(behind->sha, buf_bytes(&piece->bytes));
        return 0;
    }
    TRY(blob_writer_put(behind->blob, buf_bytes(&piece->bytes), err));
    piece->bytes.size = 0;
    piece->lines.size = 0;
    return 0;
}

static void run_stage(struct behind *behind, enum stage stage)
{
    const uint64_t *before = stage == HASHING ? &behind->put : &behind->done[HASHING];

    (void)pthread_mutex_lock(&behind->lock);
    while (!behind->stop) {
        struct piece *piece = &behind->pieces[behind->done[stage] % PIECES_BEHIND];
        struct err    err = {0};

        if (behind->done[stage] == *before) {
            (void)pthread_cond_wait(&behind->turned, &behind->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&behind->lock);
        (void)!work_on(behind, stage, piece, &err);
        (void)pthread_mutex_lock(&behind->lock);
        behind->done[stage]++;
        if (err.code != ERR_NONE) {
            behind->err = err;
            behind->stop = true; /* what comes behind is of no use */
        }
        (void)pthread_cond_broadcast(&behind->turned);
    }
    (void)pthread_mutex_unlock(&behind->lock);
}

static void *run_hashing(void *arg)
{
    run_stage(arg, HASHING);
    return NULL;
}

static void *run_storing(void *arg)
{
    run_stage(arg, STORING);
    return NULL;
}

/* Waits until fewer than `below` pieces wait. */
static int wait_for_room(struct behind *behind, size_t below, struct err *err)
{
    int failed = 0;

    (void)pthread_mutex_lock(&behind->lock);
    while (behind->put - behind->done[STORING] >= below && !behind->stop) {
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
    static void *(*const run[STAGES])(void *) = {run_hashing, run_storing};

    for (; behind->started < STAGES; behind->started++) {
        int failed =
            pthread_create(&behind->thread[behind->started], NULL, run[behind->started], behind);

        if (failed != 0) {
            errno = failed;
            return err_errno(err, "starting the threads that store the document");
        }
    }
    return 0;
}

int behind_put(struct behind *behind, struct piece *piece, struct err *err)
{
    struct piece  taken = *piece;
    struct piece *place;

    TRY(start(behind, err));
    TRY(wait_for_room(behind, PIECES_BEHIND, err));
    (void)pthread_mutex_lock(&behind->lock);
    place = &behind->pieces[behind->put % PIECES_BEHIND];
    *piece = *place;
    *place = taken;
    behind->put++;
    (void)pthread_cond_broadcast(&behind->turned);
    (void)pthread_mutex_unlock(&behind->lock);
    return 0;
}

int behind_catch_up(struct behind *behind, struct piece *piece, struct err *err)
{
    TRY(wait_for_room(behind, 1, err));
    for (enum stage stage = HASHING; stage < STAGES; stage++) {
        TRY(work_on(behind, stage, piece, err));
    }
    return 0;
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
    (void)pthread_mutex_lock(&behind->lock);
    behind->stop = true;
    (void)pthread_cond_broadcast(&behind->turned);
    (void)pthread_mutex_unlock(&behind->lock);
    for (size_t i = 0; i < behind->started; i++) {
        (void)pthread_join(behind->thread[i], NULL);
    }
    (void)pthread_cond_destroy(&behind->turned);
    (void)pthread_mutex_destroy(&behind->lock);
    sha256_free(behind->sha);
    for (size_t i = 0; i < PIECES_BEHIND; i++) {
        piece_done(&behind->pieces[i]);
    }
    free(behind);
}
