// SPDX-License-Identifier: MIT
/*
 * server.h - a real server for tests/parts, started by one of the scripts in tests/lib.
 *
 * Such a script prints "name value" lines and then "ready", and takes everything down when its
 * standard input closes: also when the test dies.
 */
#ifndef PRT_TESTS_SERVER_H
#define PRT_TESTS_SERVER_H

struct test_server;

/* `script` is a name in tests/lib. Waits until it is ready; NULL (and a word on stderr) if it ends
 * instead. */
struct test_server *test_server_start(const char *script);

/* What it printed for this name; NULL if nothing. */
const char *test_server_value(const struct test_server *server, const char *name);

/* Returns when it is gone. NULL is fine. */
void test_server_stop(struct test_server *server);

#endif
