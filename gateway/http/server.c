// SPDX-License-Identifier: MIT
/*
 * server.c - opening, draining and closing libmicrohttpd in epoll mode.
 */
#include "gateway/http/server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/http/inside.h"
#include "log/log.h"
#include "metric/metric.h"

enum {
    CONNECTION_MEMORY = 16 * 1024, /* libmicrohttpd's own for a connection: heads, read buffer */
    BACKLOG = 1024,
    LOOK_AGAIN_MS = 5,
    SERIES_MOST = 128, /* twice what any program has */
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

/* As a pool of libmicrohttpd would share them out. */
static int connections_of_a_loop(const struct http_settings *settings)
{
    return (settings->connections + settings->threads - 1) / settings->threads;
}

/* One event loop; all of them listen on the same socket. Loops of our own, not a pool of the library,
 * because the tick needs each one's epoll. */
static struct MHD_Daemon *daemon_start(struct http_server *server)
{
    const struct http_settings *settings = &server->settings;
    struct MHD_OptionItem       options[] = {
              {MHD_OPTION_LISTEN_SOCKET, server->listen_fd, NULL},
              {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_end, server},
              {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)request_connection, server},
              {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)request_keep_escapes, server},
              {MHD_OPTION_CONNECTION_LIMIT, connections_of_a_loop(settings), NULL},
              {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
              {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)((settings->idle_ms + 999) / 1000), NULL},
              {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                                MHD_USE_ERROR_LOG,
                            0, NULL, NULL, request_step, server, MHD_OPTION_EXTERNAL_LOGGER, on_log,
                            NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/*
 * libmicrohttpd 0.9.75 takes 128 events at a time, and where there were just as many it waits for
 * more before it looks at them: 128 requests that come together are answered when one more event
 * happens, or at the idle timeout. So the reaper makes one more happen, all the time. An event
 * without a pointer is one that libmicrohttpd passes over.
 */
static int daemon_tick(struct http_server *server, struct MHD_Daemon *daemon, struct err *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event          event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};

    if (info == NULL || epoll_ctl(info->epoll_fd, EPOLL_CTL_ADD, server->tick_fd, &event) < 0) {
        return err_errno(err, "adding the tick to an event loop");
    }
    return 0;
}

static int make_tick(struct http_server *server, struct err *err)
{
    server->tick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return server->tick_fd < 0 ? err_errno(err, "making the tick of the event loops") : 0;
}

static int start_daemons(struct http_server *server, struct err *err)
{
    for (int i = 0; i < server->settings.threads; i++) {
        server->daemons[i] = daemon_start(server);
        if (server->daemons[i] == NULL) {
            return err_set(err, ERR_SYSTEM,
                           "libmicrohttpd did not start; is the limit of open files too"
                           " low for %d connections?",
                           server->settings.connections);
        }
        TRY(daemon_tick(server, server->daemons[i], err));
    }
    return 0;
}

static void stop_daemons(struct http_server *server)
{
    for (int i = 0; i < server->settings.threads; i++) {
        if (server->daemons[i] != NULL) {
            MHD_stop_daemon(server->daemons[i]);
            server->daemons[i] = NULL;
        }
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
    fd_close(server->tick_fd);
    mem_free(server->daemons);
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
    server->tick_fd = -1;
    server->daemons = mem_zero((size_t)settings->threads, sizeof(struct MHD_Daemon *));
    /* One request a connection is open at a time. */
    server->slot_count =
        (unsigned)(connections_of_a_loop(settings) * settings->threads + settings->threads);
    server->slots = mem_zero(server->slot_count, sizeof(struct slot *));
    server->free_slots = mem_zero(server->slot_count, sizeof(unsigned));
    (void)pthread_mutex_init(&server->free_lock, NULL);
    name_series(settings);
    if (getrandom(&server->id_start, sizeof(server->id_start), 0) < 0 ||
        listen_on(settings->listen, settings->port, &server->listen_fd, &server->port, err) < 0 ||
        make_tick(server, err) < 0 || reaper_start(server, err) < 0) {
        server_free(server);
        return -1;
    }
    /* Requests come before this function returns: their handlers may look here. */
    *ret_server = server;
    if (start_daemons(server, err) < 0) {
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
    /* Each loop gives the socket back and closes it no more. */
    for (int i = 0; i < server->settings.threads; i++) {
        if (server->daemons[i] != NULL) {
            (void)MHD_quiesce_daemon(server->daemons[i]);
        }
    }
    /* Refuses from now on. Not closed: a loop may still be taking it out of its epoll. */
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

void http_server_stop(struct http_server *server)
{
    if (server->stopped) {
        return;
    }
    server->stopped = true;
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
    stop_daemons(server);
    fd_close(server->listen_fd);
    server->listen_fd = -1;
    reaper_stop(server);
}

void http_server_close(struct http_server *server)
{
    if (server != NULL) {
        http_server_stop(server);
        server_free(server);
    }
}
