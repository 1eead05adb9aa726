// SPDX-License-Identifier: MIT
/*
 * replay.h - prt replay, in its files: what is meant (replay.c), how far it is (replay_state.c),
 * validate (replay_validate.c), the other stages (replay_work.c).
 */
#ifndef PRT_CLI_REPLAY_H
#define PRT_CLI_REPLAY_H

#include "farm/farm.h"
#include "gateway/cli/cli.h"
#include "store/replay_store.h"

struct replay {
    struct cli          *cli;
    struct farm          farm;
    const char          *stage;
    struct replay_filter filter;
    bool                 filtered; /* --filter was given */
    bool                 dry, anew;
    int64_t              rate;           /* a second; 0: as fast as it goes */
    const char          *model, *rubric; /* judge: NULL as the worker is set */
    bool                 fresh;          /* judge: ask again what is in the cache */

    /* how far it is; kept in DIR/replay/<key>.json until it is done */
    const char *selection; /* the options, as one text */
    const char *run;       /* names this replay in messages and jobs */
    int64_t     after;     /* validate: seq of the last message; else number of the last trace */
    int64_t     done;      /* messages, or traces */
    bool        resumed;

    int64_t total;
    int64_t began_us, saved_us, shown_us, paced; /* paced: done since began_us */
};

/* Takes up what an interrupted replay of the same selection left, or names a new one. */
WARN_UNUSED int replay_resume(struct replay *replay, struct err *err);
/* Writes down how far it is, now and then, or at once. */
WARN_UNUSED int replay_keep(struct replay *replay, bool now, struct err *err);
WARN_UNUSED int replay_forget(struct replay *replay, struct err *err);

/* From here on Ctrl-C and SIGTERM only ask to stop. */
void            replay_catch_stop(void);
WARN_UNUSED int replay_go_on(const struct replay *replay, struct err *err); /* -1: asked to stop */

/* `more` more of `what` are done: keeps to the rate, shows the bar on a terminal. */
void replay_progress(struct replay *replay, int64_t more, const char *what, const char *detail);
void replay_clear_bar(struct replay *replay);

WARN_UNUSED int replay_validate(struct replay *replay, struct err *err);
WARN_UNUSED int replay_work(struct replay *replay, struct err *err);

#endif
