// SPDX-License-Identifier: MIT
/*
 * world.h - a real prt-gateway between a real nats-server, a real PostgreSQL and a directory as
 * object store, with a scripted stand-in where validate would be.
 */
#ifndef PRT_TESTS_GATEWAY_WORLD_H
#define PRT_TESTS_GATEWAY_WORLD_H

#include <pthread.h>
#include <sys/types.h>

#include "blob/blob.h"
#include "http/client.h"
#include "store/store.h"
#include "stream/stream.h"
#include "trace/message.h"
#include "value/value.h"

#define DEV_KEY "dev_token_12345"

/* What the stand-in does with the messages that want a verdict. */
enum judging { JUDGE_ACCEPTS, JUDGE_SILENT, JUDGE_REFUSES, JUDGE_BUNDLES /* among strays */ };

struct seen {
    char          subject[SUBJECT_BYTES];
    char          reply[256], request[80], parent[64];
    struct bytes  bytes; /* the message, on the heap */
    struct seen  *next;
};

struct world {
    struct arena      *arena;
    char               dir[64];
    pid_t              gateway;
    int                port;
    pthread_t          log_reader;
    int                log_fd;
    struct buf         log; /* from the opening on; under the lock */
    const char        *database; /* connection string */
    struct store      *store;    /* of this test */
    struct blob_store *blob;
    struct http_client *client;

    struct stream     *stream; /* the stand-in's */
    pthread_t          judge;
    pthread_mutex_t    lock;
    enum judging       judging;
    int                refuse_http;
    bool               judge_stop;
    struct seen       *seen; /* newest first */
    int                seen_count;
};

/* `settings` is "PRT_A=1", ..., NULL: besides those every gateway needs. NULL (and the test has
 * failed) if it does not come up. */
struct world *world_open(const char *const *settings);
void          world_close(struct world *world);
DEFINE_CLEANUP(world, struct world *, world_close)

/* What it has logged since it opened, in the arena. */
const char *world_log(struct world *world);

/* Tells it to stop and waits; its exit code. */
void world_tell_to_stop(struct world *world);
int  world_wait_stopped(struct world *world);

void world_judge(struct world *world, enum judging judging, int refuse_http);
/* Sends the verdicts that were held back while the stand-in was silent. */
void world_answer_all(struct world *world);
int  world_seen(struct world *world);
/* The newest message the stand-in was given, of this kind; waits for it. NULL if none comes. */
const struct seen *world_message(struct world *world, const char *kind,
                                 struct message *ret_message);

/* -------- requests -------- */
struct ask {
    const char  *method, *path;
    const char  *token; /* Bearer; NULL: none */
    const char  *type;  /* Content-Type; NULL: application/json when there is a body */
    struct bytes body;
    const char  *prefer;
    struct http_header more[4];
    size_t       more_count;
};
/* The answer is in the world's arena; status 0 when there was none. */
struct http_answer world_ask(struct world *world, const struct ask *ask);
struct http_answer world_get(struct world *world, const char *path, const char *token);
struct http_answer world_post(struct world *world, const char *path, const char *token,
                              const char *json);
struct value       world_json(struct world *world, const struct http_answer *answer);
const char        *json_text(struct world *world, const struct value *value, const char *pointer);
/* Status, problem+json and its code. */
void check_problem_at(const char *file, int line, struct world *world,
                      const struct http_answer *answer, int status, const char *code);
#define CHECK_PROBLEM(answer, status, code)                                                        \
    check_problem_at(__FILE__, __LINE__, world, (answer), (status), (code))

/* A trace, opened; its upload token in *ret_token. */
const char *world_trace(struct world *world, const char **ret_token);
const char *world_chunk(struct world *world, const char *id, int64_t seq);
const char *path_of(struct world *world, const char *trace, const char *rest);

/* -------- bare sockets, for what no proper client sends -------- */
int  raw_open(struct world *world);
void raw_say(int fd, const char *text);
/* All that comes until `end` has been seen or the other side closes; "" if nothing. Gives up after
 * twenty seconds. */
const char *raw_hear(struct world *world, int fd, const char *end);

/* A series of /metrics, for example "prt_http_requests_open". */
double world_metric(struct world *world, const char *series);
/* Asks until it has this value, for up to twenty seconds. */
bool world_metric_becomes(struct world *world, const char *series, double value);

/* Runs one statement; for rows that tests put there. */
void world_sql(struct world *world, const char *sql);

#endif
