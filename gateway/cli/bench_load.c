// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/cli/bench.h"
#include "gateway/cli/bench_link.h"
#include "gateway/cli/call.h"

enum { EVENTS_AT_ONCE = 256, TURN_US = 100 * 1000, DRAIN_US = 10 * 1000000 };
enum { OPENED_US = 300 * 1000000, OPENED_LOOK_MS = 100 };
enum { SILENCE_US = 10 * 1000000, AGAIN_MS = 1 }; /* of lost connections */

struct load {
    const struct bench_plan *plan;
    struct sockaddr_in       to;
    int                      epoll;
    struct link             *links;
    struct link            **idle; /* open loop: a ring of those that wait for their turn */
    int64_t                  idle_first, idle_count;
    struct bench_trace      *traces;
    struct arena            *arena;   /* of their names */
    int64_t                  opening; /* the next trace to be opened */
    int64_t                  opened;
    const char              *key; /* to open them with */
    struct bench_body        body;
    const char              *head_end; /* the same for every chunk */
    struct answer_room       room;
    struct bench_result     *result;
    bool                     counting;
    bool                     filling;           /* traces: closed loop, whatever comes then */
    bool                     stopping;          /* nothing new is sent */
    int64_t                  first_due_us, due; /* open loop: when the first was, how many were */
    int64_t                  until_us;          /* something else is to be done then */
    int64_t                  heard_us;          /* the last answer */
};

static bool closed_loop(const struct load *load)
{
    return load->plan->rate <= 0 || load->filling;
}

static int64_t next_due_us(const struct load *load)
{
    return load->first_due_us + (int64_t)((double)load->due * 1e6 / (double)load->plan->rate);
}

static void due_from_now(struct load *load)
{
    load->first_due_us = clock_mono_us();
    load->due = 0;
}

static void let_rest(struct load *load, struct link *link)
{
    load->idle[(load->idle_first + load->idle_count++) % load->plan->connections] = link;
}

static struct link *take_idle(struct load *load)
{
    struct link *link = load->idle[load->idle_first];

    load->idle_first = (load->idle_first + 1) % load->plan->connections;
    load->idle_count--;
    return link;
}

/* In pieces: with very many traces each request has another head. */
static void head_make(const struct load *load, struct link *link)
{
    const struct bench_trace *trace = &load->traces[link->trace];

    link->head_of = link->trace;
    link->head.size = 0;
    buf_put_text(&link->head, "POST /v1/traces/");
    buf_put_text(&link->head, trace->trace);
    buf_put_text(&link->head, "/events:ingest HTTP/1.1\r\nAuthorization: Bearer ");
    buf_put_text(&link->head, trace->token);
    buf_put_text(&link->head, load->head_end);
}

/* The next chunk of the link's trace, or the one that is under way once more. */
static int send_chunk(struct load *load, struct link *link)
{
    const struct bench_trace *trace = &load->traces[link->trace];

    if (link->head_of != link->trace) {
        head_make(load, link);
    }
    bench_body_set(&load->body, trace->trace, trace->chunks, trace->events);
    return link_send(link, buf_bytes(&link->head), buf_bytes(&load->body.bytes));
}

static int send_opening(struct load *load, struct link *link);

static bool all_open(const struct load *load)
{
    return load->opened == load->plan->traces;
}

/* On a new connection. */
static int again(struct load *load, struct link *link, struct err *err)
{
    load->result->broken++;
    link_down(link);
    if (clock_mono_us() - load->heard_us > SILENCE_US) {
        return err_set(err, ERR_HTTP_DOWN,
                       "connections to the gateway at port %d are lost, and none was answered for"
                       " %d s (prt status shows what lives, prt up starts a farm here)",
                       ntohs(load->to.sin_port), SILENCE_US / 1000000);
    }
    clock_sleep_ms(AGAIN_MS); /* who does not listen is not asked all the time */
    TRY(link_up(link, load->epoll, &load->to, err));
    if (link->under_way) { /* if it is lost again, the epoll tells */
        (void)(all_open(load) ? send_chunk(load, link) : send_opening(load, link));
    }
    return 0;
}

/* What cannot be sent because the connection is gone is sent once the epoll tells. */
static void begin(struct load *load, struct link *link, int64_t due_us)
{
    link->under_way = true;
    link->due_us = due_us;
    link->measured = load->counting;
    (void)send_chunk(load, link);
}

static void refused(struct load *load, int status)
{
    struct bench_result *result = load->result;

    result->refused++;
    if (result->first_bad_status == 0) {
        const char *body = strstr(load->room.answer, "\r\n\r\n");

        result->first_bad_status = status;
        (void)snprintf(result->first_bad, sizeof(result->first_bad), "%s",
                       body == NULL ? "" : body + 4);
    }
}

/* -------------------------------- opening traces -------------------------------- */

static int send_opening(struct load *load, struct link *link)
{
    static const char body[] = "{\"participant_id\":\"bench\",\"task_id\":\"bench\","
                               "\"task_title\":\"prt bench\"}";

    link->head_of = -1;
    link->head.size = 0;
    buf_format(&link->head,
               "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               load->key, sizeof(body) - 1);
    return link_send(link, buf_bytes(&link->head), bytes_of(body));
}

static void begin_opening(struct load *load, struct link *link)
{
    link->trace = load->opening++;
    link->under_way = true;
    (void)send_opening(load, link);
}

/* "" if the answer has no such member; it is our own gateway's, and its values need no escapes. */
static const char *answer_member(struct load *load, const char *name)
{
    const char *at = strstr(load->room.answer, name);

    at = at == NULL ? NULL : strchr(at + strlen(name), '"');
    return at == NULL ? ""
                      : arena_text(load->arena,
                                   (struct bytes){(const uint8_t *)at + 1, strcspn(at + 1, "\"")});
}

static void trace_opened(struct load *load, struct link *link, int status)
{
    struct bench_trace *trace = &load->traces[link->trace];

    trace->trace = answer_member(load, "\"trace_id\":");
    trace->token = answer_member(load, "\"upload_token\":");
    load->opened++;
    if (status < 200 || status > 299 || trace->token[0] == '\0') {
        refused(load, status);
    } else if (load->opening < load->plan->traces) {
        begin_opening(load, link);
    }
}

/* A connection has every n-th trace to itself, so that its chunks come in order. */
static int64_t next_trace(const struct load *load, int64_t trace)
{
    int64_t next = trace + load->plan->connections;

    return next < load->plan->traces ? next : trace % load->plan->connections;
}

static void chunk_answered(struct load *load, struct link *link, int status)
{
    struct bench_result *result = load->result;

    if (status < 200 || status > 299) {
        refused(load, status);
        return;
    }
    load->traces[link->trace].chunks++;
    load->traces[link->trace].events += load->plan->events;
    link->trace = next_trace(load, link->trace);
    if (load->counting) {
        result->chunks++;
        result->body_bytes += (int64_t)load->body.bytes.size;
    }
    if (link->measured) {
        histogram_add(&result->latency_us, load->heard_us - link->due_us);
    }
}

static void answered(struct load *load, struct link *link, int status)
{
    load->heard_us = clock_mono_us();
    if (!all_open(load)) {
        trace_opened(load, link, status);
        return;
    }
    chunk_answered(load, link, status);
    if (closed_loop(load) && !load->stopping) {
        begin(load, link, load->heard_us);
    } else {
        let_rest(load, link);
    }
}

static void start_what_is_due(struct load *load)
{
    int64_t now = clock_mono_us();

    while (load->idle_count > 0 && (closed_loop(load) || next_due_us(load) <= now)) {
        begin(load, take_idle(load), closed_loop(load) ? now : next_due_us(load));
        load->due++;
    }
}

/* What was due while counting and has no answer waited until now at least: left out, a farm that
 * stood still at the end would look as quick as before. */
static void measure_unanswered(struct load *load, int64_t until_us)
{
    int64_t now = clock_mono_us();

    for (int64_t i = 0; i < load->plan->connections; i++) {
        if (load->links[i].under_way && load->links[i].measured) {
            histogram_add(&load->result->latency_us, now - load->links[i].due_us);
            load->result->unanswered++;
        }
    }
    for (; load->plan->rate > 0 && next_due_us(load) < until_us; load->due++) {
        histogram_add(&load->result->latency_us, now - next_due_us(load));
        load->result->unanswered++;
    }
}

/* Until the next one is due, if one can be sent: epoll_wait counts in milliseconds, and half of one
 * would count as the farm's. Each wake-up is taken from the farm's cores. */
static int wait_for_events(const struct load *load, struct epoll_event *events)
{
    int64_t         now = clock_mono_us();
    int64_t         until = load->until_us;
    struct timespec wait = {0};
    int             count;

    if (!closed_loop(load) && !load->stopping && load->idle_count > 0 &&
        next_due_us(load) < until) {
        until = next_due_us(load);
    }
    until = until - now > TURN_US ? now + TURN_US : until;
    wait.tv_nsec = until > now ? (until - now) * 1000 : 0;
    count = epoll_pwait2(load->epoll, events, EVENTS_AT_ONCE, &wait, NULL);
    return count < 0 && errno == ENOSYS ? epoll_wait(load->epoll, events, EVENTS_AT_ONCE, 1)
                                        : count;
}

static int serve(struct load *load, struct link *link, uint32_t happened, struct err *err)
{
    int status;

    if (link_push(link) == LINK_LOST) {
        return again(load, link, err);
    }
    if ((happened & ~(uint32_t)EPOLLOUT) == 0) {
        return 0;
    }
    status = link_pull(link, &load->room);
    if (status > 0) {
        answered(load, link, status);
    }
    /* Who answers and closes may have been told in one. */
    return status == LINK_LOST || (happened & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0
               ? again(load, link, err)
               : 0;
}

static int turn(struct load *load, struct err *err)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int                count = wait_for_events(load, events);

    for (int i = 0; i < count; i++) {
        TRY(serve(load, events[i].data.ptr, events[i].events, err));
    }
    if (!closed_loop(load) && !load->stopping) {
        start_what_is_due(load);
    }
    return 0;
}

static int find_gateway(struct cli *cli, struct sockaddr_in *ret, struct err *err)
{
    const char *url = cli->config.gateway_url;
    char        host[64] = "";
    int         port = 80;

    if (sscanf(url, "http://%63[^:/]:%d", host, &port) < 1 ||
        inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &ret->sin_addr) !=
            1) {
        return err_set(err, ERR_USAGE, "bench wants a gateway at http://ADDRESS:PORT, not %s", url);
    }
    ret->sin_family = AF_INET;
    ret->sin_port = htons((uint16_t)port);
    return 0;
}

static int run_for(struct load *load, int64_t seconds, struct err *err)
{
    load->until_us = clock_mono_us() + seconds * 1000000;
    while (clock_mono_us() < load->until_us) {
        TRY(turn(load, err));
    }
    return 0;
}

static bool busy(const struct load *load)
{
    for (int64_t i = 0; i < load->plan->connections; i++) {
        if (load->links[i].under_way) {
            return true;
        }
    }
    return false;
}

/* Until every request under way is answered, at most ten seconds. */
static int drain(struct load *load, struct err *err)
{
    load->until_us = clock_mono_us() + DRAIN_US;
    load->stopping = true;
    while (busy(load) && clock_mono_us() < load->until_us) {
        TRY(turn(load, err));
    }
    load->stopping = false;
    return 0;
}

static int open_traces(struct load *load, struct err *err)
{
    const struct bench_result *result = load->result;

    load->stopping = true; /* nothing but openings */
    load->until_us = INT64_MAX;
    for (int64_t i = 0; i < load->plan->connections && load->opening < load->plan->traces; i++) {
        begin_opening(load, &load->links[i]);
    }
    while (!all_open(load) && result->refused == 0) {
        TRY(turn(load, err));
    }
    if (result->refused > 0) {
        return err_set(err, ERR_HTTP_REFUSED, "opening %lld traces: %d %s",
                       (long long)load->plan->traces, result->first_bad_status, result->first_bad);
    }
    load->stopping = false;
    return 0;
}

/* An opening is answered before it is worked off. With very many behind it the first chunks would
 * wait for all of them, and be measured for that. */
static int wait_opened(struct cli *cli, struct load *load, struct err *err)
{
    const char *path =
        arena_format(cli->arena, "/v1/traces/%s", load->traces[load->plan->traces - 1].trace);
    int64_t end = clock_mono_us() + OPENED_US;

    while (cli_call(cli, &(struct call){.method = "GET", .path = path}, NULL, NULL, NULL, err) <
           0) {
        if (err->code != ERR_TRACE_UNKNOWN || clock_mono_us() > end) {
            return err_add(err, "waiting for the last opened trace");
        }
        err_clear(err);
        clock_sleep_ms(OPENED_LOOK_MS);
    }
    load->heard_us = clock_mono_us(); /* connections that were idle for so long may be gone */
    return 0;
}

static bool all_hold_enough(const struct load *load)
{
    for (int64_t i = 0; i < load->plan->traces && load->plan->warm_events > 0; i++) {
        if (load->traces[i].events < load->plan->warm_events) {
            return false;
        }
    }
    return true;
}

/* Like what is measured then; but where traces have to hold events before, as fast as it goes. */
static int warm_up(struct load *load, struct err *err)
{
    load->filling = load->plan->warm_events > 0;
    due_from_now(load);
    for (int64_t i = 0; i < load->plan->connections; i++) {
        load->links[i].trace = i;
        let_rest(load, &load->links[i]);
    }
    start_what_is_due(load);
    while (load->filling && !all_hold_enough(load)) {
        TRY(run_for(load, 1, err));
    }
    if (load->filling && load->plan->rate > 0) {
        TRY(drain(load, err));
        due_from_now(load);
    }
    load->filling = false;
    return run_for(load, load->plan->warm_seconds, err);
}

static int connect_all(struct load *load, struct err *err)
{
    for (int64_t i = 0; i < load->plan->connections; i++) {
        load->links[i].fd = -1;
        load->links[i].head_of = -1;
    }
    for (int64_t i = 0; i < load->plan->connections; i++) {
        TRY(link_up(&load->links[i], load->epoll, &load->to, err));
    }
    return 0;
}

static int count_load(struct load *load, bench_counting counting, void *arg, struct err *err)
{
    int64_t began;
    int64_t until;
    int     done;

    began = clock_mono_us();
    TRY(counting(arg, true, err));
    load->first_due_us += clock_mono_us() - began; /* nothing was due while this looked elsewhere */
    began = clock_mono_us();
    load->counting = true;
    done = run_for(load, load->plan->seconds, err);
    load->counting = false;
    until = clock_mono_us();
    load->result->seconds = (double)(until - began) / 1e6;
    if (done == 0) {
        done = drain(load, err);
    }
    if (done == 0) {
        done = counting(arg, false, err);
    }
    measure_unanswered(load, until);
    return done;
}

int bench_load(struct cli *cli, const struct bench_plan *plan, struct bench_traces *traces,
               bench_counting counting, void *arg, struct bench_result *ret_result, struct err *err)
{
    struct load     load = {.plan = plan,
                            .result = ret_result,
                            .traces = traces->list,
                            .opening = traces->count,
                            .opened = traces->count,
                            .arena = cli->arena,
                            .key = cli->config.api_key,
                            .heard_us = clock_mono_us()};
    CLEANUP(fd) int epoll = -1;
    int             done = -1;

    *ret_result = (struct bench_result){0};
    TRY(find_gateway(cli, &load.to, err));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) {
        return err_errno(err, "making an epoll");
    }
    load.epoll = epoll;
    bench_body_make(cli->arena, plan, &load.body);
    load.head_end =
        arena_format(cli->arena,
                     "\r\nHost: localhost\r\nContent-Type: application/json\r\n%s"
                     "Content-Length: %zu\r\n\r\n",
                     plan->async ? "Prefer: respond-async\r\n" : "", load.body.bytes.size);
    load.links = arena_zero(cli->arena, (size_t)plan->connections, sizeof(*load.links));
    load.idle = arena_zero(cli->arena, (size_t)plan->connections, sizeof(*load.idle));
    if (connect_all(&load, err) == 0 && open_traces(&load, err) == 0 &&
        wait_opened(cli, &load, err) == 0 && warm_up(&load, err) == 0) {
        done = count_load(&load, counting, arg, err);
    }
    traces->count = load.opened;
    for (int64_t i = 0; i < plan->connections; i++) {
        link_done(&load.links[i]);
    }
    buf_done(&load.body.bytes);
    return done;
}
