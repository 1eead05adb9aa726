// SPDX-License-Identifier: MIT
/*
 * caller.h - who calls, what they may do, and how they want their answers.
 */
#ifndef PRT_GATEWAY_API_CALLER_H
#define PRT_GATEWAY_API_CALLER_H

#include <stdbool.h>
#include <stdint.h>

/* What a route needs is any one of these; 0 is open to everybody. An admin key is all of them but
 * UPLOAD, which only a trace's own upload token is. */
enum role {
    ROLE_INGEST = 1,
    ROLE_READ = 2,
    ROLE_OPERATE = 4,
    ROLE_ADMIN = 8,
    ROLE_UPLOAD = 16,
    ROLE_EVERY_KEY = ROLE_INGEST | ROLE_READ | ROLE_OPERATE | ROLE_ADMIN
};

enum { TENANT_BYTES = 129 };

struct caller {
    unsigned    roles; /* enum role bits */
    const char *tenant;
    uint64_t    rate;     /* whose requests a second these are: see rate.h */
    const char *trace;    /* of an upload token, else NULL */
    unsigned    consent;  /* of an upload token */
    const char *unknown;  /* an API key this process has not seen yet; to be looked up */
    bool        msgpack;  /* wants msgpack answers */
};

#endif
