// SPDX-License-Identifier: MIT
/*
 * server.c - opening, draining and closing libmicrohttpd in epoll mode.
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
    CONNECTION_MEMORY = 32 * 1024, /* libmicrohttpd's own for a connection: heads, read buffer */
    BACKLOG = 1024,
    LOOK_AGAIN_MS = 5,
    LAST_WORDS_MS = 250
};

__attribute__((format(printf, 2, 0)))
static void on_log(void *arg, const char *fmt, va_list args)
{
    char text[256];

    (void)arg;
    (void)vsnprintf(text, sizeof(text), fmt, args);
    text[strcspn(text, "\n")] = '\0';
    LOG(NULL, DEBUG, "connection complained", KV("story", text));
}


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

static struct MHD_Daemon *daemon_start(struct http_server *server)
{
    const struct http_settings *settings = &server->settings;
    struct MHD_OptionItem       options[] = {
              {MHD_OPTION_LISTEN_SOCKET, server->listen_fd, NULL},
              {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_end, server},
              {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)request_connection, server},
              {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)request_keep_escapes, server},
              {MHD_OPTION_CONNECTION_LIMIT, settings->connections, NULL},
              {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
              {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)((settings->idle_ms + 999) / 1000), NULL},
              /* With one loop it runs in the daemon's own thread; a pool of one is refused. */
              {settings->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
               settings->threads, NULL},
              {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                                MHD_USE_ERROR_LOG,
                            0, NULL, NULL, request_step, server, MHD_OPTION_EXTERNAL_LOGGER, on_log,
                            NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static void name_series(const struct http_settings *settings)
{
    for (size_t i = 0; i < settings->route_count; i++) {
        /* For the life of the process: series are never taken back. */
        size_t size = strlen(settings->routes[i].method) + strlen(settings->routes[i].path) + 2;
        char  *name = mem_get(size);

        (void)snprintf(name, size, "%s %s", settings->routes[i].method, settings->routes[i].path);
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
    for (unsigned i = 0; i < server->slots_made; i++) {
        arena_free(server->slots[i]->exchange.arena);
        mem_free(server->slots[i]);
    }
    mem_free(server->slots);
    mem_free(server->free_slots);
    mem_free(server);
}

int http_server_open(struct http_server **ret_server, const struct http_settings *settings,
                     struct err *err)
{
    struct http_server *server = mem_zero(1, sizeof(*server));

    server->settings = *settings;
    server->listen_fd = -1;
    /* One request a connection is open at a time; libmicrohttpd rounds its limit for each loop. */
    server->slot_count = (unsigned)(settings->connections + settings->threads);
    server->slots = mem_zero(server->slot_count, sizeof(struct slot *));
    server->free_slots = mem_zero(server->slot_count, sizeof(unsigned));
    (void)pthread_mutex_init(&server->free_lock, NULL);
    name_series(settings);
    if (getrandom(&server->id_start, sizeof(server->id_start), 0) < 0 ||
        listen_on(settings->listen, settings->port, &server->listen_fd, &server->port, err) < 0 ||
        reaper_start(server, err) < 0) {
        server_free(server);
        return -1;
    }
    /* Requests come before this function returns: their handlers may look here. */
    *ret_server = server;
    server->daemon = daemon_start(server);
    if (server->daemon == NULL) {
        *ret_server = NULL;
        reaper_stop(server);
        server_free(server);
        return err_set(err, ERR_SYSTEM,
                       "libmicrohttpd did not start; is the limit of open files too"
                       " low for %d connections?",
                       settings->connections);
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
    /* The daemon gives the socket back and closes it no more. */
    if (MHD_quiesce_daemon(server->daemon) != MHD_INVALID_SOCKET) {
        fd_close(server->listen_fd);
    }
    server->listen_fd = -1;
}

void http_server_drain(struct http_server *server, int64_t grace_ms)
{
    int64_t deadline = clock_mono_us() + grace_ms * 1000;

    stop_listening(server);
    while (atomic_load(&server->open) > 0 && clock_mono_us() < deadline) {
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
}

void http_server_stop(struct http_server *server)
{
    if (server->daemon == NULL) {
        return;
    }
    stop_listening(server);
    atomic_store(&server->closing, true);
    while (atomic_load(&server->away) > 0) {
        reaper_end_waits(server, true);
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
    /* Answers that were just said still have to be sent. */
    for (int ms = 0; ms < LAST_WORDS_MS && atomic_load(&server->open) > 0; ms += LOOK_AGAIN_MS) {
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
    reaper_stop(server);
}

void http_server_close(struct http_server *server)
{
    if (server != NULL) {
        http_server_stop(server);
        server_free(server);
    }
}
