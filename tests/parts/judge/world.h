// SPDX-License-Identifier: MIT
/*
 * world.h - a server that judges as a test wants it, and somebody who asks it.
 */
#ifndef PRT_TESTS_PARTS_JUDGE_WORLD_H
#define PRT_TESTS_PARTS_JUDGE_WORLD_H

#include "workers/judge/score/ask.h"

struct world {
    struct arena        *arena;
    struct chat_settings settings;
    struct rubric        rubric;
    struct session       session; /* three events: seq 10, 20, 30 */
    struct prompt        prompt, probe;
};

/* Ends the program where there is no server to be had. */
struct world world_new(void);
void         world_done(struct world *world);
static inline void world_cleanup(struct world *slot)
{
    world_done(slot);
}

const char *server_url(void);
const char *server_key(void);
const char *server_value(const char *name); /* tls_port, ca_file ... */

/* GET /asked/NAME, /connected/NAME and /last/NAME of the server. */
int         server_asked(const char *model);
int         server_connected(const char *host);
const char *server_last(struct arena *arena, const char *model);

/* What comes of asking this model once, with a new connection. */
struct ask ask_model(struct world *world, struct chat_model *model, bool probe);
struct ask ask_trusting(struct world *world, struct chat_model *model, const char *ca_file);

#endif
