// SPDX-License-Identifier: MIT
#include "workers/judge/score/panel.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TICK_S = 10, MODELS_MOST = 64 };

static const char *const status_names[] = {
    [PANELIST_SCORED] = "scored",
    [PANELIST_UNSCORED] = "unscored",
    [PANELIST_BUSY] = "busy",
    [PANELIST_REFUSED] = "refused",
};

const char *panelist_status_name(enum panelist_status status)
{
    return status_names[status];
}

/* -------- combining -------- */

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return left < right ? -1 : left > right;
}

static double median(double *sorted, size_t count)
{
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* The first of those nearest to `wanted`: the order of the models decides, and not chance. */
static size_t nearest(const double *values, const size_t *who, size_t count, double wanted)
{
    size_t best = 0;

    for (size_t i = 1; i < count; i++) {
        if (fabs(values[i] - wanted) < fabs(values[best] - wanted)) {
            best = i;
        }
    }
    return who[best];
}

static void combine_dimension(const struct panelist *panelists, const size_t *who, size_t count,
                              int dimension, struct opinion *opinion, double *ret_spread)
{
    double values[PANEL_MOST];
    double sorted[PANEL_MOST];
    double middle;

    for (size_t i = 0; i < count; i++) {
        values[i] = panelists[who[i]].opinion.finding[dimension].score;
    }
    memcpy(sorted, values, count * sizeof(*values));
    qsort(sorted, count, sizeof(*sorted), by_size);
    middle = median(sorted, count);
    *ret_spread = sorted[count - 1] - sorted[0];
    opinion->finding[dimension] =
        panelists[nearest(values, who, count, middle)].opinion.finding[dimension];
    opinion->finding[dimension].score = middle;
}

static unsigned combine_flags(const struct panelist *panelists, const size_t *who, size_t count)
{
    unsigned flags = 0;

    for (int flag = 0; flag < FLAGS; flag++) {
        size_t votes = 0;

        for (size_t i = 0; i < count; i++) {
            votes += panelists[who[i]].opinion.flags >> flag & 1;
        }
        /* One suspicion is enough (verdict.c counts those of who did not score); anything else takes a
         * majority. */
        if (flag == FLAG_injection_suspected ? votes > 0 : votes * 2 > count) {
            flags |= 1u << flag;
        }
    }
    return flags;
}

bool panel_combine(const struct rubric *rubric, const struct panelist *panelists, size_t count,
                   size_t quorum, struct opinion *ret_opinion, double ret_spread[DIMENSIONS])
{
    struct opinion opinion = {0};
    size_t         who[PANEL_MOST];
    double         overalls[PANEL_MOST];
    size_t         scored = 0;

    for (size_t i = 0; i < count && i < PANEL_MOST; i++) {
        if (panelists[i].status == PANELIST_SCORED) {
            overalls[scored] = panelists[i].overall;
            who[scored++] = i;
        }
    }
    if (scored == 0 || scored < quorum) {
        return false;
    }
    for (int i = 0; i < DIMENSIONS; i++) {
        combine_dimension(panelists, who, scored, i, &opinion, &ret_spread[i]);
    }
    opinion.summary =
        panelists[nearest(overalls, who, scored, rubric_overall(rubric, &opinion))].opinion.summary;
    opinion.flags = combine_flags(panelists, who, scored);
    *ret_opinion = opinion;
    return true;
}

/* -------- asking -------- */

struct panel {
    const struct chat_settings *settings;
    struct http_client         *clients[PANEL_MOST]; /* one a line; keep their connections */
    size_t                      lines;
    struct chat_model           models[MODELS_MOST];
    size_t                      model_count;
};

/* The asks of one job, and who takes the next. */
struct round {
    struct ask     *asks;
    size_t          count, next, ended;
    atomic_bool     stop;
    pthread_mutex_t lock;
    pthread_cond_t  moved;
};

struct line {
    struct round *round;
    struct chat   chat;
    pthread_t     thread;
};

struct panel *panel_new(const struct chat_settings *settings, size_t lines)
{
    struct panel *panel = mem_zero(1, sizeof(*panel));

    panel->settings = settings;
    panel->lines = lines < PANEL_MOST ? lines : PANEL_MOST;
    for (size_t i = 0; i < panel->lines; i++) {
        panel->clients[i] = chat_client_new(settings);
    }
    return panel;
}

void panel_free(struct panel *panel)
{
    if (panel != NULL) {
        for (size_t i = 0; i < panel->lines; i++) {
            http_client_free(panel->clients[i]);
        }
        for (size_t i = 0; i < panel->model_count; i++) {
            mem_free((char *)panel->models[i].name);
        }
        mem_free(panel);
    }
}

static size_t find_model(const struct panel *panel, const char *name)
{
    size_t at = 0;

    while (at < panel->model_count && strcmp(panel->models[at].name, name) != 0) {
        at++;
    }
    return at;
}

struct chat_model panel_recall(const struct panel *panel, const char *name)
{
    size_t            at = find_model(panel, name);
    struct chat_model model = {.name = name};

    if (at < panel->model_count) {
        model = panel->models[at];
        model.name = name;
    }
    return model;
}

/* Names come with jobs and without end: beyond MODELS_MOST the last one gives way, and is learned
 * anew when it comes again. */
void panel_remember(struct panel *panel, const struct chat_model *model)
{
    size_t at = find_model(panel, model->name);

    at = at < MODELS_MOST ? at : MODELS_MOST - 1;
    if (at < panel->model_count) {
        mem_free((char *)panel->models[at].name);
    } else {
        panel->model_count++;
    }
    panel->models[at] = *model;
    panel->models[at].name = mem_text(model->name);
}

static struct ask *take_next(struct round *round)
{
    struct ask *ask = NULL;

    (void)pthread_mutex_lock(&round->lock);
    if (round->next < round->count) {
        ask = &round->asks[round->next++];
    }
    (void)pthread_mutex_unlock(&round->lock);
    return ask;
}

static void *run_line(void *arg)
{
    struct line *line = arg;

    for (struct ask *ask = take_next(line->round); ask != NULL; ask = take_next(line->round)) {
        ask_run(ask, &line->chat, &line->round->stop);
        (void)pthread_mutex_lock(&line->round->lock);
        line->round->ended++;
        (void)pthread_cond_signal(&line->round->moved);
        (void)pthread_mutex_unlock(&line->round->lock);
    }
    return NULL;
}

/* Waits for the asks and ticks meanwhile; after a failed tick it waits for them to stop. */
static int wait_for_asks(struct round *round, int (*tick)(void *arg, struct err *err), void *arg,
                         struct err *err)
{
    int failed = 0;

    (void)pthread_mutex_lock(&round->lock);
    while (round->ended < round->count) {
        struct timespec until;
        int             waited;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += TICK_S;
        waited = pthread_cond_timedwait(&round->moved, &round->lock, &until);
        if (waited == ETIMEDOUT && failed == 0 && tick != NULL) {
            (void)pthread_mutex_unlock(&round->lock);
            failed = tick(arg, err);
            (void)pthread_mutex_lock(&round->lock);
            if (failed < 0) {
                atomic_store(&round->stop, true);
            }
        }
    }
    (void)pthread_mutex_unlock(&round->lock);
    return failed;
}

static void round_init(struct round *round, struct ask *asks, size_t count)
{
    pthread_condattr_t attr;

    *round = (struct round){.asks = asks, .count = count};
    atomic_init(&round->stop, false);
    (void)pthread_mutex_init(&round->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&round->moved, &attr);
    (void)pthread_condattr_destroy(&attr);
}

int panel_ask(struct panel *panel, struct ask *asks, size_t count,
              int (*tick)(void *arg, struct err *err), void *arg, struct err *err)
{
    struct round round;
    struct line  lines[PANEL_MOST];
    size_t       started = 0;
    int          failed = 0;

    round_init(&round, asks, count);
    for (; started < panel->lines && started < count; started++) {
        struct line *line = &lines[started];

        *line = (struct line){&round, {panel->clients[started], panel->settings, &round.stop}, 0};
        if (pthread_create(&line->thread, NULL, run_line, line) != 0) {
            break; /* fewer lines are only slower */
        }
    }
    failed = started > 0 || count == 0 ? wait_for_asks(&round, tick, arg, err)
                                       : err_set(err, ERR_SYSTEM, "no thread to ask a model with");
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(lines[i].thread, NULL);
    }
    (void)pthread_cond_destroy(&round.moved);
    (void)pthread_mutex_destroy(&round.lock);
    return failed;
}
