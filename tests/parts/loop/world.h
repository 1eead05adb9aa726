// SPDX-License-Identifier: MIT
/*
 * world.h - a loop around a stage of toys, on a real nats-server and a directory of blobs.
 *
 * What becomes of a message is in its trace's name: the words before the first "-".
 *
 *   ok        done; leaves a result with an id, and an answer
 *   refused   SCHEMA
 *   answered  SCHEMA, with an answer of its own
 *   clash     STORE_CLASH each time
 *   second    leaves a result and then fails with STORE_CLASH the first time; done the second
 *   notready  TRACE_NOT_READY the first 50 times, asking for a millisecond
 *   down      STORE_DOWN as long as toy_store_down
 *   poison    ends the process
 *   bug       drags the whole batch down: -1 with BUG
 *   slow      works until toy_let_go, extending its lease, and gives up when delivery_extend says
 * so
 */
#ifndef PRT_TESTS_LOOP_WORLD_H
#define PRT_TESTS_LOOP_WORLD_H

#include <pthread.h>
#include <stdatomic.h>

#include "trace/dead_letter.h"
#include "workers/loop.h"

extern const struct stage toy_stage, toy_batch_stage; /* one by one; many at once */

extern int        toy_round; /* in the ids of results: those of an earlier test are no duplicates */
extern atomic_int toy_handled;  /* deliveries handed to the stage */
extern atomic_int toy_largest;  /* batch */
extern atomic_int toy_last_try; /* tries of the last delivery handed in */
extern atomic_int toy_begun;    /* slow ones */
extern atomic_int toy_claimed;  /* came in claims/20261120/aa, as they know */
extern atomic_int toy_stopped;  /* slow ones that were told to stop */
extern atomic_bool toy_store_down;
extern atomic_bool toy_let_go;

struct world {
    struct config config;
    struct farm   farm;
    struct loop  *loop;
    pthread_t     thread;
    int           ended; /* what loop_run returned */
};

enum { TOY_TRIES = 3 };

/* Empty streams, a consumer `toy` with a lease of a second, no loop yet; false: the test fails. */
bool               world_open(struct world *world);
void               world_close(struct world *world); /* stops the loop where one runs */
static inline void world_cleanup(struct world *slot)
{
    world_close(slot);
}

bool world_run(struct world *world, const struct stage *stage);

/* A message to the toys for this trace, with `body` (NULL: "toy") and who waits. */
bool world_send(struct world *world, const char *trace, const char *body, const char *reply);

/* The same while the broker is just coming back: tries until it is stored. */
bool world_send_again(struct world *world, const char *trace);

/* Waits until nothing is left to do: the work queue is empty. */
bool world_idle(struct world *world);

/* The dead letter of this trace; false if there is none. */
bool world_dead(struct world *world, struct arena *arena, const char *trace,
                struct dead_letter *ret_letter);

int64_t world_count(struct world *world, const char *stream);

/* Runs the batch stage in a process of its own until it dies of poison; true if it died. */
bool world_sacrifice(void);

bool wait_until(bool (*so)(void *arg), void *arg);

#endif
