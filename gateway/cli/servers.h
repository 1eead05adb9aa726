// SPDX-License-Identifier: MIT
/*
 * servers.h - the local farm's own nats-server and Postgres: their files, how they start, and whether
 * they answer. Unix socket and loopback only; started as root, they run as users of their own.
 */
#ifndef PRT_CLI_SERVERS_H
#define PRT_CLI_SERVERS_H

#include "gateway/cli/supervise.h"

/* Writes nats.conf and, the first time, makes the database cluster. */
WARN_UNUSED int servers_prepare(struct cli *cli, struct err *err);

/* The children to supervise, ready to be added. */
WARN_UNUSED int servers_nats(struct cli *cli, struct child *ret_child, struct err *err);
WARN_UNUSED int servers_postgres(struct cli *cli, struct child *ret_child, struct err *err);

/* Makes the database (once) and brings it to this version's schema. */
WARN_UNUSED int servers_migrate(struct cli *cli, int *ret_applied, struct err *err);

#endif
