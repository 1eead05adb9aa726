// SPDX-License-Identifier: MIT
#include "lib/postgres.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "store/store.h"

static char  dir[64];
static pid_t server;

/* A client program of PostgreSQL; false if it failed. */
static bool client(const char *fmt, const char *name)
{
    char command[512];

    (void)snprintf(command, sizeof(command), fmt, dir, name);
    return system(command) == 0;
}

static void server_launch(void)
{
    server = fork();
    if (server == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGINT);
        (void)setpgid(0, 0);
        execl("/bin/sh", "sh", SOURCE_DIR "/tests/lib/postgres_server", dir, (char *)NULL);
        _exit(127);
    }
}

/* After a kill it may refuse to start until the last child of its predecessor is gone. */
static bool server_start(void)
{
    int64_t deadline_us = clock_mono_us() + 60 * 1000000LL;

    server_launch();
    while (!client("pg_isready -q -h %s%s", "")) {
        bool gone = waitpid(server, NULL, WNOHANG) == server;

        if (clock_mono_us() > deadline_us) {
            printf("    the test's PostgreSQL did not start: %s/log says why\n", dir);
            return false;
        }
        clock_sleep_ms(20);
        if (gone) {
            server_launch();
        }
    }
    return true;
}

static void server_stop(int signal_number)
{
    if (server > 0) {
        (void)kill(server, signal_number);
        (void)waitpid(server, NULL, 0);
        server = 0;
    }
}

static void at_the_end(void)
{
    struct err err = {0};

    server_stop(SIGINT);
    if (dir_remove(dir, &err) < 0) {
        printf("    %s stays: %s\n", dir, err.story);
    }
}

static bool server_there(void)
{
    if (dir[0] == '\0') {
        (void)strcpy(dir, "/tmp/prt-postgres-XXXXXX");
        if (mkdtemp(dir) == NULL) {
            dir[0] = '\0';
            return false;
        }
        (void)atexit(at_the_end);
    }
    return server > 0 || server_start();
}

static const char *database_made(const char *createdb, const char *name)
{
    static char urls[256][128]; /* until the program ends */
    static int  count;

    if (count == COUNT_OF(urls) || !client(createdb, name)) {
        return NULL;
    }
    (void)snprintf(urls[count], sizeof(urls[count]), "host=%s user=postgres dbname=%s", dir, name);
    return urls[count++];
}

static const char *database_new(const char *createdb)
{
    static int count;
    char       name[32];

    (void)snprintf(name, sizeof(name), "test_%d", count++);
    return server_there() ? database_made(createdb, name) : NULL;
}

const char *postgres_database(void)
{
    return database_new("createdb -h %s -U postgres %s");
}

/* Nobody may be connected to what is copied. */
static bool tables_make(void)
{
    CLEANUP(store) struct store *store = NULL;
    const char                  *url = NULL;
    struct err                   err = {0};
    int                          applied;

    if (server_there()) {
        url = database_made("createdb -h %s -U postgres %s", "tables");
    }
    if (url == NULL || store_open(&store, url, "test", &err) < 0 ||
        store_migrate(store, &applied, &err) < 0) {
        printf("    no database with tables: %s\n", err.story);
        return false;
    }
    return true;
}

const char *postgres_tables(void)
{
    static bool made;

    made = made || tables_make();
    return made ? database_new("createdb -h %s -U postgres -T tables %s") : NULL;
}

static void signal_children(int signal_number)
{
    char  path[64];
    FILE *list;
    int   child;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)server, (int)server);
    list = fopen(path, "r");
    while (list != NULL && fscanf(list, "%d", &child) == 1) {
        (void)kill(child, signal_number);
    }
    file_close(list);
}

void postgres_kill(void)
{
    if (server > 0) {
        (void)kill(server, SIGSTOP); /* so that it starts no others meanwhile */
        signal_children(SIGKILL);    /* they would go on until they notice that they are orphans */
        server_stop(SIGKILL);
    }
}

void postgres_freeze(void)
{
    (void)kill(server, SIGSTOP);
    (void)waitpid(server, NULL, WUNTRACED);
    signal_children(SIGSTOP);
}

void postgres_thaw(void)
{
    signal_children(SIGCONT);
    (void)kill(server, SIGCONT);
}

bool postgres_start_again(void)
{
    return server > 0 || server_start();
}
