// SPDX-License-Identifier: MIT
/*
 * panel.h - several models at once, and what they say together.
 *
 * Each dimension gets the median of those who scored, with the reason of who is nearest to it; the
 * spread is told. Who could not be asked or gave no usable answer abstains. With fewer opinions
 * than the quorum there is none.
 */
#ifndef PRT_JUDGE_PANEL_H
#define PRT_JUDGE_PANEL_H

#include "workers/judge/score/ask.h"

enum { PANEL_MOST = 16 };

enum panelist_status { PANELIST_SCORED, PANELIST_UNSCORED, PANELIST_BUSY, PANELIST_REFUSED };
const char *panelist_status_name(enum panelist_status status);

struct panelist {
    const char          *model;
    const char          *version; /* or NULL */
    enum panelist_status status;
    struct opinion       opinion; /* scored; its flags always */
    double               overall; /* scored */
    const char          *why;     /* not scored */
    int64_t              tokens_prompt, tokens_answer;
    double               cost_usd; /* -1: no price known */
    bool                 cached;
};

/* False when fewer than `quorum` scored. */
bool panel_combine(const struct rubric *rubric, const struct panelist *panelists, size_t count,
                   size_t quorum, struct opinion *ret_opinion, double ret_spread[DIMENSIONS]);

/* -------- asking: as many models at once as there are lines -------- */
struct panel;

/* settings are borrowed. */
struct panel *panel_new(const struct chat_settings *settings, size_t lines);
void          panel_free(struct panel *panel);
DEFINE_CLEANUP(panel, struct panel *, panel_free)

/* The model by this name (borrowed) with what was learned about it before; and back again, with
 * what was learned now. */
struct chat_model panel_recall(const struct panel *panel, const char *name);
void              panel_remember(struct panel *panel, const struct chat_model *model);

/* Runs all asks. `tick` is called about every ten seconds meanwhile; when it fails, all asks are
 * stopped and its error is this one's. Each ask needs an arena of its own. */
WARN_UNUSED int panel_ask(struct panel *panel, struct ask *asks, size_t count,
                          int (*tick)(void *arg, struct err *err), void *arg, struct err *err);

#endif
