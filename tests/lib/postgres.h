// SPDX-License-Identifier: MIT
/*
 * postgres.h - a real PostgreSQL for tests: one server per test program, started when the first
 * test asks for a database and gone, with its files, when the program ends.
 */
#ifndef PRT_TESTS_POSTGRES_H
#define PRT_TESTS_POSTGRES_H

#include <stdbool.h>

/* A new empty database of its own; the connection string lives as long as the program. NULL, with
 * the reason printed, when there is no server to be had: a test then fails or skips. */
const char *postgres_database(void);

/* The same with all of the farm's tables, as store_migrate makes them; they are made once and copied. */
const char *postgres_tables(void);

/* kill -9 of the whole server, or an orderly stop; then up again with the same databases. */
void postgres_kill(void);
bool postgres_start_again(void);

/* The whole server stands still, as on a disk that does not answer: connections stay, nothing comes. */
void postgres_freeze(void);
void postgres_thaw(void);

#endif
