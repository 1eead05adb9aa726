// SPDX-License-Identifier: MIT
#include "lib/server.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"

enum { VALUES = 16 };

struct test_server {
    pid_t pid;
    int   in;
    FILE *out;
    char *value[VALUES]; /* "name value" */
    int   values;
};

extern char **environ;

static bool spawn(struct test_server *server, const char *path)
{
    char                      *argv[] = {(char *)path, NULL};
    posix_spawn_file_actions_t actions;
    int                        in[2];
    int                        out[2];
    int                        failed;

    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
        return false;
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    failed = posix_spawn(&server->pid, path, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(in[0]);
    (void)close(out[1]);
    server->in = in[1];
    server->out = fdopen(out[0], "r");
    errno = failed;
    return failed == 0;
}

struct test_server *test_server_start(const char *script)
{
    struct test_server *server = mem_zero(1, sizeof(*server));
    char                path[4096];
    char                line[4096];

    (void)snprintf(path, sizeof(path), "%s/tests/lib/%s", SOURCE_DIR, script);
    if (!spawn(server, path)) {
        perror(path);
        mem_free(server);
        return NULL;
    }
    while (fgets(line, sizeof(line), server->out) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "ready") == 0) {
            return server;
        }
        if (server->values < VALUES) {
            server->value[server->values++] = mem_text(line);
        }
    }
    (void)fprintf(stderr, "%s ended before it was ready\n", path);
    test_server_stop(server);
    return NULL;
}

const char *test_server_value(const struct test_server *server, const char *name)
{
    size_t size = strlen(name);

    for (int i = 0; i < server->values; i++) {
        if (strncmp(server->value[i], name, size) == 0 && server->value[i][size] == ' ') {
            return server->value[i] + size + 1;
        }
    }
    return NULL;
}

void test_server_stop(struct test_server *server)
{
    if (server == NULL) {
        return;
    }
    (void)close(server->in);
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    (void)fclose(server->out);
    for (int i = 0; i < server->values; i++) {
        mem_free(server->value[i]);
    }
    mem_free(server);
}
