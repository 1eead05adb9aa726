// SPDX-License-Identifier: MIT
/*
 * server.c - opening, draining and closing.
 */
#include "gateway/http/server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/http/inside.h"
#include "log/log.h"
#include "metric/metric.h"

enum {
    BACKLOG = 1024,
    LOOK_AGAIN_MS = 5,
    SERIES_MOST = 128, /* twice what any program has */
    LAST_WORDS_MS = 250
};

static int listen_on(const char *address, int port, int *ret_fd, int *ret_port, struct err *err)
{
    CLEANUP(fd) int fd = -1;
    struct addrinfo         hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE | AI_NUMERICSERV,
                                     .ai_socktype = SOCK_STREAM};
    struct addrinfo        *found = NULL;
    struct sockaddr_storage bound;
    socklen_t               bound_size = sizeof(bound);
    char                    service[8];
    int                     yes = 1;
    int                     failed;

    (void)snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(address, service, &hints, &found) != 0) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "\"%s\" is not an address to listen on; give a numeric"
                       " one, for example 0.0.0.0 or ::",
                       address);
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    }
    failed = fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0;
    freeaddrinfo(found);
    if (failed || getsockname(fd, (struct sockaddr *)&bound, &bound_size) < 0) {
        return err_errno(err, "listening on %s port %d", address, port);
    }
    *ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

static int start_pollers(struct http_server *server, struct err *err)
{
    for (int i = 0; i < server->settings.threads; i++) {
        TRY(poller_open(&server->pollers[i], server, i, err));
    }
    for (int i = 0; i < server->settings.threads; i++) {
        TRY(poller_start(server->pollers[i], err));
    }
    return 0;
}

static void close_pollers(struct http_server *server)
{
    for (int i = 0; i < server->settings.threads; i++) {
        poller_close(server->pollers[i]);
        server->pollers[i] = NULL;
    }
}

/* For the life of the process: series are never taken back. */
static const char *series_name(struct arena *arena, const struct route *route)
{
    static char *names[SERIES_MOST];
    const char  *name = arena_format(arena, "%s %s", route->method, route->path);
    size_t       i = 0;

    while (i < SERIES_MOST - 1 && names[i] != NULL && strcmp(names[i], name) != 0) {
        i++;
    }
    if (names[i] == NULL) {
        names[i] = mem_text(name);
    }
    return names[i];
}

static void name_series(const struct http_settings *settings)
{
    _Static_assert((int)ERR_CODES <= (int)METRIC_SERIES, "some refusals would be counted as others");
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < settings->route_count; i++) {
        const char *name = series_name(arena, &settings->routes[i]);

        metric_label(METRIC_http_requests, (unsigned)i, name);
        metric_label(METRIC_http_time, (unsigned)i, name);
    }
    for (int code = ERR_NONE + 1; code < ERR_CODES; code++) {
        metric_label(METRIC_http_refusals, (unsigned)code, err_name((enum err_code)code));
    }
}

static void server_free(struct http_server *server)
{
    fd_close(server->listen_fd);
    for (unsigned i = 0; i < server->most; i++) {
        struct connection *c = atomic_load(&server->connections[i]);

        if (c != NULL) {
            arena_free(c->exchange.arena);
            buf_done(&c->sending.head);
            mem_free(c);
        }
    }
    mem_free(server->pollers);
    mem_free((void *)server->connections);
    mem_free(server);
}

int http_server_open(struct http_server **ret_server, const struct http_settings *settings,
                     struct err *err)
{
    struct http_server *server = mem_zero(1, sizeof(*server));

    server->settings = *settings;
    server->listen_fd = -1;
    server->pollers = mem_zero((size_t)settings->threads, sizeof(struct poller *));
    /* As many for each poller; a few more than asked for where that does not come out even. */
    server->most = (unsigned)((settings->connections + settings->threads - 1) / settings->threads *
                              settings->threads);
    server->connections = mem_zero(server->most, sizeof(*server->connections));
    name_series(settings);
    if (getrandom(&server->id_start, sizeof(server->id_start), 0) < 0 ||
        listen_on(settings->listen, settings->port, &server->listen_fd, &server->port, err) < 0) {
        server_free(server);
        return -1;
    }
    /* Requests come before this function returns: their handlers may look here. */
    *ret_server = server;
    if (start_pollers(server, err) < 0) {
        *ret_server = NULL;
        http_server_close(server);
        return -1;
    }
    return 0;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

static void stop_listening(struct http_server *server)
{
    if (atomic_exchange(&server->draining, true)) {
        return;
    }
    /* Refuses from now on. Not closed: a poller may be at it. */
    (void)shutdown(server->listen_fd, SHUT_RDWR);
}

void http_server_drain(struct http_server *server, int64_t grace_ms)
{
    int64_t deadline = clock_mono_us() + grace_ms * 1000;

    stop_listening(server);
    while (atomic_load(&server->open) > 0 && clock_mono_us() < deadline) {
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
}

static void end_waits(struct http_server *server)
{
    for (unsigned i = 0; i < server->most; i++) {
        struct connection *c = atomic_load(&server->connections[i]);

        if (c != NULL) {
            wait_end(c, 0, true);
        }
    }
}

void http_server_stop(struct http_server *server)
{
    if (server->stopped) {
        return;
    }
    server->stopped = true;
    stop_listening(server);
    atomic_store(&server->closing, true);
    while (atomic_load(&server->away) > 0) {
        end_waits(server);
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
    /* Answers that were just said still have to be sent. */
    for (int ms = 0; ms < LAST_WORDS_MS && atomic_load(&server->open) > 0; ms += LOOK_AGAIN_MS) {
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
    close_pollers(server);
    fd_close(server->listen_fd);
    server->listen_fd = -1;
}

void http_server_close(struct http_server *server)
{
    if (server != NULL) {
        http_server_stop(server);
        server_free(server);
    }
}
