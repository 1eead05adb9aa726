// SPDX-License-Identifier: MIT
/*
 * replay.h - a session's edits, made again on what it started from.
 *
 * Every file_edit is applied strictly (diff.h) and both its hashes are held against the file's
 * bytes. The first thing that does not fit ends the replay: what comes after stands on sand. What
 * an edit says must fit to the byte; nothing is guessed.
 *
 *   Which file: file_path says it. A diff of one file may carry labels ("before", "after") or a
 *   longer or shorter path of the same file in its header, never another path. In a diff of several
 *   files the headers say which, file_path is one of them, and none comes twice.
 *   A hash that is no SHA-256 in hex is counted as unverifiable; a file that is not there has the
 *   hash of no bytes. An empty diff changes nothing, or makes an empty file, as `diff` tells it.
 *   Bytes read and written are bounded; over that the trace is not replayable.
 */
#ifndef PRT_WORKERS_QA_REPLAY_REPLAY_H
#define PRT_WORKERS_QA_REPLAY_REPLAY_H

#include "value/value.h"
#include "workers/qa/replay/tree.h"

struct divergence {
    bool        there;
    bool        ours;   /* the farm took something out, or gave up: nothing against the session */
    int64_t     seq;    /* of the event; -1: found behind the last one */
    const char *file;   /* as the event has it; NULL: of no file in particular */
    const char *reason; /* a word: "context_differs", "hash_after_differs", ... */
};

struct replay {
    struct arena      *arena;   /* what it ends with lives there */
    struct arena      *scratch; /* one event at a time */
    const struct tree *tree;
    int64_t            bytes_left;  /* to be read and written */
    int64_t            growth_left; /* of the tree */

    int64_t           edits_applied;
    int64_t           hashes_verified, hashes_unverifiable;
    struct divergence first;
};

/* The tree is that of the start snapshot. replay_done frees only what it holds itself. */
void replay_init(struct replay *ret_replay, struct arena *arena, const struct tree *tree,
                 int64_t bytes_most, int64_t growth_most);
void replay_done(struct replay *replay);
static inline void replay_cleanup(struct replay *slot)
{
    replay_done(slot);
}

/* One event, in order of seq; all but file_edit are passed by. -1 only when the tree could not be
 * read or written; whatever does not fit is told in replay->first, and nothing is done from then
 * on. */
WARN_UNUSED int replay_event(struct replay *replay, const struct value *event, struct err *err);

void replay_diverge(struct replay *replay, int64_t seq, struct bytes file, const char *reason);

#endif
