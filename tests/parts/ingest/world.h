// SPDX-License-Identifier: MIT
/*
 * world.h - validate and finalize on a real PostgreSQL and a real object store (file://), with
 * deliveries made by hand and an outbox that can be looked into. No JetStream.
 */
#ifndef PRT_TESTS_INGEST_WORLD_H
#define PRT_TESTS_INGEST_WORLD_H

#include "lib/test.h"
#include "workers/stage.h"

/* What a stage left in the outbox. */
struct letter {
    const struct delivery *from;
    const char            *family, *stage; /* "work"/"result"; "ingest" and the kind; "answer" */
    const char            *id;
    int                    http; /* answers */
    struct bytes           body; /* msgpack, or an answer's JSON */
    bool                   pass_reply;
};

struct outbox {
    struct letter letters[4096];
    size_t        count;
};

enum { WORLD_BATCH = 512 };

struct world {
    struct config   config;
    struct farm     farm;
    struct arena   *arena;
    const char     *url;
    char            blob_dir[64];
    void           *validator, *finalizer;
    struct outbox   out;
    struct delivery in[WORLD_BATCH]; /* the batch that is being put together */
    size_t          count;
    uint64_t        seq; /* of the last message in the stream */
    int64_t         at_us;
};

/* NULL (and a failed test) when there is no server. A second world on the first one's database and
 * bucket is another process's. */
struct world *world_new(void);
struct world *world_beside(const struct world *first);
void          world_free(struct world *world);
DEFINE_CLEANUP(world, struct world *, world_free)

/* Puts a delivery into the batch; `json` becomes the body. Returns its index. */
size_t put_message(struct world *world, const char *trace, enum message_kind kind,
                   const char *json);
size_t put_open(struct world *world, const char *trace);

/* A chunk of `count` commands, seq and id counting from `first`: "e<seq>". */
size_t      put_chunk(struct world *world, const char *trace, int64_t chunk_seq, int64_t first,
                      int64_t count);
const char *chunk_json(struct world *world, const char *chunk_id, int64_t chunk_seq, int64_t first,
                       int64_t count);

/* Hands the batch to validate and begins a new one; the letters and deliveries stay to be looked at
 * until the next put. */
int validate(struct world *world, struct err *err);
/* Opens validate anew with the world's settings as they are now. */
void reopened(struct world *world);
/* Validates, and checks that it worked. */
void validated(struct world *world);

/* What another process does when a lease is extended next; NULL: nothing. */
extern void (*extended)(struct world *other);
extern struct world *extended_other;

/* Hands finalize one piece of work for the trace. */
int finalize(struct world *world, const char *trace, struct err *err);

/* What the batch's index-th delivery was answered: JSON text, or "" if nothing; http 0 if nothing.
 */
const char *answer_of(struct world *world, size_t index);
int         http_of(struct world *world, size_t index);
/* How many letters of this family and stage. */
size_t letters_to(const struct world *world, const char *family, const char *stage);

/* One number from the database. */
int64_t ask(struct world *world, const char *sql, const char *trace);

/* How many segment objects there are. */
size_t segment_objects(struct world *world);

/* The stored document's bytes, in the arena. */
struct bytes document_of(struct world *world, const char *trace);

/* Does the text hold the other? */
bool holds(const char *text, const char *part);

#endif
