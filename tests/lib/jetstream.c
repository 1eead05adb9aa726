// SPDX-License-Identifier: MIT
#include "lib/jetstream.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

static char  dir[64];
static char  url[64];
static int   port = -1; /* the server takes a free one; later starts take the same */
static pid_t server;

static bool server_listens(void)
{
    CLEANUP(fd) int    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
}

/* {"nats":["nats://127.0.0.1:40123"]}, written once it listens. */
static bool find_port(void)
{
    char        path[128];
    char        text[512] = "";
    const char *at;

    (void)snprintf(path, sizeof(path), "%s/nats-server_%d.ports", dir, (int)server);
    CLEANUP(file) FILE *file = fopen(path, "r");

    if (file == NULL || fread(text, 1, sizeof(text) - 1, file) == 0) {
        return false;
    }
    at = strstr(text, "127.0.0.1:");
    if (at == NULL) {
        return false;
    }
    port = atoi(at + strlen("127.0.0.1:"));
    (void)snprintf(url, sizeof(url), "nats://127.0.0.1:%d", port);
    return true;
}

static bool server_start(void)
{
    int64_t deadline_us = clock_mono_us() + 30 * 1000000LL;
    char    number[16];

    (void)snprintf(number, sizeof(number), "%d", port);
    server = fork();
    if (server == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/bin/sh", "sh", SOURCE_DIR "/tests/lib/nats_server", dir, number, (char *)NULL);
        _exit(127);
    }
    while (port < 0 ? !find_port() : !server_listens()) {
        if (waitpid(server, NULL, WNOHANG) == server || clock_mono_us() > deadline_us) {
            printf("    the test's nats-server did not start; see %s/log\n", dir);
            server = 0;
            return false;
        }
        clock_sleep_ms(10);
    }
    return true;
}

static void at_the_end(void)
{
    struct err err = {0};

    jetstream_kill();
    if (dir_remove(dir, &err) < 0) {
        printf("    %s stays: %s\n", dir, err.story);
    }
}

const char *jetstream_url(void)
{
    if (dir[0] == '\0') {
        (void)strcpy(dir, "/tmp/prt-nats-XXXXXX");
        if (mkdtemp(dir) == NULL) {
            dir[0] = '\0';
            return NULL;
        }
        (void)atexit(at_the_end);
    }
    return jetstream_start_again() ? url : NULL;
}

void jetstream_kill(void)
{
    if (server > 0) {
        (void)kill(server, SIGKILL);
        (void)waitpid(server, NULL, 0);
        server = 0;
    }
}

bool jetstream_start_again(void)
{
    return server > 0 || server_start();
}

void jetstream_wipe(void)
{
    char       data[80];
    struct err err = {0};

    (void)snprintf(data, sizeof(data), "%s/data", dir);
    if (dir_remove(data, &err) < 0) {
        printf("    %s stays: %s\n", data, err.story);
    }
}

void jetstream_freeze(void)
{
    (void)kill(server, SIGSTOP);
    (void)waitpid(server, NULL, WUNTRACED); /* all its threads stand still */
}

void jetstream_thaw(void)
{
    (void)kill(server, SIGCONT);
}
