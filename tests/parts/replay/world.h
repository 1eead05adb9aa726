// SPDX-License-Identifier: MIT
/*
 * world.h - PRT_INGEST on a real nats-server, tables on a real PostgreSQL, objects on a disk; no
 * worker: what a replay finds untaken, it takes.
 */
#ifndef PRT_TESTS_REPLAY_WORLD_H
#define PRT_TESTS_REPLAY_WORLD_H

#include "lib/test.h"
#include "trace/message.h"
#include "workers/replay/rebuild.h"

struct world {
    struct config     config;
    struct farm       farm;
    struct arena     *arena;
    char              blob_dir[64];
    struct rebuilder *rebuilder;
    const char       *trace; /* a name no other test has */
    int64_t           at_us; /* of the next message */
};

/* NULL (and a failed test) when there is no server. */
struct world *world_new(void);
void          world_free(struct world *world);
DEFINE_CLEANUP(world, struct world *, world_free)

/* Publish a message of the trace; their sequence in PRT_INGEST. A chunk holds `count` commands
 * whose seq and id count from `first`. */
uint64_t put_open(struct world *world);
uint64_t put_chunk(struct world *world, int64_t chunk_seq, int64_t first, int64_t count);
uint64_t put_complete(struct world *world, int64_t num_chunks);
uint64_t put_message(struct world *world, enum message_kind kind, const char *json);

/* Buries the message as validate would. */
void bury(struct world *world, uint64_t seq, enum err_code code);

/* Replays the trace; the end it came to. */
enum rebuild_end replay(struct world *world);
enum rebuild_end replay_dry(struct world *world);
const char      *story(void); /* of the last one */
int64_t          refused(void);

/* Statements with the trace's number as $1; ask gives a number. */
void    run(struct world *world, const char *sql);
int64_t ask(struct world *world, const char *sql);

/* All that validate derived, as one text: what must come out the same. */
const char *derived(struct world *world);

/* Removes a segment object of the trace. */
void lose_segment(struct world *world);

/* Messages in the stream. */
int64_t in_stream(struct world *world, const char *name);

#endif
