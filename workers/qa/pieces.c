// SPDX-License-Identifier: MIT
#include "workers/qa/pieces.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum {
    LOOK_MS = 1000,
    EVERY_US = 10 * 1000 * 1000, /* a piece of any size */
    LIST_MOST = 100
};

struct pieces {
    const struct farm      *farm;
    const struct log_scope *log;
    struct arena           *arena;
    const char             *attempt; /* prefix of its keys */
    int                     fd;      /* -1: nothing is followed */
    pthread_t               thread;

    /* The thread's own while it runs. */
    struct blob_store *blob;
    int64_t            sent, last_us;
    int                count;
    bool               failed; /* and that was logged */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  change;
    bool            stopping;
};

/* -------------------------------------- removing -------------------------------------- */

static int remove_under(struct blob_store *blob, const char *prefix, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct blob_entry           *entries;
    size_t                       count;

    do {
        arena_reset(arena);
        TRY(blob_list(blob, arena, BUCKET_ARTIFACTS, prefix, "", LIST_MOST, &entries, &count, err));
        for (size_t i = 0; i < count; i++) {
            TRY(blob_delete(blob, BUCKET_ARTIFACTS, entries[i].key, err));
        }
    } while (count == LIST_MOST);
    return 0;
}

/* What is left goes when the trace's next job begins, or with the trace. */
static void pieces_remove(struct pieces *pieces, const char *prefix)
{
    struct err err = {0};

    if (remove_under(pieces->farm->blob, prefix, &err) < 0) {
        LOG(pieces->log, WARN, "pieces of a log left behind", KV("prefix", prefix),
            KV("reason", err_name(err.code)), KV("story", err.story));
    }
}

/* -------------------------------------- putting -------------------------------------- */

static int piece_put(struct pieces *pieces, int64_t size, struct err *err)
{
    CLEANUP(buf) struct buf piece = {0};
    char                    key[BLOB_KEY_MOST + 1];
    ssize_t                 got;

    if (pieces->blob == NULL) {
        TRY(farm_blob_open(&pieces->blob, pieces->farm->config, err));
    }
    buf_reserve(&piece, (size_t)size);
    got = pread(pieces->fd, piece.data, (size_t)size, pieces->sent);
    if (got < 0) {
        return err_errno(err, "reading the log of a running job");
    }
    (void)snprintf(key, sizeof(key), "%s%06d", pieces->attempt, pieces->count + 1);
    TRY(blob_put(pieces->blob, BUCKET_ARTIFACTS, key, (struct bytes){piece.data, (size_t)got},
                 "text/plain; charset=utf-8", err));
    pieces->count++;
    pieces->sent += got;
    return 0;
}

/* One piece, when one is due. */
static bool piece_due(struct pieces *pieces)
{
    struct stat file;
    int64_t     now_us = clock_mono_us();
    int64_t     grown;
    bool        waited = now_us - pieces->last_us >= EVERY_US;
    struct err  err = {0};

    if (fstat(pieces->fd, &file) < 0) {
        return false; /* it is ours and open */
    }
    grown = file.st_size - pieces->sent;
    /* A store that failed is left alone for a while, however much there is. */
    if (grown <= 0 || (!waited && (grown < PIECE_BYTES || pieces->failed))) {
        return false;
    }
    pieces->last_us = now_us;
    if (piece_put(pieces, grown < PIECE_BYTES ? grown : PIECE_BYTES, &err) == 0) {
        pieces->failed = false;
        return true;
    }
    if (!pieces->failed) {
        LOG(pieces->log, WARN, "piece of a log not stored", KV("reason", err_name(err.code)),
            KV("story", err.story));
    }
    pieces->failed = true;
    return false;
}

static void change_wait(struct pieces *pieces)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_MS / 1000;
    (void)pthread_cond_timedwait(&pieces->change, &pieces->lock, &until);
}

static void *pieces_run(void *self)
{
    struct pieces *pieces = self;
    bool           more;

    (void)pthread_mutex_lock(&pieces->lock);
    while (!pieces->stopping) {
        (void)pthread_mutex_unlock(&pieces->lock);
        more = piece_due(pieces);
        (void)pthread_mutex_lock(&pieces->lock);
        if (!more && !pieces->stopping) {
            change_wait(pieces);
        }
    }
    (void)pthread_mutex_unlock(&pieces->lock);
    blob_store_close(pieces->blob);
    return NULL;
}

/* -------------------------------------- one attempt -------------------------------------- */

struct pieces *pieces_open(const struct farm *farm, const struct delivery *in)
{
    struct pieces *pieces = mem_zero(1, sizeof(*pieces));
    const char    *log;

    pieces->farm = farm;
    pieces->log = &in->log;
    pieces->arena = arena_new();
    pieces->fd = -1;
    log = arena_format(pieces->arena, "qa/%s/log/", in->to.trace);
    pieces->attempt = arena_format(pieces->arena, "%s%016lld-%llu/", log, (long long)clock_us(),
                                   (unsigned long long)in->seq);
    pieces_remove(pieces, log);
    return pieces;
}

int pieces_follow(struct pieces *pieces, int fd, struct err *err)
{
    pthread_condattr_t monotonic;
    CLEANUP(fd) int    own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (own < 0) {
        return err_errno(err, "following the log of a job");
    }
    pieces->last_us = clock_mono_us();
    (void)pthread_mutex_init(&pieces->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&pieces->change, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    pieces->fd = own;
    if (pthread_create(&pieces->thread, NULL, pieces_run, pieces) != 0) {
        pieces->fd = -1;
        return err_set(err, ERR_SYSTEM, "no thread could be started");
    }
    own = -1;
    return 0;
}

void pieces_close(struct pieces *pieces)
{
    if (pieces == NULL) {
        return;
    }
    if (pieces->fd >= 0) {
        (void)pthread_mutex_lock(&pieces->lock);
        pieces->stopping = true;
        (void)pthread_cond_signal(&pieces->change);
        (void)pthread_mutex_unlock(&pieces->lock);
        (void)pthread_join(pieces->thread, NULL);
        (void)pthread_cond_destroy(&pieces->change);
        (void)pthread_mutex_destroy(&pieces->lock);
        fd_close(pieces->fd);
    }
    if (pieces->count > 0) {
        pieces_remove(pieces, pieces->attempt);
    }
    arena_free(pieces->arena);
    mem_free(pieces);
}
