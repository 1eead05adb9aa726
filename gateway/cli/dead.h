// SPDX-License-Identifier: MIT
/*
 * dead.h - prt dead, in its files: which letters are meant (dead.c), showing (dead_show.c),
 * correcting (dead_edit.c).
 */
#ifndef PRT_CLI_DEAD_H
#define PRT_CLI_DEAD_H

#include "farm/farm.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/letters.h"

struct dead {
    struct cli          *cli;
    struct farm          farm; /* stream, and blob where payloads are looked into or put back */
    struct letter_filter filter;
    bool                 filtered; /* an option of the filter was given */
    bool                 all, yes, payload;
    const char          *from;
    uint64_t            *seqs; /* named */
    size_t               seq_count;
};

WARN_UNUSED int dead_list(struct dead *dead, struct err *err);
WARN_UNUSED int dead_show(struct dead *dead, struct err *err);
WARN_UNUSED int dead_edit(struct dead *dead, struct err *err);

#endif
