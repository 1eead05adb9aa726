// SPDX-License-Identifier: MIT
/*
 * local.h - the farm of this machine: its data directory, keys, ports and settings.
 *
 *   DIR/farm.env      the farm's settings as PRT_NAME=value lines, mode 0600
 *   DIR/keys/         chain_key signing_key token_key nats_password, 64 hex digits each, mode 0600
 *   DIR/up.json       what prt up started: pids with their start times
 *   DIR/log/          one file per process
 *   DIR/run/          sockets
 *   DIR/nats/ DIR/postgres/ DIR/blobs/ DIR/qa/
 */
#ifndef PRT_CLI_LOCAL_H
#define PRT_CLI_LOCAL_H

#include <sys/types.h>

#include "gateway/cli/cli.h"

/* Makes cli->data absolute and, where DIR/farm.env exists, sets its lines as environment variables
 * unless they are set already. Every command runs against the local farm by this alone. */
WARN_UNUSED int local_join(struct cli *cli, struct err *err);

/* Path below the data directory, in the arena. */
const char *local_path(struct cli *cli, const char *below);

/* What helps where no farm answers: the local one is down, or elsewhere. */
const char *local_remedy(struct cli *cli);

/* How libpq reaches a database of the local farm's Postgres. */
const char *local_database(struct cli *cli, const char *name);

/* Makes the directories, and keys where missing; chooses ports (kept from an earlier start while
 * they are free) and writes farm.env; sets all of it in our environment. */
WARN_UNUSED int local_prepare(struct cli *cli, int64_t http_port, struct err *err);

/* A TCP port of the loopback interface that nobody listens on. */
WARN_UNUSED int local_free_port(int *ret_port, struct err *err);
bool            local_port_is_free(const char *address, int port);

/* Makes the base image that tests run in where it is not made yet (about a minute), and points
 * DIR/qa/base at it. */
WARN_UNUSED int qa_image_make(struct cli *cli, bool force, const char **ret_path, struct err *err);

/* A process is its pid and its start time (pids come back). */
struct process {
    const char *name;
    pid_t       pid;
    uint64_t    start_ticks;
};
uint64_t        process_start_ticks(pid_t pid); /* 0: no such process */
WARN_UNUSED int local_write_processes(struct cli *cli, const struct process *list, size_t count,
                                      struct err *err);
/* NOT_FOUND when nothing was started. The first is prt up itself. */
WARN_UNUSED int local_read_processes(struct cli *cli, struct process **ret_list, size_t *ret_count,
                                     struct err *err);
bool            process_lives(const struct process *process);

#endif
