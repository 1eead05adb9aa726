// SPDX-License-Identifier: MIT
/*
 * letters.h - dead letters: finding them, putting them back where they failed, dropping them.
 *
 * A dead letter is named by its sequence number in PRT_DEAD.
 */
#ifndef PRT_CLI_LETTERS_H
#define PRT_CLI_LETTERS_H

#include "stream/stream.h"
#include "trace/dead_letter.h"

/* One that this version can't read has a letter without subject; its payload is the whole. */
struct letter {
    uint64_t           seq; /* in PRT_DEAD */
    const char        *tenant, *trace;
    struct dead_letter letter;
};

/* NULL and 0: any. */
struct letter_filter {
    const char *stage, *reason, *code, *trace;
    int64_t     since_us, until_us; /* given up in [since, until) */
};

/* Calls `each` for every one that fits, oldest first; what it is given dies with the call. Stops
 * where `each` returns -1. */
typedef int (*letter_each)(void *arg, const struct letter *letter, struct err *err);
WARN_UNUSED int letters_find(struct stream *stream, const struct letter_filter *filter,
                             letter_each each, void *arg, struct err *err);

WARN_UNUSED int letter_read(struct stream *stream, struct arena *arena, uint64_t seq,
                            struct letter *ret_letter, struct err *err);

/* Publishes the payload (the letter's own, or a corrected one) under its old subject and, once that
 * is stored, removes the letter: a crash in between leaves it, and retrying it again within the
 * stream's duplicate window stores nothing twice. */
WARN_UNUSED int letter_retry(struct stream *stream, const struct letter *letter,
                             struct bytes payload, uint64_t *ret_seq, struct err *err);

WARN_UNUSED int letter_drop(struct stream *stream, const struct letter *letter, struct err *err);

#endif
