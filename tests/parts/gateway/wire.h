// SPDX-License-Identifier: MIT
/*
 * wire.h - the HTTP server alone, on a server with routes of its own, and clients that say what no
 * proper client says.
 */
#ifndef PRT_TESTS_GATEWAY_WIRE_H
#define PRT_TESTS_GATEWAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PATIENCE_S = 20,
    FILE_BYTES = 24 * 1024 * 1024,
    PIECES_MOST = 8 * 1024 * 1024,
    ROOM = 1 << 16,
    MEMORY_MOST = 64 * 1024 * 1024,
    MUCH = 20 * 1024 * 1024
};

#define HOST "Host: h\r\n"

/* One server at a time; false (and the test has failed) if it does not come up. */
bool opened(int connections, int64_t idle_ms);
bool opened_at_pace(int connections, int64_t idle_ms, int64_t pace); /* bytes a second */
void closed(void);

int  connected(void); /* with little room for what it does not read */
void say(int fd, const char *text);
/* What comes until the other side closes or `most` bytes are there. */
const char *heard(int fd, size_t most);
/* One answer: its head, and its body by Content-Length. */
const char *answer(int fd);
bool        is(const char *said, int status, const char *body);

#endif
