// SPDX-License-Identifier: MIT
/*
 * jetstream.h - a real nats-server for tests: one per test program, started when the first test
 * asks for it and gone, with its files, when the program ends.
 */
#ifndef PRT_TESTS_JETSTREAM_H
#define PRT_TESTS_JETSTREAM_H

#include <stdbool.h>

/* Where it listens; lives as long as the program. NULL, with the reason printed, when there is no
 * server to be had. */
const char *jetstream_url(void);

/* kill -9; then up again on the same port with the same streams, or with none. */
void jetstream_kill(void);
bool jetstream_start_again(void);
void jetstream_wipe(void); /* while it is down */

/* It keeps its connections and answers nothing, until it is thawed. */
void jetstream_freeze(void);
void jetstream_thaw(void);

#endif
