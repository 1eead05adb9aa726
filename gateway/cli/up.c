// SPDX-License-Identifier: MIT
/* prt up - the whole farm on this machine. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/cli/servers.h"
#include "gateway/cli/whole.h"

enum { READY_MS = 60000, ROLES = 4, ROLE_MOST = 64, PORT_MOST = 65535 };

struct role_count {
    const char *role;
    int         count;
};

static const struct role_count default_workers[ROLES] = {
    {"validate", 1}, {"finalize", 1}, {"qa", 1}, {"judge", 1}};

static int read_workers(struct cli *cli, const char *list, struct role_count *counts, struct err *err)
{
    char *rest = arena_text(cli->arena, bytes_of(list));

    for (char *one = strtok_r(rest, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
        const char *equals = strchr(one, '=');
        size_t      size = equals == NULL ? 0 : (size_t)(equals - one);
        size_t      at = 0;
        int64_t     count = 0;

        while (at < ROLES && (strlen(counts[at].role) != size ||
                              memcmp(counts[at].role, one, size) != 0)) {
            at++;
        }
        if (at == ROLES || whole_read("--workers", equals + 1, 0, ROLE_MOST, &count, err) < 0) {
            return err_set(err, ERR_USAGE,
                           "--workers: \"%s\" is not ROLE=N with a role of validate, finalize, qa,"
                           " judge and N from 0 to %d",
                           one, ROLE_MOST);
        }
        counts[at].count = (int)count;
    }
    return 0;
}

static int add_ours(struct supervisor *supervisor, struct cli *cli, const char *name,
                    const char *program, const char *role, int order, struct err *err)
{
    int          port;
    const char **argv = arena_zero(cli->arena, 3, sizeof(*argv));
    const char **env = arena_zero(cli->arena, 2, sizeof(*env));
    struct child child = {.name = name, .argv = argv, .stop_signal = SIGTERM, .stop_order = order};

    argv[0] = cli_program(cli, program);
    argv[1] = role;
    if (role != NULL) {
        TRY(local_free_port(&port, err));
        env[0] = arena_format(cli->arena, "PRT_METRICS_PORT=%d", port);
        child.env = env;
    }
    return supervisor_add(supervisor, &child, err);
}

static int start_all(struct supervisor *supervisor, struct cli *cli,
                     const struct role_count *workers, struct err *err)
{
    struct child server;
    int          applied;

    TRY(servers_nats(cli, &server, err));
    TRY(supervisor_add(supervisor, &server, err));
    TRY(servers_postgres(cli, &server, err));
    TRY(supervisor_add(supervisor, &server, err));
    TRY(supervisor_wait_ready(supervisor, READY_MS, err));
    TRY(servers_migrate(cli, &applied, err));
    for (size_t i = 0; i < ROLES; i++) {
        for (int k = 1; k <= workers[i].count; k++) {
            const char *name = arena_format(cli->arena, "worker-%s-%d", workers[i].role, k);

            TRY(add_ours(supervisor, cli, name, "prt-worker", workers[i].role, 1, err));
        }
    }
    TRY(add_ours(supervisor, cli, "gateway", "prt-gateway", NULL, 0, err));
    return supervisor_wait_ready(supervisor, READY_MS, err);
}

/* It becomes part of lists, of nats.conf, and of what a shell reads. */
static int check_name(struct cli *cli, struct err *err)
{
    size_t plain = strcspn(cli->data, ",:'\"\\\t\n");

    if (cli->data[plain] != '\0') {
        return err_set(err, ERR_USAGE,
                       "a data directory whose path holds commas, colons, quotes, backslashes, tabs or"
                       " line ends can't be used: \"%s\"; give --data another",
                       cli->data);
    }
    return 0;
}

static int refuse_second(struct cli *cli, struct err *err)
{
    struct process *list;
    size_t          count;

    if (local_read_processes(cli, &list, &count, err) < 0) {
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    }
    if (process_lives(&list[0])) {
        return err_set(err, ERR_USAGE,
                       "a farm is up in %s already (pid %d); prt --data %s down stops it", cli->data,
                       (int)list[0].pid, cli->data);
    }
    /* What a killed prt up left behind dies with it, but may still be on its way out. */
    for (size_t i = 1; i < count; i++) {
        for (int waited = 0; process_lives(&list[i]); waited++) {
            if (waited == 100) {
                (void)kill(list[i].pid, SIGKILL);
            }
            clock_sleep_ms(50);
        }
    }
    return 0;
}

/* Debian has nats-server and runc where only root looks. Last: who put others elsewhere wants those. */
static void look_in_sbin(struct cli *cli)
{
    const char *path = getenv("PATH");

    (void)setenv("PATH",
                 arena_format(cli->arena, "%s:/usr/sbin", path == NULL ? "/usr/bin:/bin" : path), 1);
}

/* A qa worker does not start without something to run tests in. */
static int make_image(struct cli *cli, const struct role_count *workers, struct err *err)
{
    bool tests = false;

    for (size_t i = 0; i < ROLES; i++) {
        tests = tests || (strcmp(workers[i].role, "qa") == 0 && workers[i].count > 0);
    }
    if (tests && cli->config.qa_base_rootfs[0] == '\0' &&
        access(local_path(cli, "qa/base/digest"), R_OK) < 0) {
        const char *path;

        return qa_image_make(cli, false, &path, err) == 0
                   ? 0
                   : err_add(err, "qa has nothing to run tests in (prt up --workers qa=0 starts a farm"
                                  " without it)");
    }
    return 0;
}

static void say_ready(struct cli *cli, int64_t began_us)
{
    (void)fprintf(stderr,
                  "prt up: ready after %.1f s\n"
                  "  gateway  %s   (API key %s)\n"
                  "  data     %s   (logs in %s/log)\n",
                  (double)(clock_mono_us() - began_us) / 1e6, cli->config.gateway_url,
                  CONFIG_DEV_KEY, cli->data, cli->data);
}

/* In the child of --detach: tells the parent how it went, then has no terminal any more. */
static void tell_parent(int tell, const struct err *failed, int64_t began_us, struct cli *cli)
{
    if (tell < 0) {
        return;
    }
    if (failed == NULL) {
        say_ready(cli, began_us);
    }
    (void)!write(tell, failed == NULL ? "" : failed->story, failed == NULL ? 1 : strlen(failed->story));
    fd_close(tell);
}

static void leave_terminal(struct cli *cli)
{
    FILE *log = freopen(local_path(cli, "log/up.log"), "a", stderr);

    if (log != NULL) {
        (void)setvbuf(log, NULL, _IOLBF, 0);
        (void)dup2(fileno(stderr), STDOUT_FILENO);
    }
    (void)!freopen("/dev/null", "r", stdin);
}

static int serve(struct cli *cli, const struct role_count *workers, int tell, int64_t began_us,
                 struct err *err)
{
    CLEANUP(supervisor) struct supervisor *supervisor = NULL;

    if (supervisor_new(&supervisor, cli, err) < 0 ||
        start_all(supervisor, cli, workers, err) < 0) {
        tell_parent(tell, err, began_us, cli);
        return tell >= 0 ? EXIT_FAILED : -1;
    }
    if (tell >= 0) {
        tell_parent(tell, NULL, began_us, cli);
        leave_terminal(cli);
    } else {
        say_ready(cli, began_us);
        (void)fprintf(stderr, "  Ctrl-C stops all\n");
    }
    supervisor_run(supervisor);
    (void)fprintf(stderr, "prt up: stopping\n");
    return EXIT_DONE;
}

static int detach(struct cli *cli, const struct role_count *workers, int64_t began_us,
                  struct err *err)
{
    int   ends[2];
    char  story[sizeof(err->story)] = "";
    pid_t pid;

    ssize_t got;

    if (pipe(ends) < 0) {
        return err_errno(err, "making a pipe");
    }
    pid = fork();
    if (pid < 0) {
        return err_errno(err, "going to the background");
    }
    if (pid == 0) {
        fd_close(ends[0]);
        (void)setsid();
        _exit(serve(cli, workers, ends[1], began_us, err));
    }
    fd_close(ends[1]);
    got = read(ends[0], story, sizeof(story) - 1);
    fd_close(ends[0]);
    if (got == 1 && story[0] == '\0') {
        return EXIT_DONE;
    }
    return err_set(err, ERR_SYSTEM, "%s", got <= 0 ? "the background process died" : story);
}

int up_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"workers", required_argument, NULL, 'w'},
                                            {"detach", no_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    struct role_count workers[ROLES];
    int64_t           port = cli->config.http_port;
    int64_t           began_us = clock_mono_us();
    bool              background = false;
    int               option;

    memcpy(workers, default_workers, sizeof(workers));
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            TRY(whole_read("--port", optarg, 0, PORT_MOST, &port, err));
            break;
        case 'w':
            TRY(read_workers(cli, optarg, workers, err));
            break;
        case 'd':
            background = true;
            break;
        default:
            return err_set(err, ERR_USAGE, "prt up --help tells its options");
        }
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "up takes options only, and \"%s\" was given", argv[optind]);
    }
    TRY(check_name(cli, err));
    TRY(refuse_second(cli, err));
    look_in_sbin(cli);
    if (port == 0) {
        int free_port;

        TRY(local_free_port(&free_port, err));
        port = free_port;
    }
    if (!local_port_is_free("127.0.0.1", (int)port)) {
        return err_set(err, ERR_USAGE,
                       "port %lld is taken by another program; prt up --port N takes another one"
                       " (0: any free one)",
                       (long long)port);
    }
    TRY(local_prepare(cli, port, err));
    TRY(config_load(&cli->config, err));
    TRY(make_image(cli, workers, err));
    (void)fprintf(stderr, "prt up: starting nats-server, Postgres, workers and gateway in %s\n",
                  cli->data);
    TRY(servers_prepare(cli, err));
    return background ? detach(cli, workers, began_us, err) : serve(cli, workers, -1, began_us, err);
}
