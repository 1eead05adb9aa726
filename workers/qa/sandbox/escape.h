// SPDX-License-Identifier: MIT
/*
 * escape.h - code that tries to get out of a sandbox and to take more than it was given, run inside
 * of one, and what became of each attempt.
 */
#ifndef PRT_WORKERS_QA_ESCAPE_H
#define PRT_WORKERS_QA_ESCAPE_H

#include "base/arena.h"
#include "workers/qa/sandbox/sandbox.h"

struct escape_row {
    const char *group;   /* "network" */
    const char *attempt; /* "connect to 1.1.1.1 port 53" */
    const char *how;     /* "ENETUNREACH"; what was got, when it was not denied */
    bool        denied;
};

struct escape_rows {
    struct escape_row *row;
    size_t             count, allowed;
    bool               warm; /* from a container made ahead */
};

/* Small, so that the attempts to use them up are short. A sandbox opened with them is meant. */
extern const struct sandbox_limits escape_limits;

/* Runs them all: some in one sandbox, some in one of their own. -1 only when they could not be
 * run. Text in the arena. `network` leaves it on: then some attempts must be allowed. */
WARN_UNUSED int escape_run(struct sandbox *sandbox, struct arena *arena, bool network,
                           struct escape_rows *ret_rows, struct err *err);

/* What escape.py says, appended to *rows. SANDBOX_FAILED when it did not come to its end, unless
 * what it was at then was a limit and the sandbox had this death (NULL: none to speak of): that
 * attempt is denied, and *ret_ended false. Pure. */
WARN_UNUSED int escape_read(struct arena *arena, const char *text, const char *death,
                            struct escape_rows *rows, bool *ret_ended, struct err *err);

#endif
