// SPDX-License-Identifier: MIT
/*
 * process.h - another program, run to its end with both its outputs read as they come.
 *
 * Memory is bounded by one read buffer whatever the program prints. The program dies with the
 * thread that started it.
 */
#ifndef PRT_WORKERS_QA_PROCESS_H
#define PRT_WORKERS_QA_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* Takes output as it comes; -1 with *err set stops the program. */
struct sink {
    int (*take)(void *to, struct bytes bytes, struct err *err);
    void *to;
};

/* Called about every second while something runs; -1 with *err set stops it. */
struct tick {
    int (*run)(void *self, struct err *err);
    void *self;
};

struct process {
    const char *const *argv;         /* argv[0] is looked for in PATH */
    const char        *program;      /* NULL; else this file is run, whatever argv[0] says */
    const char *const *env;          /* NULL: this process's own */
    const char        *cwd;          /* working directory; NULL: this process's own */
    const int         *in;           /* its standard input; NULL: nothing */
    struct sink        out, err_out; /* take NULL: thrown away */
    const int         *third;        /* what it finds as its descriptor 3; NULL: nothing */
    struct tick        tick;         /* run NULL: none */
    int64_t            wall_ms;      /* 0: no limit */

    /* Takes the two ends it writes its outputs to, for somebody who is to write there too; the
     * caller closes them. NULL: it is alone. */
    int *ends;

    /* Where starting is not the program's own time: a sink sets *started, the clock begins anew,
     * and until then start_ms is the limit. NULL: the clock begins with the program. */
    const bool *started;
    int64_t     start_ms;

    /* What to do first when time is up or a sink or the tick says stop; the program itself is
     * killed if it is still there a while later. NULL: kill it at once. */
    void (*stop)(void *self);
    void *stop_self;
};

struct process_end {
    int     exit_status; /* 0..255; 128 + signal when a signal ended it, as shells say it */
    bool    timed_out;
    int64_t took_ms; /* from *started on */
};

/* 0 when the program ran and ended, however. -1: it could not be started (NOT_FOUND when there is
 * no such program), or a sink or the tick failed, and then it has been stopped. */
WARN_UNUSED int process_run(const struct process *process, struct process_end *ret_end,
                            struct err *err);

/* The same in pieces, for what is started before its work is known. The process is borrowed until
 * process_finish, and what it says of sinks, tick and time may be set until then. */
struct running;
WARN_UNUSED int process_start(const struct process *process, struct running **ret_running,
                              struct err *err);

/* Reads its output until a sink has set *until. -1 when it ended, or most_ms were over, before. */
WARN_UNUSED int process_until(struct running *running, const bool *until, int64_t most_ms,
                              struct err *err);
bool            process_runs(struct running *running);

/* As process_run from here on; its clock begins now. Frees `running`. */
WARN_UNUSED int process_finish(struct running *running, struct process_end *ret_end,
                               struct err *err);

/* Runs argv and keeps the first `most` bytes of its standard output; for short commands of ours.
 * SANDBOX_FAILED with the tail of both outputs unless it exits with 0 within wall_ms. */
WARN_UNUSED int process_ask(struct arena *arena, const char *const *argv, size_t most,
                            int64_t wall_ms, struct bytes *ret_out, struct err *err);

/* The same for who has a lease to keep: the program may take long, the tick goes on. */
struct asking {
    const char *const *argv;
    size_t             most;
    int64_t            wall_ms;
    struct tick        tick;
};
WARN_UNUSED int process_ask_ticking(struct arena *arena, const struct asking *asking,
                                    struct bytes *ret_out, struct err *err);

/* Runs `tick`, which stays the caller's, and never fails: for what has to be done in any case, such
 * as removing a container. A lease that was lost is found by the next one that may fail. */
struct tick tick_always(const struct tick *tick);

/* A sink into a struct buf that keeps the first `most` bytes. */
struct keep {
    struct buf buf;
    size_t     most;
};
int keep_take(void *keep, struct bytes bytes, struct err *err);

/* A sink that looks for a word. */
struct word_wait {
    const char *word;
    size_t      matched;
    bool        seen;
};
int word_take(void *word_wait, struct bytes bytes, struct err *err);

/* A sink that keeps the last TAIL_BYTES. */
enum { TAIL_BYTES = 2048 };
struct tail {
    size_t size;
    char   bytes[TAIL_BYTES];
};
int         tail_take(void *tail, struct bytes bytes, struct err *err);
const char *tail_text(struct arena *arena, const struct tail *tail); /* one line, printable */

#endif
