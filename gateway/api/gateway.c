// SPDX-License-Identifier: MIT
#include "gateway/api/gateway.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "gateway/api/publish.h"
#include "gateway/api/rate.h"
#include "gateway/http/field.h"
#include "log/log.h"
#include "trace/chunk.h"
#include "value/json.h"
#include "value/msgpack.h"

enum {
    SCRATCH_KEPT = 1024 * 1024, /* a larger buffer is given back after use */
    FILES_BESIDES = 128,        /* descriptors for everything that is no connection */
    START_WAIT_MS = 30000       /* for a JetStream that is still starting */
};

/* ------------------------------------ scratches ------------------------------------ */

struct scratches {
    pthread_mutex_t lock;
    struct scratch *free;
};

struct scratch *scratch_take(struct gateway *gateway)
{
    struct scratches *scratches = gateway->scratches;
    struct scratch   *scratch;

    (void)pthread_mutex_lock(&scratches->lock);
    scratch = scratches->free;
    if (scratch != NULL) {
        scratches->free = scratch->next;
    }
    (void)pthread_mutex_unlock(&scratches->lock);
    return scratch != NULL ? scratch : mem_zero(1, sizeof(*scratch));
}

static void empty(struct buf *buf)
{
    if (buf->room > SCRATCH_KEPT) {
        buf_done(buf);
    }
    buf->size = 0;
}

void scratch_give(struct gateway *gateway, struct scratch *scratch)
{
    struct scratches *scratches = gateway->scratches;

    empty(&scratch->body);
    empty(&scratch->message);
    (void)pthread_mutex_lock(&scratches->lock);
    scratch->next = scratches->free;
    scratches->free = scratch;
    (void)pthread_mutex_unlock(&scratches->lock);
}

static void scratches_free(struct scratches *scratches)
{
    while (scratches != NULL && scratches->free != NULL) {
        struct scratch *scratch = scratches->free;

        scratches->free = scratch->next;
        buf_done(&scratch->body);
        buf_done(&scratch->message);
        mem_free(scratch);
    }
    mem_free(scratches);
}

/* ------------------------------------ answers ------------------------------------ */

struct value_limits body_limits(const struct config *config)
{
    return (struct value_limits){
        .bytes = (size_t)config->body_max,
        .depth = (unsigned)config->depth_max,
        .values = (size_t)config->body_max / 2 + 16, /* no more fit: a value and what parts it */
    };
}

void answer_json(struct exchange *x, int status, struct bytes json)
{
    CLEANUP(buf) struct buf msgpack = {0};
    const struct value_limits limits = {.bytes = json.size, .depth = 128, .values = json.size + 1};
    struct err                err = {0};

    /* Our own JSON: if it does not read, it goes out as it is and says what it is. */
    if (caller_of(x) != NULL && caller_of(x)->msgpack &&
        json_to_msgpack(json, &limits, &msgpack, &err) == 0) {
        exchange_answer(x, status, "application/msgpack",
                        arena_bytes(x->arena, buf_bytes(&msgpack)));
        return;
    }
    exchange_answer(x, status, "application/json", json);
}

void answer_value(struct exchange *x, int status, const struct value *value)
{
    CLEANUP(buf) struct buf out = {0};
    struct err err = {0};

    if (caller_of(x)->msgpack) {
        msgpack_write(&out, value);
        exchange_answer(x, status, "application/msgpack", arena_bytes(x->arena, buf_bytes(&out)));
    } else if (jcs_write(&out, value, &err) < 0) {
        exchange_refuse(x, &err);
    } else {
        exchange_answer(x, status, "application/json", arena_bytes(x->arena, buf_bytes(&out)));
    }
}

static void refuse_as(struct exchange *x, const struct chunk_refusal *refusal)
{
    CLEANUP(buf) struct buf problem = {0};
    struct err              whole = {0};

    (void)err_set(&whole, refusal->code, "%s %s",
                  refusal->pointer[0] == '\0' ? "the body" : refusal->pointer, refusal->message);
    problem_write(&problem, &whole, refusal, 1);
    exchange_refuse_with(x, &whole, arena_bytes(x->arena, buf_bytes(&problem)));
}

void refuse_field(struct exchange *x, const char *pointer, const struct err *err)
{
    refuse_as(x, &(struct chunk_refusal){.index = (size_t)CHUNK_NO_INDEX,
                                         .seq = -1,
                                         .code = err->code,
                                         .message = err->story,
                                         .pointer = pointer});
}

void refuse_problems(struct exchange *x, struct check *check)
{
    struct chunk_refusal refusal = {
        .index = (size_t)CHUNK_NO_INDEX, .seq = -1, .code = ERR_SCHEMA};

    refusal_take(&refusal, check, gateway_of(x)->config->redact);
    refuse_as(x, &refusal);
}

/* ------------------------------------ bodies ------------------------------------ */

static bool body_is_msgpack(struct exchange *x)
{
    const char *type = exchange_field(x, "Content-Type");

    return field_type_is(type, "application/msgpack") ||
           field_type_is(type, "application/x-msgpack");
}

int body_read(struct exchange *x, struct arena *arena, struct value *ret_value, struct err *err)
{
    const struct value_limits limits = body_limits(gateway_of(x)->config);

    if (x->body.size == 0) {
        *ret_value = value_map();
        return 0;
    }
    if (body_is_msgpack(x)) {
        return msgpack_read(arena, buf_bytes(&x->body), &limits, false, ret_value, err);
    }
    return json_read(arena, buf_bytes(&x->body), &limits, ret_value, err);
}

int body_to_msgpack(struct exchange *x, struct buf *out, struct err *err)
{
    CLEANUP(arena) struct arena *arena = NULL; /* of a tree that is only checked */
    const struct value_limits    limits = body_limits(gateway_of(x)->config);
    struct value                 checked;

    if (!body_is_msgpack(x)) {
        return json_to_msgpack(buf_bytes(&x->body), &limits, out, err);
    }
    arena = arena_new();
    TRY(msgpack_read(arena, buf_bytes(&x->body), &limits, false, &checked, err));
    buf_put(out, buf_bytes(&x->body));
    return 0;
}

/* ------------------------------------ copies ------------------------------------ */

int copy_count(struct exchange *x, int64_t bytes, struct err *err)
{
    return exchange_count_copy(x, rate_of_tenant(caller_of(x)->tenant), bytes, err);
}

int copy_open(struct exchange *x, int64_t bytes, struct err *err)
{
    TRY(copy_count(x, bytes, err));
    return fd_temporary(gateway_of(x)->config->http_spool, err);
}

/* ------------------------------------ opening ------------------------------------ */

static int read_key(const char *name, const char *hex, uint8_t ret_key[KEY_BYTES], struct err *err)
{
    if (!hex_read(ret_key, KEY_BYTES, bytes_of(hex))) {
        return err_set(
            err, ERR_CONFIG_WRONG,
            "%s is %s; give 32 bytes as 64 hex digits"
            " (openssl rand -hex 32), the same to every gateway, or name a file in %s_FILE",
            name, *hex == '\0' ? "not set" : "not that", name);
    }
    return 0;
}

static int open_tokens(struct gateway *gateway, struct err *err)
{
    const struct config *config = gateway->config;
    uint8_t              key[KEY_BYTES];
    uint8_t              old[KEY_BYTES];
    bool                 has_old = config->token_key_old[0] != '\0';

    TRY(read_key("PRT_TOKEN_KEY", config->token_key, key, err));
    if (has_old) {
        TRY(read_key("PRT_TOKEN_KEY_OLD", config->token_key_old, old, err));
    }
    gateway->tokens = tokens_new(key, has_old ? old : NULL);
    wipe(key, sizeof(key));
    wipe(old, sizeof(old));
    return 0;
}

/* Each connection is a descriptor; Debian gives a process 1,024 unless it asks for more. */
static int raise_files(const struct config *config, struct err *err)
{
    struct rlimit limit;
    rlim_t        wanted = (rlim_t)(config->http_connections + config->reader_threads * 8 +
                             FILES_BESIDES);

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return err_errno(err, "reading the limit of open files");
    }
    if (limit.rlim_cur >= wanted) {
        return 0;
    }
    if (limit.rlim_max < wanted) {
        return err_set(err, ERR_CONFIG_WRONG, "PRT_HTTP_CONNECTIONS %lld needs %llu open files, the"
                       " limit is %llu; raise it (ulimit -Hn) or take fewer connections",
                       (long long)config->http_connections, (unsigned long long)wanted,
                       (unsigned long long)limit.rlim_max);
    }
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return err_errno(err, "raising the limit of open files");
    }
    return 0;
}

static void loop_round(void *arg, bool ready)
{
    struct gateway_loop *loop = arg;

    stream_round(loop->stream, ready);
}

/* Each event loop has a connection of its own to NATS: what a request publishes, its acknowledgement
 * and its verdict stay on one thread. With one for all between, acknowledging took 60 us of the
 * gateway's CPU instead of 46, and cores were idle while the threads waited for each other. */
static int open_loops(struct gateway *gateway, struct err *err)
{
    const struct config *config = gateway->config;

    gateway->loops = mem_zero((size_t)config->http_threads, sizeof(*gateway->loops));
    gateway->guests = mem_zero((size_t)config->http_threads, sizeof(*gateway->guests));
    for (int i = 0; i < config->http_threads; i++) {
        struct gateway_loop *loop = &gateway->loops[i];

        if (i == 0) {
            loop->stream = gateway->farm.stream;
        } else {
            TRY(farm_stream_open(&loop->stream, config, "prt-gateway", err));
        }
        TRY(stream_listen(loop->stream, publish_reply_came, gateway, &loop->inbox, err));
    }
    for (int i = 0; i < config->http_threads; i++) {
        struct gateway_loop *loop = &gateway->loops[i];

        gateway->guests[i] = (struct http_guest){.round = loop_round, .arg = loop};
        stream_drive(loop->stream, &gateway->guests[i].fd);
    }
    return 0;
}

/* From here on no verdict looks for its request. */
static void close_loops(struct gateway *gateway)
{
    for (int i = 1; gateway->loops != NULL && i < gateway->config->http_threads; i++) {
        stream_close(gateway->loops[i].stream);
    }
    farm_close(&gateway->farm);
    mem_free(gateway->loops);
    mem_free(gateway->guests);
}

static int open_server(struct gateway *gateway, struct err *err)
{
    const struct config       *config = gateway->config;
    const struct http_settings settings = {
        .listen = config->http_listen,
        .port = (int)config->http_port,
        .threads = (int)config->http_threads,
        .connections = (int)config->http_connections,
        .idle_ms = config->http_idle,
        .body_ms = config->http_body_time,
        .body_most = config->body_max,
        .stream_most = config->artifact_max,
        .memory_most = config->http_memory,
        .copies_most = config->http_copies,
        .pace = config->http_pace,
        .routes = gateway_routes,
        .route_count = gateway_route_count,
        .admit = gateway_admit,
        .enter = gateway_enter,
        .guests = gateway->guests,
        .owner = gateway,
    };

    return http_server_open(&gateway->server, &settings, err);
}

static void tell_waiting(const struct err *err)
{
    LOG(NULL, WARN, "servers waited for", KV("code", err_name(err->code)), KV("story", err->story),
        KV("most_ms", START_WAIT_MS));
}

static int open_all(struct gateway *gateway, struct err *err)
{
    static const struct farm_wait start = {START_WAIT_MS, tell_waiting};
    const struct config          *config = gateway->config;

    TRY(crypto_setup(err));
    if (config->postgres_url[0] == '\0') {
        return err_set(err, ERR_CONFIG_WRONG,
                       "PRT_POSTGRES_URL is not set; the gateway reads API keys"
                       " and traces there (when it does not answer, uploads go on)");
    }
    TRY(raise_files(config, err));
    TRY(open_tokens(gateway, err));
    gateway->scratches = mem_zero(1, sizeof(*gateway->scratches));
    (void)pthread_mutex_init(&gateway->scratches->lock, NULL);
    gateway->rates = rates_new(config->key_rate);
    gateway->tenant_rates = rates_new(config->tenant_rate);
    gateway->keys = keys_new(config->dev_key);
    TRY(farm_open(&gateway->farm, config, FARM_STREAM, "prt-gateway", &start, err));
    TRY(readers_open(&gateway->readers, config, (size_t)config->reader_threads, gateway->keys,
                     err));
    TRY(readers_open(&gateway->checker, config, 1, NULL, err));
    TRY(open_loops(gateway, err));
    return open_server(gateway, err);
}

int gateway_open(struct gateway **ret_gateway, const struct config *config, struct err *err)
{
    struct gateway *gateway = mem_zero(1, sizeof(*gateway));

    gateway->config = config;
    if (open_all(gateway, err) < 0) {
        gateway_close(gateway, 0);
        return -1;
    }
    *ret_gateway = gateway;
    return 0;
}

void gateway_close(struct gateway *gateway, int64_t grace_ms)
{
    if (gateway == NULL) {
        return;
    }
    if (gateway->server != NULL) {
        http_server_drain(gateway->server, grace_ms);
        http_server_stop(gateway->server);
    }
    close_loops(gateway);
    http_server_close(gateway->server);
    readers_close(gateway->readers);
    readers_close(gateway->checker);
    tokens_free(gateway->tokens);
    keys_free(gateway->keys);
    rates_free(gateway->rates);
    rates_free(gateway->tenant_rates);
    scratches_free(gateway->scratches);
    mem_free(gateway);
}
