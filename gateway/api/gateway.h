// SPDX-License-Identifier: MIT
/*
 * gateway.h - what every handler of the API stands on: the stream, the tokens, the keys, the
 * readers.
 *
 * The gateway keeps nothing a client relies on: it can be killed and replaced at any moment.
 */
#ifndef PRT_GATEWAY_API_GATEWAY_H
#define PRT_GATEWAY_API_GATEWAY_H

#include <stdatomic.h>

#include "farm/farm.h"
#include "gateway/api/caller.h"
#include "gateway/api/keys.h"
#include "gateway/api/readers.h"
#include "gateway/api/token.h"
#include "gateway/http/server.h"
#include "value/value.h"

struct scratches;

enum { DEPENDENCIES = 3 };

/* What the last look at the dependencies found. The checker's thread's alone. */
struct readiness {
    int64_t     began_us;            /* clock_mono_us; 0: nobody has looked yet */
    const char *found[DEPENDENCIES]; /* "ok" or the error's name */
    bool        ready;
};

/* What each of the server's event loops has of its own. */
struct gateway_loop {
    struct stream *stream;
    const char    *inbox; /* where verdicts come for what it published */
};

struct gateway {
    const struct config *config;
    struct farm          farm;  /* its stream is the first loop's; readers open the rest */
    struct gateway_loop *loops; /* config->http_threads of them */
    struct http_guest   *guests; /* the same streams, for the server */
    struct tokens       *tokens;
    struct keys         *keys;
    struct readers      *readers;
    struct readers      *checker; /* one that only looks: it is there when all readers wait */
    struct readiness     readiness;
    struct scratches    *scratches;
    struct rates        *rates, *tenant_rates; /* of callers; of a tenant's upload tokens together */
    _Atomic int          unknown; /* requests whose key is being looked up */
    struct http_server  *server;
};

/* Opens everything and serves. */
WARN_UNUSED int gateway_open(struct gateway **ret_gateway, const struct config *config,
                             struct err *err);
/* Takes no more connections and lets open requests end within grace_ms; then closes. */
void            gateway_close(struct gateway *gateway, int64_t grace_ms);

/* The routes; admit and enter say who may take them. */
extern const struct route gateway_routes[];
extern const size_t       gateway_route_count;
int  gateway_admit(struct exchange *x, struct err *err);
bool gateway_enter(struct exchange *x);

static inline struct gateway *gateway_of(struct exchange *x)
{
    return x->owner;
}
static inline struct gateway_loop *loop_of(struct exchange *x)
{
    return &gateway_of(x)->loops[exchange_loop(x)];
}
static inline struct caller *caller_of(struct exchange *x)
{
    return x->caller;
}

/* -------- answers -------- */
/* JSON, or the same as msgpack for a caller who wants that. Must live as long as the exchange. */
void answer_json(struct exchange *x, int status, struct bytes json);
/* The same from a tree. */
void answer_value(struct exchange *x, int status, const struct value *value);
/* A refusal that names the field: pointer is RFC 6901 into the request's body. */
void refuse_field(struct exchange *x, const char *pointer, const struct err *err);
/* The same with all that a check found, in errors[]; the check is empty then. */
struct check;
void refuse_problems(struct exchange *x, struct check *check);

/* -------- bodies -------- */
/* How much a body may hold, from the settings. */
struct value_limits body_limits(const struct config *config);
/* The body as a tree in the arena, whichever of the two forms it came in; an empty body is an empty
 * map. A tree is many times as large as the body: one that is not needed until the exchange ends
 * belongs into an arena of its own. */
WARN_UNUSED int body_read(struct exchange *x, struct arena *arena, struct value *ret_value,
                          struct err *err);
/* The body as msgpack, appended. */
WARN_UNUSED int body_to_msgpack(struct exchange *x, struct buf *out, struct err *err);

/* -------- copies -------- */
/* An unlinked file for a copy of `bytes` that this answer alone needs; and more bytes of it. Both count
 * them for the caller's tenant. */
WARN_UNUSED int copy_open(struct exchange *x, int64_t bytes, struct err *err);
WARN_UNUSED int copy_count(struct exchange *x, int64_t bytes, struct err *err);

/* Two buffers for making a message, used again and again. */
struct scratch {
    struct buf      body, message;
    struct scratch *next;
};
struct scratch *scratch_take(struct gateway *gateway);
void            scratch_give(struct gateway *gateway, struct scratch *scratch);

#endif
