// SPDX-License-Identifier: MIT
/* prt down - stops exactly what prt up started. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/cli/local.h"

enum { LOOK_AGAIN_MS = 20, MORE_MS = 15000 };

static bool any_lives(const struct process *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (process_lives(&list[i])) {
            return true;
        }
    }
    return false;
}

static int stop_all(struct cli *cli, const struct process *list, size_t count, struct err *err)
{
    int64_t deadline = clock_mono_us() + (cli->config.stop_grace + MORE_MS) * 1000;
    bool    killed = false;

    /* prt up stops its children in order; where it is gone, they are told one by one. */
    if (process_lives(&list[0])) {
        if (kill(list[0].pid, SIGTERM) < 0 && errno != ESRCH) {
            return err_errno(err, "stopping prt up (pid %d)", (int)list[0].pid);
        }
    } else {
        for (size_t i = 1; i < count; i++) {
            if (process_lives(&list[i])) {
                (void)kill(list[i].pid, SIGTERM);
            }
        }
    }
    while (any_lives(list, count)) {
        clock_sleep_ms(LOOK_AGAIN_MS);
        if (!killed && clock_mono_us() > deadline) {
            (void)fprintf(stderr, "prt down: not gone within the grace period, killing\n");
            for (size_t i = 0; i < count; i++) {
                if (process_lives(&list[i])) {
                    (void)kill(list[i].pid, SIGKILL);
                }
            }
            killed = true;
        }
    }
    return 0;
}

int down_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"wipe", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    struct process *list;
    size_t          count;
    bool            wipe = false;
    int             option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'w') {
            return err_set(err, ERR_USAGE, "prt down --help tells its options");
        }
        wipe = true;
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "down takes options only, and \"%s\" was given", argv[optind]);
    }
    if (local_read_processes(cli, &list, &count, err) < 0) {
        if (err->code != ERR_NOT_FOUND) {
            return -1;
        }
        (void)fprintf(stderr, "prt down: no farm is up in %s\n", cli->data);
    } else {
        TRY(stop_all(cli, list, count, err));
        (void)unlink(local_path(cli, "up.json"));
        (void)fprintf(stderr, "prt down: stopped %zu processes\n", count);
    }
    if (!wipe) {
        return EXIT_DONE;
    }
    if (access(local_path(cli, "farm.env"), F_OK) < 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "%s holds no farm.env: it is no farm's data directory, nothing was removed",
                       cli->data);
    }
    TRY(dir_remove(cli->data, err));
    (void)fprintf(stderr, "prt down: removed %s\n", cli->data);
    return EXIT_DONE;
}
