// SPDX-License-Identifier: MIT
#include "gateway/http/exchange.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/http/field.h"
#include "gateway/http/inside.h"
#include "log/log.h"
#include "metric/metric.h"
#include "trace/chunk.h"
#include "trace/redact.h"

/* ---------------------------------- the request ---------------------------------- */

const char *exchange_field(struct exchange *x, const char *name)
{
    CLEANUP(buf) struct buf list = {0};
    const struct head      *head = &connection_of(x)->head;
    const char             *first = head_field(head, name);

    for (size_t i = 0; first != NULL && i < head->field_count; i++) {
        const char *value = head->field[i].value;

        if (value != first && strcasecmp(head->field[i].name, name) == 0) {
            buf_format(&list, "%s, %s", list.size == 0 ? first : "", value);
        }
    }
    return list.size == 0 ? first : arena_text(x->arena, buf_bytes(&list));
}

const char *exchange_query_text(struct exchange *x)
{
    return connection_of(x)->head.query;
}

int exchange_query(struct exchange *x, const char *name, const char **ret_value, struct err *err)
{
    struct bytes raw = head_query(&connection_of(x)->head, name);

    if (raw.data == NULL) {
        *ret_value = NULL;
        return 0;
    }
    *ret_value = field_decode(x->arena, raw, true);
    if (*ret_value == NULL) {
        return err_set(err, ERR_MALFORMED,
                       "query parameter %s is not percent-encoded UTF-8 without NULs", name);
    }
    return 0;
}

bool exchange_wants_body(const struct exchange *x)
{
    return strcmp(x->method, "HEAD") != 0;
}

int exchange_count(struct exchange *x, int64_t bytes, struct err *err)
{
    struct http_server *server = x->server;

    x->inside->memory += bytes;
    metric_add(METRIC_http_memory_bytes, 0, bytes);
    if (atomic_fetch_add(&server->memory, bytes) + bytes <= server->settings.memory_most) {
        return 0;
    }
    return err_set(err, ERR_OVERLOADED, "what is in flight fills the %lld bytes set aside for it",
                   (long long)server->settings.memory_most);
}

int exchange_count_copy(struct exchange *x, uint64_t owner, int64_t bytes, struct err *err)
{
    struct http_server *server = x->server;
    const int64_t       most = server->settings.copies_most;
    unsigned            of = (unsigned)(owner % COPY_OWNERS);
    int64_t             all = atomic_fetch_add(&server->copies, bytes) + bytes;
    int64_t             owned = atomic_fetch_add(&server->copies_of[of], bytes) + bytes;
    int64_t             own = x->inside->copied += bytes;

    x->inside->copies_of = of;
    if (own > most) {
        return err_set(err, ERR_TOO_LARGE,
                       "a copy of more than %lld bytes is not made; ask for it in parts",
                       (long long)most);
    }
    if (all > most || (owned > own && owned > most / 2)) {
        return err_set(err, ERR_OVERLOADED,
                       "copies that are being read fill the %lld bytes set aside for %s",
                       (long long)(all > most ? most : most / 2),
                       all > most ? "them" : "those of one tenant");
    }
    return 0;
}

void exchange_copies_free(struct exchange *x)
{
    atomic_fetch_sub(&x->server->copies, x->inside->copied);
    atomic_fetch_sub(&x->server->copies_of[x->inside->copies_of], x->inside->copied);
    x->inside->copied = 0;
}

void exchange_body_free(struct exchange *x)
{
    atomic_fetch_sub(&x->server->memory, x->inside->memory);
    metric_add(METRIC_http_memory_bytes, 0, -x->inside->memory);
    x->inside->memory = 0;
    buf_done(&x->body);
}

/* ---------------------------------- the answer ---------------------------------- */

void answer_drop(struct answer *answer)
{
    if (answer->status != 0 && answer->kind != ANSWER_BYTES) {
        fd_close(answer->fd);
    }
    answer->status = 0;
    answer->fd = -1;
}

void exchange_answer(struct exchange *x, int status, const char *content_type, struct bytes body)
{
    struct answer *answer = &x->inside->answer;

    answer_drop(answer);
    answer->kind = ANSWER_BYTES;
    answer->content_type = content_type;
    answer->bytes = body;
    answer->status = status;
}

void exchange_answer_fd(struct exchange *x, int status, const char *content_type, int fd,
                        int64_t offset, int64_t size)
{
    struct answer *answer = &x->inside->answer;

    answer_drop(answer);
    answer->kind = ANSWER_FD;
    answer->content_type = content_type;
    answer->fd = fd;
    answer->offset = offset;
    answer->size = size;
    answer->status = status;
}

void exchange_answer_spliced(struct exchange *x, int status, const char *content_type, int fd,
                             int64_t size, int64_t at, struct bytes insert)
{
    struct answer *answer = &x->inside->answer;

    exchange_answer_fd(x, status, content_type, fd, 0, size);
    answer->kind = ANSWER_SPLICED;
    answer->at = at;
    answer->bytes = insert;
}

void exchange_header(struct exchange *x, const char *name, const char *value)
{
    struct answer *answer = &x->inside->answer;

    if (answer->header_count < ANSWER_HEADERS) {
        answer->header[answer->header_count].name = name;
        answer->header[answer->header_count].value = value;
        answer->header_count++;
    }
}

int exchange_status(const struct exchange *x)
{
    return x->inside->answer.status;
}

int exchange_loop(struct exchange *x)
{
    return connection_of(x)->poller->number;
}

/* Paths and stories hold what clients sent; a log line keeps no secret of theirs. */
static const char *without_secrets(struct exchange *x, const char *text)
{
    struct redactions uncounted = {{0}};

    return arena_text(x->arena, redact_text(x->arena, bytes_of(text), &uncounted));
}

/* The refusal's number: a new one, which belongs into the log, or, within a second of the last of its
 * row, that one's. An outage makes thousands. */
static unsigned incident_of(enum err_code code, bool *ret_new)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int64_t         last_us[ERR_CODES];
    static unsigned        last[ERR_CODES], count;
    unsigned               incident;
    int64_t                now = clock_mono_us();

    (void)pthread_mutex_lock(&lock);
    *ret_new = last[code] == 0 || now - last_us[code] >= 1000000;
    if (*ret_new) {
        last_us[code] = now;
        last[code] = ++count;
    }
    incident = last[code];
    (void)pthread_mutex_unlock(&lock);
    return incident;
}

/* Logs what is the farm's fault. Returns where in the log it is: under an id of ours, since those of
 * requests are their clients' own, and for no others. */
static const char *log_refusal(struct exchange *x, const struct err *err)
{
    const bool  theirs = err_http(err->code) < 500 || err->code == ERR_VERSION_UNKNOWN ||
                         err->code == ERR_CODING_UNKNOWN;
    const char *incident;
    bool        is_new;

    if (theirs) {
        return "";
    }
    incident =
        arena_format(x->arena, "%08x-%u", x->server->id_start, incident_of(err->code, &is_new));
    if (is_new) {
        LOG(NULL, WARN, "request refused", KV("code", err_name(err->code)),
            KV("story", without_secrets(x, err->story)), KV("method", x->method),
            KV("path", without_secrets(x, x->path)), KV("request", x->request_id),
            KV("incident", incident));
    }
    return arena_format(x->arena, "incident %s", incident);
}

static void answer_problem(struct exchange *x, const struct err *err, struct bytes problem)
{
    int status = err_http(err->code);

    metric_add(METRIC_http_refusals, err->code, 1);
    exchange_answer(x, status, "application/problem+json", problem);
    if (status == 503 || status == 429) {
        exchange_header(
            x, "Retry-After",
            arena_format(x->arena, "%u",
                         err->retry_after_ms < 1000 ? 1 : (err->retry_after_ms + 999) / 1000));
    }
    if (status == 401) {
        exchange_header(x, "WWW-Authenticate", "Bearer");
    }
}

void exchange_refuse_with(struct exchange *x, const struct err *err, struct bytes problem)
{
    (void)log_refusal(x, err);
    answer_problem(x, err, problem);
}

void exchange_refuse(struct exchange *x, const struct err *err)
{
    CLEANUP(buf) struct buf problem = {0};
    struct err              told;

    err_for_caller(err, log_refusal(x, err), &told);
    problem_write(&problem, &told, NULL, 0);
    answer_problem(x, err, arena_bytes(x->arena, buf_bytes(&problem)));
}

/* --------------------------------- handing it on --------------------------------- */

void exchange_hold(struct exchange *x)
{
    if (!x->inside->handed) { /* who holds it only looks at this */
        x->inside->handed = true;
    }
}

void exchange_resume(struct exchange *x)
{
    struct http_server *server = x->server; /* x may be gone as soon as it is resumed */

    poller_resumed(connection_of(x)->poller, connection_of(x));
    atomic_fetch_sub(&server->away, 1);
}

void exchange_again(struct exchange *x)
{
    x->inside->handled = false;
    exchange_resume(x);
}

uint64_t exchange_next_ticket(struct exchange *x)
{
    struct connection *c = connection_of(x);

    return (c->generation + 1) << PLACE_BITS | c->index;
}

uint64_t exchange_wait(struct exchange *x, int64_t deadline_us, void (*late)(struct exchange *x))
{
    struct connection *c = connection_of(x);
    uint64_t     ticket = exchange_next_ticket(x);

    c->generation++;
    exchange_hold(x);
    x->inside->late = late;
    x->inside->marked = false;
    metric_add(METRIC_http_requests_waiting, 0, 1);
    atomic_store_explicit(&c->deadline_us, deadline_us, memory_order_relaxed);
    atomic_store_explicit(&c->state, ticket << 2 | WAIT_OPEN, memory_order_release);
    return ticket;
}

static struct connection *connection_by_ticket(struct http_server *server, uint64_t ticket)
{
    unsigned index = ticket & ((1u << PLACE_BITS) - 1);

    return index < server->most
               ? atomic_load_explicit(&server->connections[index], memory_order_acquire)
               : NULL;
}

struct exchange *exchange_claim(struct http_server *server, uint64_t ticket)
{
    struct connection *c = connection_by_ticket(server, ticket);
    uint64_t     state;

    if (c == NULL) {
        return NULL;
    }
    state = atomic_load_explicit(&c->state, memory_order_acquire);
    do {
        if ((state & WAIT_OPEN) == 0 || state >> 2 != ticket) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak(&c->state, &state, state & ~(uint64_t)WAIT_OPEN));
    c->inside.marked = (state & WAIT_MARKED) != 0;
    metric_add(METRIC_http_requests_waiting, 0, -1);
    return &c->exchange;
}

bool exchange_mark(struct http_server *server, uint64_t ticket)
{
    struct connection *c = connection_by_ticket(server, ticket);
    uint64_t     state;

    if (c == NULL) {
        return false;
    }
    state = atomic_load_explicit(&c->state, memory_order_acquire);
    do {
        if ((state & WAIT_OPEN) == 0 || state >> 2 != ticket) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&c->state, &state, state | WAIT_MARKED));
    return true;
}

bool exchange_marked(const struct exchange *x)
{
    return x->inside->marked;
}

void wait_end(struct connection *c, int64_t now_us, bool all)
{
    uint64_t         state = atomic_load_explicit(&c->state, memory_order_acquire);
    struct exchange *x;

    if ((state & WAIT_OPEN) == 0 ||
        (!all && atomic_load_explicit(&c->deadline_us, memory_order_relaxed) > now_us)) {
        return;
    }
    x = exchange_claim(c->poller->server, state >> 2);
    if (x != NULL) {
        x->inside->late(x);
    }
}
